"""One element of XML as a small tree, and the root of a file from its first bytes.

Elements are parsed alone, outside of their document: without its DTD only the five entities of XML
are known, nothing is expanded and nothing outside is fetched. Names have no prefix, since an
element outside declares it.

Common deviations from XML are repaired if their meaning is clear (`understood`), with the flag
`xml_mended`: a character beyond the first 65,536 as references to its two surrogates, half of such
a pair, control characters, a bare `&`, HTML's names of characters, a `<` that begins nothing. All
else, such as an entity that only a DTD could declare, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from html.entities import html5
from typing import NamedTuple
from xml.parsers import expat

import msgspec

from schemas.errors import BadValue
from schemas.files import Head
from schemas.reasons import Reason

#: The maximum nesting of elements; no export has more.
DEPTH = 64

_names: dict[str, str] = {}  # expat shares the texts of names through it


class Element(msgspec.Struct, gc=False):
    """An element: its name without a prefix, its attributes, its own text, its children."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = []

    def all(self, tag: str) -> Iterator[Element]:
        """Yield the children of that name, in order."""
        return (child for child in self.children if child.tag == tag)

    def first(self, *path: str) -> Element | None:
        """Return the first element along a path of names; None if the path ends before."""
        found: Element | None = self
        for tag in path:
            found = next(found.all(tag), None) if found is not None else None
        return found

    def text_at(self, *path: str) -> str | None:
        """Return the text at the end of a path of names, stripped; None if blank."""
        found = self.first(*path)
        return (found.text.strip() or None) if found is not None else None

    def walk(self) -> Iterator[Element]:
        """Yield the element and all within it, in the order of the document."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))


def parse(data: bytes, *, cut_off: bool = False) -> Element:
    """Return the element that `data` is, in UTF-8.

    With `cut_off`, `data` is only the first part of one and ends between two tags: open elements
    are closed. Raises `BadValue`: BAD_SYNTAX, or TOO_DEEP.
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
    raise BadValue(Reason.BAD_SYNTAX, f"the XML is invalid at line {line}, column {column}")


#: Flag of text that is not XML, and was read after a repair.
MENDED = "xml_mended"


def understood(data: bytes, *, cut_off: bool = False) -> tuple[Element, tuple[str, ...]]:
    """Return the element as `parse`, with the flag `xml_mended` if it was repaired first."""
    try:
        return parse(data, cut_off=cut_off), ()
    except BadValue as bad:
        mended = _mended(data) if bad.reason is Reason.BAD_SYNTAX else data
        if mended == data:
            raise
        complaint = bad
    try:
        return parse(mended, cut_off=cut_off), (MENDED,)
    except BadValue as still:
        # Line and column are those of the file.
        raise (still if still.reason is Reason.TOO_DEEP else complaint) from None


_SECTION = re.compile(rb"<!--|<!\[CDATA\[")
#: Characters that XML 1.0 cannot write (2.2).
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_REFERENCES = rb"(?:&#(?:x[0-9a-f]{1,8}|[0-9]{1,10});)+"
_ODD = re.compile(
    _FORBIDDEN.pattern
    + rb"|(?P<numbers>"
    + _REFERENCES
    + rb")|&(?P<name>[a-z][a-z0-9]{0,31};)?|<(?![a-z_:/!?\x80-\xff])",
    re.IGNORECASE,
)
_KNOWN = frozenset({b"amp;", b"lt;", b"gt;", b"quot;", b"apos;"})
_UNKNOWN_CHARACTER = "\ufffd".encode()


def _mended(data: bytes) -> bytes:
    """Return the data as valid XML; comments and CDATA have no references."""
    written, at = [], 0
    while (opened := _SECTION.search(data, at)) is not None:
        end = data.find(b"-->" if opened[0] == b"<!--" else b"]]>", opened.end())
        if end < 0:
            break
        written.append(_ODD.sub(_sound, data[at : opened.start()]))
        written.append(_FORBIDDEN.sub(_UNKNOWN_CHARACTER, data[opened.start() : end + 3]))
        at = end + 3
    written.append(_ODD.sub(_sound, data[at:]))
    return b"".join(written)


def _sound(found: re.Match[bytes]) -> bytes:
    if found["numbers"]:
        return _characters(found[0])
    if found[0] == b"<":
        return b"&lt;"
    if found[0][:1] != b"&":
        return _UNKNOWN_CHARACTER
    name = found["name"]
    if name is None:
        return b"&amp;"
    if name in _KNOWN:
        return found[0]
    meant = html5.get(name.decode("ascii"), "")
    return "".join(f"&#{ord(one)};" for one in meant).encode() or found[0]


