"""History databases of Firefox, Chromium and Safari, of any size.

    python -m tests.generators.browsers

writes the small samples of their formats anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

_START = 1_767_225_600  # 2026-01-01
_WEBKIT = 11_644_473_600
_COCOA = 978_307_200


class _Browser(NamedTuple):
    """Where its database lies, its two tables, and what a second of 2026 is in it."""

    path: str
    pages: str
    visits: str
    unit: int
    epoch: int

    def moment(self, second: int) -> Any:
        value = (second + self.epoch) * self.unit
        return value if self.unit > 1 else float(value)


_BROWSERS = {
    "firefox.places": _Browser(
        "profile/places.sqlite",
        "moz_places (id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR)",
        "moz_historyvisits (id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER, "
        "visit_date INTEGER, visit_type INTEGER)",
        1_000_000,
        0,
    ),
    "chromium.history": _Browser(
        "Default/History",
        "urls (id INTEGER PRIMARY KEY AUTOINCREMENT, url LONGVARCHAR, title LONGVARCHAR)",
        "visits (id INTEGER PRIMARY KEY, from_visit INTEGER, url INTEGER NOT NULL, "
        "visit_time INTEGER NOT NULL, transition INTEGER, visit_duration INTEGER)",
        1_000_000,
        _WEBKIT,
    ),
    "safari.history": _Browser(
        "Safari/History.db",
        "history_items (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL UNIQUE, x TEXT)",
        "history_visits (id INTEGER PRIMARY KEY, x INTEGER, history_item INTEGER NOT NULL, "
        "visit_time REAL NOT NULL, title TEXT)",
        1,
        -_COCOA,
    ),
}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """`records` visits in each of three browsers; one in fifty is of a page that is gone."""
    for name in _BROWSERS:
        _write(name, folder, _visits(records, Random(seed)), page_size=4096)
    gone = len(range(0, records, 50))
    return {"visit": 3 * (records - gone), "rejected": 3 * gone}


def _visits(records: int, random: Random) -> Iterator[tuple[int, int]]:
    """The second and the page of each visit."""
    for number in range(records):
        yield _START + number, 0 if number % 50 == 0 else random.randrange(1, 40)


def _write(name: str, folder: Path, visits: Iterable[tuple[int, int]], *, page_size: int) -> None:
    browser = _BROWSERS[name]
    path = folder / browser.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    columns = browser.visits.count(",") + 1
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA page_size = {page_size}")
        database.execute(f"CREATE TABLE {browser.pages}")
        database.execute(f"CREATE TABLE {browser.visits}")
        pages = [(n, f"https://site{n}.example/ü?q={n}", f"Seite {n}") for n in range(1, 40)]
        database.executemany(f"INSERT INTO {browser.pages.split()[0]} VALUES (?, ?, ?)", pages)
        marks = ", ".join("?" * columns)
        rows = (
            (None, 0, page, browser.moment(second), *([None] * (columns - 4)))
            for second, page in visits
        )
        database.executemany(f"INSERT INTO {browser.visits.split()[0]} VALUES ({marks})", rows)
        database.commit()


if __name__ == "__main__":
    for each in _BROWSERS:
        sample = Path(__file__).parent.parent / "formats" / each / "input"
        seconds = [
            (_START, 1),
            (_START + 1, 2),
            (_START + 2, 0),
            *((_START + 9, n) for n in (3, 39)),
        ]
        _write(each, sample, seconds, page_size=1024)
