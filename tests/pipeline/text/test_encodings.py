"""Every encoding that chardet names, with the languages that it can write."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import pytest
from chardet.registry import REGISTRY

from benchmarks.language import labelled
from pipeline.text import charset, transcode
from pipeline.text.charset_plausibility import oddities
from pipeline.text.cleaning import decode, is_guess
from schemas.errors import BadValue
from schemas.reasons import Reason
from tasks.ingest import members
from tests.support.formats import member_of

OTHERS = {
    "he": "האנפה עמדה במים הרדודים וחיכתה לדגים הקטנים שיבואו. ",
    "ar": "وقف مالك الحزين في المياه الضحلة وانتظر قدوم الأسماك الصغيرة. ",
    "th": "นกกระสายืนอยู่ในน้ำตื้นและรอให้ปลาตัวเล็กว่ายมา ",
    "vi": "Con diệc đứng trong nước cạn và chờ những con cá nhỏ bơi đến. ",
    "kk": "Құтан таяз суда тұрып, кішкентай балықтардың келуін күтті. ",
    "lv": "Gārnis stāvēja seklā ūdenī un gaidīja, kad atpeldēs mazās zivis. ",
    "zh-tw": "蒼鷺站在淺水裡，靜靜地等待著小魚游過來，然後迅速地把牠們抓住。",
}


def texts() -> dict[str, str]:
    """A text of some hundred letters in each language."""
    found: dict[str, str] = {}
    for one in labelled():
        found[one.language] = found.get(one.language, "") + one.text + " "
    return found | {language: text * 6 for language, text in OTHERS.items()}


def written(name: str) -> dict[str, bytes]:
    """What an encoding can write, by language."""
    found = {}
    for language, text in texts().items():
        try:
            found[language] = text.encode(name)
        except UnicodeError:
            continue
    return found


def test_chardet_names_more_than_fifty() -> None:
    assert sum(bool(written(name)) for name in REGISTRY) >= 50


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_as_it_is_declared(name: str) -> None:
    for language, data in written(name).items():
        assert decode(data, name)[0] == texts()[language], language


#: Encodings of the web and of mails, that say what they are by themselves; by language.
ALONE = {
    "utf-8": "de ja ar", "utf-8-sig": "de ru", "utf-16": "de ru ja ar", "utf-32": "de ru ja",
    "utf-16-le": "de pl ru uk el he ar th", "utf-16-be": "de pl ru uk el he ar th",
    "utf-32-le": "de ru ja", "utf-32-be": "de ru ja",
    "cp932": "ja", "cp949": "ko", "euc_jis_2004": "ja", "euc_kr": "ko", "gb18030": "zh-cn zh-tw",
    "big5hkscs": "zh-tw", "iso2022_jp_2": "ja", "iso2022_kr": "ko", "shift_jis_2004": "ja",
    "cp874": "th", "cp1250": "pl cs", "cp1251": "ru uk", "cp1252": "de fr es it pt sv fi",
    "cp1253": "el", "cp1254": "tr", "cp1255": "he", "cp1256": "ar", "cp1257": "lv",
    "koi8-r": "ru", "koi8-u": "uk", "tis-620": "th", "iso8859-1": "de fr es",
    "iso8859-7": "el", "iso8859-8": "he", "iso8859-9": "tr", "iso8859-15": "de fr",
}  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_without_a_declaration(name: str) -> None:
    data = written(name)
    for language in ALONE[name].split():
        if language in data:
            assert decode(data[language])[0] == texts()[language], language
    assert data.keys() & set(ALONE[name].split())


#: Encodings of other times, with languages of theirs: how many in 100 texts of some 60 and of 2,000
#: letters come out as they were. In short ones too little may stand beyond ASCII to tell by.
OLDER = {
    "cp437": ("de fr es it sv fi", 65, 100), "cp850": ("de fr es it pt sv fi", 60, 100),
    "cp852": ("pl cs", 65, 100), "cp855": ("ru uk", 95, 100), "cp857": ("tr de", 95, 100),
    "cp858": ("de fr es it pt sv fi", 60, 100), "cp861": ("sv fi de", 95, 100),
    "cp865": ("sv fi de", 95, 100), "cp866": ("ru", 80, 100), "cp737": ("el", 95, 100),
    "cp869": ("el", 95, 100), "cp862": ("he", 95, 100), "cp856": ("he", 95, 100),
    "cp720": ("ar", 95, 100), "cp775": ("lv", 95, 100), "cp1125": ("ru uk", 80, 100),
    "cp1258": ("vi de", 95, 100), "koi8-t": ("ru", 95, 100), "ptcp154": ("kk", 95, 100),
    "iso8859-2": ("pl cs", 80, 100), "iso8859-5": ("ru uk", 95, 100), "iso8859-6": ("ar", 95, 100),
    "iso8859-3": ("tr de", 70, 100), "iso8859-16": ("pl", 60, 100), "johab": ("ko", 95, 100),
    "mac-roman": ("de fr es it pt sv fi", 65, 100), "mac-latin2": ("pl cs", 75, 100),
    "mac-cyrillic": ("ru uk", 60, 100), "mac-greek": ("el", 80, 100),
    "mac-turkish": ("tr de", 75, 100), "mac-iceland": ("sv fi de", 75, 100),
    "hp-roman8": ("de fr es it pt sv fi", 65, 100),
    "cp1140": ("en de fr es it", 95, 100), "cp500": ("en de fr es it", 95, 100),
    "cp273": ("de en fr", 95, 100), "cp1026": ("tr", 80, 100), "cp875": ("el", 80, 100),
}  # fmt: skip


def parts(text: str, length: int) -> list[str]:
    """Six texts of such a length; of a long one the first."""
    again = text * (length // len(text) + 2)
    starts = range(0, len(text), max(1, len(text) // 6)) if length < len(text) else (0,)
    return [again[at : at + length].rsplit(" ", 1)[0] for at in list(starts)[:6]]


@pytest.mark.parametrize("name", OLDER)
def test_older_ones_without_a_declaration(name: str) -> None:
    languages, *least = OLDER[name]
    for length, share in zip((60, 2000), least, strict=True):
        right = [
            decode(part.encode(name))[0] == part
            for language in languages.split()
            for part in parts(texts()[language], length)
            if language in written(name) and not (part.isascii() and part.encode(name).isascii())
        ]
        assert right
        assert 100 * sum(right) / len(right) >= share


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("Grüße aus Köln, l’été, l´eau, Œuvre, ÖÄÜ, µm, 25 °C – “so” (é)", 0),
        ("Цапля стояла; щось їсть; サギは浅い水の中、立って。內容，中文", 0),
        ("הָאֲנָפָה עמדה", 0),
        ("grŸn", 1),
        ("gr†n", 1),
        ("gr\x81n", 1),
        ("ßтрасса", 2),
        ("│text│", 2),
        ("a\ufffd", 1),
    ],
)
def test_letters_that_stand_where_none_would(text: str, odd: int) -> None:
    assert oddities(text) == odd


@pytest.mark.parametrize(
    ("name", "declared", "guess"),
    [("cp850", None, True), ("cp850", "cp850", False), ("cp1252", "latin-1", False),
     ("utf-8", None, False), ("utf-16-le", None, False), ("cp1251", "cp1252", True)],
)  # fmt: skip
def test_what_is_a_guess(name: str, declared: str | None, guess: bool) -> None:
    assert is_guess(name, declared) is guess


@pytest.mark.parametrize("language", ["ja", "zh-tw"])
def test_utf_16_of_many_letters_without_a_mark_is_refused_and_explained(language: str) -> None:
    with pytest.raises(BadValue, match="no charset fits, from byte") as caught:
        decode(texts()[language].encode("utf-16-le"))
    assert caught.value.reason is Reason.BAD_ENCODING


@pytest.mark.parametrize("data", [b"abcdefg\0hijklmn\0", b"a\0b", b"\0\0\0\0", b"ab\0\0cd"])
def test_stray_nuls_are_no_utf_16(data: bytes) -> None:
    assert decode(data) == (data.decode(), "utf-8")


def test_every_codec_is_one_of_pythons() -> None:
    assert all(codecs.lookup(name) for name in REGISTRY)


@pytest.mark.parametrize(
    ("name", "note"),
    [("cp850", "read as cp437, by its letters alone"), ("utf-8", ""), ("utf-16", "")],
)
def test_the_receipt_says_what_was_guessed(tmp_path: Path, name: str, note: str) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(
        ("Straße,Größe\r\n" + "Überlinger Straße,größer für später\r\n" * 40).encode(name)
    )
    found = members.prepare(member_of("table.csv", file), tmp_path / "work")
    assert isinstance(found, members.Readable)
    assert found.note == note
    assert "Überlinger" in found.member.file.read_text("utf-8")


#: A line in each charset, such as a table has among its numbers.
IN_ASCII = {
    "cp932": "鉛筆と便箋を三つ買いました",
    "gb18030": "今天在书店买了三本书",
    "big5hkscs": "今天在書店買了三本書",
    "cp949": "오늘 서점에서 책을 샀습니다",
    "cp1251": "Хлеб и молоко для всех",
    "koi8-r": "Хлеб и молоко для всех",
    "cp1253": "Σήμερα αγόρασα βιβλία",
    "cp1255": "היום קניתי שלושה ספרים",
    "cp1250": "Příliš žluťoučký kůň",
    "cp1252": "Die Straße ist schön für Gäste",
}


@pytest.mark.parametrize("lines", [0, 5, 50, 5_000])
@pytest.mark.parametrize("shape", ["{}", "{},3", "id,{},2026-01-01,some text that is plain,42.5"])
@pytest.mark.parametrize("name", IN_ASCII)
def test_lines_of_ascii_drown_no_line_that_is_none(name: str, shape: str, lines: int) -> None:
    plain = "".join(f"2026-01-{n % 28 + 1:02},item {n},{n}.50,ok\n" for n in range(lines))
    data = (plain + shape.format(IN_ASCII[name]) + "\n" + plain).encode(name)
    assert transcode.survey(io.BytesIO(data)).name == name
    assert charset.decode(data)[1] == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"Paid out","Balance"\n"£12.34","£1,234.56"\n"£5.00","£1,229.56"\n', "cp1252"),
        ("naïve\n", "cp1252"),
        ("“so”\n", "cp1252"),
        ("Ł 5, Łódź, Łukasz i Wałęsa\n", "cp1250"),
        ("nom,ville\nRené,Orléans\nFrançois,Nîmes\n", "mac-roman"),
    ],
)
def test_few_bytes_are_of_western_europe_where_they_may_be(text: str, name: str) -> None:
    assert decode(text.encode(name))[0] == text
