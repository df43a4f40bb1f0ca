"""What strikes in a storm. A fault returns how many seconds it lasts from now on, or None if it
found nothing to strike."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
import psycopg
import redis
from celery import current_app

from schemas.errors import DatapunkError
from schemas.progress import ROUTES, Kind, Stage
from tasks.runtime import dispatch
from tests.storm import worker
from workers import wiring

if TYPE_CHECKING:
    from tests.storm.storm import Storm

DOWN = (DatapunkError, psycopg.Error, redis.RedisError, OSError)

_LEASED = "SELECT leased_by FROM imports.chunks WHERE status = 'leased'"


def _kill(name: str) -> Callable[[Storm], float | None]:
    def strike(storm: Storm) -> float | None:
        which = f"{name}{storm.random.randint(1, 2)}" if name in ("worker", "reconciler") else name
        if which not in storm.place.processes:
            return None
        storm.place.kill(which)
        return 0.0

    return strike


def _children(storm: Storm) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for name in ("worker1", "worker2"):
        with contextlib.suppress(psutil.NoSuchProcess, KeyError):
            found += psutil.Process(storm.place.processes[name].pid).children()
    return found


def _busy(storm: Storm) -> list[psutil.Process]:
    """The children that hold a lease now."""
    with psycopg.connect(storm.place.settings.url("admin")) as connection:
        rows = connection.execute(_LEASED).fetchall()
    holders = {int(row[0].rpartition(":")[2]) for row in rows}
    return [child for child in _children(storm) if child.pid in holders]


def _child(storm: Storm) -> float | None:
    children: list[psutil.Process] = []
    with contextlib.suppress(*DOWN):
        children = _busy(storm)
    if not (children := children or _children(storm)):
        return None
    storm.random.choice(children).kill()
    return 0.0


def _freeze(storm: Storm) -> float | None:
    """Stop a child that is at work for longer than its lease; then it goes on as a zombie."""
    with contextlib.suppress(*DOWN):
        for _ in range(200):
            for child in _busy(storm):
                child.suspend()
                time.sleep(0.05)  # what the server was told before is done
                if _holds_a_lease(storm, child.pid):
                    lease = storm.place.settings.lease_s
                    storm.later(lease + storm.random.uniform(2, 8), child.resume)
                    return 0.0
                child.resume()
            time.sleep(0.01)
    return None


def _holds_a_lease(storm: Storm, pid: int) -> bool:
    """Whether it does, outside its commit: within, nobody could take over."""
    query = f"{_LEASED} FOR UPDATE SKIP LOCKED"
    with psycopg.connect(storm.place.settings.url("admin")) as connection:
        holders = [row[0] for row in connection.execute(query.encode())]
    return any(holder.endswith(f":{pid}") for holder in holders)


def _freeze_reconciler(storm: Storm) -> float | None:
    """Stop one of the two for a while, maybe in its turn."""
    process = storm.place.processes.get(f"reconciler{storm.random.randint(1, 2)}")
    if process is None:
        return None
    frozen = psutil.Process(process.pid)
    frozen.suspend()
    storm.later(storm.random.uniform(2, 6), frozen.resume)
    return 0.0


def _broker(*, with_data: bool) -> Callable[[Storm], float | None]:
    def strike(storm: Storm) -> float | None:
        storm.place.kill_broker(with_data=with_data)
        time.sleep(storm.random.uniform(0, 1))
        storm.place.start_broker()
        return 0.0

    return strike


def _flush(storm: Storm) -> float | None:
    with wiring.broker_client(storm.place.settings) as client:
        client.flushall()
    return 0.0


def _postgres(storm: Storm) -> float | None:
    storm.place.kill_postgres()
    time.sleep(storm.random.uniform(0, 1))
    storm.place.start_postgres()
    return 0.0


def _clamd(storm: Storm) -> float | None:
    """Stop the scanner, in mid-scan if it is at one; it comes back after a while."""
    if storm.clamd is None or storm.clamd.process is None:
        return None
    storm.clamd.stop(storm.random.choice([signal.SIGTERM, signal.SIGKILL]))
    away = storm.random.uniform(1, 4)
    storm.later(away, storm.clamd.start)
    return away


def _disk(storm: Storm) -> float | None:
    """No room is left for a while."""
    storm.disk.fill()
    full = storm.random.uniform(1, 4)
    storm.later(full, storm.disk.free)
    return full


def _clock(storm: Storm) -> float | None:
    """A process comes back with a clock that is hours ahead or behind; the next has a true one."""
    which = storm.random.choice(["worker1", "worker2", "reconciler1", "reconciler2", "watcher"])
    if which not in storm.place.processes:
        return None
    hours = storm.random.choice([-1, 1]) * storm.random.uniform(2, 30)
    storm.place.kill(which)
    storm.place.start(which, **{worker.CLOCK: str(hours * 3600)})
    return 0.0


def _twice(storm: Storm) -> float | None:
    """Messages again, for chunks in whatever state, at whatever stage."""
    with contextlib.suppress(*DOWN):
        with psycopg.connect(storm.place.settings.url("admin")) as connection:
            rows = connection.execute("SELECT id, job_id, kind FROM imports.chunks").fetchall()
        for chunk, job, kind in storm.random.sample(rows, min(10, len(rows))):
            stage = storm.random.choice(ROUTES[Kind(kind)])
            dispatch.send(chunk, job, Kind(kind), stage, embed=stage is Stage.EMBED)
        return 0.0 if rows else None
    return None


def _forged(storm: Storm) -> float | None:
    """Messages nobody sent: chunks and jobs that are none, and tasks that don't exist."""
    del storm
    for kwargs in ({"chunk": 1, "job_id": str(uuid4())}, {"chunk": "1; --", "job_id": "x"}, {}):
        current_app.send_task("datapunk.load", kwargs=kwargs, queue="load")
    current_app.send_task("os.system", args=["true"], queue="normalise")
    return 0.0


def _garbage(storm: Storm) -> float | None:
    with wiring.broker_client(storm.place.settings) as client:
        client.lpush("load", b"\x80\x04no message at all")
    return 0.0


FAULTS: dict[str, Callable[[Storm], float | None]] = {
    "worker killed": _kill("worker"),
    "child killed": _child,
    "embedder killed": _kill("embedder"),
    "reconciler killed": _kill("reconciler"),
    "watcher killed": _kill("watcher"),
    "child frozen": _freeze,
    "reconciler frozen": _freeze_reconciler,
    "broker killed": _broker(with_data=False),
    "broker and data gone": _broker(with_data=True),
    "FLUSHALL": _flush,
    "Postgres stopped": _postgres,
    "clamd stopped": _clamd,
    "disk full": _disk,
    "clock hours off": _clock,
    "messages twice": _twice,
    "messages forged": _forged,
    "garbage in a queue": _garbage,
}
