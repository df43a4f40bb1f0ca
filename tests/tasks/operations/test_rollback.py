"""An import is taken back: exactly what it loaded goes, and what others also had stays theirs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from psycopg import errors as pg
from typer.testing import CliRunner

from schemas.errors import PermanentError
from schemas.files import SliceLimits
from schemas.progress import ROUTES, Kind, Stage
from sql.store import Lake
from tasks.ingest import upload
from tasks.maintenance import reconcile
from tasks.operations import job_control, verify
from tasks.operations.rollback import RolledBack, roll_back
from tasks.runtime.context import Runtime
from tests.support import lake as lake_support
from tests.support.lake import Database, Driver, counts, zipped
from workers.cli import app
from workers.cli.verbs import jobs as job_verbs
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA, BO = "ana@example.org", "bo@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
Proven = Callable[[Mapping[str, Any]], set[str]]


def archive(first: int, last: int, *, more: str = "") -> bytes:
    """Rows, mails (which are embedded), positions, and one record that is none."""
    rows = "".join(f'{{"id": {n}, "name": "x"}}\n' for n in range(first, last))
    mails = "".join(
        f"From - Mon May  1 10:00:00 2023\nMessage-ID: <{n}@example.org>\nSubject: Lamp {n}\n"
        f"Date: Mon, 01 May 2023 10:00:00 +0000\n\nA lamp for room {n}.\n\n"
        for n in range(first, last)
    )
    places = [
        {"latitudeE7": n * 10**7, "longitudeE7": 10**7, "timestamp": f"2023-05-01T10:00:{n:02}Z"}
        for n in range(first, last)
    ]
    return zipped(
        {
            "rows.ndjson": (rows + "{broken\n" + more).encode(),
            "Takeout/Mail/All mail.mbox": mails.encode(),
            "Takeout/Location History/Records.json": json.dumps({"locations": places}).encode(),
        }
    )


@pytest.fixture
def proven(run: Runtime, reader: Lake, database: Database) -> Proven:
    """The checks of `verify` that fail."""

    def check(job: Mapping[str, Any]) -> set[str]:
        found = verify.verify(run, reader, database.job(job["id"]))
        return {f.check for f in found if not f.ok}

    return check


def lake(database: Database) -> dict[str, int]:
    tables = (
        "user_data.documents",
        "timeseries.locations",
        "vectors.embeddings",
        "imports.claims",
    )
    return {table: database.one(f"SELECT count(*) FROM {table}") for table in tables}


def take_back(run: Runtime, job: Mapping[str, Any], *, dry: bool = False) -> RolledBack:
    return roll_back(run, job["user_id"], job["id"], dry=dry)


def test_one_of_two_overlapping_imports(
    run: Runtime, imported: Imported, database: Database, proven: Proven
) -> None:
    one, two = imported(ANA, "1.zip", archive(0, 20)), imported(ANA, "2.zip", archive(10, 30))
    assert counts(one) == (61, 60, 0, 1)
    assert counts(two) == (61, 30, 30, 1)
    before = lake(database)
    gone = RolledBack(documents=20, locations=10, vectors=20, handed_on=30, quarantined=1)

    assert take_back(run, one, dry=True) == gone
    assert lake(database) == before
    assert counts(database.job(one["id"])) == (61, 60, 0, 1)
    assert database.one("SELECT count(*) FROM imports.events WHERE kind = 'rolled_back'") == 0

    assert take_back(run, one) == gone
    assert list(lake(database).values()) == [40, 20, 40, 0]
    assert counts(database.job(two["id"])) == (61, 60, 0, 1)
    assert counts(database.job(one["id"])) == (0, 0, 0, 0)
    assert database.job(one["id"])["status"] == "rolled_back"
    assert database.one("SELECT count(*) FROM imports.events WHERE kind = 'rolled_back'") == 1
    assert [proven(job) for job in (one, two)] == [set(), set()]

    with pytest.raises(PermanentError, match="rolled_back"):
        take_back(run, one)
    with pytest.raises(PermanentError, match="rolled back"):
        job_control.retry(run, database.job(one["id"]))


def test_the_same_archive_comes_in_again(
    run: Runtime, imported: Imported, database: Database, proven: Proven
) -> None:
    data = archive(0, 20)
    first, other = imported(ANA, "1.zip", data), imported(ANA, "2.zip", archive(10, 30))
    take_back(run, first)
    again = imported(ANA, "1.zip", data)
    assert counts(again) == (61, 30, 30, 1)
    assert [proven(job) for job in (first, other, again)] == [set(), set(), set()]
    take_back(run, other)
    assert counts(database.job(again["id"])) == (61, 60, 0, 1)
    take_back(run, again)
    assert list(lake(database).values()) == [0, 0, 0, 0]
    assert [proven(job) for job in (first, other, again)] == [set(), set(), set()]


def test_the_oldest_of_several_inherits(
    run: Runtime, imported: Imported, database: Database, proven: Proven
) -> None:
    jobs = [imported(ANA, f"{n}.zip", archive(0, 5, more="\n" * n)) for n in range(4)]
    assert [counts(job)[1:3] for job in jobs] == [(15, 0), (0, 15), (0, 15), (0, 15)]
    for heir in (2, 3):
        take_back(run, jobs[1 if heir == 2 else 0])
        assert proven(jobs[heir]) == set()
    assert counts(database.job(jobs[2]["id"]))[1:3] == (15, 0)
    assert counts(database.job(jobs[3]["id"]))[1:3] == (0, 15)
    assert take_back(run, jobs[2]).handed_on == 15
    assert counts(database.job(jobs[3]["id"]))[1:3] == (15, 0)
    assert proven(jobs[3]) == set()


def test_other_users_are_not_touched(
    run: Runtime, imported: Imported, database: Database, proven: Proven
) -> None:
    data = archive(0, 5)
    mine, theirs = imported(ANA, "1.zip", data), imported(BO, "1.zip", data)
    with pytest.raises(PermanentError, match="no such job"):
        roll_back(run, theirs["user_id"], mine["id"])
    with pytest.raises(pg.RaiseException):  # nor by the function itself
        run.lake.rows(theirs["user_id"], "quarantine", "roll_back", job_id=mine["id"])
    assert take_back(run, mine).handed_on == 0
    assert counts(database.job(theirs["id"])) == (16, 15, 0, 1)
    assert proven(theirs) == set()


def test_not_while_it_is_at_work_itself(
    run: Runtime, drop: Callable[..., UUID], driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "1.zip", archive(0, 5))
    driver.step()
    with pytest.raises(PermanentError, match="cancel"):
        take_back(run, database.job(job_id))
    driver.drain()
    assert take_back(run, database.job(job_id)).documents == 10


@pytest.mark.parametrize("stage", list(ROUTES[Kind.RECORDS]))
@pytest.mark.parametrize("shared", [True, False])
def test_while_a_worker_is_busy_with_another_job(
    run: Runtime, imported: Imported, drop: Callable[..., UUID], driver: Driver,
    database: Database, proven: Proven, monkeypatch: pytest.MonkeyPatch, stage: Stage, shared: bool,
) -> None:  # fmt: skip
    """Between the work of each stage and its commit, the job before it is taken back."""
    first = imported(ANA, "1.zip", archive(0, 20))
    later = drop(ANA, "2.zip", archive(10, 30) if shared else archive(40, 60))
    work, gone = lake_support.WORK[stage], []

    def slow(run: Runtime, lease: Any) -> Any:
        ending = work(run, lease)
        if not gone:
            gone.append(take_back(run, first))
        return ending

    monkeypatch.setitem(lake_support.WORK, stage, slow)
    for _ in range(5):
        driver.drain()
        database.let_time_pass()
        reconcile.reconcile(run)
    assert gone[0].documents > 0
    assert database.job(later)["status"] == "done"
    assert counts(database.job(later)) == (61, 60, 0, 1)
    assert list(lake(database).values()) == [40, 20, 40, 0]
    assert [proven(job) for job in (first, {"id": later})] == [set(), set()]


def test_beside_workers_that_never_stop(
    run: Runtime, make_run: Callable[..., Runtime], imported: Imported, drop: Callable[..., UUID],
    driver: Driver, database: Database, proven: Proven,
) -> None:  # fmt: skip
    """Three imports that overlap, of which two workers carry one while the others go."""
    jobs = [imported(ANA, f"{n}.zip", archive(0, 20 + n)) for n in range(2)]
    run.options = make_run(slices=SliceLimits(records=3)).options
    later = drop(ANA, "later.zip", archive(5, 40))
    driver.step()

    def carry() -> None:
        while database.job(later)["completed_at"] is None:
            try:
                driver.step()
            except IndexError:
                database.let_time_pass()
                reconcile.reconcile(run)

    workers = [threading.Thread(target=carry) for _ in range(2)]
    for worker in workers:
        worker.start()
    for job in jobs:
        take_back(run, job)
    for worker in workers:
        worker.join()
    assert counts(database.job(later)) == (106, 105, 0, 1)
    assert list(lake(database).values()) == [70, 35, 70, 0]
    assert [proven(job) for job in (*jobs, {"id": later})] == [set(), set(), set()]


def test_two_chunks_of_a_job_had_the_record_and_one_never_ends(
    run: Runtime, imported: Imported, drop: Callable[..., UUID], driver: Driver,
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The chunk that ended is the heir, though the other noted the record first."""
    first = imported(ANA, "1.txt", b"A text about a lamp.")
    twice = zipped({f"{n}.txt": b"A text about a lamp." for n in range(2)})
    monkeypatch.setattr(upload, "_FILES_A_CHUNK", 1)
    later = drop(ANA, "2.zip", twice)
    driver.step()
    one, other = database.chunks(later)
    for stage in (Stage.NORMALISE, Stage.SCREEN):
        driver.perform(stage, one["id"], later)
    for stage in ROUTES[Kind.RECORDS]:
        driver.perform(stage, other["id"], later)
    job_control.cancel(run, later, first["user_id"])
    driver.drain()
    assert counts(database.job(later)) == (1, 0, 1, 0)
    assert take_back(run, first).handed_on == 1
    assert counts(database.job(later)) == (1, 1, 0, 0)
    assert lake(database)["user_data.documents"] == 1