def _characters(references: bytes) -> bytes:
    """Return references to characters, with two halves joined and U+FFFD for an invalid one."""
    numbers = [
        int(one[1:], 16) if one[:1] in b"xX" else int(one) for one in references[2:-1].split(b";&#")
    ]
    units = "".join(chr(n) if n <= 0x10FFFF else "\ufffd" for n in numbers)
    text = units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return "".join(f"&#{ord(one) if _is_allowed(one) else 0xFFFD};" for one in text).encode()


def _is_allowed(character: str) -> bool:
    return character in "\t\n\r" or (character >= " " and character not in "\ufffe\uffff")


class _Builder:
    """A builder of the tree of one element as the parser walks it."""

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
            raise BadValue(Reason.TOO_DEEP, f"elements are nested more than {DEPTH} deep")

    def _end(self, name: str) -> None:
        element, texts = self._open.pop(), self._texts.pop()
        if texts:
            element.text = texts[0] if len(texts) == 1 else "".join(texts)
        self._written.pop()

    def _text(self, text: str) -> None:
        self._texts[-1].append(text)

    def closing(self) -> bytes:
        """Return end tags for all open elements."""
        return "".join(f"</{name}>" for name in reversed(self._written)).encode()


class Root(NamedTuple):
    """A document's root, and the names of the elements after it, as far as they are visible.

    `at` is where its start tag begins.
    """

    tag: str
    attributes: dict[str, str]
    following: tuple[str, ...]
    at: int = 0


class _Seen(Exception):
    """The visible part is enough."""


_FOLLOWING = 50
_BLANK = re.compile(rb"(?:\xef\xbb\xbf|\s)*")


def root_of(head: Head | bytes) -> Root | None:
    """Return the root of the XML at the beginning of a file; None if there is none.

    Nothing outside is fetched, and expat itself bounds the growth of entities in 64 KiB. The text
    before the root may be broken, and so may its attributes: an invalid DTD (Apple's of iOS 16)
    says nothing about the elements.
    """
    data = head.data if isinstance(head, Head) else head
    before = len(_BLANK.match(data)[0])  # type: ignore[index]
    bare = data[before:]
    root = _parsed_root(bare) or _loose_root(bare)
    return root and root._replace(at=root.at + before)


def _parsed_root(data: bytes) -> Root | None:
    """Return the root as expat finds it."""
    found: list[tuple[str, dict[str, str]]] = []
    places: list[int] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        found.append((name.rpartition(":")[2], attributes))
        places.append(parser.CurrentByteIndex)
        if len(found) > _FOLLOWING:
            raise _Seen

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    # Elements before the break count.
    with suppress(expat.ExpatError, _Seen, ValueError, LookupError):
        parser.Parse(data, False)
    if not found:
        return None
    following = tuple(name for name, _ in found[1:])
    return Root(*found[0], following=following, at=places[0])


#: A start tag, a comment, or an entity, whose value may have tags.
_TAG = re.compile(
    rb"<(?:(!--)|(!ENTITY)\s[^\"'<>]{0,256}+(?:\"[^\"]{0,4096}+\"|'[^']{0,4096}+')"
    rb"|([a-z_:\x80-\xff][^\s<>/=\"']{0,255})(?=[\s/>]))",
    re.IGNORECASE,
)
_INNER = re.compile(rb"[^<>]*")
_ATTRIBUTE = re.compile(rb"\s([^\s<>=\"'/]{1,255})\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")


def _loose_root(data: bytes) -> Root | None:
    """Return the first start tag outside comments, and the names of those after it."""
    if data[:1] != b"<":
        return None
    found: list[tuple[str, re.Match[bytes]]] = []
    at, last = 0, data.rfind(b"-->")
    while len(found) <= _FOLLOWING and (tag := _TAG.search(data, at)) is not None:
        at = tag.end()
        if tag[3]:
            found.append((_text(tag[3]).rpartition(":")[2], tag))
        elif tag[1] and at <= last:
            at = data.find(b"-->", at) + 3
    if not found:
        return None
    name, first = found[0]
    pairs = _ATTRIBUTE.findall(_INNER.match(data, first.end())[0])  # type: ignore[index]
    attributes = {_text(key): unescape(_text(one or other)) for key, one, other in pairs}
    return Root(name, attributes, tuple(n for n, _ in found[1:]), first.start())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
