"""The same archive twice, at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest

from schemas.progress import Stage
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, counts, zipped
from workers.watcher import Watcher

pytestmark = pytest.mark.services

ANA, BEN = "ana@example.org", "ben@example.org"
EXPORT = zipped({"rows.ndjson": b'{"id": 1}\n{"id": 2}\n'})

Drop = Callable[[str, str, bytes], UUID]
Seen = Callable[[object], None]


def at_once(work: list[Callable[[], object]]) -> None:
    """All of them, begun at one moment."""
    start, failed = threading.Barrier(len(work)), []

    def run(one: Callable[[], object]) -> None:
        start.wait()
        try:
            one()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


@pytest.mark.threat("twice")
def test_one_archive_under_many_names_at_once_is_one_job(
    drop: Drop, driver: Driver, database: Database, seen: Seen
) -> None:
    jobs = [drop(ANA, f"{n}.zip", EXPORT) for n in range(4)]
    firsts = [database.chunks(job, "upload")[0]["id"] for job in jobs]
    validate = [
        lambda c=chunk, j=job: driver.perform(Stage.VALIDATE, c, j)  # type: ignore[misc]
        for chunk, job in zip(firsts, jobs, strict=True)
    ]
    at_once(validate)
    driver.drain()
    ends = [database.job(job) for job in jobs]
    assert sorted(end["status"] for end in ends) == ["done", "duplicate", "duplicate", "duplicate"]
    (done,) = [end for end in ends if end["status"] == "done"]
    assert counts(done) == (2, 2, 0, 0)
    assert {end["duplicate_of"] for end in ends} == {None, done["id"]}
    seen("four names at once: 1 done, 3 duplicate")


@pytest.mark.threat("twice")
def test_two_watchers_take_each_file_once(
    run: Runtime, driver: Driver, database: Database, seen: Seen
) -> None:
    for user in (ANA, BEN):
        (run.folders.staging / user).mkdir()
        for n in range(5):
            name = run.folders.staging / user / f"{n}.txt"
            name.write_bytes(b"A day by the lake, number %d." % n)
    watchers = [
        Watcher(run.ledger, run.folders, settle_s=0.0, options=run.options) for _ in range(2)
    ]
    at_once([watcher.scan for watcher in watchers])
    for watcher in watchers:
        watcher.scan()
    driver.drain()
    rows = database.rows("SELECT status, records_loaded FROM imports.jobs")
    assert [(r["status"], r["records_loaded"]) for r in rows] == [("done", 1)] * 10
    assert not list(run.folders.data.rglob("*.error.txt"))
    seen("two watchers and 10 files, 5 for each of two users: 10 jobs")
