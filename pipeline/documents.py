"""Text out of documents: plain text, HTML, PDF and DOCX.

What can't be read gives no text and a flag, never an exception:

- `encrypted`: there is a password on it.
- `broken`: it is not what it says it is, or is damaged.
- `broken_pages`: some pages gave no text for that reason; the others did.
- `too_large`: it would unpack to more than we hold in memory.
- `cut_off`: there is more text, or more pages, than were taken.
"""

from __future__ import annotations

import html
import io
import logging
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import docx
import msgspec
import pypdf
from docx.exceptions import PythonDocxError
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from pypdf.errors import DependencyError, PyPdfError

from pipeline import text
from schemas.errors import BadValue

# pypdf's warnings quote what it reads, and nothing of a record's content may stand in a log.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HTML = frozenset({"text/html", "application/xhtml+xml"})

_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,1000})</title", re.IGNORECASE)

CHARACTERS = 2_000_000
_PAGES = 1_000
#: Real bytes, counted while unpacking: a zip's own figures may lie.
_UNPACKED = 64 * 1024 * 1024
_XML_PART = 16 * 1024 * 1024
_PARTS = 5_000
#: How an encrypted office file begins: a compound file, ECMA-376 part 2 within [MS-OFFCRYPTO].
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: What the libraries are seen to raise on damaged files, besides their own errors.
_DAMAGE = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,  # with RecursionError and NotImplementedError
    AssertionError,
    SyntaxError,  # lxml's errors of XML are of this kind
    EOFError,
    OSError,
    MemoryError,
    zlib.error,
    struct.error,
    zipfile.BadZipFile,
    PyPdfError,
    DependencyError,
    OpcError,
    PythonDocxError,
)


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A document's text (None: it has none that we can read), what it says of itself, flags."""

    text: str | None = None
    metadata: dict[str, Any] = {}
    flags: tuple[str, ...] = ()


class _Unreadable(Exception):
    """A document that gives no text; the argument is the flag."""


def extract_text(data: bytes, media_type: str) -> Text:
    """The text of a document by its media type; nothing for a type that is not known here."""
    kind, _, parameters = media_type.lower().partition(";")
    reader = _reader(kind.strip(), parameters)
    if reader is None:
        return Text()
    try:
        found = reader(data)
    except _Unreadable as why:
        return Text(flags=(str(why),))
    except (BadValue, *_DAMAGE):
        return Text(flags=("broken",))
    return _bounded(found)


def media_type_of(data: bytes, name: str, declared: str) -> str:
    """The media type of an attachment, which mail programs often call just bytes."""
    if declared not in ("", "application/octet-stream", "application/x-download"):
        return declared
    suffix = name.lower().rpartition(".")[2]
    if data.startswith(b"%PDF-"):
        return PDF
    if suffix == "docx" and data.startswith(b"PK"):
        return DOCX
    return {"txt": "text/plain", "html": "text/html", "htm": "text/html"}.get(suffix, declared)


def _reader(kind: str, parameters: str) -> Callable[[bytes], Text] | None:
    if kind == PDF:
        return _pdf
    if kind == DOCX:
        return _docx
    declared = next(
        (p.partition("=")[2].strip(" \"'") for p in parameters.split(";") if "charset=" in p), None
    )
    if kind in _HTML:
        return lambda data: _html(text.decode(data, text.declared_in_html(data, declared))[0])
    if kind.startswith("text/"):
        return lambda data: Text(text=text.decode(data, declared)[0].replace("\r\n", "\n"))
    return None


def _html(page: str) -> Text:
    title = _TITLE.search(page, 0, 64 * 1024)
    said = {"title": " ".join(html.unescape(title[1]).split())} if title else {}
    return Text(text=text.html_to_text(page), metadata=_said(said))


def _bounded(found: Text) -> Text:
    if found.text is None or len(found.text) <= CHARACTERS:
        return found
    return msgspec.structs.replace(
        found,
        text=found.text[:CHARACTERS],
        flags=tuple({**dict.fromkeys(found.flags), "cut_off": None}),
    )


def _pdf(data: bytes) -> Text:
    reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not _opens(reader):
        raise _Unreadable("encrypted")
    pages = len(reader.pages)
    texts: list[str] = []
    flags: set[str] = {"cut_off"} if pages > _PAGES else set()
    characters = 0
    for page in _pages(reader):
        flags.update(() if page is not None else ("broken_pages",))
        texts.append(page or "")
        characters += len(texts[-1])
        if characters > CHARACTERS:
            break
    said: dict[str, Any] = {**_pdf_metadata(reader), "pages": pages}
    return Text(text="\n\n".join(filter(None, texts)), metadata=said, flags=tuple(sorted(flags)))


def _opens(reader: pypdf.PdfReader) -> bool:
    """Whether the empty password opens it: such files are only guarded against changes."""
    try:
        return bool(reader.decrypt(""))
    except (DependencyError, NotImplementedError):
        return False  # a cipher that needs a library which we don't have


def _pages(reader: pypdf.PdfReader) -> Iterator[str | None]:
    """The text of each page, None for a damaged one."""
    for page in islice(reader.pages, _PAGES):
        try:
            yield page.extract_text().strip()
        except _DAMAGE:
            yield None


def _pdf_metadata(reader: pypdf.PdfReader) -> dict[str, Any]:
    try:
        said: Mapping[str, Any] = reader.metadata or {}
        fields = {"title": "/Title", "author": "/Author", "created": "/CreationDate"}
        return _said({name: said.get(key) for name, key in fields.items()})
    except _DAMAGE:
        return {}


def _docx(data: bytes) -> Text:
    if data.startswith(_COMPOUND_FILE):
        raise _Unreadable("encrypted")
    names = _check_parts(data)
    document = docx.Document(io.BytesIO(data))
    body = document.element.body
    paragraphs = (paragraph.text for paragraph in body.iter(qn("w:p")))
    said: dict[str, Any] = {}
    if "docProps/core.xml" in names:  # without it python-docx makes one up
        core = document.core_properties
        said = {"title": core.title, "author": core.author, "created": core.created}
    return Text(text="\n".join(paragraphs).strip(), metadata=_said(said))


def _check_parts(data: bytes) -> set[str]:
    """The names in a DOCX, once it is sure that unpacking it stays small."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if any(part.flag_bits & 0x1 for part in parts):
            raise _Unreadable("encrypted")
        if len(parts) > _PARTS:
            raise _Unreadable("too_large")
        left = _UNPACKED
        for part in parts:
            limit = min(left, _XML_PART if part.filename.endswith((".xml", ".rels")) else left)
            left -= _unpacked_size(archive, part, limit)
    return {part.filename for part in parts}


def _unpacked_size(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limit: int) -> int:
    size = 0
    with archive.open(part) as stream:
        while block := stream.read(256 * 1024):
            size += len(block)
            if size > limit:
                raise _Unreadable("too_large")
    return size


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """What a document says of itself, as short texts; its author as a person."""
    texts = {name: str(value).strip()[:1_000] for name, value in values.items() if value}
    said: dict[str, Any] = {name: value for name, value in texts.items() if value}
    return {**said, "author": {"name": said["author"]}} if "author" in said else said
