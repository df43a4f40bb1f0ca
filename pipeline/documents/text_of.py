"""The text of documents: plain text, HTML, PDF, RTF, office files and e-books.

A document that can't be read gives no text and a flag, never an exception:

- `encrypted`: it has a password.
- `broken`: it is not of its declared type, or is damaged.
- `broken_pages`: some pages gave no text for that reason; the others did.
- `too_large`: it would unpack to more than fits the memory limit.
- `cut_off`: it has more text, or more pages, than were read.
- `bytes_unread`: it is in UTF-8, and some bytes are not; each becomes U+FFFD.
- `text_unreadable`: text of a PDF gives only the glyphs to draw, and not their letters.
- `front_matter_unread`: the block above a Markdown text is not readable YAML.
- `kind_not_read`: a known kind of document without a reader, such as DOC or Pages.

Ligatures and other presentation forms become the letters that they show, so that a search for `off`
finds them; the file itself is stored unchanged.
"""

from __future__ import annotations

import html
import io
import logging
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any
from xml.parsers import expat

import msgspec
import pypdf
from pypdf.errors import DependencyError, PyPdfError

from pipeline.documents import front_matter, office, rtf
from pipeline.documents.office_package import Unreadable
from pipeline.text import cleaning
from schemas.errors import BadValue

# pypdf's warnings quote what it reads, and no content of a record may appear in a log.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

PDF = "application/pdf"
_OOXML = "application/vnd.openxmlformats-officedocument"
DOCX = f"{_OOXML}.wordprocessingml.document"
RTF = "application/rtf"
_OPEN = "application/vnd.oasis.opendocument"
#: Office files and e-books, by the ends of their names.
_PACKAGES = {
    "docx": DOCX,
    "docm": "application/vnd.ms-word.document.macroenabled.12",
    "dotx": f"{_OOXML}.wordprocessingml.template",
    "xlsx": f"{_OOXML}.spreadsheetml.sheet",
    "xlsm": "application/vnd.ms-excel.sheet.macroenabled.12",
    "pptx": f"{_OOXML}.presentationml.presentation",
    "pptm": "application/vnd.ms-powerpoint.presentation.macroenabled.12",
    "ppsx": f"{_OOXML}.presentationml.slideshow",
    "odt": f"{_OPEN}.text",
    "ott": f"{_OPEN}.text-template",
    "ods": f"{_OPEN}.spreadsheet",
    "odp": f"{_OPEN}.presentation",
    "odg": f"{_OPEN}.graphics",
    "epub": "application/epub+zip",
    "pages": "application/vnd.apple.pages",
    "numbers": "application/vnd.apple.numbers",
    "key": "application/vnd.apple.keynote",
}
#: Compound files, which are not read.
_OLD_OFFICE = {
    "doc": "application/msword",
    "dot": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "pps": "application/vnd.ms-powerpoint",
}
_IN_PACKAGES = frozenset(_PACKAGES.values())
_RTF_KINDS = frozenset({RTF, "text/rtf", "application/x-rtf"})
_HTML = frozenset({"text/html", "application/xhtml+xml"})

_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,1000})</title", re.IGNORECASE)

CHARACTERS = 2_000_000
_PAGES = 1_000
#: The first bytes of an encrypted office file: a compound file, ECMA-376 part 2 within
#: [MS-OFFCRYPTO].
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: The errors that the libraries raise on damaged files, besides their own.
_DAMAGE = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,  # with RecursionError and NotImplementedError
    AssertionError,
    SyntaxError,
    EOFError,
    OSError,
    MemoryError,
    zlib.error,
    struct.error,
    zipfile.BadZipFile,
    PyPdfError,
    DependencyError,
    expat.ExpatError,
)


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A document's text (None: it has no readable one), its metadata and flags."""

    text: str | None = None
    metadata: dict[str, Any] = {}
    flags: tuple[str, ...] = ()


def extract_text(data: bytes, media_type: str) -> Text:
    """Return the text of a document by its media type; nothing for an unknown type."""
    kind, _, parameters = media_type.lower().partition(";")
    reader = _reader(kind.strip(), parameters)
    if reader is None:
        return Text()
    try:
        found = reader(data)
    except Unreadable as why:
        return Text(flags=(str(why),))
    except (BadValue, *_DAMAGE):
        return Text(flags=("broken",))
    return _bounded(found)


