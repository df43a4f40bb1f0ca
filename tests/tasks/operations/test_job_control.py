"""Retry and cancel: an ended job goes on where it failed, and a stopped one keeps what it has."""

from __future__ import annotations

from uuid import UUID

import pytest

from schemas.errors import PermanentError
from schemas.progress import Stage
from sql.store import Fenced, Lake
from tasks.operations import job_control, verify
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, counts
from tests.support.ledger import ANA, ROWS, Drop, Secret, failing, go_on, leased

pytestmark = pytest.mark.services


def test_a_retried_job_is_put_where_it_belongs(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    with failing(Stage.EXTRACT, lambda: Secret("x")):
        go_on(small, driver, database)
    job = database.job(job_id)
    assert job["status"] == "failed"
    kept = small.folders.data / job["archived_path"]
    assert kept.parent == small.folders.failed / ANA
    job_control.retry(small, job)
    go_on(small, driver, database)
    after = database.job(job_id)
    assert (after["status"], after["remaining"]) == ("done", 0)
    assert list((small.folders.failed / ANA).iterdir()) == []
    assert (small.folders.data / after["archived_path"]).read_bytes() == ROWS
    assert after["archived_path"].startswith("processed/")


def test_a_job_that_fails_again_takes_no_other_jobs_place(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    first, other = ROWS, ROWS[:200]
    with failing(Stage.EXTRACT, lambda: Secret("x")):
        jobs = [drop(ANA, "rows.ndjson", first)]
        go_on(small, driver, database)
        job_control.retry(small, database.job(jobs[0]))
        later = (
            "UPDATE imports.chunks SET not_before = now() + interval '1 day', enqueued_at = NULL, "
            "waits_for_set = true WHERE job_id = %s"
        )
        database.rows(later, jobs[0])
        jobs.append(drop(ANA, "rows.ndjson", other))
        go_on(small, driver, database)
        assert [database.job(job)["status"] for job in jobs] == ["queued", "failed"]
        database.rows(
            "UPDATE imports.chunks SET not_before = now(), waits_for_set = false WHERE job_id = %s",
            jobs[0],
        )
        go_on(small, driver, database)
    kept = [small.folders.data / database.job(job)["archived_path"] for job in jobs]
    assert [path.read_bytes() for path in kept] == [first, other]


def test_retry_of_a_job_that_ended_well_does_nothing(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    driver.drain()
    job = database.job(cut)
    assert job_control.retry(small, job) == 0
    assert database.job(cut) == job
    assert (small.folders.data / job["archived_path"]).exists()


def test_a_rejected_upload_may_be_tried_again(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "cut.zip", b"PK\x03\x04" + bytes(100))
    driver.drain()
    job = database.job(job_id)
    assert job["status"] == "rejected"
    assert job_control.retry(small, job) == 1
    driver.drain()
    again = database.job(job_id)
    assert (again["status"], again["error_code"]) == ("rejected", job["error_code"])
    assert again["remaining"] == 0


def test_retry_is_refused_where_another_job_has_the_archive(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    first = drop(ANA, "rows.ndjson", ROWS)
    with failing(Stage.EXTRACT, lambda: Secret("x")):
        go_on(small, driver, database)
    drop(ANA, "rows again.ndjson", ROWS)
    go_on(small, driver, database)
    job = database.job(first)
    with pytest.raises(PermanentError):
        job_control.retry(small, job)
    assert database.job(first) == job
    assert (small.folders.data / job["archived_path"]).exists()


def test_cancel_stops_what_has_not_begun(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    driver.step()
    loaded = len(database.documents(cut))
    assert 0 < loaded < 40
    job = database.job(cut)
    held = database.chunks(cut)[-1]["id"]
    at_work = leased(small, cut, held, Stage.NORMALISE)
    found = job_control.cancel(small, cut, job["user_id"])
    others = len(database.chunks(cut)) - 1
    assert (found.stopped, found.done, found.loaded) == (others, 1, loaded)
    with pytest.raises(Fenced), small.lake.commit(at_work):
        pass
    driver.drain()
    after = database.job(cut)
    assert (after["status"], after["remaining"]) == ("cancelled", 0)
    assert len(database.documents(cut)) == loaded == after["records_loaded"]
    assert job_control.cancel(small, cut, job["user_id"]).stopped == 0
    (event,) = database.rows("SELECT detail FROM imports.events WHERE kind = 'cancelled'")
    assert event["detail"]["loaded"] == loaded
    assert database.job(cut)["status"] == "cancelled"


def test_a_cancelled_job_may_be_taken_up_again(
    small: Runtime, cut: UUID, driver: Driver, database: Database, reader: Lake
) -> None:
    driver.step()
    job_control.cancel(small, cut, database.job(cut)["user_id"])
    driver.drain()
    job = database.job(cut)
    assert [f.check for f in verify.verify(small, reader, job) if not f.ok] == []
    assert job_control.retry(small, job) > 0
    go_on(small, driver, database)
    after = database.job(cut)
    assert (after["status"], counts(after)) == ("done", (40, 40, 0, 0))
    assert [f.check for f in verify.verify(small, reader, after) if not f.ok] == []
