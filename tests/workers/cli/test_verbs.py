"""What people may do with a job: no verb contradicts another, none needs a broker to be there, and
none notes what did not happen."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

import workers.cli
from schemas.files import SliceLimits
from schemas.progress import Stage
from tasks.maintenance import reconcile
from tasks.operations import job_control
from tasks.runtime import dispatch
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, FakeModels, zipped
from workers import wiring
from workers.cli import app, connect, lazy, receipts, waiting
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA, BO = "ana@example.org", "bo@example.org"
ROWS = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(40)) + b"{broken\n"
MAIL = "Takeout/Mail/All mail.mbox"
LETTER = (
    b"From - Mon May  1 10:00:00 2023\nMessage-ID: <1@example.org>\nSubject: Lamp\n"
    b"Date: Mon, 01 May 2023 10:00:00 +0000\n\nA lamp for the room.\n\n"
)
#: Before a fixture takes its place.
_SEND, _SEND_TURN, _INDEX = dispatch.send, dispatch.send_turn, dispatch.send_indexing

Drop = Callable[[str, str, bytes], UUID]
Invoke = Callable[..., Any]


def _use(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Every verb sees these settings."""
    for found in pkgutil.walk_packages(workers.cli.__path__, "workers.cli."):
        if found.name != "workers.cli.__main__":
            module = importlib.import_module(found.name)
            if hasattr(module, "load"):
                patch.setattr(module, "load", lambda **_: settings)


