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

#: A key is not searched for beyond this many bytes; the keys of formats are short.
_KEY_BYTES = 8 * 1024
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_NUMBER = re.compile(rb"[ \t\n\r]*(-?[0-9][0-9.eE+-]*)")


class JsonItems(msgspec.Struct, frozen=True, kw_only=True):
    """Items of the array at `path`: keys joined by dots, or "" for an array at the top.

    Bytes of the array that are not valid items become rejections of their own: values without a
    comma between them are one, and so is the tail of a file that breaks off in an item (a number at
    its very end may have lost digits, so it is not an item either). Empty places (`1,,2`) are
    skipped. All bytes after the text of the array are one rejection. Members beside an array under
    a key are not read as items, but they are checked: if they are not JSON, break off, or repeat
    the key, one rejection reports it.

    An unclosed array always has a slice that ends where the file does, even an empty one, and no
    other slice of items ends there. One TRUNCATED reports that the file breaks off: the item cut
    off at its end, or else, after its last item, a rejection of no bytes.

    Two slices are special, and known by their first byte. One that starts at 0, where no item can
    be, is a broken file in which the array was not found. One that starts at the closing bracket of
    the array is what is wrong after it or beside it. Valid JSON without the array has no slices.

    An item over `item_bytes` is rejected with the first 64 KiB of it. The limit is the reader's,
    since `items` must agree with `slices` for any limits of a slice.
    """

    version: ClassVar[int] = 3
    #: Rows and items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    path: str = ""
    item_bytes: int = SliceLimits().item_bytes

    @property
    def name(self) -> str:
        """Return a stable name, part of a chunk's identity."""
        return f"json_items:{self.path}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return nothing, since the structure alone gives the bounds."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole items, each about `limits` big, from one pass over `source`."""
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
            yield Slice(begin, tail.stop)  # the rest after the last separator
        if tail.closed and self._fault_outside(source, Slice(opening, tail.stop)) is not None:
            yield Slice(tail.stop, _size(source))

    def _fault_outside(self, source: BinaryIO, array: Slice) -> Rejection | None:
        """Return what is wrong outside the array, which extends from bracket to bracket."""
        size = _size(source)
        if not self.path:
            behind = json_scan.skip_space(source, array.end + 1)
            return _text(source, behind, AFTER) if behind < size else None
        return _outside_rejection(source, json_walk.around(source, self.path, array, size), array)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the items of one slice, in order, each with its byte offset in the member."""
        if part.start == 0:
            return iter((broken(source, part),))
        if _byte(source, part.start) == b"]":
            begin = _find_array(source, self.path)
            found = self._fault_outside(source, Slice((begin or 1) - 1, part.start))
            return iter((found,) if found is not None else ())
        if part.end < _size(source):
            return read_items(source, part, self.item_bytes)
        return _ended(read_items(source, part, self.item_bytes, cut_off=True), part.end)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return how many items ijson finds in the array, up to the first fault in the file.

        On valid JSON that is the number that `items` yields; an unclosed array, and items after a
        fault, are not in it. Keys that hold a dot look like a path, here as in `path`.
        """
        return json_events.count(source, self._counted)

    def _counted(self, stream: Iterator[json_events.Event]) -> Iterator[None]:
        if json_events.enter_array(stream, self.path):
            yield from json_events.count_items(stream)


class _Tail:
    """The end of an array's items, found while its blocks pass by."""

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
    """Yield the items between the commas of a range within one array.

    With `cut_off` the file breaks off after the range. `around` goes to every item.
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
    """Yield the items before the end of a truncated file, which the last outcome reports."""
    last: RawRecord | Rejection | None = None
    for last in found:
        yield last
    if not (isinstance(last, Rejection) and last.reason is Reason.TRUNCATED):
        detail = "the array is not closed: the file ends too early"
        yield json_decode.rejection(Reason.TRUNCATED, detail, b"", size)


def broken(source: BinaryIO, part: Slice) -> Rejection:
    """Return a file without the array as one rejection with the reason."""
    reason, detail = flaw(source) or (Reason.BAD_SYNTAX, "no array at the path")
    source.seek(0)
    raw = source.read(min(PREFIX, part.end))
    return Rejection(reason=reason, detail=detail, raw=raw, offset=0, length=part.end)


#: The detail of text after the value of a file.
AFTER = "text after the end"


def _text(source: BinaryIO, at: int, detail: str, reason: Reason = Reason.BAD_SYNTAX) -> Rejection:
    """Return all from an offset on, as one rejection."""
    length = _size(source) - at
    source.seek(at)
    raw = source.read(min(PREFIX, length))
    return Rejection(reason=reason, detail=detail, raw=raw, offset=at, length=length)


def _outside_rejection(source: BinaryIO, found: json_walk.Around, array: Slice) -> Rejection | None:
    """Return what is wrong around an array: the bytes after the array, or else no bytes."""
    size = _size(source)
    flaw = size if found.flaw is None or found.flaw < array.end else found.flaw
    if found.again is not None:
        return _text(source, found.again, "the array occurs twice")
    if found.end is None:
        rest = json_scan.skip_space(source, array.end + 1) if flaw == size else flaw
        return _text(source, rest, "the file ends too early", Reason.TRUNCATED)
    behind = json_scan.skip_space(source, found.end + 1)
    if behind < size and flaw == size:
        return _text(source, behind, AFTER)
    if found.flaw is not None:
        return _text(source, flaw, f"the text beside the array is not JSON, from byte {found.flaw}")
    return None


def _size(source: BinaryIO) -> int:
    return source.seek(0, 2)


def flaw(source: BinaryIO) -> tuple[Reason, str] | None:
    """Return what is wrong with a file as JSON, by a parser that holds none of it."""
    try:
        deque(json_events.events(source), maxlen=0)
    except json_events.BROKEN as error:
        if "premature EOF" in str(error):
            return Reason.TRUNCATED, "the file ends before the array"
        return Reason.BAD_SYNTAX, "broken before the array"
    return None


def _find_array(source: BinaryIO, path: str) -> int | None:
    """Return the offset after the opening bracket of the array; None if there is no such array."""
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
    """Return where the value of a key begins, in the object whose inside begins at `inside`."""
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
