"""Documents: their text, and nothing worse than a flag from those that give none."""

from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path
from typing import Any

import docx
import msgspec
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import office_package, text_of
from pipeline.documents.text_of import DOCX, PDF, Text, extract_text, media_type_of
from pipeline.formats.document_plain import FORMAT
from schemas.files import Member
from schemas.records import RawRecord, Record

PAPERS = Path(__file__).parents[2] / "formats" / "document.plain" / "input" / "Papers"
HERON = (PAPERS / "heron.pdf").read_bytes()


def encrypted(password: str, algorithm: str = "RC4-128") -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(HERON))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def pages(number: int) -> bytes:
    writer = pypdf.PdfWriter()
    page = pypdf.PdfReader(io.BytesIO(HERON)).pages[0]
    for _ in range(number):
        writer.add_page(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def word(*paragraphs: str) -> bytes:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def repacked(data: bytes, changes: dict[str, bytes]) -> bytes:
    """The same DOCX with some of its parts replaced or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name, part in {**parts, **changes}.items():
            new.writestr(name, part)
    return out.getvalue()


def test_a_pdf_gives_its_text_and_what_it_says_of_itself() -> None:
    found = extract_text(HERON, PDF)
    assert found.text == "A heron stands in the water."
    assert found.metadata == {"title": "Of Herons", "created": "D:20260302101500Z", "pages": 1}
    assert found.flags == ()


def test_a_docx_gives_its_paragraphs_and_tables_in_order() -> None:
    found = extract_text((PAPERS / "herons.docx").read_bytes(), DOCX)
    assert found.text == "Herons\nA heron stands.\nbird\nheron"
    assert found.metadata["author"] == {"name": "Ana"}


def test_a_docx_without_properties_gets_none_made_up() -> None:
    data = word("text")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if name != "docProps/core.xml":
                part = old.read(name)
                if name == "_rels/.rels":
                    part = part.replace(b"docProps/core.xml", b"docProps/app.xml")
                new.writestr(name, part)
    found = extract_text(out.getvalue(), DOCX)
    assert (found.text, found.metadata) == ("text", {})


@pytest.mark.parametrize(
    ("data", "media_type", "text"),
    [
        ("Grüße\r\nEnde".encode(), "text/plain", "Grüße\nEnde"),
        ("Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1", "Grüße"),
        ("Grüße".encode("utf-16"), "text/plain", "Grüße"),
        (b"# Title\n", "text/markdown", "# Title\n"),
        (b"<p>one</p><p>two &amp; three</p>", "text/html", "one\n\ntwo & three"),
        (b"BEGIN:VCARD\n", "text/vcard", "BEGIN:VCARD\n"),
    ],
)
def test_text_and_html(data: bytes, media_type: str, text: str) -> None:
    assert extract_text(data, media_type).text == text


def test_the_title_of_a_page() -> None:
    page = b"<html><head><title>\n Herons &amp; storks </title></head><body>x</body></html>"
    assert extract_text(page, "text/html").metadata == {"title": "Herons & storks"}


@pytest.mark.parametrize("media_type", ["image/png", "", "application/octet-stream"])
def test_other_types_have_no_text_and_no_flag(media_type: str) -> None:
    assert extract_text(b"\x89PNG", media_type) == Text()


def test_a_pdf_with_a_password_is_flagged() -> None:
    assert extract_text(encrypted("secret"), PDF) == Text(flags=("encrypted",))


def test_a_pdf_that_opens_with_the_empty_password_is_read() -> None:
    assert extract_text(encrypted(""), PDF).text == "A heron stands in the water."


def test_a_cipher_that_we_do_not_have_is_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise text_of.DependencyError

    monkeypatch.setattr(pypdf.PdfReader, "decrypt", refuse)
    assert extract_text(encrypted("secret"), PDF) == Text(flags=("encrypted",))


def test_an_office_file_with_a_password_is_flagged() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512
    assert extract_text(data, DOCX) == Text(flags=("encrypted",))


def drawn(font: bytes, content: bytes) -> bytes:
    """A PDF of one page with a font F1, Helvetica as F2 and a descendant font, object 7."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R/F2 6 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        font,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/A+B/CIDSystemInfo<</Registry(Adobe)"
        b"/Ordering(Identity)/Supplement 0>>/DW 600>>",
    ]
    out, table = b"%PDF-1.5\n", b"0000000000 65535 f \n"
    for number, one in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    end = b"xref\n0 8\n%strailer<</Size 8/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return out + end % (table, len(out))


