"""Tables with a column of days: all of them tell in which order day, month and year stand."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

from pipeline.readers.csv.ordered import ROWS, CsvOrdered
from pipeline.values.day_order import Column
from schemas.files import Context, Member, SliceLimits
from schemas.records import RawRecord

#: Rows that one step of the look at all days holds.
_STEP = SliceLimits(records=5_000)


class CsvDays(CsvOrdered, frozen=True, kw_only=True):
    """Rows as of `CsvRows`; `around["orders"]` is what `day_order` finds in a column, the `nth`."""

    version: ClassVar[int] = 1

    nth: int

    @property
    def name(self) -> str:
        """Stable: part of a chunk's identity."""
        return f"csv_days:{self.nth}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """As of `CsvRows`, with the orders; the whole file is read for them."""
        context = ROWS.prepare(source, member)
        days = Column()
        columns = context["columns"]
        if self.nth < len(columns):
            name = columns[self.nth]
            for part in ROWS.slices(source, context, _STEP):
                for item in ROWS.items(source, part, context):
                    if isinstance(item, RawRecord):
                        days.add(item.value[name])
        return {**context, "orders": days.orders()}
