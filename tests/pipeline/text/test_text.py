from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import charset_guesses
from pipeline.text import cleaning as text_module
from pipeline.text import transcode as transcoding
from pipeline.text.cleaning import Encoding, clean, decode, html_to_text, survey, transcode
from schemas.errors import BadValue
from schemas.reasons import Reason

GERMAN = "Grüße aus Köln, wo das Frühstück größer und schöner ist als überall sonst. "
RUSSIAN = "Цапля стояла в мелкой воде и ждала, когда приплывут маленькие рыбы. "
JAPANESE = "サギは浅い水の中に立って、小さな魚が来るのをじっと待っていました。"


# --- decode ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "codec", "declared", "name"),
    [
        ("plain", "ascii", None, "utf-8"),
        ("", "ascii", "utf-16", "utf-16"),
        (GERMAN, "utf-8", None, "utf-8"),
        (GERMAN, "utf-8", "iso-8859-1", "utf-8"),  # good UTF-8 is no accident
        (GERMAN, "utf-8-sig", None, "utf-8"),
        (GERMAN, "utf-16", None, "utf-16-le"),
        (GERMAN, "utf-32", None, "utf-32-le"),
        ("no mark here", "utf-16-le", None, "utf-16-le"),
        ("no mark here", "utf-16-be", None, "utf-16-be"),
        ("no mark here", "utf-32-le", None, "utf-32-le"),
        ("no mark here", "utf-32-be", None, "utf-32-be"),
        ("a\0b", "utf-8", None, "utf-8"),
        ("“quoted” – Grüße", "cp1252", "ISO-8859-1", "cp1252"),  # as the WHATWG reads Latin-1
        ("Zażółć gęślą jaźń", "iso-8859-2", "latin2", "iso8859-2"),
        ("Grüße", "latin-1", "no-such-charset", "cp1252"),
        ("Grüße", "latin-1", "unknown-8bit\0", "cp1252"),
        ("Grüße", "latin-1", "utf-8", "cp1252"),  # a false declaration
        ("日本語", "shift_jis", '"Shift_JIS"', "cp932"),
        ("日本語", "iso-2022-jp", "iso-2022-jp", "iso2022_jp"),
        ("Hé", "utf-7", "utf-7", "utf-7"),
        (RUSSIAN, "koi8-r", None, "koi8-r"),
        (RUSSIAN, "cp1251", None, "cp1251"),
        (JAPANESE, "euc-jp", None, "euc_jis_2004"),
        (GERMAN, "cp1252", None, "cp1252"),
        ("colour \x1b[31mred", "ascii", None, "utf-8"),
    ],
)
def test_decode(text: str, codec: str, declared: str | None, name: str) -> None:
    assert decode(text.encode(codec), declared) == (text, name)


def test_iso_2022_is_seen_without_a_declaration() -> None:
    text, name = decode(JAPANESE.encode("iso-2022-jp"))
    assert text == JAPANESE
    assert name.startswith("iso2022_jp")


def test_bytes_that_cp1252_lacks_fall_back_to_the_charset_as_declared() -> None:
    assert decode(b"caf\xe9 \x81", "latin-1") == ("café \x81", "iso8859-1")


def test_codecs_that_are_no_charsets_are_passed_over() -> None:
    for name in ("unicode_escape", "idna", "rot13", "zip"):
        assert decode(GERMAN.encode("cp1252"), name) == (GERMAN, "cp1252")


def test_what_nothing_fits_is_refused_with_its_offset() -> None:
    with pytest.raises(BadValue, match="byte 5 on") as caught:
        decode(b"secre\xff\0\x01\x02\x03\x98\xfe\0\0\x80")
    assert caught.value.reason is Reason.BAD_ENCODING
    assert "secre" not in caught.value.detail


@given(st.binary(max_size=300), st.sampled_from([None, "utf-16", "big5", "hz", "ascii", "x"]))
def test_any_bytes_are_a_text_or_refused(data: bytes, declared: str | None) -> None:
    try:
        text, name = decode(data, declared)
    except BadValue as refused:
        assert refused.reason is Reason.BAD_ENCODING
    else:
        assert text.encode("utf-8") is not None
        assert name


