"""Tables with a column of days: all of them tell in which order day, month and year stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.day_order import Column
from pipeline.readers.csv_rows import CsvRows, above
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_ROWS = CsvRows()
#: Rows that one step of the look at all days holds.
_STEP = SliceLimits(records=5_000)


class CsvDays(msgspec.Struct, frozen=True, kw_only=True):
    """Rows as of `CsvRows`; `around["orders"]` is what `day_order` finds in a column, the `nth`."""

    version: ClassVar[int] = 1
    #: As of `CsvRows`.
    wants_utf8: ClassVar[bool] = True

    nth: int

    @property
    def name(self) -> str:
        """Stable: part of a chunk's identity."""
        return f"csv_days:{self.nth}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """As of `CsvRows`, with the orders; the whole file is read for them."""
        context = _ROWS.prepare(source, member)
        days = Column()
        columns = context["columns"]
        if self.nth < len(columns):
            name = columns[self.nth]
            for part in _ROWS.slices(source, context, _STEP):
                for item in _ROWS.items(source, part, context):
                    if isinstance(item, RawRecord):
                        days.add(item.value[name])
        return {**context, "orders": days.orders()}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """See `CsvRows`."""
        return _ROWS.slices(source, context, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """See `CsvRows`."""
        around = {**above(context), "orders": context["orders"]}
        for item in _ROWS.items(source, part, context):
            if isinstance(item, RawRecord):
                yield msgspec.structs.replace(item, around=around)
            else:
                yield item

    def count(self, source: BinaryIO, context: Context) -> int:
        """See `CsvRows`."""
        return _ROWS.count(source, context)
