"""Exports in parts: which parts are there, which are missing, and when the waiting chunks continue.

A set is complete when none of it is still being unpacked, no number is missing before the last
part, and everything that the export's own page lists is in some part. No name gives the number of
parts, so without a page a set is never known to be complete, and only its time runs out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import msgspec
import structlog
from psycopg.types.json import Jsonb

from pipeline.archives import multipart
from schemas.crash import crash_here
from schemas.progress import ENDED, SetState
from sql.connection import Connection
from sql.queries import queries
from tasks.runtime import steps
from tasks.runtime.context import Runtime

log = structlog.get_logger("datapunk.sets")

_SETS = queries("sets")
_EVENT = queries("jobs")["event"]

#: Missing files beyond this number are counted, not fetched.
MOST_MISSING = 100_000


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The files that the pages of an export list, compared with those in its parts.

    It counts files, not items.
    """

    pages: list[str]
    """The readable pages."""
    unread: list[str]
    """Files in the place of such a page that could not be read: nothing is concluded from them."""
    listed: int = 0
    not_exported: int = 0
    """Listed files that the exporter could not export, as the page says."""
    missing: list[str] = msgspec.field(default_factory=list)
    """Listed files that no part holds, up to `MOST_MISSING`."""
    maybe_bare: int = 0
    """How many of the missing may be parts that are single files, whose names do not say which."""

    @property
    def accounts_for_all(self) -> bool:
        """Whether there is a page, and every file on it may be in some part."""
        return bool(self.pages) and len(self.missing) <= self.maybe_bare


def is_here(part: Mapping[str, Any]) -> bool:
    """Tell whether a part's files are there, or will be: it came, and was not refused."""
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
    """Compare what pages list with the files in the archives of `jobs`; `rows` are their parts."""

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
    """Count the missing files that single-file parts may be, by suffix: the names show no more."""
    wanted = Counter(PurePosixPath(path).suffix.lower() for path in missing)
    there = Counter(PurePosixPath(name).suffix.lower() for name in names)
    return (wanted & there).total()


# --- changing the state of sets ---------------------------------------------------------------


def finalise_sets(run: Runtime) -> int:
    """Finalise sets that are complete or were waited for long enough; return how many continue."""
    ids = [row["id"] for row in run.ledger.rows("sets", "to_settle")]
    return steps.each(run, "sets", ids, lambda set_id: _finalise(run, set_id))


def _finalise(run: Runtime, set_id: int) -> bool:
    """Finalise one set in one transaction: its state, its chunks and the event change together."""
    with run.ledger.transaction() as connection:
        row = connection.execute(_SETS["hold_set"], {"set_id": set_id}).fetchone()
        if row is None:
            return False
        rows = connection.execute(_SETS["parts"], {"set_id": set_id}).fetchall()
        reading = any(map(_is_being_read, rows))
        if reading:
            connection.execute(_SETS["wait_on"], {"set_id": set_id})
        compared = row["changed"] and not reading
        found = _compare(connection, rows) if compared else None
        state = row["state"] if reading else _state(row, rows, found)
        goes_on: bool = state != row["state"]
        if compared or goes_on:
            counts = _counts(found)
            values = {"set_id": set_id, "state": state, "compared": compared, **counts}
            connection.execute(_SETS["settle"], values)
        step = "prolong_chunks" if state == SetState.OPEN else "release_chunks"
        connection.execute(_SETS[step], {"set_id": set_id})
        if goes_on:
            _announce(connection, row, state)
        crash_here("sets.before_commit")
    crash_here("sets.after_commit")
    return goes_on


def _is_being_read(part: Mapping[str, Any]) -> bool:
    return part["status"] not in ENDED and part["upload"] in ("ready", "leased")


def _compare(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Inventory:
    return inventory(connection, [row["files_of"] for row in rows if is_here(row)], rows)


def _counts(found: Inventory | None) -> dict[str, int | None]:
    """Return the counts in the set's row; None for both where there are no pages."""
    if found is None or not found.pages:
        return {"listed": None, "missing": None}
    return {"listed": found.listed, "missing": len(found.missing)}


def _state(
    row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], found: Inventory | None
) -> str:
    """Return the set's state; a complete set stays so until a part comes."""
    if found is not None and found.accounts_for_all and not gaps(rows):
        return SetState.COMPLETE
    if row["state"] == SetState.OPEN and row["due"]:
        return SetState.WAITED
    return str(row["state"])


def _announce(connection: Connection, row: Mapping[str, Any], state: str) -> None:
    log.info("set goes on", set=row["id"], state=str(state))
    detail = Jsonb({"set": row["stem"], "state": str(state)})
    ids = {"user_id": row["user_id"], "job_id": None, "chunk_id": None}
    connection.execute(_EVENT, {**ids, "kind": "set_settled", "detail": detail})