# --- clean -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleaned", "flags"),
    [
        ("plain", "plain", ()),
        ("caf\u00e9", "caf\u00e9", ()),
        ("cafe\u0301", "caf\u00e9", ()),
        ("a\0b", "a\ufffdb", ("nul_replaced",)),
        ("é\0", "é\ufffd", ("nul_replaced",)),
        ("\ud800", "\ufffd", ("surrogate_replaced",)),
        ("\ud83d\ude00", "😀", ()),
        ("\ude00\ud83d", "\ufffd\ufffd", ("surrogate_replaced",)),
        ("\0\ud800", "\ufffd\ufffd", ("nul_replaced", "surrogate_replaced")),
        ("\ufffd was there before", "\ufffd was there before", ()),
    ],
)
def test_clean(text: str, cleaned: str, flags: tuple[str, ...]) -> None:
    assert clean(text) == (cleaned, flags)


#: Any character, halves of surrogate pairs among them, as JSON allows.
ANY_TEXT = st.text(st.integers(0, 0x10FFFF).map(chr), max_size=50)


@given(ANY_TEXT)
def test_a_cleaned_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    cleaned, _ = clean(text)
    assert "\0" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert clean(cleaned) == (cleaned, ())


# --- html ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("just text", "just text"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div>Two<br>Three</div>", "One\nTwo\nThree"),
        ("One<br><br>Two", "One\n\nTwo"),
        ("wo<b>rd</b>s in\n   <i>one</i>\tline", "words in one line"),
        ("Caf&eacute;&nbsp;&lt;x&gt;", "Café <x>"),
        ("<ul><li>One<li>Two</ul>after", "One\nTwo\n\nafter"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>one\n  two</pre>", "one\ntwo"),
        ("<title>No</title><style>no</style><script>no()</script><!-- no -->Yes", "Yes"),
        ("<a href='http://x.example'>link</a>", "link"),
        ("<p>unclosed <b>tags", "unclosed tags"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_html_to_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + "inside",
        "<div>" * 50_000 + "inside" + "</div>" * 50_000,
        "<div " + " ".join(f"a{n}=1" for n in range(50_000)) + ">inside",
    ],
    ids=["deep", "deep and closed", "attributes"],
)
def test_html_that_would_take_quadratic_time_is_not_parsed(
    monkeypatch: pytest.MonkeyPatch, html: str
) -> None:
    monkeypatch.setattr(text_module, "LexborHTMLParser", None)
    assert html_to_text(html) == "inside"


@pytest.mark.parametrize("tail", ["<" * 300_000, "<!--" * 100_000, "&" * 300_000, " \n" * 300_000])
def test_broken_html_is_read_as_far_as_it_goes(tail: str) -> None:
    assert html_to_text("<p>inside" + tail).startswith("inside")


def test_ordinary_big_html_is_still_parsed() -> None:
    html = "<table>" + "<tr><td>a<br>b</td></tr><p>" * 6_000 + "</table><script>no</script>"
    assert "no" not in html_to_text(html)


# --- survey and transcode --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Encoding(name="utf-8", is_utf8=True)),
        (b"plain\n" * 50, Encoding(name="utf-8", is_utf8=True)),
        (GERMAN.encode() * 20, Encoding(name="utf-8", is_utf8=True)),
        (GERMAN.encode("utf-8-sig"), Encoding(name="utf-8", is_utf8=True, mark=3)),
        (GERMAN.encode("utf-16"), Encoding(name="utf-16-le", is_utf8=False, mark=2)),
        (
            b"\xfe\xff" + GERMAN.encode("utf-16-be"),
            Encoding(name="utf-16-be", is_utf8=False, mark=2),
        ),
        (GERMAN.encode("utf-16-le"), Encoding(name="utf-16-le", is_utf8=False)),
        (GERMAN.encode("utf-32"), Encoding(name="utf-32-le", is_utf8=False, mark=4)),
        (b"\0" * 100, Encoding(name="utf-8", is_utf8=True)),
        (GERMAN.encode("cp1252"), Encoding(name="cp1252", is_utf8=False, first_bad=2)),
        (RUSSIAN.encode("cp1251"), Encoding(name="cp1251", is_utf8=False, first_bad=0)),
        (b"\xe9" + b"x" * 50, Encoding(name="cp1252", is_utf8=False, first_bad=0)),
        (
            GERMAN.encode() + b"\xff\n" + GERMAN.encode(),
            Encoding(name="utf-8", is_utf8=True, damaged=True, first_bad=len(GERMAN.encode())),
        ),
        (
            JAPANESE.encode()[:-1],
            Encoding(
                name="utf-8", is_utf8=True, damaged=True, first_bad=len(JAPANESE.encode()) - 3
            ),
        ),
        (
            b"\xef\xbb\xbfa\xff",
            Encoding(name="utf-8", is_utf8=True, damaged=True, mark=3, first_bad=4),
        ),
    ],
)
def test_survey(data: bytes, expected: Encoding) -> None:
    assert survey(io.BytesIO(data)) == expected


