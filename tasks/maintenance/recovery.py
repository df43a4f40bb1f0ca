"""What ends waits sooner than their time: a service that answers again, a broker that has lost
every message, a clock that was set back.

A chunk that fails waits longer after each try, since the cause may be its own. Where the cause is
a service, waits of minutes are of no use once the service answers; so each turn of the reconciler
asks those services for which chunks wait.
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

#: The longest wait that a chunk is ever given (`release` in `chunks.sql`).
_LONGEST_WAIT_S = 300.0
#: Free space at which a disk counts as one that can be written.
_ROOM = 16 * 1024 * 1024
#: The database's own word for a disk without room.
_NO_ROOM = "weather_DiskFull"


def recover(run: Runtime) -> int:
    """End waits whose reason is gone; how many chunks and sets go on sooner."""
    return _set_clock_right(run) + _ask_services(run) + _look_at_broker(run)


def _set_clock_right(run: Runtime) -> int:
    """Moments further ahead than any that is written now come of a clock that was set back."""
    ahead = run.ledger.rows(
        "recovery", "chunks_ahead", lease_s=run.options.lease_s, wait_s=_LONGEST_WAIT_S
    )
    wait_s = max(run.options.set_wait_s, _LONGEST_WAIT_S)
    ahead += run.ledger.rows("recovery", "sets_ahead", wait_s=wait_s)
    if ahead:
        log.warning("the database's clock was set back", chunks_and_sets=len(ahead))
    return len(ahead)


def _look_at_broker(run: Runtime) -> int:
    """A broker without our mark has lost every message, whatever the lengths of its queues say."""
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
        _settle(run, mine, answers=answers(run)) for mine, answers in _services(codes) if mine
    )


def _services(codes: set[str]) -> Iterable[tuple[list[str], Callable[[Runtime], bool]]]:
    """The codes by which each service is known, and how it is asked."""
    yield sorted(codes & {"scanner_down"}), lambda run: run.scanner.answers()
    yield sorted(codes & {_NO_ROOM}), _database_has_room
    of_disks = sorted(c for c in codes - LASTING if c.startswith("os_"))
    yield of_disks, lambda run: _has_room(run.folders)
    # Who asks has just been answered by the database.
    passing = sorted(c for c in codes - {_NO_ROOM} if c.startswith("weather_"))
    yield passing, lambda _: True


def _settle(run: Runtime, codes: list[str], *, answers: bool) -> int:
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
    """Whether every folder that work is written to takes some more."""
    places = (folders.work, folders.processed, folders.failed, folders.data / "blobs")
    return all(_takes(place) for place in places if place.is_dir())


def _takes(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return not disk.f_flag & os.ST_RDONLY and disk.f_bavail * disk.f_frsize >= _ROOM
