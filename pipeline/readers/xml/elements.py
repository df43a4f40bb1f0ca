"""Repeated elements of an XML file, by their names, from documents of any size.

Only their bounds are found in the stream; each element is then parsed alone (`xml_tree`), so that a
DTD has no effect. The rules for elements:

* An element extends from its start tag, with any prefix, outside comments, CDATA and processing
  instructions and not before the root, to its end tag. No element of these names is within another:
  one that is still open where the next begins is cut off. An end tag without a start tag is broken,
  with all bytes between it and the element before.
* An unclosed comment, CDATA or instruction hides nothing.
* A start tag in which a quote does not close before the next `<`, which no attribute may hold, is
  broken up to there.
* *Heads* are elements that hold the others (the track around its points). A head's item is its
  beginning, up to the first element of `names` in it. `around` then has the number of its items
  (`items`), the first and the last of them (`first`, `last`), and the elements in it after the
  last, and after inner heads, within 16 KiB (`tail`). With `ordered_by`, the name of a child,
  `texts` has the least and the greatest of its texts, by their ends (the zone of a time), and
  `in_order` says whether each was at least the one before.
* *Folders* are elements that hold others and have a `name`; `around["folders"]` has the names of
  those around an element, from the top.

Text between elements is not checked; but a document with an unclosed root is truncated, and gives
one TRUNCATED.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO, ClassVar, NamedTuple, Protocol
from xml.parsers import expat

import msgspec
import re2

from pipeline.readers.folders import Folders, Step
from pipeline.readers.xml.count import Counter, count_tags
from pipeline.readers.xml.named_folders import NAME, NAME_BYTES, FoundFolders
from pipeline.readers.xml.order import Order
from pipeline.readers.xml.window import BLOCK, Window, tokens
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from schemas.errors import BadValue
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_HEAD = 64 * 1024
_BOM = b"\xef\xbb\xbf"
#: The detail of an element whose start tag is broken or missing.
HEADLESS = "the end of an element that nothing begins"
#: How much of something broken is kept for the quarantine.
_RAW_BYTES = 64 * 1024
_ENDS = {b"!--": b"-->", b"![CDATA[": b"]]>", b"?": b"?>"}
#: How far after its last item the search for a head's end goes, and the end tags that may come
#: first.
_TAIL = 16 * 1024
_END_TAGS = re.compile(rb"(?:\s*+</[^<>]*+>)*+")


class XmlElements(msgspec.Struct, frozen=True, kw_only=True):
    """Elements named `names`, and the beginnings of those named `heads`, as `Element`s.

    `named` are elements in `folders` that have names of their own, besides `names`. An element over
    `item_bytes` is rejected with its first 64 KiB.
    """

    version: ClassVar[int] = 1
    #: Elements are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    names: tuple[str, ...]
    heads: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    ordered_by: str = ""
    item_bytes: int = SliceLimits().item_bytes

    @property
    def name(self) -> str:
        """Return a stable name, part of a chunk's identity."""
        parts = (self.names, self.heads, self.folders)
        return "xml_elements:" + ";".join(",".join(part) for part in parts if part)

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `root`, `root_at` and `steps`.

        `root`: the name of the document's root element, without a prefix, and `root_at`, where it
        begins; "" and 0 if none is found. `steps`: where folders begin and end.
        """
        source.seek(0)
        root = xml_tree.root_of(source.read(_HEAD))
        context = {"root": root.tag if root else "", "root_at": root.at if root else 0}
        return {**context, "steps": self._outline(source, context)} if self.folders else context

    def _outline(self, source: BinaryIO, context: Context) -> list[Step]:
        """Return where the folders begin and end."""
        window = Window(source, _first(context), source.seek(0, 2))
        token = tokens((*self.folders, *self.names, *self.named, NAME))
        found = FoundFolders(self.folders)
        at = window.start
        while not found.outline.full and (tag := window.search(token, at)) is not None:
            if tag.skip:
                at = window.behind(_ENDS[tag.skip], tag.end)
                continue
            at = tag.tag_end or window.tag_end(tag.end, self.item_bytes)[0]
            if tag.close or window.bytes(at - 2, 1) != b"/":
                found.note(tag, window.bytes(at, NAME_BYTES) if tag.name == found.NAME else b"")
        return found.outline.steps

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges that tile the file; each but the first begins at an element."""
        end = source.seek(0, 2)
        start = items = 0
        for bound in self._bounds(Window(source, _first(context), end)):
            if items and (items >= limits.records or bound.end - start > limits.size):
                yield Slice(start, bound.start)
                start, items = bound.start, 0
            items += 1
        if end > start:
            yield Slice(start, end)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one `Element` each; at the end of a file that breaks off, TRUNCATED."""
        size = source.seek(0, 2)
        window = Window(source, min(max(part.start, _first(context)), part.end), part.end)
        folders, truncated = Folders(context.get("steps", ())), False
        for bound in self._bounds(window):
            item = self._item(window, bound, size)
            if self.folders and isinstance(item, RawRecord):
                names = [step[1] for step in folders.at(item.offset)]
                item = msgspec.structs.replace(item, around={**item.around, "folders": names})
            truncated = isinstance(item, Rejection) and item.reason is Reason.TRUNCATED
            yield item
        if part.end == size and not truncated and not _closes(source, size, context["root"]):
            detail = "the document breaks off: nothing closes its root"
            yield Rejection(reason=Reason.TRUNCATED, detail=detail, offset=size)

    def _item(self, window: Window, bound: _Bound, size: int) -> RawRecord | Rejection:
        start, length = bound.start, bound.end - bound.start
        if length > self.item_bytes:
            detail = f"an element of over {self.item_bytes} bytes"
            return _rejected(Reason.ITEM_TOO_LARGE, detail, window.bytes(start, _RAW_BYTES), bound)
        if bound.broken:
            return _broken(window.bytes(start, min(length, _RAW_BYTES)), bound, size)
        data = window.bytes(start, length)
        try:
            value, flags = xml_tree.understood(data, cut_off=bound.head)
        except BadValue as bad:
            return _rejected(bad.reason, bad.detail, data[:_RAW_BYTES], bound)
        if bound.head:
            return RawRecord(value, start, length, self._contents_of(window, bound), flags)
        return RawRecord(value, start, length, flags=flags)

    def _contents_of(self, outer: Window, head: _Bound) -> dict[str, Any]:
        """Return what a head holds, from a walk over it alone, which may extend past the slice."""
        window = Window(outer.source, head.start, outer.source.seek(0, 2))
        first: Element | None = None
        last = None
        count = 0
        order = Order(self.ordered_by) if self.ordered_by else None
        for bound in self._bounds(window, within=head.name):
            if bound.start == head.start or bound.head or bound.broken:
                continue
            last, count = bound, count + 1
            first = first or self._element(window, bound)
            if order is not None and bound.end - bound.start <= self.item_bytes:
                order.note(window.bytes(bound.start, bound.end - bound.start))
        contents: dict[str, Any] = {
            "items": count,
            "first": first,
            "last": self._element(window, last),
        }
        if last is not None and (tail := self._tail(window, head, last)):
            contents["tail"] = tail
        return contents if order is None else {**contents, **order.found()}

    def _tail(self, window: Window, head: _Bound, last: _Bound) -> list[Element]:
        """Return the elements of a head after its last item; none if they are not valid."""
        data = window.bytes(last.end, _TAIL)
        end = _end_tag(head.name.decode()).search(data)
        if end is None:
            return []
        part = data[: end.start()]
        inner = [name for name in self.heads if name.encode() != head.name]
        start = 0
        for closed in _end_tag(*inner).finditer(part) if inner else ():
            start = closed.end()
        part = part[_END_TAGS.match(part, start).end() :]  # type: ignore[union-attr]
        if b"<" not in part:
            return []
        try:
            return xml_tree.understood(b"<tail>" + part + b"</tail>")[0].children
        except BadValue:
            return []

    def _element(self, window: Window, bound: _Bound | None) -> Element | None:
        if bound is None or bound.end - bound.start > self.item_bytes:
            return None
        try:
            return xml_tree.understood(window.bytes(bound.start, bound.end - bound.start))[0]
        except BadValue:
            return None

    def _bounds(self, window: Window, within: bytes | None = None) -> Iterator[_Bound]:
        """Yield the bounds of elements; `within` limits them to the first head of that name."""
        token = tokens(self.names + self.heads)
        heads = frozenset(head.encode() for head in self.heads)
        at = behind = window.start
        opened: _Bound | None = None
        while (found := window.search(token, at)) is not None:
            start, at = found.start, found.end
            if found.skip:
                at = window.behind(_ENDS[found.skip], at)
                continue
            name = found.name
            if opened is not None:
                closes = found.close and opened.name == name
                end = start
                if closes:
                    end = found.tag_end or window.tag_end(at, self.item_bytes)[0]
                yield opened._replace(end=end, broken=not (closes or opened.head))
                at, opened, behind = max(at, end), None, end
                if closes:
                    continue
            if name == within and (found.close or start > window.start):
                return
            if found.close:
                if name not in heads:  # its start tag is broken or missing
                    at = found.tag_end or window.tag_end(at, self.item_bytes)[0]
                    yield _Bound(behind, at, name, False, True, headless=True)
                    behind = at
                continue
            at, sound = found.tag_end, True
            if not at:
                at, sound = window.tag_end(found.end, self.item_bytes)
            if sound and window.bytes(at - 2, 1) != b"/":
                opened = _Bound(start, start, name, name in heads, broken=True)
            else:
                yield _Bound(start, at, name, name in heads, not sound)
                behind = at
        if opened is not None:
            yield opened._replace(end=window.end, broken=not (opened.head and window.cut_short))

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of start tags of those names by expat.

        For a file that expat does not read to its end, or whose DTD declares entities, a search for
        tags counts.
        """
        counter = Counter(self.names + self.heads)
        source.seek(0)
        start = source.read(_HEAD)
        try:
            counter.feed(start.removeprefix(_BOM).lstrip())
            while block := source.read(BLOCK):
                counter.feed(block)
            counter.feed(b"", ends=True)
        except (expat.ExpatError, ValueError):
            return count_tags(source, self.names + self.heads, _first(context))
        return counter.found


