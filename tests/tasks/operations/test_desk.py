"""Quarantine as a place to work: records are retried, mended, given up, and counts stay true."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from pipeline import registry as formats
from schemas.errors import PermanentError
from schemas.progress import ROUTES
from schemas.reasons import Category, Reason, category_of
from schemas.records import RawRecord
from sql.store import Lake
from tasks.maintenance import sweep
from tasks.operations import quarantine, verify
from tasks.runtime import alerts as runtime_alerts
from tasks.runtime import dispatch
from tasks.runtime.context import Runtime
from tasks.runtime.temp_dirs import temp_dir
from tests.support.lake import Database, Driver, FakeScanner, counts, zipped
from workers.cli import app
from workers.cli.verbs import jobs as job_verbs
from workers.cli.verbs import quarantine as quarantine_verbs
from workers.cli.verbs import status as status_verbs
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
Proven = Callable[[dict[str, Any]], set[str]]
cli = CliRunner()


def broken(title: str) -> dict[str, Any]:
    """A visit without an address."""
    number = int(title.split()[1])
    return {"url": None, "title": title, "time_usec": 1_684_000_000_000_000 + number}


def history(*times: object) -> bytes:
    rows = [
        broken(time)
        if isinstance(time, str)
        else {"url": f"https://example.org/{n}", "title": f"Page {n}", "time_usec": time}
        for n, time in enumerate(times)
    ]
    return json.dumps({"Browser History": rows}, indent=1).encode()


GOOD = [1_683_000_000_000_000 + n * 10**6 for n in range(20)]
BROKEN = [f"broken {n}" for n in range(100)]
HISTORY = "Takeout/Chrome/BrowserHistory.json"


@pytest.fixture
def job(imported: Imported) -> dict[str, Any]:
    """Twenty good visits, and a hundred without an address."""
    made = imported(ANA, "history.zip", zipped({HISTORY: history(*GOOD, *BROKEN)}))
    assert counts(made) == (120, 20, 0, 100)
    return made


@pytest.fixture
def mended_rule(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The format learns to read visits without an address."""

    def mend() -> None:
        old = formats.format_named("google.chrome_history")

        def record(item: RawRecord, member: Any) -> Any:
            value = {**item.value, "url": item.value["url"] or "https://example.org/unknown"}
            return old.record(RawRecord(value, item.offset, item.length), member)

        new = msgspec.structs.replace(old, record=record)
        rest = tuple(new if f.name == old.name else f for f in formats.all_formats())
        monkeypatch.setattr(formats, "all_formats", lambda: rest)

    return mend


@pytest.fixture
def proven(run: Runtime, reader: Lake, database: Database) -> Proven:
    """The checks of `verify` that fail."""

    def check(job: dict[str, Any]) -> set[str]:
        found = verify.verify(run, reader, database.job(job["id"]))
        return {f.check for f in found if not f.ok}

    return check