def media_type_of(data: bytes, name: str, declared: str) -> str:
    """Return the media type of an attachment, which mail programs often declare as plain bytes."""
    if declared not in ("", "application/octet-stream", "application/x-download"):
        return declared
    suffix = name.lower().rpartition(".")[2]
    if data.startswith(b"%PDF-"):
        return PDF
    if (kind := office_kind(data, name)) is not None:
        return kind
    return {"txt": "text/plain", "html": "text/html", "htm": "text/html"}.get(suffix, declared)


def office_kind(data: bytes, name: str) -> str | None:
    """Return the media type of an office file, e-book or RTF, by its first bytes and its name."""
    suffix = name.lower().rpartition(".")[2]
    if data.startswith(b"{\\rtf"):
        return RTF
    if data.startswith(b"PK\x03\x04"):
        return _PACKAGES.get(suffix)
    if data.startswith(_COMPOUND_FILE):
        return _OLD_OFFICE.get(suffix) or _PACKAGES.get(suffix)
    return None


def is_office(kind: str) -> bool:
    """Tell whether a media type is one of office files and e-books, in any variety."""
    families = (f"{_OOXML}.", f"{_OPEN}.", "application/vnd.apple.")
    return kind in _IN_PACKAGES or kind in _OLD_OFFICE.values() or kind.startswith(families)


def _reader(kind: str, parameters: str) -> Callable[[bytes], Text] | None:
    if kind == PDF:
        return _pdf
    if is_office(kind):
        return lambda data: _office(data, kind)
    if kind in _RTF_KINDS:
        return _rtf
    declared = next(
        (p.partition("=")[2].strip(" \"'") for p in parameters.split(";") if "charset=" in p), None
    )
    read, is_page = _of_text(kind), kind in _HTML
    if read is None:
        return None

    def decoded(data: bytes) -> Text:
        charset = cleaning.declared_in_html(data, declared) if is_page else declared
        if charset is None and cleaning.is_damaged_utf8(data):
            found = read(data.decode("utf-8", "replace"))
            return msgspec.structs.replace(found, flags=(*found.flags, "bytes_unread"))
        return read(cleaning.decode(data, charset)[0])

    return decoded


def _of_text(kind: str) -> Callable[[str], Text] | None:
    """Return the reader of a kind of decoded text."""
    if kind in _HTML:
        return _html
    if kind == "text/markdown":
        return _markdown
    return _plain if kind.startswith("text/") else None


def _plain(written: str) -> Text:
    return Text(text=written.replace("\r\n", "\n"))


def _html(page: str) -> Text:
    title = _TITLE.search(page, 0, 64 * 1024)
    metadata = {"title": " ".join(html.unescape(title[1]).split())} if title else {}
    return Text(text=cleaning.html_to_text(page), metadata=_short_texts(metadata))


def _markdown(written: str) -> Text:
    written = written.replace("\r\n", "\n")
    fields, rest = front_matter.parted(written)
    if fields is None:
        return Text(text=written, flags=("front_matter_unread",))
    title, tags = fields.get("title"), front_matter.texts(fields.get("tags"))
    metadata = _short_texts({"title": title if isinstance(title, str) else None})
    if fields:
        metadata |= {"labels": tags} if tags else {}
        metadata |= {"front_matter": fields}
    return Text(text=rest, metadata=metadata)


#: Letters as they are drawn: Latin, Armenian, Hebrew and Arabic presentation forms.
_DRAWN = re.compile(r"[\ufb00-\ufdff\ufe70-\ufefc]+")


def _bounded(found: Text) -> Text:
    if found.text is not None and not found.text.isascii():
        letters = _DRAWN.sub(lambda run: unicodedata.normalize("NFKC", run[0]), found.text)
        found = msgspec.structs.replace(found, text=letters)
    if found.text is None or len(found.text) <= CHARACTERS:
        return found
    return msgspec.structs.replace(
        found,
        text=found.text[:CHARACTERS],
        flags=tuple({**dict.fromkeys(found.flags), "cut_off": None}),
    )


#: How a PDF ends, and what pypdf takes for such an end that is cut off.
_END, _PARTS_OF_END = b"%%EOF", (b"%%EO", b"%%E", b"%")


def _pdf(data: bytes) -> Text:
    if _END not in data and not data.rstrip().endswith(_PARTS_OF_END):
        raise Unreadable("broken")  # pypdf finds that, too, but looks at each line before
    reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not _opens(reader):
        raise Unreadable("encrypted")
    pages = len(reader.pages)
    texts: list[str] = []
    flags: set[str] = {"cut_off"} if pages > _PAGES else set()
    characters = 0
    for page in _pages(reader):
        if page is None:
            flags.add("broken_pages")
        texts.append(_legible(page or [], flags))
        characters += len(texts[-1])
        if characters > CHARACTERS:
            break
    metadata: dict[str, Any] = {**_pdf_metadata(reader), "pages": pages}
    return Text(
        text="\n\n".join(filter(None, texts)), metadata=metadata, flags=tuple(sorted(flags))
    )


