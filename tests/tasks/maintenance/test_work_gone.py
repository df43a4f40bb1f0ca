"""What a cleaner deletes from `.work` in mid-job is made again, or missed by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.files import SliceLimits
from schemas.lease import Lease
from schemas.progress import Stage
from tasks.maintenance import reconcile, sweep
from tasks.operations import verify
from tasks.runtime.context import Runtime
from tests.support.lake import WORK, Database, Driver, counts, zipped
from workers.cli.verbs import status

pytestmark = pytest.mark.services

ANA, BO = "ana@example.org", "bo@example.org"
ROWS = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(8))
#: Read as UTF-8, a chunk of it would have other letters and other places.
LATIN = b"id,name\n" + "".join(f"{n},Zoë à la crème\n" for n in range(8)).encode("latin-1")
NOTE = "Zoë's note about a lake à la crème that is still in the morning.".encode("latin-1")
FILES = {
    "a.zip": zipped({"rows.ndjson": ROWS, "t.csv": LATIN, "note.txt": NOTE}),
    "rows.ndjson": ROWS.replace(b"row", b"plain"),
    "latin.csv": LATIN.replace(b"name", b"called"),
}
SEEN = {"a.zip": 17, "rows.ndjson": 8, "latin.csv": 8}

Drop = Callable[[str, str, bytes], UUID]
Seen = Callable[[object], None]

#: What is deleted, by its place.
PARTS: dict[str, Callable[[Runtime, UUID], Path]] = {
    "work": lambda run, _: run.folders.work,
    "job": lambda run, job: run.folders.job(job),
    "chunks": lambda run, job: run.folders.chunks(job),
    "members": lambda run, job: run.folders.members(job),
    "original": lambda run, job: run.folders.job(job) / "original",
}
#: Until then the original is needed for what is still to be read.
NEEDS_ORIGINAL = (Stage.VALIDATE, Stage.EXTRACT)


@contextmanager
def deleting(what: str, stage: Stage, jobs: Collection[UUID]) -> Iterator[set[UUID]]:
    """It is deleted as each of these jobs comes to a stage for the first time."""
    work, done = WORK[stage], set[UUID]()

    def then(run: Runtime, lease: Lease) -> Any:
        if lease.ref.job_id in jobs and lease.ref.job_id not in done:
            done.add(lease.ref.job_id)
            shutil.rmtree(PARTS[what](run, lease.ref.job_id), ignore_errors=True)
        return work(run, lease)

    WORK[stage] = then
    try:
        yield done
    finally:
        WORK[stage] = work


@pytest.fixture
def small(run: Runtime, make_run: Callable[..., Runtime]) -> Runtime:
    run.options = make_run(slices=SliceLimits(records=4), max_attempts=2).options
    return run


def to_the_end(run: Runtime, driver: Driver, database: Database, jobs: list[UUID]) -> None:
    for _ in range(40):
        driver.drain()
        driver.take_turns(run)
        database.let_time_pass()
        reconcile.reconcile(run)
        sweep.sweep(run)
        if all(database.job(job)["completed_at"] for job in jobs):
            return
    raise AssertionError("the jobs don't come to an end")


@pytest.mark.threat("work_gone", seen="made again from the original, or named: file_missing")
@pytest.mark.parametrize("what", PARTS)
@pytest.mark.parametrize("stage", [Stage.VALIDATE, Stage.EXTRACT, Stage.NORMALISE, Stage.LOAD])
def test_what_is_deleted_is_made_again_or_missed_by_name(
    small: Runtime, drop: Drop, driver: Driver, database: Database, what: str, stage: Stage
) -> None:
    mine = {drop(ANA, name, data): name for name, data in FILES.items()}
    other = drop(BO, "other.zip", zipped({"o.ndjson": ROWS}))
    with deleting(what, stage, mine) as done:
        to_the_end(small, driver, database, [*mine, other])
    assert done == set(mine) or (what == "work" and done)
    for job_id, name in mine.items():
        _check_mine(small, database.job(job_id), what, stage, SEEN[name])
    beside = database.job(other)
    if what != "work":
        assert (beside["status"], counts(beside)) == ("done", (8, 8, 0, 0))
    later = drop(BO, "later.ndjson", ROWS.replace(b"row", b"later"))
    to_the_end(small, driver, database, [later])
    assert database.job(later)["status"] == "done", "the lake goes on"
    if what == "work":
        assert small.folders.work.stat().st_mode & 0o077 == 0


def _check_mine(run: Runtime, job: dict[str, Any], what: str, stage: Stage, seen: int) -> None:
    kept = job["archived_path"] and run.folders.data / job["archived_path"]
    original_gone = what in ("work", "job", "original")
    if not original_gone:
        assert (job["status"], counts(job), job["error_code"]) == (
            "done", (seen, seen, 0, 0), None)  # fmt: skip
        assert kept.is_file()
        return
    assert kept is None, "nobody says that it is kept"
    assert job["error_code"] in ("file_missing", "original_gone")
    assert "drop it again" in job["error_detail"]
    (cause,) = [line for line in status.causes([status_facts(job)]) if "drop it again" in line]
    assert job["error_code"] in cause
    if job["status"] == "done":
        assert counts(job) == (seen, seen, 0, 0)
    else:
        assert job["status"] == "failed"
        error = run.folders.failed / ANA / f"{job['source_name']}.error.txt"
        assert "drop it again" in error.read_text()
        assert stage not in NEEDS_ORIGINAL or counts(job) == (0, 0, 0, 0)


def status_facts(job: dict[str, Any]) -> dict[str, Any]:
    row = {**job, "user_name": ANA, "chunks": 0, "chunks_done": 0}
    return {**status.job_facts(row, None, None), "waits": {}}


def test_verify_misses_an_original_that_was_deleted(
    small: Runtime, drop: Drop, driver: Driver, database: Database, reader: Any
) -> None:
    job_id = drop(ANA, "a.zip", FILES["a.zip"])
    with deleting("original", Stage.LOAD, [job_id]):
        to_the_end(small, driver, database, [job_id])
    job = database.job(job_id)
    assert job["status"] == "done"
    assert [f.check for f in verify.verify(small, reader, job) if not f.ok] == ["original"]
