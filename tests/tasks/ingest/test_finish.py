"""The stage `finish`: a job ends although what follows its load fails, and its rows are durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from schemas.errors import TransientError
from schemas.lease import Lease
from schemas.progress import Stage
from tasks.ingest import finish
from tasks.maintenance import reconcile
from tasks.runtime import stage_runner
from tasks.runtime.context import Runtime
from tests.support.lake import WORK, Database, Driver, counts, zipped
from tests.support.ledger import ANA, ROWS, Drop, check_done, raising
from tests.tasks.derived.test_likeness import mails, text
from tests.tasks.maintenance.test_reconciler import SECRET, breaking, errors
from workers.reconciler import Turns

pytestmark = pytest.mark.services

Imported = Callable[[str, str, bytes], dict[str, Any]]
#: What follows the load, in `tasks.ingest.finish`.
STEPS = ("index_user", "count_user", "compare_user", "_refresh", "score_job")


def test_a_defect_behind_the_load_does_not_fail_the_job(
    imported: Imported, database: Database, run: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is made up for as soon as it is mended."""
    with monkeypatch.context() as patch:
        for function in STEPS:
            patch.setattr(f"tasks.ingest.finish.{function}", breaking(ZeroDivisionError(SECRET)))
        job = imported(ANA, "1.zip", zipped({"1.mbox": mails(text(1))}))
    assert (job["status"], counts(job)) == ("done", (1, 1, 0, 0))
    (finish,) = database.chunks(job["id"], "finish")
    assert finish["attempt"] == 1
    user = str(job["user_id"])
    assert set(errors(database)) == {
        *((step, user) for step in ("indexed", "counted", "compared", "refreshed")),
        ("scored", str(job["id"])),
    }
    database.let_time_pass()
    database.rows("UPDATE analytics.touched SET at = at - interval '1 hour'")
    turns = Turns(run, 0.0)
    turns.take()
    turns.take()
    assert {step for step, _ in errors(database)} <= {"refreshed"}
    assert database.one("SELECT count(*) FROM analytics.uncompared") == 0
    assert database.one("SELECT count(*) FROM analytics.quality") > 0


@pytest.mark.parametrize("error", [AssertionError, MemoryError, SoftTimeLimitExceeded,
                                   lambda: TransientError("the database said no")])  # fmt: skip
def test_what_follows_the_load_keeps_no_job_from_its_end(
    small: Runtime, drop: Drop, driver: Driver, database: Database,
    monkeypatch: pytest.MonkeyPatch, error: Callable[[], BaseException],
) -> None:  # fmt: skip
    """Words, statistics, likeness and scores: the reconciler makes up for them."""
    with monkeypatch.context() as patch:
        for step in STEPS:
            patch.setattr(f"tasks.ingest.finish.{step}", raising(error))
        job_id = drop(ANA, "rows.ndjson", ROWS)
        driver.drain()
    job = database.job(job_id)
    assert (job["status"], job["scored"]) == ("done", None)
    (finish,) = database.chunks(job_id, "finish")
    assert (finish["status"], finish["attempt"]) == ("done", 1), "no attempt is counted"
    for _ in range(4):
        database.rows("UPDATE analytics.touched SET at = at - interval '1 hour'")
        database.let_time_pass()  # what failed is tried again after a wait
        reconcile.reconcile(small)
    assert database.job(job_id)["scored"] is not None
    for table in ("user_data.unindexed", "analytics.touched", "analytics.uncompared"):
        assert database.one(f"SELECT count(*) FROM {table}") == 0, table


def test_rows_are_on_the_disk_before_what_they_came_of_is_cleared(
    run: Runtime, drop: Drop, driver: Driver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    on_the_disk: list[bool] = []
    work, archive = WORK[Stage.FINISH], finish._archive

    def finishing(run: Runtime, lease: Lease) -> stage_runner.Ending:
        quick = "SET synchronous_commit = off; CREATE TABLE public.rows_of_a_load (n) AS SELECT 1"
        with psycopg.connect(database.url) as connection:
            connection.execute(quick)
        written.append(database.one("SELECT pg_current_wal_insert_lsn()::text"))
        return work(run, lease)

    def resting(*arguments: Any) -> str:
        asked = "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn"
        on_the_disk.append(database.one(asked, written[-1]))
        return archive(*arguments)

    monkeypatch.setitem(WORK, Stage.FINISH, finishing)
    monkeypatch.setattr(finish, "_archive", resting)
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.drain()
    check_done(database, job_id)
    assert on_the_disk == [True]