IDENTITY = b"<</Type/Font/Subtype/Type0/BaseFont/A+B/Encoding/Identity-H/DescendantFonts[7 0 R]>>"


def named(kind: bytes, pattern: bytes) -> bytes:
    names = b"".join(pattern % n for n in range(65, 91))
    return (
        b"<</Type/Font/Subtype/%s/BaseFont/X+Y/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]"
        b"/CharProcs<<>>/Encoding<</Type/Encoding/Differences[65 %s]>>>>" % (kind, names)
    )


@pytest.mark.parametrize("kind", [b"Type1", b"Type3", b"TrueType"])
@pytest.mark.parametrize("pattern", [b"/g%d", b"/G%02d", b"/c%d", b"/cid%05d", b"/glyph%d"])
def test_glyphs_that_are_only_numbered_are_no_text(kind: bytes, pattern: bytes) -> None:
    found = extract_text(drawn(named(kind, pattern), b"BT /F1 9 Tf 9 99 Td (SALT) Tj ET"), PDF)
    assert (found.text, found.flags) == ("", ("text_unreadable",))


@pytest.mark.parametrize("kind", [b"Type1", b"Type3", b"TrueType"])
def test_glyphs_with_names_are_text(kind: bytes) -> None:
    data = drawn(named(kind, b"/uni00%02X"), b"BT /F1 9 Tf 9 99 Td (SALT) Tj ET")
    assert extract_text(data, PDF) == Text(text="SALT", metadata={"pages": 1})


def test_text_beside_glyphs_without_a_map_stays() -> None:
    content = b"BT /F2 9 Tf 9 150 Td (clear words) Tj /F1 9 Tf 0 -50 Td <003600240037> Tj ET"
    found = extract_text(drawn(IDENTITY, content), PDF)
    assert (found.text, found.flags) == ("clear words", ("text_unreadable",))


@pytest.mark.parametrize("media_type", [PDF, DOCX])
@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"%PDF-1.7\n", b"PK\x03\x04", b"text"])
def test_what_is_no_such_document_is_broken(media_type: str, data: bytes) -> None:
    assert extract_text(data, media_type) == Text(flags=("broken",))


def test_every_truncation_of_a_docx_and_a_pdf_is_a_flag_at_worst() -> None:
    whole = (PAPERS / "herons.docx").read_bytes()
    for data, media_type in ((whole, DOCX), (HERON, PDF)):
        for end in range(0, len(data), max(1, len(data) // 60)):
            found = extract_text(data[:end], media_type)
            assert found.text is not None or found.flags


def test_one_damaged_page_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pypdf.PageObject.extract_text
    calls = iter((False, True, False))

    def damaged(page: pypdf.PageObject, **options: Any) -> str:
        if next(calls):
            raise RecursionError
        return real(page, **options)

    monkeypatch.setattr(pypdf.PageObject, "extract_text", damaged)
    found = extract_text(pages(3), PDF)
    assert found.text == "\n\n".join(["A heron stands in the water."] * 2)
    assert found.flags == ("broken_pages",)


def test_pages_and_characters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_of, "_PAGES", 2)
    found = extract_text(pages(3), PDF)
    assert (found.text or "").count("heron") == 2
    assert found.flags == ("cut_off",)
    monkeypatch.setattr(text_of, "CHARACTERS", 10)
    found = extract_text(pages(2), PDF)
    assert (found.text, found.flags) == ("A heron st", ("cut_off",))
    assert extract_text(b"x" * 11, "text/plain").flags == ("cut_off",)


def test_a_ratio_bomb_in_a_docx_is_not_unpacked() -> None:
    bomb = b"<w:document>" + b"\0" * (office_package.XML_PART + 1)
    data = repacked(word("text"), {"word/document.xml": bomb})
    assert len(data) < 200_000
    assert extract_text(data, DOCX) == Text(flags=("too_large",))


def test_a_bomb_of_many_parts_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_package, "UNPACKED", 1 << 20)
    parts = {f"word/media/{n}.bin": b"\0" * (1 << 18) for n in range(5)}
    assert extract_text(repacked(word("text"), parts), DOCX) == Text(flags=("too_large",))
    monkeypatch.setattr(office_package, "PARTS", 3)
    assert extract_text(word("text"), DOCX) == Text(flags=("too_large",))