def _opens(reader: pypdf.PdfReader) -> bool:
    """Tell whether the empty password opens it: such files are only protected against changes."""
    try:
        return bool(reader.decrypt(""))
    except (DependencyError, NotImplementedError):
        return False  # a cipher that needs a library which is not installed


def _pages(reader: pypdf.PdfReader) -> Iterator[list[tuple[str, bool]] | None]:
    """Yield each page's text in pieces, and whether their letters are known; None if damaged."""
    for page in islice(reader.pages, _PAGES):
        pieces: list[tuple[str, bool]] = []

        def take(piece: str, _: Any, __: Any, font: Any, *___: Any) -> None:
            pieces.append((piece, font is None or _names_letters(font)))  # noqa: B023 - read below

        try:
            whole = page.extract_text(visitor_text=take)
            if all(known for piece, known in pieces if piece.strip()):
                pieces = [(whole, True)]
            yield pieces
        except _DAMAGE:
            yield None


#: Names of glyphs that are numbers, as makers of subsets give them.
_NUMBERED = re.compile(r"/(?:g|c|cid|glyph|gid|index|char|id)\d+", re.IGNORECASE)


def _names_letters(font: Mapping[str, Any]) -> bool:
    """Tell whether a font gives the letters of its glyphs.

    A font of type 0 under an identity encoding only numbers them, unless it has a map
    (`/ToUnicode`) or its numbers are those of a known collection of characters (ISO 32000-1,
    9.10.2). So does a font whose encoding names glyphs by numbers.
    """
    if "/ToUnicode" in font or "/Encoding" not in font:
        return True
    encoding = font["/Encoding"]
    if font.get("/Subtype") != "/Type0":
        given = encoding.get("/Differences", ()) if isinstance(encoding, Mapping) else ()
        names = [str(name) for name in given if isinstance(name, str)]
        return 2 * sum(_NUMBERED.fullmatch(name) is not None for name in names) <= len(names)
    if not str(encoding).startswith("/Identity"):
        return True
    inner = font["/DescendantFonts"][0].get_object()
    ordering = str(inner.get("/CIDSystemInfo", {}).get("/Ordering", "Identity"))
    return ordering not in ("Identity", "UCS")


def _legible(pieces: list[tuple[str, bool]], flags: set[str]) -> str:
    """Return the readable text of a page; add a flag where some is unreadable."""
    known = "".join(piece for piece, known in pieces if known)
    if any(piece.strip() for piece, known in pieces if not known) or _is_soup(known):
        flags.add("text_unreadable")
    return "" if _is_soup(known) else known.strip()


def _is_soup(found: str) -> bool:
    """Tell whether over a fifth of the characters are controls, private or replacements."""
    shown = [c for c in found if not c.isspace()]
    bad = sum(c == cleaning.REPLACEMENT or unicodedata.category(c) in _NO_LETTERS for c in shown)
    return bad * 5 > len(shown)


_NO_LETTERS = frozenset({"Cc", "Co", "Cn", "Cs"})


def _pdf_metadata(reader: pypdf.PdfReader) -> dict[str, Any]:
    try:
        metadata: Mapping[str, Any] = reader.metadata or {}
        fields = {"title": "/Title", "author": "/Author", "created": "/CreationDate"}
        return _short_texts({name: metadata.get(key) for name, key in fields.items()})
    except _DAMAGE:
        return {}


def _office(data: bytes, kind: str) -> Text:
    if data.startswith(_COMPOUND_FILE):
        raise Unreadable("kind_not_read" if kind in _OLD_OFFICE.values() else "encrypted")
    found = office.read(data)
    return Text(text="\n".join(found.lines).strip(), metadata=_short_texts(found.metadata))


def _rtf(data: bytes) -> Text:
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Unreadable("broken")
    found, metadata = rtf.read(data)
    return Text(text=found, metadata=_short_texts(metadata))


def _short_texts(values: dict[str, Any]) -> dict[str, Any]:
    """Return a document's metadata as short texts; its author as a person."""
    texts = {name: str(value).strip()[:1_000] for name, value in values.items() if value}
    short: dict[str, Any] = {name: value for name, value in texts.items() if value}
    return {**short, "author": {"name": short["author"]}} if "author" in short else short
