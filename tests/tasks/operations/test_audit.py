"""Who did what stands in the audit trail, and nobody can change it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from schemas.progress import Event
from sql.connection import open_pool
from sql.store import Ledger
from tasks.operations import quarantine
from tasks.runtime.context import Runtime
from tests.support.lake import Database, FakeScanner, counts, zipped
from workers import stores
from workers.cli import app
from workers.cli.verbs import jobs as job_verbs
from workers.cli.verbs import quarantine as quarantine_verbs
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
cli = CliRunner()

#: Two good rows, three that are none.
ROWS = b'{"id": 1, "name": "x"}\n{"id": 2, "name": "y"}\n{"canary 4711\n{canary 4712\n{4713\n'


@pytest.fixture
def here(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands see the test's own lake, and have a name of their own."""
    mine = place.model_copy(update={"actor": "tester"})
    for module in (quarantine_verbs, job_verbs):
        monkeypatch.setattr(module, "load", lambda: mine)
    return mine


def events(job: Any = None) -> list[dict[str, Any]]:
    """What the command tells."""
    line = ["events", *([str(job)] if job else []), "--json"]
    found: list[dict[str, Any]] = json.loads(cli.invoke(app, line).stdout)
    return found


_TAMPERING = (
    b"UPDATE imports.events SET kind = 'received'",
    b"UPDATE imports.events SET detail = '{}' WHERE false",
    b"DELETE FROM imports.events",
    b"TRUNCATE imports.events",
    b"INSERT INTO imports.events (kind, actor) VALUES ('revealed', 'somebody else')",
    b"INSERT INTO imports.events (kind, at) VALUES ('revealed', '2001-01-01Z')",
    b"ALTER TABLE imports.events DISABLE ROW LEVEL SECURITY",
)


@pytest.mark.parametrize("role", ["ledger", "ingest", "reader"])
def test_no_role_changes_the_trail_or_writes_in_anothers_name(
    url: Callable[[str], str], imported: Imported, role: str
) -> None:
    job = imported(ANA, "a.txt", b"A text about a lamp.")
    with psycopg.connect(url(role)) as connection:
        connection.execute("SELECT set_config('app.user_id', %s, false)", (str(job["user_id"]),))
        for statement in _TAMPERING:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement)


def test_no_function_of_ours_changes_it(database: Database) -> None:
    rows = database.rows(
        "SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p "
        "JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'imports' "
        "AND p.prosrc ~* '(update|delete from|truncate)\\s+imports\\.events'"
    )
    assert rows == []


def test_who_did_it_is_whom_the_session_names(
    url: Callable[[str], str], place: Settings, database: Database
) -> None:
    for actor in ("", "ana at home"):
        pool = open_pool(url("ledger"), size=1, actor=actor)
        Ledger(pool).event(Event.RECEIVED)
        pool.close()
    names = [row["actor"] for row in database.rows("SELECT actor FROM imports.events ORDER BY id")]
    assert names == ["datapunk_ledger", "ana at home"]
    assert stores.actor(place.model_copy(update={"actor": "a service"})) == "a service"
    assert "@" in stores.actor(place)


def test_the_whole_life_of_a_job(
    here: Settings, run: Runtime, imported: Imported, database: Database, tmp_path: Path
) -> None:
    job = imported(ANA, "rows.ndjson", ROWS)
    assert counts(job) == (5, 2, 0, 3)
    first, second, third = (row["id"] for row in database.rows("SELECT id FROM imports.quarantine"))
    good = tmp_path / "good"
    good.write_bytes(b'{"id": 3, "name": "z"}\n')
    for line in (
        ["show", str(first)],
        ["show", str(first), "--reveal"],
        ["edit", str(first), "--file", str(good)],
        ["retry", "--id", str(second)],
        ["discard", "--id", str(second), "--reason", "a test"],
        ["discard", "--id", str(third), "--reason", "a test", "--delete"],
        ["export", "--job", str(job["id"])],
    ):
        assert cli.invoke(app, ["quarantine", *line]).exit_code == 0, line
    assert cli.invoke(app, ["rollback", str(job["id"]), "--yes"]).exit_code == 0
    told = events(job["id"])
    assert [e["kind"] for e in told] == [
        "received", "started", "quarantined", "alert", "finished",
        "revealed", "mended", "quarantine_retried", "quarantine_retried",
        "discarded", "discarded", "deleted", "exported", "rolled_back",
    ]  # fmt: skip
    assert {e["actor"] for e in told[5:]} == {"tester"}
    assert told[2]["detail"] == {"records": 3, "codes": {"bad_syntax": 3}}
    assert "canary" not in str(told)
    assert {e["user"] for e in told} == {ANA}
    shown = cli.invoke(app, ["events", str(job["id"])]).stdout
    assert len(shown.splitlines()) == len(told)
    assert events() == told


def test_a_job_that_comes_to_nothing_says_so(here: Settings, imported: Imported) -> None:
    rejected = imported(ANA, "a.txt", FakeScanner.signature)
    assert [e["kind"] for e in events(rejected["id"])] == [
        "received", "started", "rejected", "finished",
    ]  # fmt: skip
    assert events(rejected["id"])[2]["detail"] == {"code": "malware", "category": "security"}
    data = zipped({"a.txt": b"A text about a lamp."})
    imported(ANA, "1.zip", data)
    twin = imported(ANA, "2.zip", data)
    assert [e["kind"] for e in events(twin["id"])] == [
        "received", "started", "duplicate", "finished",
    ]  # fmt: skip


def test_what_is_deleted_is_gone(run: Runtime, imported: Imported, database: Database) -> None:
    job = imported(ANA, "rows.ndjson", ROWS)
    choice = quarantine.Choice(job_id=job["id"])
    assert quarantine.discard(run, job["user_id"], choice, "private", delete=True) == 3
    assert database.rows("SELECT DISTINCT status, raw, mended FROM imports.quarantine") == [
        {"status": "discarded", "raw": b"", "mended": None}
    ]
    assert counts(database.job(job["id"])) == (5, 2, 0, 3)
