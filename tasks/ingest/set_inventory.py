"""Read which parts of an export are here, and which files are missing.

No name says how many parts a set has. The export's own page, if there is one, lists its files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import msgspec

from pipeline.archives import multipart
from sql.connection import Connection
from sql.queries import queries

_SETS = queries("sets")

#: More than this of what no part holds is counted, not fetched.
MOST_MISSING = 100_000


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The files that the pages of an export list, compared with those in its parts."""

    pages: list[str]
    """Pages that were understood."""
    unread: list[str]
    """Files that lie where such a page does and could not be understood: nothing is claimed."""
    listed: int = 0
    not_exported: int = 0
    """Listed files that the exporter says it could not export."""
    missing: list[str] = msgspec.field(default_factory=list)
    """Listed files that no part holds, up to `MOST_MISSING`."""
    maybe_bare: int = 0
    """How many of the missing may be parts that are no archive, which don't say what they are."""

    @property
    def accounts_for_all(self) -> bool:
        """Whether there is a page, and every file on it may be in some part."""
        return bool(self.pages) and len(self.missing) <= self.maybe_bare


def is_here(part: Mapping[str, Any]) -> bool:
    """Tell whether a part's files are in the lake, or will be."""
    if part["outcome"] in (None, "duplicate"):
        return True
    return part["outcome"] in ("failed", "cancelled") and part["upload"] == "done"


def gaps(rows: Sequence[Mapping[str, Any]]) -> list[multipart.Gap]:
    """Return the numbers that are missing; `rows` are the parts of one set."""
    here = [(row["file"], row["part"]) for row in rows if is_here(row)]
    return multipart.gaps(here, [(row["file"], row["part"]) for row in rows])


def inventory(
    ask: Connection, jobs: Sequence[UUID], rows: Sequence[Mapping[str, Any]]
) -> Inventory:
    """Compare what pages list with what is in the archives of `jobs`; `rows` are their parts."""

    def fetch(name: str, **more: Any) -> list[dict[str, Any]]:
        return ask.execute(_SETS[name], {"jobs": list(jobs), **more}).fetchall()

    found = fetch("pages")
    pages = [row["path"] for row in found if row["understood"]]
    unread = [row["path"] for row in found if not row["understood"]]
    if not pages:
        return Inventory(pages=[], unread=unread)
    (counts,) = fetch("listed_counts")
    missing = [row["path"] for row in fetch("missing", n=MOST_MISSING)]
    return Inventory(
        pages=pages,
        unread=unread,
        listed=counts["listed"],
        not_exported=counts["failed"],
        missing=missing,
        maybe_bare=_may_be_bare(missing, [row["source_name"] for row in rows if row["bare"]]),
    )


def _may_be_bare(missing: Sequence[str], names: Sequence[str]) -> int:
    """Return how many missing files may be bare parts, judged by their suffixes alone."""
    wanted = Counter(PurePosixPath(path).suffix.lower() for path in missing)
    there = Counter(PurePosixPath(name).suffix.lower() for name in names)
    return (wanted & there).total()