def test_a_retry_that_comes_too_late_is_refused(
    run: Runtime, drop: Callable[..., UUID], driver: Driver, database: Database
) -> None:
    """It looked at the job before the rollback and changes it after."""
    job_id = drop(ANA, "1.zip", archive(0, 5))
    driver.step()
    driver.step()
    user_id = database.job(job_id)["user_id"]
    job_control.cancel(run, job_id, user_id)
    driver.drain()
    seen = database.job(job_id)
    take_back(run, seen)
    with pytest.raises(PermanentError, match="rolled back"):
        job_control.retry(run, seen)
    assert database.job(job_id)["status"] == "rolled_back"
    assert "ready" not in {chunk["status"] for chunk in database.chunks(job_id)}


def test_a_cancelled_job_that_goes_on_later_looks_again(
    run: Runtime, imported: Imported, drop: Callable[..., UUID], driver: Driver,
    database: Database, proven: Proven,
) -> None:  # fmt: skip
    """Its screen left out what the lake had; that went, so it must not stay left out."""
    first = imported(ANA, "1.zip", archive(0, 20))
    later = drop(ANA, "2.zip", archive(10, 30))
    while not any(c["stage"] == "embed" for c in database.chunks(later)):
        message = driver.sent.popleft()
        for stage in ROUTES[message.kind][:2]:  # not to the end of the chunk
            driver.perform(stage, message.chunk, message.job_id)
    job_control.cancel(run, later, first["user_id"])
    driver.drain()
    take_back(run, first)
    assert job_control.retry(run, database.job(later)) > 0
    driver.drain()
    assert counts(database.job(later)) == (61, 60, 0, 1)
    assert proven({"id": later}) == set()


