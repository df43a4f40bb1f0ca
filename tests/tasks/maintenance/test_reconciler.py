"""The reconciler goes on whatever fails: step by step, job by job, user by user."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from kombu.exceptions import OperationalError
from typer.testing import CliRunner

from schemas.errors import ServiceDown, TransientError
from tasks.derived import (
    embedding_backfill,
    lake_statistics,
    near_duplicates,
    quality_scores,
    search_index,
)
from tasks.ingest import export_sets
from tasks.maintenance import reconcile, sweep
from tasks.runtime import dispatch, steps
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, zipped
from tests.tasks.derived.test_likeness import mails, text
from workers.cli import app, doctor
from workers.cli.verbs.status import describe_failure
from workers.reconciler import Turns
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA, BO, CEM = "ana@example.org", "bo@example.org", "cem@example.org"
SECRET = "canary-of-a-record"
Drop = Callable[[str, str, bytes], UUID]
Imported = Callable[[str, str, bytes], dict[str, Any]]

#: Each step of a turn, with what it does for one piece: a module and its function.
PIECES = {
    "dead_lettered": (reconcile, "dead_letter"),
    "freed": (reconcile, "free_stranded"),
    "sets": (export_sets, "finalise_sets"),
    "sent_again": (dispatch, "send_rows"),
    "started": (dispatch, "top_up"),
    "indexed": (search_index, "index_user"),
    "turns": (embedding_backfill, "send_turns"),
    "counted": (lake_statistics, "count_user"),
    "compared": (near_duplicates, "compare_user"),
    "scored": (quality_scores, "score_job"),
}


def errors(database: Database) -> dict[tuple[str, str], tuple[str, int]]:
    rows = database.rows("SELECT * FROM imports.step_errors")
    return {(r["step"], r["subject"]): (r["error"], r["failures"]) for r in rows}


def breaking(error: Exception) -> Callable[..., Any]:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    return broken


@pytest.fixture
def everything_to_do(drop: Drop, driver: Driver, run: Runtime, database: Database) -> list[UUID]:
    """Two users with a job that has loaded and of which nothing was made yet, and a job each that
    was never sent."""
    done = [
        drop(user, "1.zip", zipped({"1.mbox": mails(text(n))})) for n, user in enumerate((ANA, BO))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.ingest.finish._follow_up", lambda *_, **__: None)
        driver.drain()
    for queue, what in (
        ("uncompared", "user_id, id, data_type, partition_at"),
        ("touched", "user_id, 'documents', analytics.day_of(source_timestamp), '2020-01-01'"),
    ):
        database.rows(f"INSERT INTO analytics.{queue} SELECT {what} FROM user_data.documents")
    for n, user in enumerate((ANA, BO)):
        drop(user, "2.zip", zipped({"2.mbox": mails(text(10 + n))}))
    driver.sent.clear()
    database.rows("UPDATE imports.chunks SET enqueued_at = NULL WHERE status = 'ready'")
    return done


@pytest.mark.parametrize("step", PIECES)
def test_a_step_that_fails_stops_no_other(
    run: Runtime,
    driver: Driver,
    everything_to_do: list[UUID],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    calls = set()
    for name, (module, function) in PIECES.items():
        real = getattr(module, function)

        def watched(*given: Any, _name: str = name, _real: Any = real, **named: Any) -> Any:
            calls.add(_name)
            if _name == step:
                raise ZeroDivisionError(SECRET)
            return _real(*given, **named)

        monkeypatch.setattr(module, function, watched)
    if step == "sent_again":  # something has to be lost first
        database.rows(
            "UPDATE imports.chunks SET enqueued_at = now(), publish_count = 1 "
            "WHERE status = 'ready'"
        )
        database.let_time_pass()
    Turns(run, 0.0).take()
    assert set(PIECES) - calls <= {"sent_again", "started"}, "all others had their turn"
    assert step in calls
    found = errors(database)
    assert {name for name, _ in found} == {step}
    assert set(found.values()) == {("ZeroDivisionError", 1)}
    for row in database.rows("SELECT place, step_errors::text AS all FROM imports.step_errors"):
        assert row["place"].startswith("tasks/")
        assert SECRET not in row["all"]


def test_what_fails_waits_longer_each_time_and_is_forgotten_when_it_goes_well(
    run: Runtime, database: Database
) -> None:
    done = []

    def work(user: str) -> int:
        if user == ANA and not mended:
            raise ZeroDivisionError(SECRET)
        done.append(user)
        return 1

    mended = False
    waits = []
    for _ in range(12):
        assert steps.each(run, "tried", (ANA, BO), work) == 1
        rows = database.rows("SELECT * FROM imports.step_errors")
        (row,) = rows
        waits.append((row["again_at"] - row["last_at"]).total_seconds())
        assert steps.each(run, "tried", (ANA, BO), work) == 1, "it rests"
        assert database.one("SELECT failures FROM imports.step_errors") == row["failures"]
        database.rows("UPDATE imports.step_errors SET again_at = now()")
    assert [round(wait) for wait in waits[:4]] == [10, 20, 40, 80]
    assert max(waits) == pytest.approx(600)
    assert done == [BO] * 24
    mended = True
    assert steps.each(run, "tried", (ANA, BO), work) == 2
    assert errors(database) == {}


def test_what_is_gone_is_forgotten(run: Runtime, database: Database) -> None:
    steps.each(run, "tried", (ANA,), breaking(ZeroDivisionError()))
    steps.each(run, "tried", (BO,), lambda _: 0)
    assert set(errors(database)) == {("tried", ANA)}, "it rests"
    database.let_time_pass()
    steps.each(run, "tried", (BO,), lambda _: 0)
    assert errors(database) == {}
    steps.each(run, "tried no more", (ANA,), breaking(ZeroDivisionError()))
    sweep.sweep(run)
    assert errors(database)
    database.rows("UPDATE imports.step_errors SET last_at = '2020-01-01', again_at = '2020-01-01'")
    sweep.sweep(run)
    assert errors(database) == {}


@pytest.mark.parametrize("error", [ServiceDown("no"), OperationalError("no")])
def test_a_broker_that_is_down_is_asked_once_a_turn_and_again_at_the_next(
    run: Runtime, database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = []

    def down(user: str) -> int:
        asked.append(user)
        raise error

    for _ in range(2):
        work = lambda: steps.each(run, "sent", (ANA, BO, CEM), down)  # noqa: E731
        assert steps.run_step(run, "sent", work, 0) == 0
    assert asked == [ANA, ANA]
    assert errors(database) == {("sent", ""): (type(error).__name__, 2)}
    assert steps.run_step(run, "sent", lambda: 3, 0) == 3
    assert errors(database) == {}


def test_one_transient_error_stops_no_other_piece(run: Runtime, database: Database) -> None:
    def locked(user: str) -> int:
        if user == ANA:
            raise TransientError from psycopg.errors.LockNotAvailable(SECRET)
        return 1

    assert steps.each(run, "tried", (ANA, BO), locked) == 1
    assert steps.each(run, "tried", (ANA, BO), locked) == 1
    assert errors(database) == {("tried", ANA): ("LockNotAvailable", 2)}, "it is tried each turn"


def test_without_a_database_a_turn_ends_and_the_process_does_not(
    make_run: Callable[..., Runtime], database: Database
) -> None:
    run = make_run()
    run.ledger.pool.timeout = 0.5
    turns = Turns(run, 0.0)
    database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    run.ledger.pool.close()
    turns.take()
    run.lake.pool.close()
    turns.take()


def test_any_error_at_all_ends_no_process(run: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(run, 0.0)
    for module, broken in ((reconcile, "reconcile"), (sweep, "sweep")):
        with monkeypatch.context() as patch:
            patch.setattr(module, broken, breaking(ZeroDivisionError(SECRET)))
            turns._count = 0
            turns.take()


def test_one_user_whose_lake_fails_holds_up_nobody(
    run: Runtime,
    everything_to_do: list[UUID],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ana = database.one("SELECT user_id FROM user_data.users WHERE name = %s", ANA)
    real = run.lake.as_user

    def only_others(user_id: UUID, **how: Any) -> Any:
        if user_id == ana:
            raise ZeroDivisionError(SECRET)
        return real(user_id, **how)

    monkeypatch.setattr(run.lake, "as_user", only_others)
    Turns(run, 0.0).take()
    failed = {step for step, subject in errors(database) if str(ana) in subject}
    assert failed >= {"indexed", "counted", "compared", "lacking"}
    left = "SELECT count(*) FROM {} WHERE user_id <> %s"
    for queue in ("user_data.unindexed", "analytics.uncompared"):
        assert database.one(left.format(queue), ana) == 0, queue


def test_status_and_doctor_say_what_fails(
    run: Runtime, imported: Imported, place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = imported(ANA, "1.csv", b"a,b\n1,2\n")
    user, broken = job["user_id"], breaking(ZeroDivisionError(SECRET))
    steps.each(run, "compared", [user], broken)
    steps.each(run, "lacking", [f"{user} static"], broken)
    steps.each(run, "scored", [job["id"]], broken)
    steps.run_step(run, "started", broken, None)
    monkeypatch.setattr("workers.cli.verbs.status.load", lambda: place)
    shown = CliRunner().invoke(app, ["status", "--json"])
    assert shown.exit_code == 0, shown.output
    failing = json.loads(shown.stdout)["failing"]
    assert [(each["step"], each["of"]) for each in failing] == [
        ("compared", f"user {ANA}"),
        ("lacking", f"user {ANA}"),
        ("scored", f"job {str(job['id'])[:8]}"),
        ("started", None),
    ]
    assert all(each["place"].startswith("tests/") or each["place"] for each in failing)
    plain = CliRunner().invoke(app, ["status"])
    assert f"compared of user {ANA} failed once: ZeroDivisionError at" in plain.output
    checks = list(doctor._steps(place))
    assert [check.level for check in checks] == ["warn"] * 4
    assert "ZeroDivisionError" in checks[0].detail
    assert SECRET not in shown.output + plain.output + str(checks)
    assert describe_failure({**failing[0], "failures": 3, "again_at": job["created_at"]})
