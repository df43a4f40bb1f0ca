"""Tables whose dates and sums are numbers: the file tells what is first, and what is a decimal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import BinaryIO, ClassVar

from pipeline.readers.csv.ordered import ROWS, CsvOrdered
from pipeline.values import money
from schemas.files import Context, Member, SliceLimits
from schemas.records import RawRecord

#: Rows that are looked at for the order of their dates.
_SEEN = 5_000
_DATE = re.compile(r"\s*(\d{1,2})[/.\-](\d{1,2})[/.\-](?:\d{4}|\d{2})(?!\d)")


class CsvDated(CsvOrdered, frozen=True):
    """Rows as of `CsvRows`; `around["orders"]` says of columns with such dates what they show.

    `day` or `month` is what stands first, by a number over 12 in the column; a column that shows
    neither, or both, is not in it. `around["marks"]` says in the same way what parts off decimals.
    """

    name: ClassVar[str] = "csv_dated"
    version: ClassVar[int] = 2

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """As of `CsvRows`, with the orders."""
        context = ROWS.prepare(source, member)
        parts = ROWS.slices(source, context, SliceLimits(records=_SEEN))
        found = (item for part in islice(parts, 1) for item in ROWS.items(source, part, context))
        rows = [item.value for item in found if isinstance(item, RawRecord)]
        return {**context, "orders": orders(rows), "marks": marks(rows)}


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


def marks(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """What parts off the decimals in each column, where the rows show it."""
    shown: dict[str, set[str]] = {}
    for row in rows:
        for name, cell in row.items():
            if len(cell) <= 30 and (mark := money.decimal_mark(cell)):
                shown.setdefault(name, set()).add(mark)
    return {name: one for name, said in shown.items() if len(said) == 1 for one in said}
