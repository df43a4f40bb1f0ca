"""Tables with dates and amounts as numbers: the file decides the order and the decimal mark."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import BinaryIO, ClassVar

from pipeline.readers.csv.ordered import ROWS, CsvOrdered
from pipeline.values import money
from schemas.files import Context, Member, SliceLimits
from schemas.records import RawRecord

#: The number of rows that decide the order of their dates.
_SEEN = 5_000
_DATE = re.compile(r"\s*(\d{1,2})[/.\-](\d{1,2})[/.\-](?:\d{4}|\d{2})(?!\d)")


class CsvDated(CsvOrdered, frozen=True):
    """Rows as in `CsvRows`; `around["orders"]` has the order of the columns with such dates.

    `day` or `month` is the first part, shown by a number over 12 in the column; a column that shows
    neither, or both, is not in it. `around["marks"]` has the decimal marks in the same way.
    """

    name: ClassVar[str] = "csv_dated"
    version: ClassVar[int] = 2

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the context of `CsvRows`, with the orders."""
        context = ROWS.prepare(source, member)
        parts = ROWS.slices(source, context, SliceLimits(records=_SEEN))
        found = (item for part in islice(parts, 1) for item in ROWS.items(source, part, context))
        rows = [item.value for item in found if isinstance(item, RawRecord)]
        return {**context, "orders": orders(rows), "marks": marks(rows)}


def orders(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return the first part of the dates of each column, if the rows show it."""
    shown: dict[str, set[str]] = {}
    for row in rows:
        for name, cell in row.items():
            if len(cell) <= 30 and (found := _DATE.match(cell)):
                first, second = int(found[1]), int(found[2])
                if (first > 12) != (second > 12):
                    shown.setdefault(name, set()).add("day" if first > 12 else "month")
    return {name: one for name, parts in shown.items() if len(parts) == 1 for one in parts}


def marks(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return the decimal mark of each column, if the rows show it."""
    shown: dict[str, set[str]] = {}
    for row in rows:
        for name, cell in row.items():
            if len(cell) <= 30 and (mark := money.decimal_mark(cell)):
                shown.setdefault(name, set()).add(mark)
    return {name: one for name, found in shown.items() if len(found) == 1 for one in found}