@pytest.fixture
def say(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a verb on the test's lake, where nobody waits long for the end of a job."""
    _use(monkeypatch, place)
    monkeypatch.setattr(waiting, "_END_S", 0.2)
    monkeypatch.setattr(waiting, "_EVERY_S", 0.05)
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def small(run: Runtime, make_run: Callable[..., Runtime]) -> Runtime:
    run.options = make_run(slices=SliceLimits(records=10), max_attempts=2).options
    return run


# --- a broker that refuses --------------------------------------------------------------------

#: What is run of each verb; `JOB` runs, `DONE` has ended. None: it starts or stops processes, or
#: has nothing to do with a lake.
VERBS: dict[str, list[str] | None] = {
    "compare": ["compare", "DONE", "DONE"],
    "count": ["count", "--user", ANA],
    "day": ["day", "2024-03-05", "--user", ANA],
    "export": ["export", "--user", ANA],
    "show": ["show", "DOCUMENT", "--user", ANA],
    "where": ["where", "2024-03-05 14:30", "--user", ANA],
    "add": ["add", "FILE", "--user", ANA],
    "cancel": ["cancel", "JOB"],
    "db downgrade": None,
    "db status": ["db", "status"],
    "db upgrade": None,
    "db url": None,
    "demo": None,
    "doctor": None,
    "down": None,
    "embed": ["embed", "--user", ANA],
    "events": ["events"],
    "flower": None,
    "formats": ["formats"],
    "jobs": ["jobs"],
    "notify": ["notify"],
    "people": ["people", "--user", ANA],
    "privacy apply": ["privacy", "apply", "--user", ANA],
    "privacy check": None,
    "quality": ["quality", "DONE"],
    "quarantine discard": ["quarantine", "discard", "--reason", "x", "--job", "DONE"],
    "quarantine edit": ["quarantine", "edit", "RECORD", "--file", "FILE"],
    "quarantine export": ["quarantine", "export", "--job", "DONE"],
    "quarantine list": ["quarantine", "list"],
    "quarantine retry": ["quarantine", "retry", "--job", "DONE"],
    "quarantine show": ["quarantine", "show", "RECORD"],
    "receipt": ["receipt", "DONE"],
    "reconcile": ["reconcile", "--once"],
    "reparse": ["reparse", "--format", "ndjson", "--all-versions"],
    "retry": ["retry", "FAILED"],
    "rollback": ["rollback", "DONE", "--yes"],
    "search": ["search", "lamp", "--mode", "keyword", "--user", ANA],
    "sets": ["sets", "SET", "--go-on"],
    "similar": None,
    "stats": ["stats", "--user", ANA],
    "status": ["status"],
    "systemd": None,
    "up": None,
    "verify": ["verify", "DONE"],
    "watch": ["watch", "--once"],
    "worker": None,
}


def _named(commands: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[str]:
    for name, found in commands.items():
        if hasattr(found, "commands"):
            yield from _named(found.commands, (*before, name))
        else:
            yield " ".join((*before, name))


def test_all_verbs_are_known_here() -> None:
    assert set(_named(lazy.loaded())) == set(VERBS)


@pytest.mark.parametrize(
    "words", ["jobs", "sets", "quarantine list", "people", "events", "count", "search ''"]
)
def test_an_empty_lake_says_so(words: str, say: Invoke, database: Database) -> None:
    database.one("INSERT INTO user_data.users (name) VALUES (%s) RETURNING name", ANA)
    result = say(*shlex.split(words))
    assert result.exit_code == 0, result.output
    assert re.match(r"(No |Nothing ).+", result.stderr), result.output
    assert not result.stdout.strip(), "no heading above nothing"


def test_no_verb_fails_for_a_broker_that_refuses(
    small: Runtime, drop: Drop, driver: Driver, database: Database, place: Settings,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, say: Invoke,
) -> None:  # fmt: skip
    """What they are to do is done, or goes on in the ledger, where the reconciler finds it."""
    done = drop(ANA, "done.zip", zipped({"rows.ndjson": ROWS, MAIL: LETTER}))
    driver.drain()
    failed = drop(ANA, "failed.ndjson", ROWS + b"\n")
    driver.step()
    job_control.cancel(small, failed, database.job(failed)["user_id"])
    driver.drain()
    drop(ANA, "takeout-20250102T030405Z-001.zip", zipped({"rows.ndjson": ROWS + b"\n\n\n"}))
    driver.drain()
    job = drop(ANA, "job.ndjson", ROWS + b"\n\n")
    driver.step()
    file = tmp_path / "new.ndjson"
    file.write_bytes(b'{"id": 77, "name": "mended"}\n')
    names = {
        "JOB": str(job), "DONE": str(done), "FAILED": str(failed), "FILE": str(file),
        "SET": "takeout-20250102T030405Z",
    }  # fmt: skip
    held = "SELECT min(id) FROM imports.quarantine WHERE job_id = %s"
    names["RECORD"] = str(database.one(held, done))
    names["DOCUMENT"] = str(database.one("SELECT min(document_id) FROM user_data.search"))
    away = {"broker_url": SecretStr("redis://127.0.0.1:1/0")}
    _use(monkeypatch, place.model_copy(update=away))
    monkeypatch.setattr(dispatch, "send", _SEND)
    monkeypatch.setattr(dispatch, "send_turn", _SEND_TURN)
    monkeypatch.setattr(dispatch, "send_indexing", _INDEX)
    monkeypatch.setattr(wiring, "ModelsHere", lambda _: FakeModels())
    last = ["quarantine discard", "rollback"]
    order = [verb for verb in VERBS if VERBS[verb] and verb not in last]
    for verb in (*order, *last):
        result = say(*(names.get(word, word) for word in VERBS[verb] or ()))
        told = f"{verb}: {result.output} {result.exception!r}"
        assert result.exception is None or isinstance(result.exception, SystemExit), told
        assert result.exit_code == 0, told
    assert database.job(job)["outcome"] == "cancelled"
    assert database.job(failed)["completed_at"] is None
    assert database.job(done)["status"] == "rolled_back"

    monkeypatch.setattr(dispatch, "send", driver.send)
    monkeypatch.setattr(dispatch, "send_turn", driver.send_turn)
    monkeypatch.setattr(dispatch, "send_indexing", driver.send_indexing)
    for _ in range(4):
        database.let_time_pass()
        reconcile.reconcile(small)
        driver.drain()
    states = database.rows("SELECT status FROM imports.jobs WHERE completed_at IS NULL")
    assert states == [], "the reconciler went on with all of them"


# --- steps that are named ---------------------------------------------------------------------

#: What a verb needs where there is no terminal to ask at.
_UNASKED = {"rollback": ("--yes",)}
_STEP = re.compile(r"datapunk (cancel|retry|rollback) ([0-9a-f-]{8,})")


def _job_at(stage: str, small: Runtime, drop: Drop, driver: Driver, database: Database) -> UUID:
    """A job in a state that is hard to leave."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    user_id = database.job(job_id)["user_id"]
    if stage != "dropped":
        driver.step()
    if stage == "stopped":
        job_control.cancel(small, job_id, user_id)
    if stage in ("ending", "end fails", "at its end"):
        while not any(message.stage is Stage.FINISH for message in driver.sent):
            driver.step()
    if stage == "end fails":
        database.rows(
            "UPDATE imports.chunks SET attempt = 2, last_error_code = 'AssertionError' "
            "WHERE kind = 'finish'"
        )
    if stage == "at its end":
        database.rows(
            "UPDATE imports.chunks SET status = 'leased', token = 1, leased_by = 'x', "
            "lease_expires = now() + interval '1 hour' WHERE kind = 'finish'"
        )
    if stage == "ended":
        driver.drain()
    return job_id


_STAGES = ("dropped", "cut", "stopped", "ending", "end fails", "at its end", "ended")


@pytest.mark.parametrize("stage", _STAGES)
@pytest.mark.parametrize("verb", ["retry", "cancel", "rollback"])
def test_the_step_that_a_verb_names_works(
    small: Runtime, drop: Drop, driver: Driver, database: Database, say: Invoke,
    monkeypatch: pytest.MonkeyPatch, stage: str, verb: str,
) -> None:  # fmt: skip
    """A person who follows the message gets what they wanted: the job is stopped, goes again, or
    is taken back, or it is said that there is nothing of the kind to do."""
    job_id = _job_at(stage, small, drop, driver, database)
    asked, seen = verb, []
    for _ in range(6):
        result = say(asked, job_id, *_UNASKED.get(asked, ()))
        seen.append((asked, result.exit_code, result.stderr.strip()))
        if result.exit_code == 0 and asked == verb:
            break
        if "A worker is at the last step" in result.stderr:  # and the worker is lost
            database.let_time_pass()
        nothing = ("Nothing of the job failed", "ended already")
        if asked == verb and any(said in result.stderr for said in nothing):
            break
        steps = [name for name, _ in _STEP.findall(result.stderr)]
        assert steps or asked != verb or "a worker" in result.stderr.lower(), seen
        asked = steps[0] if result.exit_code and steps else verb
    else:
        raise AssertionError(seen)
    for _ in range(4):
        driver.drain()
        database.let_time_pass()
        reconcile.reconcile(small)
    job = database.job(job_id)
    assert job["completed_at"] is not None
    if verb == "rollback":
        assert job["status"] == "rolled_back", seen
    if verb == "retry":
        assert job["status"] == "done", seen


def test_rollback_waits_for_a_job_that_is_being_stopped(
    small: Runtime, drop: Drop, driver: Driver, database: Database, say: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    driver.step()
    assert say("cancel", job_id).exit_code == 0
    assert database.job(job_id)["completed_at"] is None
    monkeypatch.setattr(waiting, "_END_S", 60.0)
    look = connect.find_job

    def later(ledger: Any, job: str) -> Any:
        row = look(ledger, job)
        driver.drain()  # the worker comes to it after the first look
        return row

    monkeypatch.setattr(connect, "find_job", later)
    result = say("rollback", job_id, "--yes")
    assert result.exit_code == 0, result.output
    assert "is being stopped; waiting for its end" in result.stderr
    assert database.job(job_id)["status"] == "rolled_back"


# --- receipts ---------------------------------------------------------------------------------


def test_the_receipt_of_a_running_job_says_so_far(
    small: Runtime, drop: Drop, driver: Driver, database: Database, say: Invoke
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    for n in range(3):
        so_far = database.job(job_id)["records_loaded"]
        assert (so_far > 0) == (n > 0)
        told = json.loads(say("receipt", job_id, "--json").stdout)
        assert told["adds_up"] is None
        assert told["records"]["loaded"] == so_far
        loaded = [counts["loaded"] for counts in told["formats"].values()]
        assert sum(loaded) == so_far, "by format too"
        shown = say("receipt", job_id).stdout
        assert re.search(rf"^so far    \d+ seen: {so_far} loaded \+ ", shown, re.MULTILINE)
        assert "adds up" not in shown
        driver.step()
    driver.drain()
    assert json.loads(say("receipt", job_id, "--json").stdout)["adds_up"] is True
    assert "adds up:  yes" in say("receipt", job_id).stdout


def test_a_receipt_is_of_one_moment(
    small: Runtime, drop: Drop, driver: Driver, database: Database, place: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """While it is read, the job goes on; nothing of that is in it."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    driver.step()
    before = database.job(job_id)["records_loaded"]
    tell = receipts._quality

    def meanwhile(*arguments: Any) -> Any:
        worker = threading.Thread(target=driver.drain)
        worker.start()
        worker.join()
        return tell(*arguments)

    monkeypatch.setattr(receipts, "_quality", meanwhile)
    with connect.services(place) as lake:
        made = receipts.gather(lake, connect.find_job(lake.ledger, str(job_id)))
        after = receipts.gather(lake, connect.find_job(lake.ledger, str(job_id)))
    assert 0 < before < 40
    assert (made.state, made.records.loaded, made.adds_up) == ("loading", before, None)
    assert sum(counts.loaded for counts in made.formats.values()) == before
    assert made.quarantine == []
    assert (after.state, after.records.loaded, after.adds_up) == ("done", 40, True)
    assert [row["records"] for row in after.quarantine] == [1]


# --- what is noted ----------------------------------------------------------------------------


def _noted(database: Database, kind: str) -> list[str]:
    rows = database.rows(
        "SELECT u.name FROM imports.events AS e JOIN user_data.users AS u USING (user_id) "
        "WHERE kind = %s ORDER BY 1", kind,
    )  # fmt: skip
    return [row["name"] for row in rows]


@pytest.fixture
def two(imported: Callable[[str, str, bytes], dict[str, Any]]) -> dict[str, Any]:
    """Two users with a record in quarantine each, and a third without; a job of the first."""
    job = imported(ANA, "rows.ndjson", ROWS)
    imported(BO, "rows.ndjson", ROWS)
    imported("cy@example.org", "well.ndjson", b'{"id": 1}\n')
    return job


def test_an_export_is_noted_for_whom_it_shows(
    two: dict[str, Any], database: Database, say: Invoke
) -> None:
    result = say("quarantine", "export", "--job", two["id"])
    assert [json.loads(line)["user"] for line in result.stdout.splitlines()] == [ANA]
    assert _noted(database, "exported") == [ANA]
    say("quarantine", "export", "--code", "no_such_code")
    say("quarantine", "export", "--user", "cy@example.org")
    assert _noted(database, "exported") == [ANA]
    say("quarantine", "export")
    assert _noted(database, "exported") == [ANA, ANA, BO]


def test_nothing_is_noted_of_a_record_that_is_not_shown(
    two: dict[str, Any], database: Database, say: Invoke
) -> None:
    """Its bytes were deleted, or never kept."""
    database.rows("UPDATE imports.quarantine SET raw = '' WHERE job_id = %s", two["id"])
    number = database.one("SELECT id FROM imports.quarantine WHERE job_id = %s", two["id"])
    assert say("quarantine", "edit", number).exit_code == 1
    assert _noted(database, "revealed") == []
    assert say("sets", "takeout-20250102T030405Z", "--go-on").exit_code == 1
    assert _noted(database, "set_not_waited_for") == []