@pytest.fixture
def here(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands see the test's own lake."""
    for module in (quarantine_verbs, job_verbs, status_verbs):
        monkeypatch.setattr(module, "load", lambda: place)
    return place


def state(database: Database, job: dict[str, Any]) -> list[Any]:
    """All that a retry may change."""
    return [
        counts(database.job(job["id"])),
        [row["counts"] for row in database.files(job["id"]).values()],
        [row["tally"] for row in database.chunks(job["id"])],
        database.documents(job["id"]),
        database.rows("SELECT * FROM imports.quarantine ORDER BY id"),
    ]


def test_what_is_good_now_loads_once(
    run: Runtime, job: dict[str, Any], database: Database, proven: Proven,
    mended_rule: Callable[[], None],
) -> None:  # fmt: skip
    assert proven(job) == set()
    mended_rule()
    choice = quarantine.Choice(code="missing_field")
    found = quarantine.retry(run, job["user_id"], choice)
    assert found == quarantine.Retried(tried=100, loaded=100)
    assert counts(database.job(job["id"])) == (120, 120, 0, 0)
    assert len(database.documents(job["id"])) == 120
    assert database.rows("SELECT DISTINCT status FROM imports.quarantine") == [{"status": "loaded"}]
    assert proven(job) == set()
    before = state(database, job)
    assert quarantine.retry(run, job["user_id"], choice) == quarantine.Retried()
    assert state(database, job) == before
    assert list(run.folders.work.iterdir()) == []


def test_what_is_still_bad_stays(
    run: Runtime, job: dict[str, Any], database: Database, proven: Proven
) -> None:
    found = quarantine.retry(run, job["user_id"], quarantine.Choice(job_id=job["id"]))
    assert found == quarantine.Retried(tried=100, still_bad=100)
    assert counts(database.job(job["id"])) == (120, 20, 0, 100)
    assert database.one("SELECT DISTINCT attempts FROM imports.quarantine") == 2
    assert proven(job) == set()


def test_two_retries_at_once_load_once(
    make_run: Callable[..., Runtime], job: dict[str, Any], database: Database, proven: Proven,
    mended_rule: Callable[[], None],
) -> None:  # fmt: skip
    mended_rule()
    runs = [make_run() for _ in range(3)]
    choice = quarantine.Choice(job_id=job["id"])
    threads = [
        threading.Thread(target=quarantine.retry, args=(run, job["user_id"], choice))
        for run in runs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(database.job(job["id"])) == (120, 120, 0, 0)
    assert proven(job) == set()


def test_what_came_in_meanwhile_is_a_duplicate(
    run: Runtime, job: dict[str, Any], imported: Imported, database: Database, proven: Proven,
    mended_rule: Callable[[], None],
) -> None:  # fmt: skip
    mended_rule()
    other = imported(ANA, "again.zip", zipped({HISTORY: history(*GOOD, *BROKEN) + b"\n"}))
    assert counts(other) == (120, 100, 20, 0)
    found = quarantine.retry(run, job["user_id"], quarantine.Choice(code="missing_field"))
    assert found == quarantine.Retried(tried=100, duplicate=100)
    assert counts(database.job(job["id"])) == (120, 20, 100, 0)
    assert [proven(j) for j in (job, other)] == [set(), set()]


def test_a_retried_document_gets_its_vectors(
    run: Runtime, imported: Imported, database: Database, proven: Proven
) -> None:
    def activity(n: int) -> dict[str, Any]:
        title, time = f"Searched for lamp {n}", f"2023-05-0{n}T10:00:00Z"
        return {"header": "Search", "title": title, "time": time, "products": ["Search"]}

    sound = [activity(n) for n in range(1, 4)]
    data = json.dumps([*sound, {**activity(4), "title": None}], indent=1).encode()
    path = "Takeout/My Activity/Search/MyActivity.json"
    job = imported(ANA, "activity.zip", zipped({path: data}))
    assert counts(job) == (4, 3, 0, 1)
    assert database.one("SELECT count(*) FROM vectors.embeddings") == 3
    number = database.one("SELECT id FROM imports.quarantine")
    mended = json.dumps(activity(4)).encode()
    assert quarantine.mend(run, job["user_id"], number, mended) == quarantine.Retried(
        tried=1, loaded=1
    )
    assert database.one("SELECT count(*) FROM vectors.embeddings") == 4
    assert proven(job) == set()
    (row,) = database.rows("SELECT * FROM imports.quarantine")
    assert (row["status"], row["mended"]) == ("loaded", mended)
    assert b"null" in row["raw"]
    with pytest.raises(PermanentError, match="not open"):
        quarantine.mend(run, job["user_id"], number, mended)


def test_a_cut_record_is_read_from_the_original(
    run: Runtime, imported: Imported, database: Database, proven: Proven,
    mended_rule: Callable[[], None],
) -> None:  # fmt: skip
    visit = {**broken("broken 1"), "title": "x" * 1_100_000}
    data = json.dumps({"Browser History": [visit]}).encode()
    job = imported(ANA, "long.zip", zipped({HISTORY: data}))
    assert database.one("SELECT length(raw) FROM imports.quarantine") == 1024 * 1024
    mended_rule()
    found = quarantine.retry(run, job["user_id"], quarantine.Choice(job_id=job["id"]))
    assert found == quarantine.Retried(tried=1, loaded=1)
    (document,) = database.documents(job["id"])
    assert len(document["title"] or document["content"]) == 1_100_000
    assert proven(job) == set()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", b'[{"a": 1}]\n{"b": 2}'),
        ("b.json", b'[{"a": 1}, {"b": 2}, 12'),
        ("c.json", b'[{"a": 1}, {"b": 2'),
        ("d.ndjson", b'{"a": 1}\n{"b": 2'),
        ("e.csv", b"a,b\n" + b"1,2\n" * 20 + b"3,4,5\n"),
    ],
)
def test_a_flaw_of_the_file_is_no_less_one_by_itself(
    run: Runtime, imported: Imported, proven: Proven, database: Database, name: str, data: bytes
) -> None:
    """The bytes of a record alone must not look better than they did in their file."""
    job = imported(ANA, name, data)
    bad = job["records_quarantined"]
    assert bad > 0
    found = quarantine.retry(run, job["user_id"], quarantine.Choice(job_id=job["id"]))
    assert found == quarantine.Retried(tried=bad, still_bad=bad)
    assert counts(database.job(job["id"])) == counts(job)
    assert proven(job) == set()


