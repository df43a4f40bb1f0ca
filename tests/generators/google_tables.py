"""Takeout's tables, of any size: access log, Pay, Meet and saved lists."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from tests.generators.google_support import WORDS, added, is_bad, iso, moment, opened, split

_ACCESS = (
    *("Gaia ID", "Activity Timestamp", "IP Address", "Activity Country", "Activity City"),
    *("User Agent String", "Product Name", "Sub-Product Name", "Activity Type"),
)
_PAY = (
    *("Time", "Transaction ID", "Description", "Product", "Payment Method", "Status"),
    "Amount",
)
_MEET = ("Conference ID", "Meeting Code", "Start Time", "Duration (seconds)", "Organizer Email")
_SAVED = ("Title", "Note", "URL", "Comment")
_LISTS = {"de": "Gespeichert"}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` rows, a quarter in each table; returns how many outcomes each kind has."""
    takeout, share, random = folder / "Takeout", records // 4, Random(seed)
    access = "Activities - A list of Google services accessed by.csv"
    pay = takeout / "Google Pay" / "Google transactions" / "transactions_1.csv"
    meet = takeout / "Google Meet" / "Call history" / "Call history.csv"
    saved = takeout / _LISTS.get(locale, "Saved") / "Brezeln.csv"
    _write(takeout / "Access Log Activity" / access, _ACCESS, _access, share, random)
    _write(pay, _PAY, _pay, share, random)
    _write(meet, _MEET, _meet, share, random)
    _write(saved, _SAVED, _saved, share, random)
    undated = dict.fromkeys(("login", "payment", "call"), share)
    return added(undated, split(share, "place"))


_Row = Callable[[int, Random], tuple[str, ...]]


def _write(path: Path, header: tuple[str, ...], row: _Row, count: int, random: Random) -> None:
    def rows() -> Iterator[tuple[str, ...]]:
        yield header
        yield from (row(number, random) for number in range(count))

    with opened(path) as out:
        csv.writer(out, lineterminator="\n").writerows(rows())


def _time(number: int) -> str:
    """By turns as it was written until 2025, and since."""
    at = moment(number)
    if is_bad(number):
        return "some day"
    if number % 2:
        return f"{at:%Y-%m-%d %H:%M:%S} UTC"
    half = "AM" if at.hour < 12 else "PM"
    return f"{at:%b} {at.day}, {at.year}, {at.hour % 12 or 12}:{at:%M:%S}\u202f{half} UTC"


def _access(number: int, random: Random) -> tuple[str, ...]:
    agent = f"Mozilla/5.0 (X11; {random.choice(WORDS)})"
    return ("1", _time(number), "192.0.2.1", "DE", "Köln", agent, "Gmail", "Web", "Login")


def _pay(number: int, random: Random) -> tuple[str, ...]:
    title, amount = random.choice(WORDS), random.choice(("€4,99", "-129.00 NOK", "US$0.99"))
    return (_time(number), f"T-{number}", title, "Google Play", "Visa", "Complete", amount)


def _meet(number: int, random: Random) -> tuple[str, ...]:
    length = random.choice(("1812", "0:30:12", "1h 2m 3s"))
    return (f"c-{number}", "abc-defg-hij", _time(number), length, "ana@example.org")


def _saved(number: int, random: Random) -> tuple[str, ...]:
    url = f"https://www.google.com/maps/place/{number}/@52.5,13.4,17z"
    return (f"{random.choice(WORDS)} {number}", "", "" if is_bad(number) else url, iso(number))
