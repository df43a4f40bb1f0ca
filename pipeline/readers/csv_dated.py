"""Tables whose dates are numbers: the file tells whether the day or the month is first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers.csv_rows import CsvRows, above
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_ROWS = CsvRows()
#: Rows that are looked at for the order of their dates.
_SEEN = 5_000
_DATE = re.compile(r"\s*(\d{1,2})[/.\-](\d{1,2})[/.\-](?:\d{4}|\d{2})(?!\d)")


class CsvDated(msgspec.Struct, frozen=True):
    """Rows as of `CsvRows`; `around["orders"]` says of columns with such dates what they show.

    `day` or `month` is what stands first, by a number over 12 in the column; a column that shows
    neither, or both, is not in it.
    """

    name: ClassVar[str] = "csv_dated"
    version: ClassVar[int] = 1
    #: As of `CsvRows`.
    wants_utf8: ClassVar[bool] = True

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """As of `CsvRows`, with the orders."""
        context = _ROWS.prepare(source, member)
        limits = SliceLimits(records=_SEEN)
        parts = _ROWS.slices(source, context, limits)
        found = (item for part in islice(parts, 1) for item in _ROWS.items(source, part, context))
        rows = (item.value for item in found if isinstance(item, RawRecord))
        return {**context, "orders": orders(rows)}

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


def orders(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """What stands first in the dates of each column, where the rows show it."""
    shown: dict[str, set[str]] = {}
    for row in rows:
        for name, cell in row.items():
            if len(cell) <= 30 and (found := _DATE.match(cell)):
                first, second = int(found[1]), int(found[2])
                if (first > 12) != (second > 12):
                    shown.setdefault(name, set()).add("day" if first > 12 else "month")
    return {name: one for name, said in shown.items() if len(said) == 1 for one in said}