def test_a_size_that_lies_does_not_help_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_package, "UNPACKED", 1 << 20)
    name = b"word/media/a.bin"
    data = bytearray(repacked(word("text"), {name.decode(): b"\0" * (4 << 20)}))
    entry = data.rindex(name) - 46  # the central directory's record: its size field lies at 24
    data[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    found = extract_text(bytes(data), DOCX)
    assert found.text is None
    assert found.flags in (("too_large",), ("broken",))


def test_entities_are_not_expanded() -> None:
    part = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        b"<w:body><w:p><w:r><w:t>a&secret;b</w:t></w:r></w:p></w:body></w:document>"
    )
    found = extract_text(repacked(word("text"), {"word/document.xml": part}), DOCX)
    assert found.text in (None, "a", "ab", "a&secret;b")


W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
#: What stands round the runs of a paragraph, ECMA-376 part 1, 17.
ROUND_RUNS = [
    "<w:ins w:id='1'>{}</w:ins>", "<w:moveTo w:id='1'>{}</w:moveTo>",
    "<w:smartTag>{}</w:smartTag>", "<w:customXml>{}</w:customXml>",
    "<w:fldSimple w:instr='DATE'>{}</w:fldSimple>", "<w:hyperlink>{}</w:hyperlink>",
    "<w:sdt><w:sdtPr/><w:sdtContent>{}</w:sdtContent></w:sdt>", "<w:bdo>{}</w:bdo>",
    "<w:dir w:val='rtl'>{}</w:dir>",
]  # fmt: skip


@pytest.mark.parametrize("outer", ROUND_RUNS)
@pytest.mark.parametrize("inner", ["{}", *ROUND_RUNS])
def test_a_word_is_read_whatever_stands_round_its_run(outer: str, inner: str) -> None:
    run = outer.format(inner.format("<w:r><w:t>salt</w:t></w:r>"))
    gone = "<w:del w:id='2'><w:r><w:delText>ash</w:delText></w:r></w:del>"
    moved = "<w:moveFrom w:id='3'><w:r><w:t>oak</w:t></w:r></w:moveFrom>"
    code = "<w:r><w:instrText>PAGEREF x</w:instrText></w:r>"
    body = f"<w:p><w:r><w:t>a </w:t></w:r>{gone}{moved}{code}{run}<w:r><w:t> b</w:t></w:r></w:p>"
    part = f"<w:document xmlns:w='{W}'><w:body>{body}</w:body></w:document>".encode()
    found = extract_text(repacked(word("text"), {"word/document.xml": part}), DOCX)
    assert (found.text, found.flags) == ("a salt b", ())


