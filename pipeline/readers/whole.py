"""A file that is one item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection


class WholeFile(msgspec.Struct, frozen=True):
    """One slice, one item: the bytes, or None if there are more than `value_bytes`."""

    name: ClassVar[str] = "whole_file"
    version: ClassVar[int] = 1
    #: Bytes are read unchanged.
    wants_utf8: ClassVar[bool] = False

    value_bytes: int = 32 * 1024 * 1024

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return nothing."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield the whole file, however large."""
        yield Slice(0, source.seek(0, 2))

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the file's bytes, or None if they are too many for memory."""
        value = None
        if part.end <= self.value_bytes:
            source.seek(0)
            value = source.read(part.end)
        yield RawRecord(value, part.start, part.end)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return one."""
        return 1
