"""The items of a JSON array, at the top of a file or under keys of objects."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import repeat
from typing import Any, BinaryIO, ClassVar

import msgspec
import orjson

from pipeline.readers.json import decode as json_decode
from pipeline.readers.json import scan as json_scan
from pipeline.readers.json import walk as json_walk
from pipeline.readers.json.scan import BOM, PREFIX, Batch, Oversized, Positions
from pipeline.syntax import json_events
from schemas.errors import BadValue
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import NOTHING, RawRecord, Rejection

#: A key is not looked for beyond this many bytes; ours are short.
_KEY_BYTES = 8 * 1024
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_NUMBER = re.compile(rb"[ \t\n\r]*(-?[0-9][0-9.eE+-]*)")


class JsonItems(msgspec.Struct, frozen=True, kw_only=True):
    """Items of the array at `path`: keys joined by dots, or "" for an array at the top.

    Bytes of the array that are no sound item become rejections of their own: neighbours without
    a comma between them are one, and so is the tail of a file that breaks off in an item (a
    number at its very end may have lost digits, so it is no item either). Empty places (`1,,2`)
    are passed over. Whatever follows the text that the array stands in is one rejection. Members
    beside an array under a key are not ours to read, but they are read over: where they are no
    JSON, break off, or have the key again, one rejection tells so.

    An array that nothing closes always has a slice that ends where the file does, even an empty
    one, and no other slice of items ends there. It tells by one TRUNCATED that the file breaks
    off: the item cut off at its end, or else, behind its last item, a rejection of no bytes.

    Two slices are special, and told by their first byte. One that starts at 0, where no item can
    stand, is a broken file in which the array was not found. One that starts at the bracket that
    closes the array is what is wrong behind it or beside it. Sound JSON without the array has no
    slices.

    An item over `item_bytes` is rejected with the first 64 KiB of it. The bound is the reader's,
    since `items` must agree with `slices` whatever the limits of a slice were.
    """

    version: ClassVar[int] = 3
    #: Rows and items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    path: str = ""
    item_bytes: int = SliceLimits().item_bytes

    @property
    def name(self) -> str:
        """Stable: part of a chunk's identity."""
        return f"json_items:{self.path}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Nothing needs to be learned: bounds are found by structure alone."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Item-bounded byte ranges, each about `limits` big, from one pass over `source`."""
        begin = _find_array(source, self.path)
        if begin is None:
            size = _size(source)
            if size and flaw(source):
                yield Slice(0, size)
            return
        tail, opening = _Tail(begin), begin - 1
        for part in json_scan.cut(tail.watch(json_scan.scan_items(source, begin)), begin, limits):
            begin = part.end + 1
            yield part
        if not tail.closed or json_scan.skip_space(source, begin) < tail.stop:
            yield Slice(begin, tail.stop)  # what the last separator left
        if tail.closed and self._beside(source, Slice(opening, tail.stop)) is not None:
            yield Slice(tail.stop, _size(source))

    def _beside(self, source: BinaryIO, array: Slice) -> Rejection | None:
        """What is wrong outside the array, which goes from its one bracket to the other."""
        size = _size(source)
        if not self.path:
            behind = json_scan.skip_space(source, array.end + 1)
            return _text(source, behind, AFTER) if behind < size else None
        return _told(source, json_walk.around(source, self.path, array, size), array)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """The items of one slice, in order, each with its byte offset in the member."""
        if part.start == 0:
            return iter((broken(source, part),))
        if _byte(source, part.start) == b"]":
            begin = _find_array(source, self.path)
            found = self._beside(source, Slice((begin or 1) - 1, part.start))
            return iter((found,) if found is not None else ())
        if part.end < _size(source):
            return read_items(source, part, self.item_bytes)
        return _ended(read_items(source, part, self.item_bytes, cut_off=True), part.end)

    def count(self, source: BinaryIO, context: Context) -> int:
        """How many items ijson sees in the array, up to the first flaw in the file.

        On sound JSON that is how many `items` yields; that an array is not closed, and what
        stands behind a flaw, is not in it. Keys that hold a dot can't be told from a path, here
        as in `path`.
        """
        return json_events.count(source, self._counted)

    def _counted(self, stream: Iterator[json_events.Event]) -> Iterator[None]:
        if json_events.enter_array(stream, self.path):
            yield from json_events.count_items(stream)


class _Tail:
    """Where the items of an array end, learned while its blocks pass by."""

    def __init__(self, begin: int) -> None:
        self.stop = begin
        self.closed = False

    def watch(self, blocks: Iterator[json_scan.Block]) -> Iterator[json_scan.Block]:
        for block in blocks:
            self.stop = block.base + len(block.data)
            self.closed = block.end is not None
            yield block


def read_items(
    source: BinaryIO,
    part: Slice,
    item_bytes: int,
    *,
    cut_off: bool = False,
    around: Mapping[str, Any] = NOTHING,
) -> Iterator[RawRecord | Rejection]:
    """The items between the commas of a range that lies inside one array.

    With `cut_off` the file breaks off behind the range. `around` goes to every item.
    """
    blocks = json_scan.scan_items(source, part.start, part.end)
    for batch in json_scan.batches(blocks, part.start, item_bytes):
        if isinstance(batch, Oversized):
            yield json_decode.too_large(batch)
        else:
            yield from _decode(batch, item_bytes, around, cut_off=cut_off and batch.last)


def _decode(
    batch: Batch, item_bytes: int, around: Mapping[str, Any], *, cut_off: bool
) -> Iterator[RawRecord | Rejection]:
    starts, ends = batch.bounds()
    small = int((ends - starts).max()) <= item_bytes
    if small and not cut_off and batch.depth <= json_decode.MAX_DEPTH:
        values = _at_once(batch)
        if values is not None and len(values) == len(starts):
            return _records(values, batch, (starts, ends), around)
    if cut_off and (number := _NUMBER.fullmatch(batch.data)):
        at = batch.start + number.start(1)
        detail = "the file ends in a number"
        return iter((json_decode.rejection(Reason.TRUNCATED, detail, number[1], at),))
    found = json_decode.one_by_one(batch, item_bytes, cut_off=cut_off)
    return map(partial(_within, around), found) if around else found


def _at_once(batch: Batch) -> list[Any] | None:
    if json_decode.has_long_integer(batch.data):
        return None
    try:
        values: list[Any] = orjson.loads(b"[%b]" % batch.data)
    except orjson.JSONDecodeError:
        return None
    return values


def _records(
    values: list[Any], batch: Batch, bounds: tuple[Positions, Positions], around: Mapping[str, Any]
) -> Iterator[RawRecord]:
    starts, ends = json_scan.trim(batch.data, *bounds)
    offsets = (starts + batch.start).tolist()
    return map(RawRecord, values, offsets, (ends - starts).tolist(), repeat(around))


def _within(around: Mapping[str, Any], item: RawRecord | Rejection) -> RawRecord | Rejection:
    if isinstance(item, Rejection):
        return item
    return RawRecord(item.value, item.offset, item.length, around, item.flags)


def _ended(found: Iterator[RawRecord | Rejection], size: int) -> Iterator[RawRecord | Rejection]:
    """The items before the end of a file that breaks off, which the last outcome tells."""
    last: RawRecord | Rejection | None = None
    for last in found:
        yield last
    if not (isinstance(last, Rejection) and last.reason is Reason.TRUNCATED):
        detail = "the array is not closed: the file ends too early"
        yield json_decode.rejection(Reason.TRUNCATED, detail, b"", size)


def broken(source: BinaryIO, part: Slice) -> Rejection:
    """A file in which no array was found, as one rejection that says why."""
    reason, detail = flaw(source) or (Reason.BAD_SYNTAX, "no array at the path")
    source.seek(0)
    raw = source.read(min(PREFIX, part.end))
    return Rejection(reason=reason, detail=detail, raw=raw, offset=0, length=part.end)


#: What is said of text behind the value that a file is.
AFTER = "text after the end"


def _text(source: BinaryIO, at: int, detail: str, reason: Reason = Reason.BAD_SYNTAX) -> Rejection:
    """All from an offset on, as one rejection."""
    length = _size(source) - at
    source.seek(at)
    raw = source.read(min(PREFIX, length))
    return Rejection(reason=reason, detail=detail, raw=raw, offset=at, length=length)


def _told(source: BinaryIO, found: json_walk.Around, array: Slice) -> Rejection | None:
    """What a look at all that lies around an array found to be wrong: what is behind the array,
    or else no bytes."""
    size = _size(source)
    flaw = size if found.flaw is None or found.flaw < array.end else found.flaw
    if found.again is not None:
        return _text(source, found.again, "the array stands twice")
    if found.end is None:
        rest = json_scan.skip_space(source, array.end + 1) if flaw == size else flaw
        return _text(source, rest, "the file ends too early", Reason.TRUNCATED)
    behind = json_scan.skip_space(source, found.end + 1)
    if behind < size and flaw == size:
        return _text(source, behind, AFTER)
    if found.flaw is not None:
        return _text(source, flaw, f"no JSON beside the array, from byte {found.flaw}")
    return None


def _size(source: BinaryIO) -> int:
    return source.seek(0, 2)


def flaw(source: BinaryIO) -> tuple[Reason, str] | None:
    """What is wrong with a file as JSON, by a parser that holds none of it."""
    try:
        deque(json_events.events(source), maxlen=0)
    except json_events.BROKEN as error:
        if "premature EOF" in str(error):
            return Reason.TRUNCATED, "the file ends before the array"
        return Reason.BAD_SYNTAX, "broken before the array"
    return None


def _find_array(source: BinaryIO, path: str) -> int | None:
    """The offset behind the bracket that opens the array; None if there is no such array."""
    source.seek(0)
    begin = len(BOM) if source.read(len(BOM)) == BOM else 0
    at: int | None = json_scan.skip_space(source, begin)
    for key in path.split(".") if path else ():
        if at is None or _byte(source, at) != b"{":
            return None
        at = _value_of(source, at + 1, key)
    return at + 1 if at is not None and _byte(source, at) == b"[" else None


def _byte(source: BinaryIO, at: int) -> bytes:
    source.seek(at)
    return source.read(1)


def _value_of(source: BinaryIO, inside: int, wanted: str) -> int | None:
    """Where the value of a key begins, in the object whose inside begins at `inside`."""
    for start in _member_starts(source, inside):
        at = json_scan.skip_space(source, start)
        source.seek(at)
        key = _KEY.match(source.read(_KEY_BYTES))
        if key is None or not _same(key[0], wanted):
            continue
        at = json_scan.skip_space(source, at + key.end())
        if _byte(source, at) == b":":
            return json_scan.skip_space(source, at + 1)
    return None


def _member_starts(source: BinaryIO, inside: int) -> Iterator[int]:
    yield inside
    for block in json_scan.scan_items(source, inside, closer=b"}"):
        for comma in block.separators.tolist():
            yield block.base + comma + 1


def _same(key: bytes, wanted: str) -> bool:
    try:
        return bool(json_decode.decode(key) == wanted)
    except BadValue:
        return False
