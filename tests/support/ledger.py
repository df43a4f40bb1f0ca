"""Leases by hand, stages that fail, and turns until the ledger is at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from schemas.lease import Lease
from schemas.progress import Stage
from tasks.maintenance import reconcile
from tasks.runtime.context import Runtime
from tests.support.lake import WORK, Database, Driver, counts

#: Forty records of `ANA`: four chunks of the runtime `small`.
ANA = "ana@example.org"
ROWS = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(40))

Drop = Callable[[str, str, bytes], UUID]


def lease(run: Runtime, job_id: UUID, chunk: int, stage: Stage) -> Lease | None:
    return run.ledger.lease(
        chunk=chunk,
        job_id=job_id,
        stage=stage,
        worker="test",
        lease_s=60,
        max_attempts=run.options.max_attempts,
    )


def leased(run: Runtime, job_id: UUID, chunk: int, stage: Stage) -> Lease:
    made = lease(run, job_id, chunk, stage)
    assert made is not None
    return made


@contextmanager
def failing(
    stage: Stage, error: Callable[[], BaseException], times: int = 10**6
) -> Iterator[list[int]]:
    """`stage` raises, that many times; the list holds the chunks that met it."""
    work, met = WORK[stage], []

    def broken(run: Runtime, held: Lease) -> Any:
        if len(met) < times:
            met.append(held.ref.id)
            raise error()
        return work(run, held)

    WORK[stage] = broken
    try:
        yield met
    finally:
        WORK[stage] = work


def go_on(run: Runtime, driver: Driver, database: Database, turns: int = 20) -> None:
    """Time passes, the reconciler turns and workers work, until nothing is left to do."""
    for _ in range(turns):
        driver.drain()
        driver.take_turns(run)
        database.let_time_pass()
        if not any(reconcile.reconcile(run).values()):
            return
    raise AssertionError("the ledger does not come to rest")


def check_done(database: Database, job_id: UUID, rows: int = 40) -> None:
    job = database.job(job_id)
    assert (job["status"], job["remaining"], counts(job)) == ("done", 0, (rows, rows, 0, 0))
    assert len(database.documents(job_id)) == rows
    finished = "SELECT count(*) FROM imports.events WHERE job_id = %s AND kind = 'finished'"
    assert database.one(finished, job_id) == 1


class Secret(Exception):
    """An error whose text holds what nobody may see."""


def raising(error: Callable[[], BaseException]) -> Callable[..., Any]:
    """Return a function that raises a new such error each time."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error()

    return fail
