"""A scanner that must be asked and is away: the job waits, and has lost nothing when it is back."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pytest

from schemas.progress import Stage
from tasks.maintenance import reconcile
from tasks.runtime.context import Runtime
from tests.support import clamd as clamd_support
from tests.support.clamd import Clamd
from tests.support.lake import Database, Driver, counts, zipped
from workers.adapters.clamd import ClamdScanner, UnixClamd

pytestmark = [pytest.mark.services, pytest.mark.clamav]

ANA = "ana@example.org"
ROWS = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(20))
MEMBERS = {f"{name}.ndjson": ROWS.replace(b"row", name.encode()) for name in ("one", "two")}

Drop = Callable[[str, str, bytes], UUID]


@pytest.fixture
def daemon() -> Iterator[Clamd]:
    with clamd_support.daemon(clamd_support.find_clamd()) as made:
        yield made


class Watched(UnixClamd):
    """The daemon's socket; `before` is called with the number of each question."""

    def __init__(self, socket: Path, before: Callable[[int], None]) -> None:
        super().__init__([socket], 10)
        self._before, self.asked = before, 0

    def ask(self, file: BinaryIO) -> str:
        self.asked += 1
        self._before(self.asked)
        return super().ask(file)


@pytest.fixture
def guarded(
    run: Runtime, make_run: Callable[..., Runtime], daemon: Clamd
) -> Callable[[Callable[[int], None]], Watched]:
    """Makes the runtime ask the daemon before it opens a file."""
    run.options = make_run(scan_required=True, max_attempts=3).options

    def guard(before: Callable[[int], None] = lambda _: None) -> Watched:
        watched = Watched(daemon.socket, before)
        run.scanner = ClamdScanner(watched, required=True, attempts=1)
        return watched

    return guard


def turns(run: Runtime, driver: Driver, database: Database, number: int) -> None:
    for _ in range(number):
        driver.drain()
        database.let_time_pass()
        reconcile.reconcile(run)


def upload(database: Database, job_id: UUID) -> dict[str, Any]:
    (chunk,) = database.chunks(job_id, "upload")
    return {name: chunk[name] for name in ("stage", "status", "attempt", "last_error_code")}


def waits(stage: Stage) -> dict[str, Any]:
    return {"stage": stage, "status": "ready", "attempt": 0, "last_error_code": "scanner_down"}


def check_done(database: Database, job_id: UUID, rows: int) -> None:
    job = database.job(job_id)
    assert (job["status"], job["remaining"], counts(job)) == ("done", 0, (rows, rows, 0, 0))
    assert {file["disposition"] for file in database.files(job_id).values()} == {"handled"}


@pytest.mark.threat("clamd", seen="down for a whole job: it waits, no attempt counted")
def test_a_job_waits_for_a_daemon_that_is_down_and_burns_no_attempt(
    run: Runtime, driver: Driver, drop: Drop, database: Database, daemon: Clamd,
    guarded: Callable[..., Watched],
) -> None:  # fmt: skip
    watched = guarded()
    daemon.stop(signal.SIGKILL)
    job_id = drop(ANA, "rows.ndjson", ROWS)
    turns(run, driver, database, 20)
    assert watched.asked >= 20, "it was tried again each time"
    assert upload(database, job_id) == waits(Stage.VALIDATE)
    assert database.job(job_id)["completed_at"] is None
    daemon.start()
    turns(run, driver, database, 3)
    check_done(database, job_id, 20)
    assert database.job(job_id)["scan"] == "clean"


@pytest.mark.threat("clamd", seen="killed over a file: scanned again")
def test_a_daemon_that_is_killed_over_a_file_costs_nothing(
    run: Runtime, driver: Driver, drop: Drop, database: Database, daemon: Clamd,
    guarded: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from workers.adapters import clamd

    def stops_it(_: int) -> None:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGSTOP)  # it takes the file and does not answer

    answer = clamd._line

    def killed(connection: Any) -> str:
        daemon.stop(signal.SIGKILL)
        return answer(connection)

    guarded(stops_it)
    monkeypatch.setattr(clamd, "_line", killed)
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.drain()
    assert upload(database, job_id) == waits(Stage.VALIDATE)
    monkeypatch.setattr(clamd, "_line", answer)
    daemon.start()
    guarded()
    turns(run, driver, database, 3)
    check_done(database, job_id, 20)


@pytest.mark.threat("clamd", seen="gone between two members: neither is set aside for it")
def test_no_member_is_set_aside_for_a_daemon_that_went_away(
    run: Runtime, driver: Driver, drop: Drop, database: Database, daemon: Clamd,
    guarded: Callable[..., Watched],
) -> None:  # fmt: skip
    job_id = drop(ANA, "rows.zip", zipped(MEMBERS))
    (chunk,) = database.chunks(job_id, "upload")
    guarded()
    assert driver.perform(Stage.VALIDATE, chunk["id"], job_id)
    guarded(lambda number: daemon.stop(signal.SIGKILL) if number == 2 else None)
    assert not driver.perform(Stage.EXTRACT, chunk["id"], job_id)
    turns(run, driver, database, 5)
    assert upload(database, job_id) == waits(Stage.EXTRACT)
    assert database.codes(job_id) == []
    daemon.start()
    guarded()
    turns(run, driver, database, 3)
    check_done(database, job_id, 40)


@pytest.mark.parametrize(
    "trouble", ["Can't allocate memory", "Can't create temporary file", "Can't write to file"]
)
def test_a_daemon_without_room_is_as_good_as_down(
    run: Runtime, driver: Driver, drop: Drop, database: Database,
    guarded: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, trouble: str,
) -> None:  # fmt: skip
    guarded()
    with monkeypatch.context() as patch:
        patch.setattr(Watched, "ask", lambda *_: f"fd[9]: {trouble} ERROR")
        job_id = drop(ANA, "rows.ndjson", ROWS)
        driver.drain()
        assert upload(database, job_id) == waits(Stage.VALIDATE)
    turns(run, driver, database, 3)
    check_done(database, job_id, 20)
