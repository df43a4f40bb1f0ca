"""JSON values, one a line (NDJSON, JSON Lines)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers import json_decode, json_scan
from pipeline.readers.json_scan import BOM, SPACE, Oversized
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_LINE_PIECE = 1024 * 1024


class Ndjson(msgspec.Struct, frozen=True, kw_only=True):
    """A value from each line; lines of white space alone are passed over.

    A line that is no JSON value is one rejection, TRUNCATED if it is the last and has no line
    feed. A line over `item_bytes` is rejected with its first 64 KiB.
    """

    name: ClassVar[str] = "ndjson"
    version: ClassVar[int] = 1
    #: Rows and items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Nothing needs to be learned: line feeds stand in no JSON string."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Byte ranges that end at a line feed, which belongs to none."""
        source.seek(0)
        begin = len(BOM) if source.read(len(BOM)) == BOM else 0
        for part in json_scan.cut(json_scan.scan_lines(source, begin), begin, limits):
            begin = part.end + 1
            yield part
        size = source.seek(0, 2)
        if json_scan.skip_space(source, begin) < size:
            yield Slice(begin, size)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """The values of one slice, in order, each with its byte offset in the member."""
        cut_off = part.end == source.seek(0, 2)
        lines = json_scan.scan_lines(source, part.start, part.end)
        for batch in json_scan.batches(lines, part.start, self.item_bytes):
            if isinstance(batch, Oversized):
                yield json_decode.too_large(batch)
            else:
                cut = cut_off and batch.last
                yield from json_decode.one_by_one(batch, self.item_bytes, cut_off=cut)

    def count(self, source: BinaryIO, context: Context) -> int:
        """How many lines hold more than white space, read as text files are."""
        source.seek(0)
        found, blank = 0, True
        piece = source.readline(_LINE_PIECE).removeprefix(BOM)
        while piece:
            if blank and piece.strip(SPACE):
                found, blank = found + 1, False
            blank = blank or piece.endswith(b"\n")
            piece = source.readline(_LINE_PIECE)
        return found
