"""Pieces of text, each ended by a line that consists of one separator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, ClassVar, NamedTuple

import msgspec

from pipeline.values.day_order import Column
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import NOTHING, RawRecord, Rejection

_RAW_KEPT = 64 * 1024
_PIECE = 64 * 1024
_BOM = b"\xef\xbb\xbf"


class PartedText(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces as text, without the blank space and byte order marks around them.

    Blank text between two separators is not an item. A piece over `item_bytes` is rejected with its
    first 64 KiB, a piece that is not UTF-8 alone. The last one needs no separator.

    With `days`, a function that returns the days of a piece as written, pieces have the result of
    `day_order` for all of them as `around["orders"]`.
    """

    version: ClassVar[int] = 1
    #: Pieces are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    separator: str
    item_bytes: int = 1 << 20
    days: Callable[[str], Iterable[str]] | None = None

    @property
    def name(self) -> str:
        """Return a stable name, part of a chunk's identity."""
        return f"parted_text:{self.separator}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the order of the days, if `days` is given, after reading the whole file."""
        if self.days is None:
            return {}
        column = Column()
        for piece in self._pieces(source, Slice(0, source.seek(0, 2))):
            for day in self.days(piece.data.decode("utf-8", "replace")):
                column.add(day)
        return {"orders": column.orders()}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole pieces, which tile the file."""
        end = source.seek(0, 2)
        start = at = pieces = 0
        for piece in self._pieces(source, Slice(0, end)):
            if pieces and (pieces >= limits.records or piece.end - start > limits.size):
                yield Slice(start, at)
                start, pieces = at, 0
            at, pieces = piece.end, pieces + 1
        if at > start:
            yield Slice(start, at)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one text each."""
        for piece in self._pieces(source, part):
            bare = _bare(piece.data)
            if not bare and piece.length <= self.item_bytes:
                continue
            offset = piece.start + piece.data.index(bare)
            reason, detail = Reason.BAD_ENCODING, "a text that is not UTF-8"
            length = len(bare)
            if piece.length > self.item_bytes:
                reason, detail = Reason.ITEM_TOO_LARGE, f"a text of over {self.item_bytes} bytes"
                offset, length = piece.start, piece.length
            else:
                try:
                    yield RawRecord(bare.decode(), offset, length, context or NOTHING)
                    continue
                except UnicodeDecodeError:
                    pass
            raw = bare[:_RAW_KEPT]
            yield Rejection(reason=reason, detail=detail, raw=raw, offset=offset, length=length)

    def _pieces(self, source: BinaryIO, part: Slice) -> Iterator[_Piece]:
        separator = self.separator.encode()
        source.seek(part.start)
        at = start = part.start
        lines: list[bytes] = []
        size_so_far, begins = 0, True
        while at < part.end and (line := source.readline(min(_PIECE, part.end - at))):
            if begins and line.strip() == separator:
                length = at - start
                at += len(line)
                yield _Piece(start, at, length, b"".join(lines))
                start, lines, size_so_far = at, [], 0
            else:
                at += len(line)
                if size_so_far <= self.item_bytes:
                    lines.append(line)
                    size_so_far += len(line)
            begins = line.endswith(b"\n")
        if at > start:
            yield _Piece(start, at, at - start, b"".join(lines))

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return how many runs of lines hold more than white space, line by line."""
        separator = self.separator.encode()
        source.seek(0)
        found, blank, begins, length = 0, True, True, 0
        while line := source.readline(_PIECE):
            if begins and line.strip() == separator:
                found += not blank or length > self.item_bytes
                blank, length = True, 0
            else:
                length += len(line)
                blank = blank and not _bare(line)
            begins = line.endswith(b"\n")
        return found + (not blank or length > self.item_bytes)


class _Piece(NamedTuple):
    """A piece: its beginning, its separator's end, its length, its bytes or the first of them."""

    start: int
    end: int
    length: int
    data: bytes


def _bare(data: bytes) -> bytes:
    before = None
    while data != before:
        before, data = data, data.strip().removeprefix(_BOM)
    return data
