"""A file that workers may not read or write: said, tried less and less often, and then given up by
name; no record is at fault for it, and `retry` goes on where it stopped."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from schemas.errors import TransientError
from schemas.files import SliceLimits
from schemas.progress import Stage
from schemas.reasons import CLOSED, Category, category_of
from tasks.maintenance import reconcile, recovery
from tasks.operations import job_control
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver
from tests.tasks.runtime.test_ledger import ANA, ROWS, Drop, check_done, failing
from workers.cli import app, doctor
from workers.settings import Settings

pytestmark = pytest.mark.services

ERRORS: dict[str, Callable[[], BaseException]] = {
    "reading": lambda: PermissionError(13, "denied"),
    "writing": lambda: TransientError("A file can't be written: denied.", code="os_13"),
    "not permitted": lambda: PermissionError(1, "not permitted"),
}

#: Each stage meets one error, and one stage meets each.
CASES = [
    *[(stage, "reading") for stage in Stage if stage is not Stage.EMBED],
    *[(Stage.LOAD, name) for name in ERRORS if name != "reading"],
]


@pytest.fixture
def small(run: Runtime, make_run: Callable[..., Runtime]) -> Runtime:
    """A lake of small chunks, whose waits are those of earnest."""
    limits = SliceLimits(records=10)
    run.options = make_run(retry_delay_s=1.0, slices=limits, max_attempts=3).options
    return run


def waits_of(database: Database) -> list[float]:
    """For how many seconds the chunks that met an error are not to be sent."""
    rows = database.rows(
        "SELECT extract(epoch FROM not_before - clock_timestamp())::float AS s "
        "FROM imports.chunks WHERE status = 'ready' AND last_error_code IS NOT NULL"
    )
    return [row["s"] for row in rows]


@pytest.mark.parametrize(("stage", "name"), CASES)
def test_a_closed_file_ends_in_a_named_state(
    small: Runtime, drop: Drop, driver: Driver, database: Database, stage: Stage, name: str
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    waits: list[float] = []
    with failing(stage, ERRORS[name]):
        for _ in range(60):
            driver.drain()
            recovery.recover(small)  # that the disk has room ends none of these waits
            waits += waits_of(database)[:1]
            database.let_time_pass()
            reconcile.reconcile(small)
            if database.job(job_id)["completed_at"]:
                break
    job = database.job(job_id)
    assert (job["status"], job["error_code"] in CLOSED) == ("failed", True)
    assert category_of(job["error_code"]) is Category.PERMANENT
    assert "Give it to their user" in job["error_detail"]
    assert waits[0] > 10, "a person has time to give leave"
    assert all(later > sooner - 1 for sooner, later in itertools.pairwise(waits))
    assert database.codes(job_id) == []
    assert not any(c["last_error_code"] == "split" for c in database.chunks(job_id))
    assert job_control.retry(small, {**job, "user_name": ANA}) > 0
    for _ in range(3):
        driver.drain()
        reconcile.reconcile(small)
    assert database.job(job_id)["status"] == "done"
    assert len(database.documents(job_id)) == 40


def test_who_gets_leave_meanwhile_has_every_record(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    """Also behind the attempts after which a chunk is taken for poisoned."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    with failing(Stage.NORMALISE, ERRORS["reading"], times=3 * 6):
        for _ in range(20):
            driver.drain()
            database.let_time_pass()
            reconcile.reconcile(small)
    check_done(database, job_id)
    assert database.codes(job_id) == []


def test_status_and_doctor_say_what_is_closed(
    small: Runtime, place: Settings, drop: Drop, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id: UUID = drop(ANA, "rows.ndjson", ROWS)
    assert list(doctor._imports(place)) == []
    with failing(Stage.EXTRACT, ERRORS["reading"]):
        driver.drain()
    monkeypatch.setattr("workers.cli.verbs.status.load", lambda: place)
    shown = CliRunner().invoke(app, ["status"])
    told: Any = "waits: os_13: Permission denied; chunks to try again: 1"
    assert f"{str(job_id)[:8]}: {told}" in shown.output
    (check,) = doctor._imports(place)
    assert (check.level, check.detail) == (
        "warn", "1 chunks of 1 jobs wait: os_13: Permission denied",
    )  # fmt: skip