def test_discarded_records_are_kept_and_counted(
    run: Runtime, job: dict[str, Any], database: Database, proven: Proven,
    mended_rule: Callable[[], None],
) -> None:  # fmt: skip
    number = database.one("SELECT min(id) FROM imports.quarantine")
    assert quarantine.discard(run, job["user_id"], quarantine.Choice(id=number), "a test") == 1
    (row,) = database.rows("SELECT * FROM imports.quarantine WHERE status = 'discarded'")
    assert (row["id"], row["reason"]) == (number, "a test")
    assert proven(job) == set()
    mended_rule()
    assert (
        quarantine.retry(run, job["user_id"], quarantine.Choice(code="missing_field")).loaded == 99
    )
    assert counts(database.job(job["id"])) == (120, 119, 0, 1)
    kinds = [e["kind"] for e in database.rows("SELECT kind FROM imports.events ORDER BY id")]
    assert {"discarded", "quarantine_retried"} <= set(kinds)


def test_another_users_records_are_out_of_reach(
    run: Runtime, job: dict[str, Any], imported: Imported, mended_rule: Callable[[], None]
) -> None:
    other = imported("bo@example.org", "b.txt", b"A text of another user's.")
    mended_rule()
    choice = quarantine.Choice(job_id=job["id"])
    assert quarantine.retry(run, other["user_id"], choice) == quarantine.Retried()
    assert quarantine.discard(run, other["user_id"], choice, "x") == 0


def test_records_of_a_chunk_at_work_wait(
    run: Runtime, driver: Driver, drop: Callable[..., Any], database: Database
) -> None:
    job_id = drop(ANA, "history.zip", zipped({HISTORY: history(*GOOD, *BROKEN[:5])}))
    while not any(c["stage"] in ("embed", "load") for c in database.chunks(job_id)):
        message = driver.sent.popleft()
        for stage in ROUTES[message.kind][:2]:  # not to the end of the chunk
            driver.perform(stage, message.chunk, message.job_id)
    user_id = database.job(job_id)["user_id"]
    found = quarantine.retry(run, user_id, quarantine.Choice(job_id=job_id))
    assert found == quarantine.Retried(waiting=5)


# --- bytes that bite --------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["leave", "fail", "hang"])
def test_what_ends_the_child_that_reads_it_stays(
    run: Runtime, job: dict[str, Any], database: Database, proven: Proven, end: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    old = formats.format_named("google.chrome_history")

    def record(item: RawRecord, member: Any) -> Any:
        if end == "leave":
            os._exit(3)
        if end == "hang":
            time.sleep(60)
        raise ZeroDivisionError("planted canary 4711")

    new = msgspec.structs.replace(old, record=record)
    monkeypatch.setattr(formats, "all_formats", lambda: (new,))
    run.options = msgspec.structs.replace(run.options, apart_limit_s=1.0 if end == "hang" else 30.0)
    found = quarantine.retry(run, job["user_id"], quarantine.Choice(job_id=job["id"]))
    assert found == quarantine.Retried(tried=100, still_bad=100)
    assert database.one("SELECT DISTINCT attempts FROM imports.quarantine") == 2
    monkeypatch.undo()
    assert proven(job) == set()
    assert list(run.folders.work.iterdir()) == []


def test_the_child_is_bounded(
    run: Runtime, job: dict[str, Any], mended_rule: Callable[[], None], tmp_path: Path
) -> None:
    mended_rule()
    mark = tmp_path / "bounded"
    run.options = msgspec.structs.replace(run.options, bound=mark.touch)
    assert (
        quarantine.retry(run, job["user_id"], quarantine.Choice(code="missing_field")).loaded == 100
    )
    assert mark.exists()


# --- how bad it is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "seen", "ended", "expected"),
    [
        (0, 0, True, False), (0, 100, True, False), (5, 100, True, False), (6, 100, True, True),
        (6, 100, False, False), (50, 5_000, False, True), (49, 5_000, True, False),
        (1, 1, True, True),
    ],
)  # fmt: skip
def test_when_it_is_an_alert(bad: int, seen: int, ended: bool, expected: bool) -> None:
    thresholds = runtime_alerts.Thresholds(share=0.05, records=50)
    assert thresholds.reached(bad, seen, ended=ended) is expected
    assert not runtime_alerts.Thresholds(share=1, records=10**9).reached(bad, seen, ended=ended)


