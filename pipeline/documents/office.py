"""The text of office files and e-books, which are zip files of XML.

OOXML (ECMA-376: docx, xlsx, pptx and their kin), OpenDocument 1.3 (odt, ods, odp) and EPUB 3. The
parts of a package decide its kind; its name does not. All text that a reader of the document
sees is read: tables, text boxes, insertions, fields, formulas, notes, comments, headers. Text that
a tracked change deleted is not. expat parses the parts in one pass; libraries for these files build
trees of each part, omit what is not a direct child of a paragraph, and refuse packages that lack a
part which the text does not need.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.parsers import expat

import msgspec

from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.text import cleaning

#: Real bytes, counted while unpacking: the sizes in a zip may be wrong.
UNPACKED = 64 * 1024 * 1024
XML_PART = 16 * 1024 * 1024
PARTS = 5_000

_XML = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf")
_IWORK = ("Index/", "Index.zip", "index.apxl", "index.xml.gz")


class Unreadable(Exception):
    """A document that gives no text; the argument is the flag."""


class Package(msgspec.Struct, frozen=True):
    """An office file or e-book, after the check that unpacking it stays small."""

    archive: zipfile.ZipFile
    names: frozenset[str]

    def part(self, name: str) -> bytes | None:
        """Return the bytes of a part; None if there is none of that name."""
        return self.archive.read(name) if name in self.names else None

    def tree(self, name: str) -> Element | None:
        """Return a small part as a tree."""
        data = self.part(name)
        return None if data is None else xml_tree.parse(data)

    def like(self, pattern: str) -> list[str]:
        """Return the parts whose names match; numbers sort as numbers."""
        found = (name for name in self.names if re.fullmatch(pattern, name))
        return sorted(found, key=lambda name: (len(name), name))

    def targets(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the parts that a part refers to: for each relation's id, its kind and the path.

        The kind is its last word. Empty where the file with the relations is missing.
        """
        folder, name = posixpath.split(part)
        relations = self.tree(posixpath.join(folder, "_rels", f"{name}.rels"))
        found = {}
        for one in relations.all("Relationship") if relations else ():
            own = one.attributes
            if own.get("TargetMode") != "External" and "Target" in own:
                path = posixpath.normpath(posixpath.join("/", folder, own["Target"])).lstrip("/")
                found[own.get("Id", "")] = (own.get("Type", "").rpartition("/")[2], path)
        return found


class Found(NamedTuple):
    """The lines of a document, and its metadata."""

    lines: list[str]
    metadata: dict[str, Any]


def read(data: bytes) -> Found:
    """Return the text of an office file or an e-book.

    Raises `Unreadable`, or the errors of a damaged zip.
    """
    package = _opened(data)
    if "META-INF/container.xml" in package.names:
        return _epub(package)
    if "content.xml" in package.names:
        return _open_document(package)
    if "[Content_Types].xml" in package.names:
        return _ooxml(package)
    raise Unreadable("kind_not_read" if _is_iwork(package.names) else "broken")


def _is_iwork(names: frozenset[str]) -> bool:
    return any(name.startswith(_IWORK) for name in names)


def _opened(data: bytes) -> Package:
    archive = zipfile.ZipFile(io.BytesIO(data))
    parts = archive.infolist()
    if any(part.flag_bits & 0x1 for part in parts):
        raise Unreadable("encrypted")
    if len(parts) > PARTS:
        raise Unreadable("too_large")
    left = UNPACKED
    for part in parts:
        limit = min(left, XML_PART if part.filename.endswith(_XML) else left)
        left -= _unpacked_size(archive, part, limit)
    return Package(archive, frozenset(part.filename for part in parts))


def _unpacked_size(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limit: int) -> int:
    size = 0
    with archive.open(part) as stream:
        while block := stream.read(256 * 1024):
            size += len(block)
            if size > limit:
                raise Unreadable("too_large")
    return size


class Grammar(NamedTuple):
    """How an XML vocabulary writes text, by names without their prefix (`skipped`: or with it).

    `lines` are paragraphs, `texts` the elements with their words (None: anything in a paragraph),
    `marks` the elements for a character.
    """

    lines: frozenset[str]
    texts: frozenset[str] | None
    marks: dict[str, str]
    skipped: frozenset[str]


