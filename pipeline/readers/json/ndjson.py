"""JSON values, one a line (NDJSON, JSON Lines)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers.json import decode as json_decode
from pipeline.readers.json import scan as json_scan
from pipeline.readers.json.scan import BOM, SPACE, Oversized
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_LINE_PIECE = 1024 * 1024
#: What may come before a value (RFC 7464) and after it, besides white space.
SIGN = b"\x1e"
BETWEEN = SPACE + SIGN + b","


def _alone(item: RawRecord | Rejection) -> RawRecord | Rejection:
    """Return a line that is a value except for the signs around it, as that value."""
    if isinstance(item, RawRecord) or item.reason not in (Reason.BAD_SYNTAX, Reason.TRUNCATED):
        return item
    bare = item.raw.strip(BETWEEN)
    if len(item.raw) < item.length or bare == item.raw or not bare:
        return item
    found = json_decode.outcome(bare, item.offset + item.raw.index(bare), cut_off=False)
    if isinstance(found, Rejection):
        return item
    flags = (*found.flags, json_decode.MENDED)
    return RawRecord(found.value, item.offset, item.length, flags=tuple(sorted({*flags})))


class Ndjson(msgspec.Struct, frozen=True, kw_only=True):
    """A value from each line; lines of white space alone are skipped.

    A line that is not a JSON value is one rejection, TRUNCATED if it is the last and has no line
    feed. A line over `item_bytes` is rejected with its first 64 KiB. A comma after a value, and the
    sign that RFC 7464 puts before it, are not part of it.
    """

    name: ClassVar[str] = "ndjson"
    version: ClassVar[int] = 2
    #: Rows and items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return nothing, since no JSON string has a line feed."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield byte ranges that end at a line feed, which belongs to none."""
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
        """Yield the values of one slice, in order, each with its byte offset in the member."""
        cut_off = part.end == source.seek(0, 2)
        lines = json_scan.scan_lines(source, part.start, part.end)
        for batch in json_scan.batches(lines, part.start, self.item_bytes):
            if isinstance(batch, Oversized):
                yield json_decode.too_large(batch)
            else:
                cut = cut_off and batch.last
                for item in json_decode.one_by_one(batch, self.item_bytes, cut_off=cut):
                    yield _alone(item)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of lines with more than white space and signs between values.

        The file is read as a text file.
        """
        source.seek(0)
        found, blank = 0, True
        piece = source.readline(_LINE_PIECE).removeprefix(BOM)
        while piece:
            if blank and piece.strip(BETWEEN):
                found, blank = found + 1, False
            blank = blank or piece.endswith(b"\n")
            piece = source.readline(_LINE_PIECE)
        return found
