"""Repeated elements of an XML file, by their names, out of documents of any size.

Only their bounds are looked for in the stream; each element is then parsed alone (`xml_tree`), so
that a DTD, whatever it declares, has no say. What counts as an element here:

* Its start tag, with any prefix, outside comments, CDATA and processing instructions and not
  before the root, up to its end tag. No element of these names lies within another: one that is
  still open where the next begins was cut off. An end tag that closes none is broken, with all
  that lies between it and the element before.
* A comment, CDATA or instruction that nothing closes hides nothing.
* A start tag in which a quote does not close before the next `<`, which no attribute may hold, is
  broken up to there.
* *Heads* are elements that hold the others (the track round its points). A head's item is its
  beginning, up to the first element of `names` in it. `around` then says how many items it holds
  (`items`) and which are the first and the last of them (`first`, `last`), and has the elements
  that stand in it behind the last, and behind inner heads, within 16 KiB (`tail`). With
  `ordered_by`, the name of a child, `texts` has the least and the greatest of its texts, by what
  they end with (the zone of a time), and `in_order` says whether each was at least the one before.

* *Folders* are elements that hold others and have a `name`; `around["folders"]` has the names of
  those that an element lies in, from the top.

What lies between elements is not ours to judge; but a document whose root nothing closes has
broken off, and says so by one TRUNCATED.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from typing import Any, BinaryIO, ClassVar, NamedTuple, Protocol
from xml.parsers import expat

import msgspec
import re2

from pipeline.readers.folders import Folders, Outline, Step
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from schemas.errors import BadValue
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_BLOCK = 1 << 20
_HEAD = 64 * 1024
_BOM = b"\xef\xbb\xbf"
#: How far a name with its prefix may reach; what a window keeps of its end.
_AHEAD = 256
#: What is said of an element whose start tag is broken or not there.
HEADLESS = "the end of an element that nothing begins"
#: How much of something broken is kept for the quarantine.
_RAW_KEPT = 64 * 1024
_ATTRIBUTES = rb"(?:[^\"'<>]++|\"[^\"<]*+\"|'[^'<]*+')*+"
_REST_OF_TAG = re.compile(_ATTRIBUTES)
_ENDS = {b"!--": b"-->", b"![CDATA[": b"]]>", b"?": b"?>"}
#: How far behind its last item a head's end is looked for, and the end tags that may come first.
_TAIL = 16 * 1024
_END_TAGS = re.compile(rb"(?:\s*+</[^<>]*+>)*+")
#: Of a folder: the element that names it, how much of its text is read, and that text.
_NAME, _NAME_BYTES = "name", 1_000
_TEXT = re.compile(rb"\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))", re.DOTALL)
#: Of how many endings the texts are held.
_ENDINGS = 16
#: How much of a text is compared.
_LONGEST = 64


class XmlElements(msgspec.Struct, frozen=True, kw_only=True):
    """Elements named `names`, and the beginnings of those named `heads`, as `Element`s.

    `named` are elements in `folders` that have names of their own, beside `names`. An element over
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
        """Stable: part of a chunk's identity."""
        parts = (self.names, self.heads, self.folders)
        return "xml_elements:" + ";".join(",".join(part) for part in parts if part)

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """`root`: the name of the document's root element, without a prefix, and `root_at`, where
        it begins; "" and 0 if none is seen. `steps`: where folders begin and end."""
        source.seek(0)
        root = xml_tree.root_of(source.read(_HEAD))
        context = {"root": root.tag if root else "", "root_at": root.at if root else 0}
        return {**context, "steps": self._outline(source, context)} if self.folders else context

    def _outline(self, source: BinaryIO, context: Context) -> list[Step]:
        """Where the folders begin and end."""
        window = _Window(source, _first(context), source.seek(0, 2))
        token = _tokens((*self.folders, *self.names, *self.named, _NAME))
        found = _FoundFolders(self.folders)
        at = window.start
        while not found.outline.full and (tag := window.search(token, at)) is not None:
            if tag.skip:
                at = window.behind(_ENDS[tag.skip], tag.end)
                continue
            at = tag.tag_end or window.tag_end(tag.end, self.item_bytes)[0]
            if tag.close or window.bytes(at - 2, 1) != b"/":
                found.note(tag, window.bytes(at, _NAME_BYTES) if tag.name == found.NAME else b"")
        return found.outline.steps

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Ranges that tile the file; each but the first begins at an element."""
        end = source.seek(0, 2)
        start = items = 0
        for bound in self._bounds(_Window(source, _first(context), end)):
            if items and (items >= limits.records or bound.end - start > limits.size):
                yield Slice(start, bound.start)
                start, items = bound.start, 0
            items += 1
        if end > start:
            yield Slice(start, end)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """One `Element` each; at the end of a file that breaks off, TRUNCATED."""
        size = source.seek(0, 2)
        window = _Window(source, min(max(part.start, _first(context)), part.end), part.end)
        folders, told = Folders(context.get("steps", ())), False
        for bound in self._bounds(window):
            item = self._item(window, bound, size)
            if self.folders and isinstance(item, RawRecord):
                names = [step[1] for step in folders.at(item.offset)]
                item = msgspec.structs.replace(item, around={**item.around, "folders": names})
            told = isinstance(item, Rejection) and item.reason is Reason.TRUNCATED
            yield item
        if part.end == size and not told and not _closes(source, size, context["root"]):
            detail = "the document breaks off: nothing closes its root"
            yield Rejection(reason=Reason.TRUNCATED, detail=detail, offset=size)

    def _item(self, window: _Window, bound: _Bound, size: int) -> RawRecord | Rejection:
        start, length = bound.start, bound.end - bound.start
        if length > self.item_bytes:
            detail = f"an element of over {self.item_bytes} bytes"
            return _rejected(Reason.ITEM_TOO_LARGE, detail, window.bytes(start, _RAW_KEPT), bound)
        if bound.broken:
            return _broken(window.bytes(start, min(length, _RAW_KEPT)), bound, size)
        data = window.bytes(start, length)
        try:
            value, flags = xml_tree.understood(data, cut_off=bound.head)
        except BadValue as bad:
            return _rejected(bad.reason, bad.detail, data[:_RAW_KEPT], bound)
        if bound.head:
            return RawRecord(value, start, length, self._held(window, bound), flags)
        return RawRecord(value, start, length, flags=flags)

    def _held(self, outer: _Window, head: _Bound) -> dict[str, Any]:
        """What a head holds, from a walk over it alone, which may run past the slice."""
        window = _Window(outer.source, head.start, outer.source.seek(0, 2))
        first: Element | None = None
        last = None
        count = 0
        order = _Order(self.ordered_by) if self.ordered_by else None
        for bound in self._bounds(window, within=head.name):
            if bound.start == head.start or bound.head or bound.broken:
                continue
            last, count = bound, count + 1
            first = first or self._element(window, bound)
            if order is not None and bound.end - bound.start <= self.item_bytes:
                order.note(window.bytes(bound.start, bound.end - bound.start))
        held: dict[str, Any] = {"items": count, "first": first, "last": self._element(window, last)}
        if last is not None and (tail := self._tail(window, head, last)):
            held["tail"] = tail
        return held if order is None else {**held, **order.found()}

    def _tail(self, window: _Window, head: _Bound, last: _Bound) -> list[Element]:
        """The elements of a head behind its last item; none where they are not sound."""
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

    def _element(self, window: _Window, bound: _Bound | None) -> Element | None:
        if bound is None or bound.end - bound.start > self.item_bytes:
            return None
        try:
            return xml_tree.understood(window.bytes(bound.start, bound.end - bound.start))[0]
        except BadValue:
            return None

    def _bounds(self, window: _Window, within: bytes | None = None) -> Iterator[_Bound]:
        """Where the elements lie; with `within`, only those in the first head of that name."""
        token = _tokens(self.names + self.heads)
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
                if name not in heads:  # it closes nothing: its start tag is broken, or not there
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
        """Start tags of those names: as expat finds them, or in a file that it does not read to
        its end, or whose DTD declares entities, as a search for tags does."""
        counter = _Counter(self.names + self.heads)
        source.seek(0)
        start = source.read(_HEAD)
        try:
            counter.feed(start.removeprefix(_BOM).lstrip())
            while block := source.read(_BLOCK):
                counter.feed(block)
            counter.feed(b"", ends=True)
        except (expat.ExpatError, ValueError):
            return _tags(source, self.names + self.heads, _first(context))
        return counter.found


def _first(context: Context) -> int:
    """Where the root begins; contexts of version 1 do not say."""
    at: int = context.get("root_at", 0)
    return at


class _FoundFolders:
    """The folders, each with the first name in it that is of nothing else within it."""

    NAME = _NAME.encode()

    def __init__(self, folders: tuple[str, ...]) -> None:
        self.outline = Outline()
        self._folders = frozenset(name.encode() for name in folders)
        self._open: list[Step] = []
        self._holder = b""  # what is open that has a name of its own

    def note(self, tag: _Token, behind: bytes) -> None:
        """A tag that is not empty, and what stands behind one of a name."""
        if tag.name in self._folders:
            self._holder = b""
            if not tag.close:
                self._open.append(self.outline.begin(tag.start, ""))
            elif self._open:
                self._open.pop()
                self.outline.end(tag.start)
        elif tag.name == self.NAME:
            if self._open and not (tag.close or self._holder or self._open[-1][1]):
                self._open[-1][1] = self._text(behind)
        elif not tag.close:
            self._holder = self._holder or tag.name
        elif tag.name == self._holder:
            self._holder = b""

    @staticmethod
    def _text(data: bytes) -> str:
        found = _TEXT.match(data)
        if found is None:
            return ""
        if found[1] is not None:
            return found[1].decode("utf-8", "replace").strip()
        return unescape(found[2].decode("utf-8", "replace")).strip()


class _Order:
    """The texts of one child of many elements: the extremes, and whether they rise.

    A run of texts that rise and end alike costs a comparison each.
    """

    def __init__(self, child: str) -> None:
        self._start = b"<" + child.encode() + b">"
        self._text = _text_of(child)
        self._extremes: dict[bytes, tuple[bytes, bytes]] = {}
        self._first = self._before = self._ending = b""
        self._cut = -1
        self._in_order = True

    def note(self, element: bytes) -> None:
        at = element.find(self._start)
        if at >= 0:
            at += len(self._start)
            text = element[at : element.find(b"<", at)].strip()
        else:
            found = self._text.search(element)
            text = found[1] if found else b""
        if text >= self._before and text[self._cut :] == self._ending:
            self._before = text
        elif text:
            self._turn(text[:_LONGEST])

    def _turn(self, text: bytes) -> None:
        """A text that is less than the one before, or ends in another way."""
        self._close()
        cut = -6 if text[-6:-5] in (b"+", b"-") else -1
        if text[cut:] == self._ending and text < self._before:
            self._in_order = False
        self._cut, self._ending = cut, text[cut:]
        self._first = self._before = text

    def _close(self) -> None:
        if self._first:
            ending = self._ending
            low, high = self._extremes.get(ending) or (self._first, self._before)
            if ending in self._extremes or len(self._extremes) < _ENDINGS:
                pair = (min(low, self._first), max(high, self._before))
                self._extremes[ending] = pair

    def found(self) -> dict[str, Any]:
        self._close()
        texts = dict.fromkeys(text for pair in self._extremes.values() for text in pair)
        told = tuple(text.decode("utf-8", "replace") for text in texts)
        return {"texts": told, "in_order": self._in_order}


@lru_cache(maxsize=32)
def _end_tag(*names: str) -> re.Pattern[bytes]:
    wanted = b"|".join(re.escape(name).encode() for name in names)
    return re.compile(rb"</(?:[^\s<>/:]{1,64}:)?(?:" + wanted + rb")\s*>")


@lru_cache(maxsize=32)
def _text_of(child: str) -> re.Pattern[bytes]:
    name = re.escape(child).encode()
    return re.compile(
        rb"<(?:[^\s<>/:\"'=!?]{1,64}:)?" + name + rb"(?:\s[^<>]*)?>\s*+([^<]{1,64}?)\s*<"
    )


class _Bound(NamedTuple):
    """Where an element lies, or its part: `broken` if it has no end of its own, or no beginning
    (`headless`)."""

    start: int
    end: int
    name: bytes
    head: bool
    broken: bool
    headless: bool = False


class _Token(NamedTuple):
    """A tag up to its name's end, or the beginning of what is skipped; 0 for no `tag_end` yet."""

    start: int
    end: int
    skip: bytes | None
    close: bytes
    name: bytes
    tag_end: int