def package(**parts: str) -> bytes:
    """A zip of such parts; `__` in a name is a slash, `_` before its end a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in parts.items():
            head, _, end = name.replace("__", "/").rpartition("_")
            archive.writestr(f"{head}.{end}" if head else end, part)
    return out.getvalue()


ODF = package(
    mimetype="application/vnd.oasis.opendocument.text",
    content_xml="<office:document-content xmlns:office='o' xmlns:text='t' xmlns:dc='d'>"
    "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
    "<text:h>Rowan</text:h><text:p>red<text:s text:c='2'/><text:span>berries</text:span>"
    "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>a note"
    "</text:p></text:note-body></text:note><office:annotation><dc:creator>Ida</dc:creator>"
    "<text:p>a comment</text:p></office:annotation> end</text:p></office:document-content>",
    meta_xml="<m xmlns:dc='d'><meta><dc:title>Trees</dc:title></meta></m>",
)
SHEETS = package(
    xl__workbook_xml="<workbook xmlns:r='r'><sheets><sheet name='Trees' r:id='x'/></sheets>"
    "</workbook>",
    xl__sharedStrings_xml="<sst><si><t>ash</t></si><si><r><t>o</t></r><r><t>ak</t></r></si></sst>",
    xl__styles_xml="<styleSheet><numFmts><numFmt numFmtId='164' formatCode='dd/mm/yy'/>"
    "<numFmt numFmtId='165' formatCode='0.0&quot;days&quot;'/></numFmts><cellXfs>"
    "<xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='164'/><xf numFmtId='165'/>"
    "<xf numFmtId='22'/></cellXfs></styleSheet>",
    xl__worksheets__sheet1_xml="<worksheet><sheetData><row><c t='s'><v>1</v></c>"
    "<c t='inlineStr'><is><t>elm</t></is></c><c t='b'><v>1</v></c><c><f>1+1</f><v>2</v></c></row>"
    "<row/><row><c s='1'><v>45352</v></c><c s='2'><v>1</v></c><c s='3'><v>7.5</v></c>"
    "<c s='4'><v>45352.5</v></c></row></sheetData></worksheet>",
)


def presentation() -> bytes:
    out = io.BytesIO()
    slide = "<p:sld xmlns:p='p' xmlns:a='a'><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:sld>"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "ppt/presentation.xml",
            "<p:presentation xmlns:p='p' xmlns:r='r'><p:sldIdLst><p:sldId r:id='b'/>"
            "<p:sldId r:id='a'/></p:sldIdLst></p:presentation>",
        )
        archive.writestr(
            "ppt/_rels/presentation.xml.rels",
            "<Relationships><Relationship Id='a' Type='t/slide' Target='slides/slide1.xml'/>"
            "<Relationship Id='b' Type='t/slide' Target='/ppt/slides/slide2.xml'/></Relationships>",
        )
        archive.writestr("ppt/slides/slide1.xml", slide.format("second"))
        archive.writestr("ppt/slides/slide2.xml", slide.format("first"))
        archive.writestr("ppt/notesSlides/n.xml", slide.format("told"))
        archive.writestr(
            "ppt/slides/_rels/slide2.xml.rels",
            "<Relationships><Relationship Id='n' Type='t/notesSlide'"
            " Target='../notesSlides/n.xml'/></Relationships>",
        )
    return out.getvalue()


EPUB = package(
    mimetype="application/epub+zip",
    **{"META-INF__container_xml": "<c><rootfile full-path='OEBPS/book.opf'/></c>"},
    OEBPS__book_opf="<package><metadata><title>Elm</title><creator>Ida</creator></metadata>"
    "<manifest><item id='b' href='two.xhtml'/><item id='a' href='one%20a.xhtml'/></manifest>"
    "<spine><itemref idref='a'/><itemref idref='b'/></spine></package>",
    **{"OEBPS__one a_xhtml": "<html><body><p>first</p></body></html>"},
    OEBPS__two_xhtml="<html><body><p>second</p></body></html>",
)
_KIND = "application/vnd.openxmlformats-officedocument.{}".format


@pytest.mark.parametrize(
    ("data", "kind", "text", "said"),
    [
        (ODF, "application/vnd.oasis.opendocument.text",
         "Rowan\nred  berries end\na note\na comment", {"title": "Trees"}),
        (presentation(), _KIND("presentationml.presentation"), "first\ntold\nsecond", {}),
        (EPUB, "application/epub+zip", "first\n\nsecond",
         {"title": "Elm", "author": {"name": "Ida"}}),
        (rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0 A;}{\f1\fcharset238 B;}}{\info{\title T}}\f0"
         rb" \'e4\'e0 {\f1 \'e8}\par{\*\generator x;}\u9731?\uc0\u-10179\u-8694 {\b b}\{"
         rb"{\pict\bin3 }}}ff}{\field{\*\fldinst{HYPERLINK \"u\"}}{\fldrslt link}}}tail",
         "application/rtf", "да č\n☃😊b{link", {"title": "T"}),
    ],
)  # fmt: skip
def test_office_files_and_books(data: bytes, kind: str, text: str, said: dict[str, Any]) -> None:
    assert extract_text(data, kind) == Text(text=text, metadata=said)


def test_a_workbook_gives_its_rows_and_dates() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SHEETS)) as old, zipfile.ZipFile(out, "w") as new:
        new.writestr("[Content_Types].xml", "<Types/>")
        for name in old.namelist():
            new.writestr(name, old.read(name))
    found = extract_text(out.getvalue(), _KIND("spreadsheetml.sheet"))
    assert found == Text(
        text="Trees\noak\telm\tTRUE\t2\n2024-03-01\t1900-01-01\t7.5\t2024-03-01 12:00:00"
    )


@pytest.mark.parametrize("suffix", ["docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"])
@pytest.mark.parametrize("end", range(0, 2_000, 97))
def test_a_truncated_package_is_a_flag(suffix: str, end: int) -> None:
    for data in (ODF, EPUB, SHEETS, presentation()):
        found = extract_text(data[: min(end, len(data) - 1)], text_of._PACKAGES[suffix])
        assert found.flags == ("broken",)


@pytest.mark.parametrize(
    ("name", "flag"),
    [("a.doc", "kind_not_read"), ("a.xls", "kind_not_read"), ("a.xlsx", "encrypted")],
)
def test_a_compound_file_says_why_it_has_no_text(name: str, flag: str) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512
    kind = text_of.office_kind(data, name)
    assert kind is not None
    assert extract_text(data, kind).flags == (flag,)


@pytest.mark.parametrize(
    ("shown", "letters"), [("o\ufb00er", "offer"), ("\ufb01n", "fin"), ("m\u00b2", "m\u00b2")]
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html", "text/markdown"])
def test_ligatures_are_found_as_letters(shown: str, letters: str, kind: str) -> None:
    assert extract_text(shown.encode(), kind).text == letters


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("", {}),
        ("title: Jam\ntags: [fruit, sweet]", {"title": "Jam", "labels": ["fruit", "sweet"]}),
        ("tags:\n- '#fruit'\n- 7", {"labels": ["fruit", "7"]}),
        ("tags: fruit, sweet", {"labels": ["fruit", "sweet"]}),
        ("created: 2024-01-02\nn: .inf", {"front_matter": {"created": "2024-01-02", "n": "inf"}}),
        ("title: [1]", {"front_matter": {"title": [1]}}),
    ],
)
def test_what_a_markdown_file_says_of_itself(above: str, said: dict[str, Any]) -> None:
    found = extract_text(f"---\n{above}\n---\nStones out.\n".encode(), "text/markdown")
    assert (found.text, found.flags) == ("Stones out.\n", ())
    assert {name: found.metadata.get(name) for name in said} == said


ALIASES = "a: &a [x]\n" + "\n".join(f"b{n}: &b{n} [*a, *a]" for n in range(9))


@pytest.mark.parametrize("above", ["a: [", "- 1", "words", ALIASES, "[" * 5_000, "a: !!python/x 1"])
def test_front_matter_that_is_none_stays_text(above: str) -> None:
    whole = f"---\n{above}\n---\nStones out.\n"
    found = extract_text(whole.encode(), "text/markdown")
    assert found == Text(text=whole, flags=("front_matter_unread",))


@pytest.mark.parametrize("whole", ["a --- b\n---\n", "---\nno end\n", "----\na: 1\n----\n"])
def test_a_rule_is_no_front_matter(whole: str) -> None:
    assert extract_text(whole.encode(), "text/markdown") == Text(text=whole)


@given(st.text(max_size=60))
def test_any_front_matter_is_kept_or_read(above: str) -> None:
    whole = f"---\n{above}\n---\nend\n"
    found = extract_text(whole.encode("utf-8", "replace"), "text/markdown")
    assert (found.text or "").endswith("end\n")
    msgspec.json.encode(found.metadata)


@given(st.binary(max_size=300))
def test_any_rtf_is_text(tail: bytes) -> None:
    assert extract_text(b"{\\rtf1 " + tail, "application/rtf").text is not None


@pytest.mark.parametrize("letters", range(1, 5))
def test_a_pdf_is_read_without_the_last_letters_of_its_end(letters: int) -> None:
    assert HERON.rstrip().endswith(b"%%EOF")
    assert extract_text(HERON.rstrip()[:-letters], PDF) == extract_text(HERON, PDF)


def test_half_a_pdf_is_broken_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pypdf, "PdfReader")
    half = HERON[: HERON.index(b"startxref")]
    assert extract_text(half, PDF) == Text(flags=("broken",))


def test_nothing_is_logged_of_a_broken_file(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    extract_text(HERON.replace(b"xref", b"xxxx").replace(b"endobj", b"secret"), PDF)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("data", "name", "declared", "expected"),
    [
        (b"%PDF-1.4", "a.bin", "application/octet-stream", PDF),
        (b"PK\x03\x04", "a.DOCX", "application/octet-stream", DOCX),
        (b"x", "a.txt", "", "text/plain"),
        (b"x", "a.htm", "application/octet-stream", "text/html"),
        (b"x", "a", "application/octet-stream", "application/octet-stream"),
        (b"%PDF-1.4", "a.pdf", "image/png", "image/png"),
    ],
)
def test_the_type_of_an_attachment(data: bytes, name: str, declared: str, expected: str) -> None:
    assert media_type_of(data, name, declared) == expected


def test_a_document_too_large_to_hold_keeps_its_blob() -> None:
    member = Member(
        path="a/big.txt", ordinal=0, file=Path("x"), size=9, sha256="ab", media_type="text/plain"
    )
    record = FORMAT.record(RawRecord(None, 0, 9), member)
    assert isinstance(record, Record)
    assert record.content is None
    assert record.metadata["flags"] == ["too_large"]
    assert record.identity == ("sha256", "ab")
    assert record.blob is not None
    assert (record.blob.data, record.blob.size, record.blob.name) == (None, 9, "big.txt")
