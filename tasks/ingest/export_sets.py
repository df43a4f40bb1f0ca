"""Exports in parts: what is there, what is missing, and when what waits for the whole goes on.

A set is whole when nothing of it is still being unpacked, no number is missing before the last
part, and everything that the export's own page lists is in some part. How many parts there are is
in no name, so without a page a set is never known to be whole, and only its time runs out.
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


def settle(run: Runtime) -> int:
    """Find out which sets are whole or were waited for long enough; how many now go on."""
    ids = [row["id"] for row in run.ledger.rows("sets", "to_settle")]
    return steps.each(run, "sets", ids, lambda set_id: _settle(run, set_id))


def _settle(run: Runtime, set_id: int) -> bool:
    """One set, in one transaction: its state, its chunks and the event change together."""
    with run.ledger.transaction() as connection:
        held = connection.execute(_SETS["hold_set"], {"set_id": set_id}).fetchone()
        if held is None:
            return False
        rows = connection.execute(_SETS["parts"], {"set_id": set_id}).fetchall()
        reading = any(map(_is_being_read, rows))
        if reading:
            connection.execute(_SETS["wait_on"], {"set_id": set_id})
        compared = held["changed"] and not reading
        found = _compare(connection, rows) if compared else None
        state = held["state"] if reading else _state(held, rows, found)
        goes_on: bool = state != held["state"]
        if compared or goes_on:
            counts = _counts(found)
            values = {"set_id": set_id, "state": state, "compared": compared, **counts}
            connection.execute(_SETS["settle"], values)
        step = "prolong_chunks" if state == SetState.OPEN else "release_chunks"
        connection.execute(_SETS[step], {"set_id": set_id})
        if goes_on:
            _tell(connection, held, state)
        crash_here("sets.before_commit")
    crash_here("sets.after_commit")
    return goes_on


def _is_being_read(part: Mapping[str, Any]) -> bool:
    return part["status"] not in ENDED and part["upload"] in ("ready", "leased")


def _compare(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Inventory:
    return inventory(connection, [row["files_of"] for row in rows if is_here(row)], rows)


def _counts(found: Inventory | None) -> dict[str, int | None]:
    """What the set's row says of its pages; nothing where there are none."""
    if found is None or not found.pages:
        return {"listed": None, "missing": None}
    return {"listed": found.listed, "missing": len(found.missing)}


def _state(
    held: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], found: Inventory | None
) -> str:
    """How the set stands now; one that was found whole stays so until a part comes."""
    if found is not None and found.accounts_for_all and not gaps(rows):
        return SetState.COMPLETE
    if held["state"] == SetState.OPEN and held["due"]:
        return SetState.WAITED
    return str(held["state"])


def _tell(connection: Connection, held: Mapping[str, Any], state: str) -> None:
    log.info("set goes on", set=held["id"], state=str(state))
    detail = Jsonb({"set": held["stem"], "state": str(state)})
    ids = {"user_id": held["user_id"], "job_id": None, "chunk_id": None}
    connection.execute(_EVENT, {**ids, "kind": "set_settled", "detail": detail})