def _first(context: Context) -> int:
    """Return where the root begins; contexts of version 1 do not have it."""
    at: int = context.get("root_at", 0)
    return at


@lru_cache(maxsize=32)
def _end_tag(*names: str) -> re.Pattern[bytes]:
    wanted = b"|".join(re.escape(name).encode() for name in names)
    return re.compile(rb"</(?:[^\s<>/:]{1,64}:)?(?:" + wanted + rb")\s*>")


class _Bound(NamedTuple):
    """The bounds of an element or its part.

    It is `broken` if it has no end of its own, and `headless` if it has no beginning.
    """

    start: int
    end: int
    name: bytes
    head: bool
    broken: bool
    headless: bool = False


def _broken(raw: bytes, bound: _Bound, size: int) -> Rejection:
    """Return why a part of an element is invalid, in a file of `size` bytes."""
    if bound.headless:
        return _rejected(Reason.BAD_SYNTAX, HEADLESS, raw, bound)
    if bound.end == size:
        return _rejected(Reason.TRUNCATED, "the file breaks off in an element", raw, bound)
    return _rejected(Reason.BAD_SYNTAX, "an element that is not closed", raw, bound)


def _rejected(reason: Reason, detail: str, raw: bytes, bound: _Bound) -> Rejection:
    length = bound.end - bound.start
    return Rejection(reason=reason, detail=detail, raw=raw, offset=bound.start, length=length)


def _closes(source: BinaryIO, size: int, root: str) -> bool:
    """Return whether the file ends with its root's end tag, and perhaps comments."""
    source.seek(max(0, size - _HEAD))
    return bool(root) and _ending(root).search(source.read()) is not None


@lru_cache(maxsize=32)
def _ending(root: str) -> _Ending:
    """Return a pattern of the root's end tag, and what may follow it.

    RE2 compiles it: a page may hold the tag a thousand times, each with a comment after it that
    extends to the end.
    """
    name = rb"(?:[^\s<>/:]+:)?" + re2.escape(root.encode())
    comment = rb"<!--(?:[^-]|-[^-]|--+[^->])*--+>"
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    pattern = rb"<(?:/%s\s*|%s(?:\s[^<>]*)?/)>(?:\s|%s)*\z" % (name, name, comment)
    compiled: _Ending = re2.compile(pattern, options)
    return compiled


class _Ending(Protocol):
    """A pattern of RE2."""

    def search(self, text: bytes) -> object | None:
        """Return the first match."""
