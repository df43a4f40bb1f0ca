"""A file that is one JSON object."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from pipeline import json_events
from pipeline.readers import json_decode, json_scan
from pipeline.readers.json_scan import BOM, PREFIX, Oversized
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_ENDS = (b"}", b"]")


class JsonObject(msgspec.Struct, frozen=True, kw_only=True):
    """One slice, one item: the value. A file over `item_bytes` is rejected with its first 64 KiB.

    What breaks off before a closing bracket is TRUNCATED.
    """

    item_bytes: int = SliceLimits().item_bytes

    @property
    def name(self) -> str:
        """See `Reader`."""
        return "json_object"

    @property
    def wants_utf8(self) -> bool:
        """Values are text; bytes that aren't UTF-8 are rewritten first."""
        return True

    @property
    def version(self) -> int:
        """See `Reader`."""
        return 1

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Nothing to learn."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """The whole file, from its first byte that is no white space."""
        begin, size = _begin(source), source.seek(0, 2)
        if begin < size:
            yield Slice(begin, size)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """The value, or why there is none."""
        source.seek(part.start)
        if part.end - part.start > self.item_bytes:
            prefix = source.read(PREFIX)
            yield json_decode.too_large(Oversized(part.start, prefix, part.end))
            return
        item = source.read(part.end - part.start).rstrip(json_scan.SPACE)
        yield json_decode.outcome(item, part.start, cut_off=not item.endswith(_ENDS))

    def count(self, source: BinaryIO, context: Context) -> int:
        """One where a parser gets to the end of it."""
        try:
            deque(json_events.events(source), maxlen=0)
        except json_events.BROKEN:
            return 0
        return 1


def _begin(source: BinaryIO) -> int:
    source.seek(0)
    return json_scan.skip_space(source, len(BOM) if source.read(len(BOM)) == BOM else 0)