_OOXML = Grammar(
    lines=frozenset({"p"}),
    texts=frozenset({"t", "text"}),
    marks={"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"},
    skipped=frozenset(
        # text that was deleted or moved away, the older copy of a drawing, properties
        {"del", "moveFrom", "Fallback", "pPr", "rPr", "tblPr", "sectPr", "instrText", "delText"}
    ),
)
_SHARED = Grammar(frozenset({"si"}), frozenset({"t"}), {}, frozenset({"rPh", "rPr"}))
_ODF = Grammar(
    lines=frozenset({"p", "h"}),
    texts=None,
    marks={"tab": "\t", "line-break": "\n", "s": " "},
    skipped=frozenset(
        {"tracked-changes", "note-citation", "binary-data", "event-listeners", "settings"}
        | {"dc:creator", "dc:date", "meta:creator-initials", "loext:sender-initials"}
    ),
)


class _Parser:
    """An expat parser that resolves nothing outside and accepts no document type."""

    def __init__(self) -> None:
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.end
        self.expat.CharacterDataHandler = self.data
        self.expat.EntityDeclHandler = self._refuse

    def parse(self, data: bytes) -> None:
        self.expat.Parse(data, True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the beginning of an element."""

    def end(self, name: str) -> None:
        """Handle the end of an element."""

    def data(self, chars: str) -> None:
        """Handle text within an element."""

    def _refuse(self, *_: object) -> None:
        raise Unreadable("broken")


class _Words(_Parser):
    """The paragraphs of a part, in the order of their beginnings."""

    def __init__(self, grammar: Grammar) -> None:
        super().__init__()
        self._grammar = grammar
        self._lines: list[list[str]] = []
        self._open: list[int] = []
        self._skipped = self._within = 0

    def of(self, data: bytes) -> list[str]:
        self.parse(data)
        return ["".join(pieces) for pieces in self._lines]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local, grammar = name.rpartition(":")[2], self._grammar
        if self._skipped or local in grammar.skipped or name in grammar.skipped:
            self._skipped += 1
        elif local in grammar.lines:
            self._open.append(len(self._lines))
            self._lines.append([])
        elif local in grammar.marks:
            self._say(grammar.marks[local] * _times(attributes.get("text:c", "1")))
        elif grammar.texts and local in grammar.texts:
            self._within += 1

    def end(self, name: str) -> None:
        local, grammar = name.rpartition(":")[2], self._grammar
        if self._skipped:
            self._skipped -= 1
        elif local in grammar.lines:
            self._open.pop()
        elif local not in grammar.marks and grammar.texts and local in grammar.texts:
            self._within -= 1

    def data(self, chars: str) -> None:
        if not self._skipped and (self._within or self._grammar.texts is None):
            self._say(chars)

    def _say(self, chars: str) -> None:
        if self._open:
            self._lines[self._open[-1]].append(chars)
        elif self._within:
            self._lines.append([chars])


def _times(count: str) -> int:
    return min(int(count), 1_000) if count.isdecimal() and len(count) < 9 else 1


def _words(package: Package, part: str, grammar: Grammar) -> list[str]:
    data = package.part(part)
    return [] if data is None else _Words(grammar).of(data)


def _ooxml(package: Package) -> Found:
    roots = package.targets("")
    main = next((path for kind, path in roots.values() if kind == "officeDocument"), "")
    if main not in package.names:
        usual = ("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml")
        main = next((part for part in usual if part in package.names), "")
    kind = main.partition("/")[0]
    if not main or main.endswith(".bin"):
        raise Unreadable("kind_not_read" if main else "broken")
    if kind == "xl":
        lines = list(_workbook(package, main))
    elif kind == "ppt":
        lines = list(_slides(package, main))
    else:
        lines = list(_text_document(package, main))
    return Found(lines, _core(package, roots))


def _core(package: Package, roots: dict[str, tuple[str, str]]) -> dict[str, Any]:
    part = next((path for kind, path in roots.values() if kind == "core-properties"), "")
    core = package.tree(part)
    return _metadata(core, title="title", author="creator", created="created")


def _metadata(element: Element | None, **names: str) -> dict[str, Any]:
    return {name: element.text_at(tag) for name, tag in names.items()} if element else {}


#: The kinds of text in separate parts, in the order in which they follow the text.
_FURTHER_PARTS = ("footnotes", "endnotes", "comments", "diagramData", "chart", "header", "footer")


def _text_document(package: Package, main: str) -> Iterator[str]:
    yield from _words(package, main, _OOXML)
    targets = list(package.targets(main).values())
    for kind in _FURTHER_PARTS:
        seen: set[str] = set()  # each section has headers of its own, mostly the same
        for _, path in (target for target in targets if target[0] == kind):
            for line in _words(package, path, _OOXML):
                if line.strip() and line not in seen:
                    yield line
                if kind in ("header", "footer"):
                    seen.add(line)


def _slides(package: Package, main: str) -> Iterator[str]:
    targets = package.targets(main)
    shown = package.tree(main)
    ids = (
        (one.attributes.get("r:id", "") for one in shown.walk() if one.tag == "sldId")
        if shown
        else ()
    )
    ordered = [targets[one][1] for one in ids if one in targets]
    for slide in ordered or package.like(r"ppt/slides/slide\d+\.xml"):
        yield from (line for line in _words(package, slide, _OOXML) if line.strip())
        for kind, path in package.targets(slide).values():
            if kind in ("notesSlide", "comments", "diagramData", "chart"):
                yield from (line for line in _words(package, path, _OOXML) if line.strip())


def _workbook(package: Package, main: str) -> Iterator[str]:
    """Yield each sheet: its name, then its rows, with tabs between the cells."""
    book = package.tree(main)
    if book is None:
        return
    targets = package.targets(main)
    by_kind = dict(targets.values())
    shared = _words(package, by_kind.get("sharedStrings", "xl/sharedStrings.xml"), _SHARED)
    dates = _date_styles(package.tree(by_kind.get("styles", "xl/styles.xml")))
    settings = book.first("workbookPr")
    since_1904 = settings is not None and settings.attributes.get("date1904") in ("1", "true")
    sheets = book.first("sheets")
    for number, sheet in enumerate(sheets.all("sheet") if sheets else (), 1):
        usual = ("worksheet", f"xl/worksheets/sheet{number}.xml")
        path = targets.get(sheet.attributes.get("r:id", ""), usual)[1]
        yield sheet.attributes.get("name", "")
        data = package.part(path)
        if data is not None:
            yield from _Sheet(shared, dates, since_1904=since_1904).of(data)
        for kind, further in package.targets(path).values():
            if kind in ("comments", "threadedComment", "drawing"):
                words = _words(package, further, _OOXML)
                yield from (line for line in words if line.strip())


#: ECMA-376 part 1, 18.8.30: the built-in formats that show a date or a time.
_BUILT_IN = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NOT_SHOWN = re.compile(r'"[^"]*"|\[(?!h+\]|m+\]|s+\])[^\]]*\]|\\.|_.|General', re.IGNORECASE)


def _date_styles(styles: Element | None) -> frozenset[int]:
    """Return the numbers of the cell styles that show a number as a date."""
    if styles is None:
        return frozenset()
    custom = {
        one.attributes.get("numFmtId", ""): one.attributes.get("formatCode", "")
        for one in styles.walk()
        if one.tag == "numFmt"
    }
    formats = styles.first("cellXfs")
    ids = [one.attributes.get("numFmtId", "") for one in formats.all("xf")] if formats else []
    return frozenset(n for n, one in enumerate(ids) if _shows_date(one, custom.get(one)))


def _shows_date(number: str, code: str | None) -> bool:
    if code is not None:
        return re.search(r"[ymdhs]", _NOT_SHOWN.sub("", code), re.IGNORECASE) is not None
    return number.isdecimal() and len(number) < 4 and int(number) in _BUILT_IN


class _Sheet(_Parser):
    """The rows of a sheet, without the empty cells at the end of a row."""

    def __init__(self, shared: list[str], dates: frozenset[int], *, since_1904: bool) -> None:
        super().__init__()
        self._shared, self._dates, self._since_1904 = shared, dates, since_1904
        self._rows: list[list[str]] = []
        self._cell: dict[str, str] = {}
        self._value: list[str] = []
        self._within = self._phonetic = False

    def of(self, data: bytes) -> list[str]:
        self.parse(data)
        rows = ("\t".join(row).rstrip("\t") for row in self._rows)
        return [row for row in rows if row.strip()]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "row":
            self._rows.append([])
        elif local == "c":
            self._cell, self._value = attributes, []
        elif local == "rPh":
            self._phonetic = True
        self._within = local in ("v", "t") and not self._phonetic

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        self._within = False
        if local == "rPh":
            self._phonetic = False
        elif local == "c":
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append(self._shown("".join(self._value)))

    def data(self, chars: str) -> None:
        if self._within:
            self._value.append(chars)

    def _shown(self, value: str) -> str:
        kind, style = self._cell.get("t", "n"), self._cell.get("s", "0")
        if kind == "s":
            number = int(value) if len(value) < 12 and value.strip().isdecimal() else -1
            return self._shared[number] if 0 <= number < len(self._shared) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "n" and style.isdecimal() and int(style) in self._dates:
            return _moment(value, since_1904=self._since_1904)
        return value


def _moment(value: str, *, since_1904: bool) -> str:
    """Return a serial number as a date, or as a time of day below 1; others as they are written."""
    try:
        days = float(value)
        first = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)
        # Day 60 would be in a leap year 1900, which was none: days before it are one later.
        at = first + timedelta(days=days + (not since_1904 and 0 < days < 60))
    except (ValueError, OverflowError):
        return value
    at = (at + timedelta(milliseconds=500)).replace(microsecond=0)
    if 0 <= days < 1:
        return f"{at:%H:%M:%S}"
    return at.date().isoformat() if days.is_integer() else at.isoformat(" ")


def _open_document(package: Package) -> Found:
    manifest = package.part("META-INF/manifest.xml") or b""
    if b"encryption-data" in manifest:
        raise Unreadable("encrypted")
    lines = _words(package, "content.xml", _ODF)
    seen: set[str] = set()
    for line in _words(package, "styles.xml", _ODF):  # headers and footers
        if line.strip() and line not in seen:
            seen.add(line)
            lines.append(line)
    meta = package.tree("meta.xml")
    element = meta.first("meta") if meta else None
    names = {"title": "title", "author": "creator", "created": "creation-date"}
    return Found(lines, _metadata(element, **names))


def _epub(package: Package) -> Found:
    """Return the chapters in the order of the spine."""
    container = package.tree("META-INF/container.xml")
    roots = [one for one in container.walk() if one.tag == "rootfile"] if container else []
    path = unquote(roots[0].attributes.get("full-path", "")) if roots else ""
    book = package.tree(path)
    if book is None:
        raise Unreadable("broken")
    chapters = list(_chapters(book, path))
    locked = package.part("META-INF/encryption.xml") or b""
    if any(posixpath.basename(chapter).encode() in locked for chapter in chapters):
        raise Unreadable("encrypted")  # fonts may be disguised; chapters are locked
    lines = []
    for chapter in chapters:
        data = package.part(chapter)
        if data is not None:
            lines.append(cleaning.html_to_text(cleaning.decode(data)[0]) + "\n")
    metadata = _metadata(book.first("metadata"), title="title", author="creator", created="date")
    return Found(lines, metadata)


def _chapters(book: Element, path: str) -> Iterator[str]:
    manifest, spine = book.first("manifest"), book.first("spine")
    files = {
        item.attributes.get("id"): item.attributes.get("href", "")
        for item in (manifest.all("item") if manifest else ())
    }
    for reference in spine.all("itemref") if spine else ():
        href = files.get(reference.attributes.get("idref"))
        if href:
            folder = posixpath.dirname(path)
            yield posixpath.normpath(posixpath.join(folder, unquote(href)))
