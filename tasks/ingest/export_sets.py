"""Exports in parts: which parts are there, which are missing, and when the waiting chunks continue.

A set is complete when none of it is still being unpacked, no number is missing before the last
part, and everything that the export's own page lists is in some part. No name gives the number of
parts, so without a page a set is never known to be complete, and only its time runs out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from schemas.crash import crash_here
from schemas.progress import ENDED, SetState
from sql.connection import Connection
from sql.queries import queries
from tasks.ingest.set_inventory import Inventory, gaps, inventory, is_here
from tasks.runtime import steps
from tasks.runtime.context import Runtime

log = structlog.get_logger("datapunk.sets")

_SETS = queries("sets")
_EVENT = queries("jobs")["event"]


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
    log.info("chunks of a set continue", set=row["id"], state=str(state))
    detail = Jsonb({"set": row["stem"], "state": str(state)})
    ids = {"user_id": row["user_id"], "job_id": None, "chunk_id": None}
    connection.execute(_EVENT, {**ids, "kind": "set_settled", "detail": detail})
