"""Days written as three numbers: which of them is the day, by all days of one column.

`24.01.23`, `4/21/25`, `2023-01-24`, `23. 1. 24.`: services write days as the account's country
does, and a program for tables may write some of them anew in another way. One such day may be read
in two or three ways; a column of them seldom, since no day lies in the future, and a list of what
somebody did is in order. A *spelling* is the separator and where the year stands, as far as that
shows. Each spelling of a column has one order; of all choices that one is taken in which the fewest
days don't exist or lie in the future, then the fewest are out of order, then the days lie closest
together. Where the first two do not tell, the readings are flagged `day_month_ambiguous`.
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
#: Readings of a column that are followed at once; a spelling beyond takes the first order it can.
_MOST = 81
#: Where the year is told by its four digits, only these are left.
_ORDERS = {"y--": ("ymd",), "--y": ("dmy", "mdy"), "---": ("dmy", "mdy", "ymd")}
#: No country writes a year of two digits first and parts it by a slash (CLDR 48).
_SLASHED = "--/"
_ORDERS[_SLASHED] = ("dmy", "mdy")

#: What is known of a column: spelling to the order and whether it is sure.
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
        """The number of the day in that order, if there is such a day."""
        parts = dict(zip(order, self.parts, strict=True))
        if len(parts["y"]) == 1 or max(len(parts["m"]), len(parts["d"])) > 2:
            return None
        year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
        try:
            return date(year, int(parts["m"]), int(parts["d"])).toordinal()
        except ValueError:
            return None

    def readings(self) -> dict[str, int]:
        """The orders in which there is such a day."""
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
    """One order for each spelling, and what the days look like by it."""

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
    """The days of one column, as they pass by."""

    def __init__(self, latest: date | None = None) -> None:
        #: A day ahead of us, since a clock east of here may show it already.
        self._latest = (latest or datetime.now(UTC).date()).toordinal() + 1
        self._guesses = [_Guess({})]
        self._unpadded: set[str] = set()

    def add(self, text: str) -> None:
        """The next cell of the column; what is no day of three numbers says nothing."""
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
        """The order of each spelling, and whether the days show it."""
        best = min(self._guesses, key=self._rank)
        told: dict[str, tuple[str, bool]] = {}
        for spelling, order in best.orders.items():
            others = (g.wrong for g in self._guesses if g.orders[spelling] != order)
            told[spelling] = (order, all(wrong > best.wrong for wrong in others))
        return told

    def _rank(self, guess: _Guess) -> tuple[object, ...]:
        mixed = sum(a != b for a, b in pairwise(guess.orders.values()))
        unusual = sum(order != self._usual(name) for name, order in guess.orders.items())
        return (*guess.wrong, guess.travel, mixed, unusual)

    def _usual(self, spelling: str) -> str:
        """The order of a spelling by CLDR's short dates: `4/21/25` is American, `21/04/25` not."""
        american = spelling == f"{_SLASHED} /" and spelling in self._unpadded
        return "mdy" if american else "ymd" if spelling.startswith("y") else "dmy"


def read(text: str, orders: Orders) -> Instant:
    """The midnight of a day, numbers or a month's name in it. Raises `BadValue(BAD_TIME)`."""
    day = _written(text)
    if day is None:
        moment = google_dates.activity_time(f"{text} 00:00:00")
        return msgspec.structs.replace(moment, text=text, zone=None)
    order, sure = orders.get(day.spelling) or (_ORDERS[day.years][0], False)
    # What doesn't exist in the column's order may in another, but the year stands where it stands.
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