def alerts(database: Database) -> list[dict[str, Any]]:
    return database.rows("SELECT * FROM imports.events WHERE kind = 'alert' ORDER BY id")


def test_an_alert_is_written_once_and_shown_until_it_is_dealt_with(
    here: Settings, run: Runtime, job: dict[str, Any], database: Database,
    mended_rule: Callable[[], None],
) -> None:  # fmt: skip
    short = str(job["id"])[:8]
    (alert,) = alerts(database)
    assert alert["detail"] == {"quarantined": 100, "seen": 120}
    (told,) = json.loads(cli.invoke(app, ["status", "--json"]).stdout)["jobs"]
    assert told["alert"] == "100 of 120 records are in quarantine (83.3%)"
    line = f"{short}: ALERT: {told['alert']}"
    assert line in cli.invoke(app, ["status"]).stdout.splitlines()
    assert json.loads(cli.invoke(app, ["receipt", short, "--json"]).stdout)["alert"]
    assert f"ALERT     {told['alert']}" in cli.invoke(app, ["receipt", short]).stdout
    numbers = [row["id"] for row in database.rows("SELECT id FROM imports.quarantine ORDER BY id")]
    for number in numbers[:2]:
        quarantine.discard(run, job["user_id"], quarantine.Choice(id=number), "looked at")
    assert json.loads(cli.invoke(app, ["jobs", "--json"]).stdout)[0]["alert"].startswith("98 of ")
    mended_rule()
    assert (
        quarantine.retry(run, job["user_id"], quarantine.Choice(code="missing_field")).loaded == 98
    )
    assert json.loads(cli.invoke(app, ["status", "--json"]).stdout)["jobs"][0]["alert"] is None
    assert "ALERT" not in cli.invoke(app, ["receipt", short]).stdout
    assert alerts(database) == [alert]


def test_a_great_number_is_an_alert_before_the_end(
    run: Runtime, drop: Callable[..., Any], driver: Driver, database: Database
) -> None:
    slices = msgspec.structs.replace(run.options.slices, records=10)
    run.options = msgspec.structs.replace(
        run.options, slices=slices, alert=runtime_alerts.Thresholds(share=1, records=30)
    )
    job_id = drop(ANA, "history.zip", zipped({HISTORY: history(*BROKEN)}))
    while not alerts(database):
        driver.step()
    assert database.job(job_id)["completed_at"] is None
    assert alerts(database)[0]["detail"]["quarantined"] < 100
    driver.drain()
    assert counts(database.job(job_id)) == (100, 0, 0, 100)
    assert len(alerts(database)) == 1


def test_a_few_bad_ones_are_no_alert(imported: Imported, database: Database) -> None:
    data = zipped({HISTORY: history(*GOOD, "broken 1")})
    assert counts(imported(ANA, "history.zip", data)) == (21, 20, 0, 1)
    assert alerts(database) == []


def test_every_code_has_a_category() -> None:
    kinds = {reason: reason.category for reason in Reason}
    assert set(kinds.values()) == set(Category)
    assert {category_of(str(reason)) for reason in Reason} == set(Category)
    assert kinds[Reason.MALWARE] is kinds[Reason.ARCHIVE_OVERLAP] is Category.SECURITY
    codes = ("worker_lost", "os_28", "transient_PoolTimeout", "KeyError", "bad_time", "malware")
    assert [category_of(code).value for code in codes] == [
        "transient", "transient", "transient", "permanent", "permanent", "security",
    ]  # fmt: skip


