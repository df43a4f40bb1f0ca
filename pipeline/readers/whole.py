"""A file that is one item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection


class WholeFile(msgspec.Struct, frozen=True):
    """One slice, one item: the bytes, or None where there are more than `value_bytes`."""

    name: ClassVar[str] = "whole_file"
    version: ClassVar[int] = 1
    #: Bytes are read as they are.
    wants_utf8: ClassVar[bool] = False

    value_bytes: int = 32 * 1024 * 1024

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Nothing to learn."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """The whole file, however large."""
        yield Slice(0, source.seek(0, 2))

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """The file's bytes, or None where they are too many to hold."""
        value = None
        if part.end <= self.value_bytes:
            source.seek(0)
            value = source.read(part.end)
        yield RawRecord(value, part.start, part.end)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Always one."""
        return 1
