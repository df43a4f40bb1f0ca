"""Documents: their text, and nothing worse than a flag from those that give none."""

from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path

import docx
import pypdf
import pytest

from pipeline import documents
from pipeline.documents import DOCX, PDF, Text, extract_text, media_type_of
from pipeline.formats.plain_document import FORMAT
from schemas.files import Member
from schemas.records import RawRecord, Record

PAPERS = Path(__file__).parent / "formats" / "document.plain" / "input" / "Papers"
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
        raise documents.DependencyError

    monkeypatch.setattr(pypdf.PdfReader, "decrypt", refuse)
    assert extract_text(encrypted("secret"), PDF) == Text(flags=("encrypted",))


def test_an_office_file_with_a_password_is_flagged() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512
    assert extract_text(data, DOCX) == Text(flags=("encrypted",))


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

    def damaged(page: pypdf.PageObject) -> str:
        if next(calls):
            raise RecursionError
        return real(page)

    monkeypatch.setattr(pypdf.PageObject, "extract_text", damaged)
    found = extract_text(pages(3), PDF)
    assert found.text == "\n\n".join(["A heron stands in the water."] * 2)
    assert found.flags == ("broken_pages",)


def test_pages_and_characters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_PAGES", 2)
    found = extract_text(pages(3), PDF)
    assert (found.text or "").count("heron") == 2
    assert found.flags == ("cut_off",)
    monkeypatch.setattr(documents, "CHARACTERS", 10)
    found = extract_text(pages(2), PDF)
    assert (found.text, found.flags) == ("A heron st", ("cut_off",))
    assert extract_text(b"x" * 11, "text/plain").flags == ("cut_off",)


def test_a_ratio_bomb_in_a_docx_is_not_unpacked() -> None:
    bomb = b"<w:document>" + b"\0" * (documents._XML_PART + 1)
    data = repacked(word("text"), {"word/document.xml": bomb})
    assert len(data) < 200_000
    assert extract_text(data, DOCX) == Text(flags=("too_large",))


def test_a_bomb_of_many_parts_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_UNPACKED", 1 << 20)
    parts = {f"word/media/{n}.bin": b"\0" * (1 << 18) for n in range(5)}
    assert extract_text(repacked(word("text"), parts), DOCX) == Text(flags=("too_large",))
    monkeypatch.setattr(documents, "_PARTS", 3)
    assert extract_text(word("text"), DOCX) == Text(flags=("too_large",))


def test_a_size_that_lies_does_not_help_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_UNPACKED", 1 << 20)
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
