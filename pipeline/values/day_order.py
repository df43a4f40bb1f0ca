"""Days written as three numbers: all days of one column decide which number is the day.

`24.01.23`, `4/21/25`, `2023-01-24`, `23. 1. 24.`: services write days as the account's country
does, and a spreadsheet program may rewrite some of them in another way. A single day may be read in
two or three ways; a column of days seldom, since no day lies in the future, and a list of actions
is in order. A *spelling* is the separator and the position of the year, as far as that shows. Each
spelling of a column has one order. `Column` chooses the orders for which the fewest days do not
exist or lie in the future, then the fewest are out of order, then the days lie closest together.
Where the first two criteria do not decide, the readings are flagged `day_month_ambiguous`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise

import msgspec

from pipeline.values import google_dates, timestamps
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant, ZoneSource

_DAY = re.compile(
    r"(\d{1,4}) ?([./\-年년]) ?(\d{1,2}) ?([./\-月월]) ?(\d{1,4}) ?[.日일]?(?: ?г\.?)?", re.UNICODE
)
_LONGEST = 40
#: Most readings of a column that are followed at once; a further spelling takes its first order.
_MOST = 81
#: The orders that remain for each position of a year of four digits.
_ORDERS = {"y--": ("ymd",), "--y": ("dmy", "mdy"), "---": ("dmy", "mdy", "ymd")}
#: No country writes a year of two digits first and separates it by a slash (CLDR 48).
_SLASHED = "--/"
_ORDERS[_SLASHED] = ("dmy", "mdy")

#: What is known of a column: each spelling's order, and whether it is sure.
Orders = Mapping[str, tuple[str, bool] | list[object]]


class _Written(msgspec.Struct, frozen=True):
    """A day as it is written."""

    parts: tuple[str, str, str]
    spelling: str
    years: str

    @property
    def padded(self) -> bool:
        return min(map(len, self.parts)) > 1

    def ordinal(self, order: str) -> int | None:
        """Return the number of the day in that order, or None where there is no such day."""
        parts = dict(zip(order, self.parts, strict=True))
        if len(parts["y"]) == 1 or max(len(parts["m"]), len(parts["d"])) > 2:
            return None
        year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
        try:
            return date(year, int(parts["m"]), int(parts["d"])).toordinal()
        except ValueError:
            return None

    def readings(self) -> dict[str, int]:
        """Return the orders in which there is such a day."""
        found = ((order, self.ordinal(order)) for order in _ORDERS[self.years])
        return {order: number for order, number in found if number is not None}


@lru_cache(maxsize=4_096)
def _written(text: str) -> _Written | None:
    if len(text) > _LONGEST:
        return None
    plain = unicodedata.normalize("NFKC", text)
    if not plain.isascii():
        plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    found = _DAY.fullmatch(plain.strip())
    if found is None:
        return None
    first, last = len(found[1]), len(found[5])
    if (first, last).count(4) > 1 or 3 in (first, last):
        return None
    years = "y--" if first == 4 else "--y" if last == 4 else "---"
    if years == "---" and 2 not in (first, last):
        return None
    if years == "---" and found[2] == "/":
        years = _SLASHED
    return _Written((found[1], found[3], found[5]), f"{years} {found[2]}", years)


class _Guess(msgspec.Struct):
    """One order for each spelling, and how well the days fit it."""

    orders: dict[str, str]
    bad: int = 0
    rises: int = 0
    falls: int = 0
    travel: int = 0
    last: int | None = None

    def add(self, day: _Written, latest: int) -> None:
        number = day.ordinal(self.orders[day.spelling])
        if number is None or number > latest:
            self.bad += 1
            return
        if self.last is not None:
            step = number - self.last
            self.rises += step > 0
            self.falls += step < 0
            self.travel += abs(step)
        self.last = number

    @property
    def wrong(self) -> tuple[int, int]:
        return self.bad, min(self.rises, self.falls)

    def branch(self, spelling: str, order: str) -> _Guess:
        return msgspec.structs.replace(self, orders={**self.orders, spelling: order})


class Column:
    """The days of one column, read one by one."""

    def __init__(self, latest: date | None = None) -> None:
        #: Tomorrow counts, since a clock further east may show it already.
        self._latest = (latest or datetime.now(UTC).date()).toordinal() + 1
        self._guesses = [_Guess({})]
        self._unpadded: set[str] = set()

    def add(self, text: str) -> None:
        """Take the next cell of the column; ignore a cell that is not a day of three numbers."""
        day = _written(text)
        if day is None or not day.readings():
            return
        if day.spelling not in self._guesses[0].orders:
            self._open(day)
        if not day.padded:
            self._unpadded.add(day.spelling)
        for guess in self._guesses:
            guess.add(day, self._latest)

    def _open(self, day: _Written) -> None:
        orders = _ORDERS[day.years]
        if len(self._guesses) * len(orders) > _MOST:
            orders = orders[:1]
        self._guesses = [g.branch(day.spelling, order) for g in self._guesses for order in orders]

    def orders(self) -> dict[str, tuple[str, bool]]:
        """Return the order of each spelling, and whether the days prove it."""
        best = min(self._guesses, key=self._rank)
        orders: dict[str, tuple[str, bool]] = {}
        for spelling, order in best.orders.items():
            others = (g.wrong for g in self._guesses if g.orders[spelling] != order)
            orders[spelling] = (order, all(wrong > best.wrong for wrong in others))
        return orders

    def _rank(self, guess: _Guess) -> tuple[object, ...]:
        mixed = sum(a != b for a, b in pairwise(guess.orders.values()))
        unusual = sum(order != self._usual(name) for name, order in guess.orders.items())
        return (*guess.wrong, guess.travel, mixed, unusual)

    def _usual(self, spelling: str) -> str:
        """Return a spelling's order in CLDR's short dates: `4/21/25` is American."""
        american = spelling == f"{_SLASHED} /" and spelling in self._unpadded
        return "mdy" if american else "ymd" if spelling.startswith("y") else "dmy"


def read(text: str, orders: Orders) -> Instant:
    """Return the midnight of a day, its month as number or name. Raises `BadValue(BAD_TIME)`."""
    day = _written(text)
    if day is None:
        moment = google_dates.activity_time(f"{text} 00:00:00")
        return msgspec.structs.replace(moment, text=text, zone=None)
    order, sure = orders.get(day.spelling) or (_ORDERS[day.years][0], False)
    # A day that does not exist in the column's order may exist in another with the year in place.
    possible = {o: n for o, n in day.readings().items() if o.index("y") == str(order).index("y")}
    if not possible:
        raise BadValue(Reason.BAD_TIME, "the day does not exist")
    number = possible.get(str(order)) or next(iter(possible.values()))
    moment = timestamps.iso(date.fromordinal(number).isoformat())
    if not sure and len(set(day.readings().values())) > 1:
        return msgspec.structs.replace(
            moment, text=text, flag="day_month_ambiguous", zone=ZoneSource.ASSUMED
        )
    return msgspec.structs.replace(moment, text=text)
