"""Tables with a column of days, all of which decide the order of day, month and year."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

from pipeline.readers.csv.ordered import ROWS, CsvOrdered
from pipeline.values.day_order import Column
from schemas.files import Context, Member, SliceLimits
from schemas.records import RawRecord

#: The number of rows in one step of the pass over all days.
_STEP = SliceLimits(records=5_000)


class CsvDays(CsvOrdered, frozen=True, kw_only=True):
    """Rows as in `CsvRows`, with the `day_order` of the `nth` column as `around["orders"]`."""

    version: ClassVar[int] = 1

    nth: int

    @property
    def name(self) -> str:
        """Return a stable name, part of a chunk's identity."""
        return f"csv_days:{self.nth}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the context of `CsvRows`, with the orders, after reading the whole file."""
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