def test_survey_sees_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        (GERMAN + JAPANESE).encode() * 3,
        b"x" * 20 + (GERMAN + JAPANESE).encode() + b"\xe3\x82",
        GERMAN.encode("cp1252") * 3,
        b"x" * 5000 + b"\n" + RUSSIAN.encode("koi8-r") * 9,
    ]
    whole = [survey(io.BytesIO(data)) for data in files]
    for size in (5, 16, 4096):
        monkeypatch.setattr(transcoding, "BLOCK", size)
        monkeypatch.setattr(charset_guesses, "BLOCK", size)
        assert [survey(io.BytesIO(data)) for data in files] == whole


def transcoded(data: bytes, encoding: Encoding | None = None) -> tuple[bytes, Encoding]:
    target = io.BytesIO()
    found = transcode(io.BytesIO(data), target, encoding)
    return target.getvalue(), found


@pytest.mark.parametrize("codec", ["cp1252", "utf-16", "utf-32", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("block", [7, 1024])
def test_transcode(monkeypatch: pytest.MonkeyPatch, codec: str, block: int) -> None:
    text = GERMAN * 5
    encoding = survey(io.BytesIO(text.encode(codec)))
    monkeypatch.setattr(transcoding, "BLOCK", block)
    assert transcoded(text.encode(codec), encoding) == (text.encode(), encoding)


def test_transcode_loses_nothing_where_a_write_takes_less_than_it_was_given() -> None:
    class Short(io.BytesIO):
        """As an unbuffered file on a disk that is nearly full."""

        def write(self, data: Any) -> int:
            return super().write(bytes(data[:100]))

    target = Short()
    transcode(io.BytesIO(GERMAN.encode("cp1252") * 50), target)
    assert target.getvalue() == GERMAN.encode() * 50


def test_transcode_surveys_by_itself() -> None:
    assert transcoded(RUSSIAN.encode("koi8-r"))[0] == RUSSIAN.encode()


@pytest.mark.parametrize(
    ("name", "data", "written"),
    [
        ("cp1252", b"caf\xe9\x81\x8d.", "café".encode() + b"\xff\x81\xff\x8d."),
        ("gb18030", "日本".encode("gb18030") + b"\xff,x", "日本".encode() + b"\xff,x"),
        ("utf-16-le", "a".encode("utf-16-le") + b'"\xd8' + "b".encode("utf-16-le"), b"a\xff\xd8b"),
        ("utf-16-le", "ab".encode("utf-16-le") + b"c", b"ab\xff"),
    ],
)
def test_what_a_charset_lacks_is_marked_and_not_dropped(
    name: str, data: bytes, written: bytes
) -> None:
    found, encoding = transcoded(data, Encoding(name=name, is_utf8=False))
    assert (found, encoding.damaged) == (written, True)
    with pytest.raises(UnicodeDecodeError):
        found.decode()


def test_a_bad_byte_costs_its_own_line_only() -> None:
    lines = [json.dumps({"n": n, "city": "Zürich"}, ensure_ascii=False) for n in range(20)]
    data = "\n".join(lines).encode("cp1252").split(b"\n")
    data[7] = data[7].replace(b"Z", b"\x81")
    found, encoding = transcoded(b"\n".join(data), Encoding(name="cp1252", is_utf8=False))
    bad = []
    for n, line in enumerate(found.split(b"\n")):
        try:
            assert json.loads(line.decode())["city"] == "Zürich"
        except UnicodeDecodeError:
            bad.append(n)
    assert bad == [7]
    assert encoding.damaged