def test_a_zombie_of_a_cancelled_job_is_fenced(
    run: Runtime, drop: Callable[..., UUID], driver: Driver, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A worker is at its load while the job is cancelled and taken back: it writes nothing."""
    job_id = drop(ANA, "1.txt", b"A text about a lamp.")
    load = lake_support.WORK[Stage.LOAD]

    def slow(run: Runtime, lease: Any) -> Any:
        ending = load(run, lease)
        job_control.cancel(run, job_id, lease.ref.user_id)
        finish = next(m for m in driver.sent if m.stage is Stage.FINISH)
        driver.perform(Stage.FINISH, finish.chunk, job_id)
        roll_back(run, lease.ref.user_id, job_id)
        return ending

    monkeypatch.setitem(lake_support.WORK, Stage.LOAD, slow)
    driver.drain()
    assert database.job(job_id)["status"] == "rolled_back"
    assert list(lake(database).values()) == [0, 0, 0, 0]
    assert database.one("SELECT count(*) FROM imports.events WHERE kind = 'fenced'") == 1


def test_a_record_that_goes_while_it_is_screened_out(
    run: Runtime, imported: Imported, drop: Callable[..., UUID], driver: Driver,
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Asked before the rollback, committed after it: the chunk is given back and looks again."""
    imported(ANA, "1.txt", b"A text about a lamp.")
    later = drop(ANA, "2.zip", zipped({"1.txt": b"A text about a lamp."}))
    screen, turns = lake_support.WORK[Stage.SCREEN], iter([True])

    def slow(run: Runtime, lease: Any) -> Any:
        ending = screen(run, lease)
        if next(turns, False):
            database.rows("DELETE FROM user_data.documents")
        return ending

    monkeypatch.setitem(lake_support.WORK, Stage.SCREEN, slow)
    driver.drain()
    assert database.chunks(later)[0]["stage"] == "screen"
    database.let_time_pass()
    reconcile.reconcile(run)
    driver.drain()
    assert counts(database.job(later)) == (1, 1, 0, 0)


def test_older_duplicates_that_nobody_noted(
    run: Runtime, imported: Imported, database: Database
) -> None:
    one, _ = imported(ANA, "1.zip", archive(0, 20)), imported(ANA, "2.zip", archive(10, 30))
    database.rows("UPDATE imports.jobs SET claims_kept = false")
    with pytest.raises(PermanentError, match="older import"):
        take_back(run, one)


def test_the_verb(
    place: Settings, imported: Imported, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_verbs, "load", lambda: place)
    job = imported(ANA, "1.zip", archive(0, 5))
    line = ["rollback", str(job["id"])]
    said = json.loads(CliRunner().invoke(app, [*line, "--dry-run", "--json"]).stdout)
    assert said["dry_run"] is True
    assert (said["documents"], said["locations"], said["vectors"]) == (10, 5, 10)
    assert database.job(job["id"])["status"] == "done"
    result = CliRunner().invoke(app, line)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "gone:")
    assert CliRunner().invoke(app, line).exit_code == 1