def test_a_refused_file_lies_in_failed_with_the_command_to_run(
    here: Settings, run: Runtime, imported: Imported, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    job = imported(ANA, "export.txt", FakeScanner.signature)
    kept = run.folders.data / job["archived_path"]
    assert kept.read_bytes() == FakeScanner.signature
    note = kept.with_name("export.txt.error.txt").read_text()
    told = dict(line.split(":", 1) for line in note.splitlines())
    assert {name: value.strip() for name, value in told.items()} == {
        "file": "export.txt", "job": str(job["id"]), "ended": "rejected",
        "code": "malware (security)", "reason": job["error_detail"],
        "retry": f"datapunk retry {job['id']}",
    }  # fmt: skip
    (fact,) = json.loads(cli.invoke(app, ["status", "--json"]).stdout)["jobs"]
    assert (fact["error_code"], fact["error_category"]) == ("malware", "security")
    assert "malware (security): " in cli.invoke(app, ["receipt", str(job["id"])]).stdout
    # The command that it names is one, and does what it says: here it is refused once more.
    monkeypatch.setattr(dispatch, "top_up", lambda *_, **__: 0)
    assert cli.invoke(app, told["retry"].split()[1:]).exit_code == 0
    assert database.job(job["id"])["status"] == "queued"
    assert not kept.exists()


# --- the command -----------------------------------------------------------------------------


def test_a_mended_rule_by_the_commands_alone(
    here: Settings, job: dict[str, Any], mended_rule: Callable[[], None]
) -> None:
    short = str(job["id"])[:8]

    def told(*line: str) -> Any:
        result = cli.invoke(app, [*line, "--json"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    (group,) = told("quarantine", "list")
    assert (group["records"], group["category"]) == (100, "permanent")
    assert told("receipt", short)["records"]["quarantined"] == 100
    mended_rule()
    found = told("quarantine", "retry", "--code", "missing_field")
    assert (found["tried"], found["loaded"], found["still_bad"]) == (100, 100, 0)
    for _ in range(2):
        made = told("receipt", short)
        assert made["adds_up"] is True
        assert made["records"] == {"seen": 120, "loaded": 120, "duplicate": 0, "quarantined": 0}
        assert made["quarantine"] == told("quarantine", "list") == []
        assert all(finding["ok"] for finding in told("verify", short))
        assert told("quarantine", "retry", "--code", "missing_field")["tried"] == 0


def test_the_verbs(here: Settings, job: dict[str, Any], mended_rule: Callable[[], None]) -> None:
    (group,) = json.loads(cli.invoke(app, ["quarantine", "list", "--json"]).stdout)
    assert (group["code"], group["records"]) == ("missing_field", 100)
    listed = json.loads(cli.invoke(app, ["quarantine", "list", "--all", "--json"]).stdout)
    assert (group["first_id"], group["first_locator"]) == (listed[0]["id"], listed[0]["locator"])
    assert f" {group['first_locator']} " in cli.invoke(app, ["quarantine", "list"]).stdout
    numbers = [row["id"] for row in listed]
    result = cli.invoke(app, ["quarantine", "discard", "--id", str(numbers[0]), "--reason", "x"])
    assert (result.exit_code, result.stderr) == (0, "1 records were discarded\n")
    mended_rule()
    retry = ["quarantine", "retry", "--code", "missing_field", "--json"]
    assert json.loads(cli.invoke(app, retry).stdout)["loaded"] == 99
    assert json.loads(cli.invoke(app, retry).stdout)["tried"] == 0
    assert cli.invoke(app, ["quarantine", "retry"]).exit_code == 2


def test_export_is_recorded(here: Settings, job: dict[str, Any], database: Database) -> None:
    result = cli.invoke(app, ["quarantine", "export", "--job", str(job["id"])])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 100
    assert b"broken 0" in base64.b64decode(lines[0]["raw"])
    assert database.one("SELECT count(*) FROM imports.events WHERE kind = 'exported'") == 1


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An editor that mends the address; its path has a blank, and a shell would choke on it."""
    script = tmp_path / "my editor; exit 1"
    mend = """grep -q '"broken 0"' "$1" || exit 0; sed -i 's/"url": null/"url": "x:y"/' "$1"\n"""
    script.write_text(f"#!/bin/sh\n{mend}")
    script.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{script}'")
    yield script


def test_edit_in_an_editor(
    here: Settings, job: dict[str, Any], database: Database, editor: Path, proven: Proven
) -> None:
    number = database.one("SELECT min(id) FROM imports.quarantine")
    result = cli.invoke(app, ["quarantine", "edit", str(number), "--json"])
    assert json.loads(result.stdout)["loaded"] == 1
    assert proven(job) == set()
    shown = json.loads(cli.invoke(app, ["quarantine", "show", str(number), "--json"]).stdout)
    assert (shown["status"], shown["mended"]) == ("loaded", True)
    again = cli.invoke(app, ["quarantine", "edit", str(number + 1)])
    assert (again.exit_code, again.stdout) == (1, "")
    assert "Nothing was changed" in again.stderr


def test_what_a_killed_command_left_is_swept(run: Runtime) -> None:
    left = run.folders.work / "tmp.left"
    left.mkdir()
    (left / "spool").write_bytes(b"somebody's records")
    with temp_dir(run.folders.work) as held:
        (held / "spool").write_bytes(b"somebody's records")
        assert sweep.sweep(run) == 1
        assert (left.exists(), held.exists()) == (False, True)
    assert list(run.folders.work.iterdir()) == []
