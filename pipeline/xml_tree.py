"""One element of XML as a small tree, and what a file's first bytes say of its root.

Elements are parsed alone, out of their document: there is no DTD then, so no entity but the five
of XML is known, nothing is expanded and nothing outside is fetched. Names are taken without their
prefix, since a prefix is declared on some element outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from xml.parsers import expat

import msgspec

from schemas.errors import BadValue
from schemas.files import Head
from schemas.reasons import Reason

#: Elements within elements; more are nobody's export.
DEPTH = 64

_names: dict[str, str] = {}  # expat shares the texts of names through it


class Element(msgspec.Struct, gc=False):
    """An element: its name without a prefix, its attributes, its own text, its children."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = []

    def all(self, tag: str) -> Iterator[Element]:
        """The children of that name, in order."""
        return (child for child in self.children if child.tag == tag)

    def first(self, *path: str) -> Element | None:
        """The first element along a path of names; None where it ends before."""
        found: Element | None = self
        for tag in path:
            found = next(found.all(tag), None) if found is not None else None
        return found

    def said(self, *path: str) -> str | None:
        """The text at the end of a path of names without the space around it; None if blank."""
        found = self.first(*path)
        return (found.text.strip() or None) if found is not None else None

    def walk(self) -> Iterator[Element]:
        """The element and all within it, in the order of the document."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))


def parse(data: bytes, *, cut_off: bool = False) -> Element:
    """The element that `data` is, in UTF-8.

    With `cut_off`, `data` is only the first part of one and ends between two tags: what is still
    open is closed. Raises `BadValue`: BAD_SYNTAX, or TOO_DEEP.
    """
    builder = _Builder()
    try:
        builder.parser.Parse(data, not cut_off)
        if cut_off:
            builder.parser.Parse(builder.closing(), True)
    except expat.ExpatError as error:
        line, column = error.lineno, error.offset
    else:
        return builder.root
    raise BadValue(Reason.BAD_SYNTAX, f"not sound XML at line {line}, column {column}")


class _Builder:
    """Builds the tree of one element as the parser walks it."""

    def __init__(self) -> None:
        self.root = Element("", {})
        self.parser = parser = expat.ParserCreate("utf-8", None, _names)
        self._open: list[Element] = []
        self._written: list[str] = []
        self._texts: list[list[str]] = []
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._written.append(name)
        element = Element(name.rpartition(":")[2], attributes, "", [])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])
        if len(self._open) > DEPTH:
            raise BadValue(Reason.TOO_DEEP, f"over {DEPTH} elements within each other")

    def _end(self, name: str) -> None:
        element, texts = self._open.pop(), self._texts.pop()
        if texts:
            element.text = texts[0] if len(texts) == 1 else "".join(texts)
        self._written.pop()

    def _text(self, text: str) -> None:
        self._texts[-1].append(text)

    def closing(self) -> bytes:
        """End tags for all that is open."""
        return "".join(f"</{name}>" for name in reversed(self._written)).encode()


class Root(NamedTuple):
    """A document's root, and the names of the elements that follow it, as far as can be seen."""

    tag: str
    attributes: dict[str, str]
    following: tuple[str, ...]


class _Seen(Exception):
    """Enough was seen."""


_FOLLOWING = 50


def root_of(head: Head | bytes) -> Root | None:
    """The root of the XML that a file begins with; None if it doesn't begin with any.

    Nothing outside is fetched, and expat itself bounds what entities in 64 KiB can grow to.
    """
    data = head.data if isinstance(head, Head) else head
    found: list[tuple[str, dict[str, str]]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        found.append((name.rpartition(":")[2], attributes))
        if len(found) > _FOLLOWING:
            raise _Seen

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    # What came before it breaks counts.
    with suppress(expat.ExpatError, _Seen, ValueError, LookupError):
        parser.Parse(data.removeprefix(b"\xef\xbb\xbf").lstrip(), False)
    if not found:
        return None
    return Root(*found[0], following=tuple(name for name, _ in found[1:]))
