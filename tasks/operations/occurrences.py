"""Count how often each record of a file came, for files of any length.

On the disk, not in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from schemas.errors import TransientError

#: Memory of its cache; the system's cache serves the rest.
_CACHE_KB = 16_384
_MAKE = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -{_CACHE_KB};
CREATE TABLE seen (key BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
"""
_COUNT = """
INSERT INTO seen VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET times = times + 1 RETURNING times
"""


class Occurrences:
    """A count of equal keys, as `pipeline.quality.Repeats` makes for the records of one chunk."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def number(self, key: bytes) -> int:
        """Return 1 for the first of that key, 2 for the next, and so on."""
        try:
            ((times,),) = self._database.execute(_COUNT, (key,)).fetchall()
        except sqlite3.OperationalError as error:
            raise TransientError("the disk is full", code="os_28") from error
        return int(times)

    def clear(self) -> None:
        """Forget all counts."""
        self._database.execute("DELETE FROM seen")


@contextmanager
def occurrences(folder: Path, name: str) -> Iterator[Occurrences]:
    """Yield an empty set of counts as a file of that name in a temporary folder."""
    with closing(sqlite3.connect(folder / name)) as database:
        database.executescript(_MAKE)
        database.execute("BEGIN")  # nothing is written before the cache is full
        yield Occurrences(database)