@lru_cache(maxsize=32)
def _tokens(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """A tag of one of these names, up to its end if that is in sight; or the start of a comment
    or CDATA."""
    wanted = b"|".join(re.escape(name).encode() for name in names)
    return re.compile(
        rb"<(?:(!--|!\[CDATA\[|\?)|(/?)(?:[^\s<>/:\"'=!?]{1,64}:)?(" + wanted + rb")"
        rb"(?=[\s/>])(?:" + _ATTRIBUTES + rb"(>))?)"
    )


class _Window:
    """A range of a file, of which a few blocks are held at a time."""

    def __init__(self, source: BinaryIO, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.cut_short = end < source.seek(0, 2)
        self._base = start
        self._data = b""
        self._unclosed: set[bytes] = set()

    def _more(self, keep: int) -> bool:
        """Read on, dropping what lies before `keep`; False at the end of the range."""
        at = self._base + len(self._data)
        keep = max(self._base, min(keep, at))
        self.source.seek(at)
        block = self.source.read(min(max(_BLOCK, at - keep), self.end - at))
        self._data = self._data[keep - self._base :] + block
        self._base = keep
        return bool(block)

    def search(self, token: re.Pattern[bytes], at: int) -> _Token | None:
        """The first token from `at` on."""
        while True:
            found = token.search(self._data, at - self._base)
            if found is not None:
                base = self._base
                skip, close, name, ends = found.groups()
                end = base + (found.end() if skip else found.end(3))
                tag_end = base + found.end() if ends else 0
                return _Token(base + found.start(), end, skip, close, name, tag_end)
            at = max(at, self._base + len(self._data) - _AHEAD)
            if not self._more(at):
                return None

    def find(self, mark: bytes, at: int) -> int | None:
        """Where the first `mark` from `at` on begins."""
        while True:
            found = self._data.find(mark, at - self._base)
            if found >= 0:
                return self._base + found
            at = max(at, self._base + len(self._data) - len(mark) + 1)
            if not self._more(at):
                return None

    def past(self, mark: bytes, at: int) -> int:
        """Where the first `mark` from `at` on ends; the end of the range if there is none."""
        found = self.find(mark, at)
        return self.end if found is None else found + len(mark)

    def behind(self, mark: bytes, at: int) -> int:
        """Where the comment or CDATA ends that began before `at`; `at` itself if it never ends.

        One that nothing closes hides nothing. It is looked for once: what is not ahead of one is
        not ahead of the next, and no slice is cut within one that is closed.
        """
        if mark in self._unclosed:
            return at
        found = self.find(mark, at)
        if found is not None:
            return found + len(mark)
        self._unclosed.add(mark)
        self._base, self._data = at, b""
        return at

    def tag_end(self, at: int, limit: int) -> tuple[int, bool]:
        """Where the start tag ends whose name ends at `at`; False with it if it is broken."""
        while True:
            matched = _REST_OF_TAG.match(self._data, at - self._base)
            stop = matched.end() if matched else 0
            if self._data[stop : stop + 1] == b">":
                return self._base + stop + 1, True
            broken = self._data.find(b"<", stop)
            if broken >= 0:
                return self._base + broken, False
            if len(self._data) - (at - self._base) > limit:
                next_tag = self.find(b"<", at)
                return self.end if next_tag is None else next_tag, False
            if not self._more(at):
                return self.end, False

    def bytes(self, start: int, length: int) -> bytes:
        """Bytes of the file, whether they are still held or not."""
        first = start - self._base
        if first >= 0 and first + length <= len(self._data):
            return self._data[first : first + length]
        self.source.seek(start)
        return self.source.read(length)


def _broken(raw: bytes, bound: _Bound, size: int) -> Rejection:
    """Why a part of an element is none, in a file of `size` bytes."""
    if bound.headless:
        return _rejected(Reason.BAD_SYNTAX, HEADLESS, raw, bound)
    if bound.end == size:
        return _rejected(Reason.TRUNCATED, "the file breaks off in an element", raw, bound)
    return _rejected(Reason.BAD_SYNTAX, "an element that is not closed", raw, bound)


def _rejected(reason: Reason, detail: str, raw: bytes, bound: _Bound) -> Rejection:
    length = bound.end - bound.start
    return Rejection(reason=reason, detail=detail, raw=raw, offset=bound.start, length=length)


def _closes(source: BinaryIO, size: int, root: str) -> bool:
    """Whether the file ends with its root's end tag, and perhaps comments."""
    source.seek(max(0, size - _HEAD))
    return bool(root) and _ending(root).search(source.read()) is not None


@lru_cache(maxsize=32)
def _ending(root: str) -> _Ending:
    """The root's end tag, and what may follow it. By RE2: a page may hold it a thousand times, each
    with a comment behind it that goes on to the end."""
    name = rb"(?:[^\s<>/:]+:)?" + re2.escape(root.encode())
    comment = rb"<!--(?:[^-]|-[^-]|--+[^->])*--+>"
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    pattern = rb"<(?:/%s\s*|%s(?:\s[^<>]*)?/)>(?:\s|%s)*\z" % (name, name, comment)
    compiled: _Ending = re2.compile(pattern, options)
    return compiled


class _Ending(Protocol):
    """What RE2 compiles."""

    def search(self, text: bytes) -> object | None:
        """The first match."""


class _Counter:
    """Counts elements by name as expat walks the document; shares nothing with the cutter."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.found = 0
        self._names = frozenset(names)
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EntityDeclHandler = self._refuse

    def feed(self, data: bytes, *, ends: bool = False) -> None:
        self._parser.Parse(data, ends)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.found += name.rpartition(":")[2] in self._names

    def _refuse(self, *_: object) -> None:
        """An entity may hold elements that are not in the file."""
        raise ValueError


def _tags(source: BinaryIO, names: tuple[str, ...], start: int) -> int:
    """How many start tags of those names lie outside comments, CDATA and instructions.

    What hides tags must be closed; whether it is, a first pass tells by where each of their ends
    stands last.
    """
    last = {end: _last(source, end) for end in (b"-->", b"]]>", b"?>")}
    opening = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
    wanted = b"|".join(re.escape(name).encode() for name in names)
    tag = re.compile(
        rb"<!--|<!\[CDATA\[|<\?|<(?:[^\s<>/:\"'=!?]{1,64}:)?(?:" + wanted + rb")(?=[\s/>])"
    )
    found, hidden = 0, b""
    source.seek(start)
    data, base = source.read(_BLOCK), start
    at = 0
    while data:
        if hidden:
            end = data.find(hidden, at)
            at = end + len(hidden) if end >= 0 else max(at, len(data) - len(hidden) + 1)
            hidden = b"" if end >= 0 else hidden
            if end >= 0:
                continue
        elif (seen := tag.search(data, at)) is not None:
            at = seen.end()
            end_mark = opening.get(seen[0])
            if end_mark is None:
                found += 1
            elif base + at <= last[end_mark]:
                hidden = end_mark
            continue
        else:
            at = max(at, len(data) - _AHEAD)
        block = source.read(_BLOCK)
        if not block:
            return found
        data, base, at = data[at:] + block, base + at, 0
    return found


def _last(source: BinaryIO, mark: bytes) -> int:
    """Where a mark stands last; -1 for nowhere."""
    found, base, kept = -1, 0, b""
    source.seek(0)
    while block := source.read(_BLOCK):
        data = kept + block
        if (at := data.rfind(mark)) >= 0:
            found = base + at
        keep = len(mark) - 1
        kept = data[-keep:]
        base += len(data) - len(kept)
    return found
