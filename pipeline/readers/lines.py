"""Lines of text, each an item of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_BOM = b"\xef\xbb\xbf"
_RAW_KEPT = 64 * 1024
_PIECE = 64 * 1024


class Lines(msgspec.Struct, frozen=True):
    """Lines that are not blank, as text without the space around them.

    A line over `item_bytes` is rejected with its first 64 KiB, a line that is not UTF-8 alone.
    """

    name: ClassVar[str] = "lines"
    version: ClassVar[int] = 1
    #: Lines are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = 1 << 20

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `start`, the length of a BOM in bytes."""
        source.seek(0)
        return {"start": len(_BOM) if source.read(len(_BOM)) == _BOM else 0}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole lines, including blank ones and line ends."""
        start = at = context["start"]
        lines = 0
        for length, _ in self._walk(source, Slice(start, source.seek(0, 2))):
            if lines and (lines >= limits.records or at + length - start > limits.size):
                yield Slice(start, at)
                start, lines = at, 0
            at, lines = at + length, lines + 1
        if at > start:
            yield Slice(start, at)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one text each."""
        at = part.start
        for length, line in self._walk(source, part):
            if bare := line.strip():
                yield self._item(bare, at + line.index(bare), length, len(line))
            at += length

    def _item(self, bare: bytes, offset: int, whole: int, seen: int) -> RawRecord | Rejection:
        length = len(bare)
        reason, detail = Reason.BAD_ENCODING, "a line that is not UTF-8"
        if whole <= self.item_bytes:
            try:
                return RawRecord(bare.decode(), offset, length)
            except UnicodeDecodeError:
                pass
        else:
            length += whole - seen
            reason, detail = Reason.ITEM_TOO_LARGE, f"a line of over {self.item_bytes} bytes"
        raw = bare[:_RAW_KEPT]
        return Rejection(reason=reason, detail=detail, raw=raw, offset=offset, length=length)

    def _walk(self, source: BinaryIO, part: Slice) -> Iterator[tuple[int, bytes]]:
        """Yield the length of each line with its end, and its bytes, or the first of too many."""
        source.seek(part.start)
        left = part.end - part.start
        while left > 0:
            line = source.readline(min(left, self.item_bytes + 1))
            length = len(line)
            while length < left and not line.endswith(b"\n") and length > self.item_bytes:
                more = source.readline(min(left - length, _PIECE))
                length += len(more)
                if more.endswith(b"\n") or not more:
                    break
            if not length:
                return
            left -= length
            yield length, line

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return how many lines hold more than white space, piece by piece."""
        source.seek(context["start"])
        found, blank = 0, True
        while piece := source.readline(_PIECE):
            if blank and piece.strip():
                found, blank = found + 1, False
            blank = blank or piece.endswith(b"\n")
        return found
