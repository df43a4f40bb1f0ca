"""JSON objects and arrays in sequence, on lines of their own or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar, NamedTuple

import msgspec
import numpy as np

from pipeline.readers.json import decode as json_decode
from pipeline.readers.json import scan as json_scan
from pipeline.readers.json.scan import BOM, COMMA, PREFIX, SPACE, Oversized
from pipeline.syntax import json_events
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

#: The sign that RFC 7464 puts before a value, and what else may be between two values.
SIGN = b"\x1e"
_BETWEEN = SPACE + SIGN


class _Region(NamedTuple):
    """The bytes from the end of one value to that of the next; `data` is the part in memory."""

    start: int
    end: int
    data: bytes
    closed: bool


class JsonValues(msgspec.Struct, frozen=True, kw_only=True):
    """Objects and arrays in sequence, with white space or the sign of RFC 7464 between.

    A value ends with the bracket that closes it. Other bytes between two values belong to the
    following item, which is rejected for it. The file's last value is TRUNCATED if nothing closes
    it. A value over `item_bytes` is rejected with its first 64 KiB.
    """

    name: ClassVar[str] = "json_values"
    version: ClassVar[int] = 1
    #: Values are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return nothing, since the structure alone gives the bounds."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges that end with a value."""
        source.seek(0)
        start = at = len(BOM) if source.read(len(BOM)) == BOM else 0
        filled = 0
        for end in _ends(source, start):
            if filled and (filled >= limits.records or end - start > limits.size):
                yield Slice(start, at)
                start, filled = at, 0
            at, filled = end, filled + 1
        size = source.seek(0, 2)
        if _rest(source, at) < size:
            at = size
        if at > start:
            yield Slice(start, at)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the values of one slice, in order, each with its byte offset in the member."""
        for region in _regions(source, part, self.item_bytes):
            item = region.data.strip(_BETWEEN)
            if not item and region.end - region.start <= len(region.data):
                continue
            offset = region.start + region.data.index(item)
            if region.end - offset > self.item_bytes:
                yield json_decode.too_large(Oversized(offset, item[:PREFIX], region.end))
            else:
                yield json_decode.outcome(item, offset, cut_off=not region.closed)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return how many values ijson finds, up to the first fault in the file."""
        return json_events.count(source, json_events.count_items, several=True)


def _ends(source: BinaryIO, start: int, stop: int | None = None) -> Iterator[int]:
    """Yield the offset after each bracket that closes a value."""
    tokens, depth = json_scan.Tokens(), 0
    for base, data in json_scan.read_blocks(source, start, stop):
        positions, kinds = tokens.step(data)
        brackets = kinds != COMMA
        positions, steps = positions[brackets], kinds[brackets].astype(np.int64)
        if not positions.size:
            continue
        depths = np.cumsum(steps) + depth
        if depths.min() < 0:  # a stray closing bracket closes nothing
            depths -= np.minimum(np.minimum.accumulate(depths), 0)
        depth = int(depths[-1])
        closing = positions[(steps < 0) & (depths == 0)]
        yield from (closing + base + 1).tolist()


def _regions(source: BinaryIO, part: Slice, most: int) -> Iterator[_Region]:
    """Yield the regions of a slice; of one larger than `most` only the first bytes."""
    start = part.start
    for end in _ends(source, part.start, part.end):
        yield _Region(start, end, _read(source, start, end, most), True)
        start = end
    if start < part.end:
        yield _Region(start, part.end, _read(source, start, part.end, most), False)


def _read(source: BinaryIO, start: int, end: int, most: int) -> bytes:
    source.seek(start)
    return source.read(end - start if end - start <= most else PREFIX)


def _rest(source: BinaryIO, at: int) -> int:
    """Return the offset of the first byte from `at` on that is not between values, or the end."""
    for base, data in json_scan.read_blocks(source, at, None):
        stripped = data.lstrip(_BETWEEN)
        if stripped:
            return base + len(data) - len(stripped)
        at = base + len(data)
    return at
