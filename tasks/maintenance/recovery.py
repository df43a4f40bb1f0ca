"""Ends waits early: when a service answers again, a broker lost its messages, a clock was reset.

A chunk that fails waits longer after each attempt, since the cause may be its own. Where the cause
is a service, waits of minutes are useless once the service answers; so each turn of the reconciler
asks the services for which chunks wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from schemas.crash import crash_here
from schemas.errors import TransientError
from schemas.folders import Folders
from schemas.reasons import LASTING
from sql.queries import queries
from tasks.runtime.context import Runtime

log = structlog.get_logger("datapunk.recovery")

#: The longest wait that a chunk ever gets (`release` in `chunks.sql`).
_LONGEST_WAIT_S = 300.0
#: Free space at which a disk counts as writable.
_ROOM = 16 * 1024 * 1024
#: The database's error for a full disk.
_NO_ROOM = "transient_DiskFull"


def recover(run: Runtime) -> int:
    """End waits whose reason is gone; return how many chunks and sets continue early."""
    return _set_clock_right(run) + _ask_services(run) + _look_at_broker(run)


def _set_clock_right(run: Runtime) -> int:
    """Correct moments that are too far ahead: they come from a clock that was set back."""
    ahead = run.ledger.rows(
        "recovery", "chunks_ahead", lease_s=run.options.lease_s, wait_s=_LONGEST_WAIT_S
    )
    wait_s = max(run.options.set_wait_s, _LONGEST_WAIT_S)
    ahead += run.ledger.rows("recovery", "sets_ahead", wait_s=wait_s)
    if ahead:
        log.warning("the database's clock was set back", chunks_and_sets=len(ahead))
    return len(ahead)


def _look_at_broker(run: Runtime) -> int:
    """Send everything again when the broker lacks the mark: it has lost every message."""
    if run.broker.is_marked():
        return 0
    lost = run.ledger.rows("recovery", "forget_messages")
    crash_here("recovery.forgotten")
    run.broker.mark()
    if lost:
        log.warning("the broker has lost its messages", chunks=len(lost))
    return len(lost)


def _ask_services(run: Runtime) -> int:
    """Ask the services for which chunks wait, each once."""
    codes = {row["code"] for row in run.ledger.rows("recovery", "waiting_codes")}
    return sum(
        _answer(run, mine, answers=answers(run)) for mine, answers in _services(codes) if mine
    )


def _services(codes: set[str]) -> Iterable[tuple[list[str], Callable[[Runtime], bool]]]:
    """Yield the codes of each service, and the question to it."""
    yield sorted(codes & {"scanner_down"}), lambda run: run.scanner.answers()
    yield sorted(codes & {_NO_ROOM}), _database_has_room
    of_disks = sorted(c for c in codes - LASTING if c.startswith("os_"))
    yield of_disks, lambda run: _has_room(run.folders)
    # This query was just answered by the database.
    passing = sorted(c for c in codes - {_NO_ROOM} if c.startswith("transient_"))
    yield passing, lambda _: True


def _answer(run: Runtime, codes: list[str], *, answers: bool) -> int:
    if answers:
        parameters = {"codes": codes, "delay_s": run.options.retry_delay_s}
        return len(run.ledger.rows("recovery", "answers", **parameters))
    run.ledger.rows("recovery", "is_away", codes=codes)
    return 0


def _database_has_room(run: Runtime) -> bool:
    try:
        with run.ledger.transaction() as connection:
            connection.execute(queries("recovery")["has_room"])
    except TransientError:
        return False
    return True


def _has_room(folders: Folders) -> bool:
    """Tell whether every folder that work is written to has room."""
    places = (folders.work, folders.processed, folders.failed, folders.data / "blobs")
    return all(_takes(place) for place in places if place.is_dir())


def _takes(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return not disk.f_flag & os.ST_RDONLY and disk.f_bavail * disk.f_frsize >= _ROOM
