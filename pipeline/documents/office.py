"""The text of office files and e-books, which are zip files of XML.

OOXML (ECMA-376: docx, xlsx, pptx and their kin), OpenDocument 1.3 (odt, ods, odp) and EPUB 3. The
parts of a package decide its kind; its name does not. All text that a reader of the document
sees is read: tables, text boxes, insertions, fields, formulas, notes, comments, headers. Text that
a tracked change deleted is not. expat parses the parts in one pass; libraries for these files build
trees of each part, omit what is not a direct child of a paragraph, and refuse packages that lack a
part which the text does not need.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from pipeline.documents.office_package import Package, Unreadable, open_package
from pipeline.documents.office_sheets import read_workbook
from pipeline.documents.office_words import OOXML, OPEN_DOCUMENT, read_words
from pipeline.syntax.xml_tree import Element
from pipeline.text import cleaning

_IWORK = ("Index/", "Index.zip", "index.apxl", "index.xml.gz")


class Found(NamedTuple):
    """The lines of a document, and its metadata."""

    lines: list[str]
    metadata: dict[str, Any]


def read(data: bytes) -> Found:
    """Return the text of an office file or an e-book.

    Raises `Unreadable`, or the errors of a damaged zip.
    """
    package = open_package(data)
    if "META-INF/container.xml" in package.names:
        return _epub(package)
    if "content.xml" in package.names:
        return _open_document(package)
    if "[Content_Types].xml" in package.names:
        return _ooxml(package)
    raise Unreadable("kind_not_read" if _is_iwork(package.names) else "broken")


def _is_iwork(names: frozenset[str]) -> bool:
    return any(name.startswith(_IWORK) for name in names)


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
        lines = list(read_workbook(package, main))
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
    yield from read_words(package, main, OOXML)
    targets = list(package.targets(main).values())
    for kind in _FURTHER_PARTS:
        seen: set[str] = set()  # each section has headers of its own, mostly the same
        for _, path in (target for target in targets if target[0] == kind):
            for line in read_words(package, path, OOXML):
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
        yield from (line for line in read_words(package, slide, OOXML) if line.strip())
        for kind, path in package.targets(slide).values():
            if kind in ("notesSlide", "comments", "diagramData", "chart"):
                yield from (line for line in read_words(package, path, OOXML) if line.strip())


def _open_document(package: Package) -> Found:
    manifest = package.part("META-INF/manifest.xml") or b""
    if b"encryption-data" in manifest:
        raise Unreadable("encrypted")
    lines = read_words(package, "content.xml", OPEN_DOCUMENT)
    seen: set[str] = set()
    for line in read_words(package, "styles.xml", OPEN_DOCUMENT):  # headers and footers
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
