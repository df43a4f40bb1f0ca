"""The order of day, month and year in the dates of a chat."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from pipeline.readers.chat_headers import Header
from pipeline.values import spelled_dates
from schemas.files import Context

#: The date of the first programs that wrote such chats.
_EARLIEST = date(2009, 1, 1)


def year_of(digits: str) -> int:
    """Return the year of a date.

    Two digits are of this century, and Thai devices use Buddhist years.
    """
    year = int(digits)
    return 2000 + year if len(digits) <= 2 else spelled_dates.gregorian(year)


def numbers_of(written: str) -> list[str]:
    """Return the numbers of a date or a clock."""
    return re.findall(r"\d+", written)


#: Orders that apply only if the dates contradict all orders before them.
_YEAR_FIRST = ("ymd", "ydm")


class Dates:
    """The common properties of the dates of a file."""

    def __init__(self) -> None:
        self._look: tuple[str, str, bool] | None = None
        self._halves = False
        self._before = ""
        self._orders = {order: _Order(order) for order in ("dmy", "mdy", *_YEAR_FIRST)}

    def add(self, found: Header) -> None:
        """Process the next header."""
        if self._look is None:
            self._look = found.look
        if found.look != self._look:
            return
        self._halves = self._halves or found.clock[-1:] in ("m", "M")
        if found.date != self._before:  # a day has many messages
            self._before = found.date
            parts = numbers_of(found.date)
            for order in self._orders.values():
                order.add(parts)

    def context(self) -> Context:
        """Return the context for the ledger."""
        style, sign, worded = self._look or ("", "", False)
        faults = {name: order.faults for name, order in self._orders.items()}
        days, months = faults["dmy"], faults["mdy"]
        dotted = sign == "."
        decided = dotted or days != months
        order = "dmy" if dotted or days < months or (not decided and not self._halves) else "mdy"
        for other in _YEAR_FIRST:
            if faults[other] < faults[order]:
                order, decided = other, True
        return {
            "style": style,
            "sign": sign,
            "worded": worded,
            "order": order,
            "ambiguous": not decided,
        }


class _Order:
    """The number of a chat's dates that contradict an order of their parts."""

    def __init__(self, order: str) -> None:
        self._at = [order.index(part) for part in "ymd"]
        self._last = _EARLIEST
        self._latest = datetime.now(UTC).date() + timedelta(days=2)
        self.faults = 0

    def add(self, parts: list[str]) -> None:
        """Process the next date, which must exist, not be before the last, nor in the future."""
        year, month, day = (parts[at] for at in self._at)
        try:
            found = date(year_of(year), int(month), int(day))
        except ValueError:
            self.faults += 1
            return
        self.faults += not self._last <= found <= self._latest
        self._last = min(found, self._latest)
