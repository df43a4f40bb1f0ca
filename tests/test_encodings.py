"""Every encoding that chardet names, with the languages that it can write."""

from __future__ import annotations

import codecs

import pytest
from chardet.registry import REGISTRY

from benchmarks.language import labelled
from pipeline.text import decode
from schemas.errors import BadValue
from schemas.reasons import Reason

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
        found[one.language] = found.get(one.language, "") + one.said + " "
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
