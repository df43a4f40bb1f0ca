"""The command: exit codes, what is printed where, and nothing of an archive's that bites."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.registry import format_named
from schemas.errors import (
    ConfigurationError,
    PermanentError,
    ServiceDown,
    TransientError,
)
from schemas.files import SliceLimits
from schemas.progress import Disposition
from schemas.tally import Tally
from tests.support.lake import Database, Driver, zipped
from workers.cli import app, columns, console, receipts, sample
from workers.cli.failures import report
from workers.cli.verbs import quarantine, status
from workers.embedded import machine
from workers.settings import Settings

cli = CliRunner()


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder where nothing runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def here(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands see the test's own lake."""
    from workers.cli.verbs import add, database, jobs, services
    from workers.cli.verbs import quarantine as held

    for module in (add, database, jobs, services, held, status):
        monkeypatch.setattr(module, "load", lambda: place)
    return place


# --- without services ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), 2),
        (ServiceDown("x"), 69),
        (TransientError("x"), 69),
        (PermanentError("x"), 1),
        (psycopg.OperationalError("x"), 69),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert report(error) == code


def test_a_full_disk_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(TransientError("A file can't be written: No space left.", code="os_28")) == 69
    said = capsys.readouterr().err
    assert "No space left" in said
    assert "datapunk up" not in said


def test_a_service_that_is_down_may_want_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, told in ((15, True), (16, False)):
        monkeypatch.setattr(machine, "free_disk_mb", lambda _, mb=free: mb)
        report(ServiceDown("Postgres does not answer"))
        assert ("make room" in capsys.readouterr().err) == told


def test_a_drivers_text_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    report(psycopg.OperationalError("connection to postgresql://me:secret@host failed"))
    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["jobs"], ["receipt", "abc"], ["retry", "abc"], ["quarantine", "list"],
     ["db", "status"], ["db", "upgrade"]],
)  # fmt: skip
def test_no_service_is_one_line_and_69(away: Path, arguments: list[str]) -> None:
    result = cli.invoke(app, arguments)
    assert result.exit_code == 69
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "datapunk up" in result.stderr


def test_a_wrong_setting_is_one_line_and_2(away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPUNK_SETTLE_S", "soon")
    result = cli.invoke(app, ["status"])
    assert result.exit_code == 2
    assert "DATAPUNK_SETTLE_S" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["sttus"], ["add"], ["worker", "--queues", "nope"], ["add", "x", "--user", "../x"]],
)
def test_wrong_usage_is_2(away: Path, arguments: list[str]) -> None:
    assert cli.invoke(app, arguments).exit_code == 2


def test_the_version_is_that_of_the_package() -> None:
    result = cli.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout == f"datapunk {metadata.version('datapunk-lake')}\n"


def test_a_shell_completes_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else typer asks the processes above this one which shell they are.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    script = cli.invoke(app, ["--show-completion", "bash"], prog_name="datapunk")
    assert script.exit_code == 0
    assert "_DATAPUNK_COMPLETE=complete_bash" in script.stdout
    for words, last in (("datapunk quara", "1"), ("datapunk --version quara", "2")):
        typed = {"COMP_WORDS": words, "COMP_CWORD": last}
        environment = {"_DATAPUNK_COMPLETE": "complete_bash", **typed}
        answer = cli.invoke(app, [], env=environment, prog_name="datapunk")
        assert answer.stdout.split() == ["quarantine"]


def test_ctrl_c_is_130(away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> Settings:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "load", interrupted)
    assert cli.invoke(app, ["status"]).exit_code == 130


def test_doctor_fails_and_says_what_to_do(away: Path) -> None:
    result = cli.invoke(app, ["doctor", "--json"])
    assert result.exit_code == 1
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert checks["postgres"]["level"] == "fail"
    assert checks["postgres"]["advice"] == "datapunk up"
    assert checks["python"]["level"] == "ok"


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    one, two = sample.write(tmp_path / "1.zip"), sample.write(tmp_path / "2.zip")
    assert one.read_bytes() == two.read_bytes()


def test_dry_run_accounts_for_the_sample(away: Path) -> None:
    file = sample.write(away / "s.zip")
    result = cli.invoke(app, ["add", "--dry-run", "--json", "--user", "anna", str(file)])
    assert result.exit_code == 0
    (run,) = json.loads(result.stdout)
    assert (run["seen"], run["duplicate"], run["quarantined"]) == (165, 1, 3)
    assert {f["disposition"] for f in run["files"]} == {"handled", "unknown", "ignored"}
    codes = [code for f in run["files"] for code in f["quarantined"]]
    assert sorted(codes) == ["missing_field", "place_out_of_range", "ragged_row"]
    assert not (away / "data").exists()


def test_dry_run_strict_is_3_and_a_missing_file_is_1(away: Path) -> None:
    file = sample.write(away / "s.zip")
    arguments = ["add", "--dry-run", "--user", "anna"]
    assert cli.invoke(app, [*arguments, "--strict", str(file)]).exit_code == 3
    missing = cli.invoke(app, [*arguments, str(away / "none.zip")])
    assert missing.exit_code == 1
    assert "No such file" in missing.stderr


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "a\x07b", "\u202egnp.exe", "\x9b31m"])
def test_names_can_not_steer_the_terminal(hostile: str) -> None:
    assert hostile not in console.cell(hostile)
    assert console.cell(hostile).isprintable()


def test_plain_tables_are_aligned() -> None:
    assert columns.lines(("a", "b"), [["long one", "1"], ["x", "2"]], None) == [
        "a         b",
        "long one  1",
        "x         2",
    ]


def test_ages_and_sizes() -> None:
    now = datetime(2024, 1, 2, tzinfo=UTC)
    assert [console.age(now - timedelta(seconds=s), now) for s in (5, 65, 7200, 200_000)] == [
        "5s", "1m", "2h", "2d",
    ]  # fmt: skip
    assert [console.size(n) for n in (None, 0, 1023, 1536, 10 * 1024**3)] == [
        "", "0 B", "1023 B", "1.5 KB", "10 GB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"name": "Änne", "n": 42}\n'.encode(), '{"xxxx": "xxxx", "x": 99}\n'),
        (b"PIN \xff\xfe\x81 1234", "xxx xxx 9999"),  # no raw byte, not even escaped
        ("नमस्ते 🙂€½".encode(), "xxxxxx xxx"),  # marks and signs tell as much as letters
        (b"a\x1b[31m\x00b\x7f", "xx[99xxxx"),
        ("٤٢".encode(), "99"),
    ],
)
def test_masked_content_keeps_its_shape_alone(raw: bytes, expected: str) -> None:
    assert quarantine.masked(raw) == expected


@given(st.binary(max_size=200))
def test_nothing_of_any_bytes_shows_through_the_mask(raw: bytes) -> None:
    shown = quarantine.masked(raw)
    assert set(shown) <= set(string.punctuation + " \t\n9x")


def test_a_receipt_that_does_not_add_up_says_so() -> None:
    good = Tally(seen=3, loaded=1, duplicate=1, quarantined=1)
    assert receipts.adds_up(good, {"csv": good}, complete=True)
    assert not receipts.adds_up(good, {}, complete=True)  # the files tell another story
    assert receipts.adds_up(good, {}, complete=False)
    lost = Tally(seen=4, loaded=1, duplicate=1, quarantined=1)
    assert not receipts.adds_up(lost, {"csv": lost}, complete=True)


# --- with services ---------------------------------------------------------------------------


@pytest.mark.services
def test_what_is_told_of_an_import(
    here: Settings, imported: Callable[[str, str, bytes], dict[str, Any]], tmp_path: Path
) -> None:
    data = sample.write(tmp_path / "s.zip").read_bytes()
    job = imported("anna", "s.zip", data)
    again = imported("anna", "t.zip", data)

    told = json.loads(cli.invoke(app, ["receipt", str(job["id"])[:8], "--json"]).stdout)
    assert told["adds_up"] is True
    assert told["records"] == {"seen": 165, "loaded": 161, "duplicate": 1, "quarantined": 3}
    assert told["dispositions"] == {"handled": 7, "ignored": 1, "unknown": 1}
    assert {q["code"] for q in told["quarantine"]} == {
        "missing_field", "place_out_of_range", "ragged_row",
    }  # fmt: skip
    second = json.loads(cli.invoke(app, ["receipt", str(again["id"]), "--json"]).stdout)
    assert (second["state"], second["duplicate_of"]) == ("duplicate", str(job["id"]))

    shown = cli.invoke(app, ["receipt", str(job["id"])])
    assert "adds up:  yes" in shown.stdout
    assert {row["state"] for row in json.loads(cli.invoke(app, ["jobs", "--json"]).stdout)} == {
        "done", "duplicate",
    }  # fmt: skip
    line = cli.invoke(app, ["status", str(job["id"])])
    assert line.exit_code == 0
    assert "s.zip" in line.stdout


@pytest.mark.services
def test_what_a_job_waits_for_is_told(
    here: Settings, drop: Callable[[str, str, bytes], Any], database: Any
) -> None:
    job_id = drop("anna", "a.txt", b"Hello out there.\n")
    assert "waits" not in cli.invoke(app, ["status"]).stdout
    for code, words in (
        ("os_28", "No space left"),
        ("scanner_down", "clamd does not answer"),
        ("policy_superseded", "another host has a newer privacy policy"),
    ):
        database.rows("UPDATE imports.chunks SET last_error_code = %s", code)
        assert f"{str(job_id)[:8]}: waits: {code}: {words}" in cli.invoke(app, ["status"]).stdout
        (job,) = json.loads(cli.invoke(app, ["status", "--json"]).stdout)["jobs"]
        assert job["waits"] == {code: 1}


@pytest.mark.services
def test_content_is_masked_until_revealed_and_that_is_recorded(
    here: Settings,
    imported: Callable[[str, str, bytes], dict[str, Any]],
    database: Any,
    tmp_path: Path,
) -> None:
    imported("anna", "s.zip", sample.write(tmp_path / "s.zip").read_bytes())
    listed = json.loads(cli.invoke(app, ["quarantine", "list", "--all", "--json"]).stdout)
    (ragged,) = [row for row in listed if row["code"] == "ragged_row"]
    number = str(ragged["id"])
    assert "one field" not in cli.invoke(app, ["quarantine", "show", number]).stdout
    assert database.one("SELECT count(*) FROM imports.events WHERE kind = 'revealed'") == 0
    assert "one field" in cli.invoke(app, ["quarantine", "show", number, "--reveal"]).stdout
    assert database.one("SELECT count(*) FROM imports.events WHERE kind = 'revealed'") == 1
    assert cli.invoke(app, ["quarantine", "show", "999999"]).exit_code == 1
    unknown = cli.invoke(app, ["quarantine", "list", "--user", "ana"])
    assert unknown.exit_code == 1
    assert unknown.stderr == "datapunk: There is no user 'ana'; did you mean anna?\n"


@pytest.mark.services
def test_jobs_that_are_not_there_or_have_ended(
    here: Settings, imported: Callable[[str, str, bytes], dict[str, Any]]
) -> None:
    job = str(imported("anna", "a.txt", b"Hello out there.\n")["id"])
    for arguments in (["receipt", "zz"], ["receipt", "%"], ["retry", job], ["cancel", job]):
        result = cli.invoke(app, arguments)
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.services
def test_cancel_says_what_had_loaded(
    here: Settings, drop: Callable[..., Any], driver: Driver, database: Database
) -> None:
    two = zipped({"a.txt": b"Hello out there.", "b.ndjson": b'{"id": 1}\n{"id": 2}\n{broken\n'})
    job = str(drop("anna", "two.zip", two))
    driver.step()
    driver.step()
    told = cli.invoke(app, ["cancel", job, "--json"])
    found = json.loads(told.stdout)
    assert found["moves_to"] == str(here.folders.failed / "anna")
    assert Path(found["original"]).read_bytes() == two
    driver.drain()
    assert (told.exit_code, found["stopped"], found["done"]) == (0, 1, 1)
    assert (Path(found["moves_to"]) / "two.zip").read_bytes() == two
    assert found["loaded"] == database.job(UUID(job))["records_loaded"] > 0
    made = json.loads(cli.invoke(app, ["receipt", job, "--json"]).stdout)
    assert (made["state"], made["records"]["loaded"]) == ("cancelled", found["loaded"])
    again = cli.invoke(app, ["retry", job])
    assert again.exit_code == 0, "it goes on with the chunk that was stopped"
    driver.drain()
    assert json.loads(cli.invoke(app, ["receipt", job, "--json"]).stdout)["state"] == "done"


@pytest.mark.services
def test_cancel_says_where_the_copy_of_the_original_lies(
    here: Settings, drop: Callable[..., Any], driver: Driver, database: Database
) -> None:
    rows = b"".join(b'{"id": %d}\n' % n for n in range(500))
    job = str(drop("anna", "rows.ndjson", rows))
    driver.step()
    result = cli.invoke(app, ["cancel", job])
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert Path(lines[1].strip()).read_bytes() == rows
    assert lines[3].strip() == str(here.folders.failed / "anna")
    driver.drain()
    stored = here.data_dir / str(database.job(UUID(job))["archived_path"])
    assert stored.parent == here.folders.failed / "anna"


@pytest.mark.services
def test_a_cancelled_job_has_one_line_however_many_chunks_it_had(
    here: Settings, run: Any, make_run: Callable[..., Any], drop: Callable[..., Any],
    driver: Driver, database: Database,
) -> None:  # fmt: skip
    run.options = make_run(slices=SliceLimits(records=10, size=100)).options
    rows = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(200))
    job = str(drop("anna", "rows.ndjson", rows))
    driver.step()
    cli.invoke(app, ["cancel", job])
    driver.drain()
    receipt = json.loads(cli.invoke(app, ["receipt", job, "--json"]).stdout)
    assert len(receipt["dead_chunks"]) > 10
    shown = cli.invoke(app, ["receipt", job]).stdout.splitlines()
    assert len([line for line in shown if "stopped" in line.replace("Stopped on", "")]) == 1
    assert not [line for line in shown if "dead chunk" in line]
    events = json.loads(cli.invoke(app, ["events", job, "--json"]).stdout)
    assert [e["kind"] for e in events] == ["received", "started", "cancelled", "finished"]


@pytest.mark.services
def test_the_progress_of_a_job_is_in_bytes_of_all(
    here: Settings, run: Any, make_run: Callable[..., Any], drop: Callable[..., Any],
    driver: Driver, database: Database,
) -> None:  # fmt: skip
    """Nothing is left to be known until all is cut; then the pace of two chunks tells it."""
    run.options = make_run(slices=SliceLimits(records=10, size=100)).options
    rows = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(200))
    job = str(drop("anna", "rows.ndjson", rows))

    def facts() -> dict[str, Any]:
        (found,) = json.loads(cli.invoke(app, ["status", job, "--json"]).stdout)["jobs"]
        return dict(found)

    assert facts()["progress"] | {"running_s": None} == {
        "bytes_cut": 0, "bytes_read": 0, "bytes_ended": 0, "all_cut": False, "waits": False,
        "bytes_per_s": None, "records_per_s": None, "running_s": None, "left_s": None,
    }  # fmt: skip
    driver.step()
    cut = facts()["progress"]
    assert (len(rows) - 200 < cut["bytes_cut"] <= len(rows), cut["all_cut"]) == (True, True)
    assert (cut["bytes_read"], cut["bytes_ended"], cut["left_s"]) == (0, 0, None)
    while facts()["chunks_done"] < 3:
        driver.step()
    database.rows(
        "UPDATE imports.chunks SET done_at = done_at - interval '20 seconds' WHERE id IN "
        "(SELECT min(id) FROM imports.chunks WHERE kind = 'records' AND status = 'done')"
    )
    reading = facts()["progress"]
    assert 0 < reading["bytes_ended"] <= reading["bytes_read"] < cut["bytes_cut"]
    assert reading["records_per_s"] > 0
    left = (cut["bytes_cut"] - reading["bytes_ended"]) / reading["bytes_per_s"]
    assert reading["left_s"] == pytest.approx(left)
    text = cli.invoke(app, ["status", job]).stdout
    assert re.search(r"read, \d+ records a second, about .* left, running for \d+s", text)
    driver.drain()
    ended = facts()
    assert ended["progress"] is None
    assert ended["duration_s"] >= 0
    assert json.loads(cli.invoke(app, ["receipt", job, "--json"]).stdout)["duration_s"] >= 0
    assert re.search(r"^took      \d", cli.invoke(app, ["receipt", job]).stdout, re.MULTILINE)


def test_a_receipt_shows_some_of_each_kind_that_was_not_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Thousands of twins and folders do not hide the one file that is broken."""
    base = receipts.FileLine(
        path="", disposition=Disposition.IGNORED, reason="twin_of_another_file", category=None,
        detail=None, format=None, size_bytes=1, counts=Tally(),
    )  # fmt: skip
    twins = [msgspec.structs.replace(base, path=f"{n:03}.html") for n in range(25)]
    folder = msgspec.structs.replace(base, path="Takeout/", reason="directory")
    broken = msgspec.structs.replace(
        base, path="z.zip", disposition=Disposition.REJECTED, reason="archive_broken"
    )
    receipts.show_files([*twins, folder, broken])
    first, _, header, *lines = capsys.readouterr().out.splitlines()
    assert first == "files     27: 26 ignored, 1 rejected"
    assert header.startswith("not read")
    assert lines[0].split() == ["rejected", "archive_broken", "z.zip"]
    assert len(lines) == 1 + 20 + 1
    assert lines[-1].endswith("… and 5 more; see --json")


def test_formats_say_all_that_is_known_of_them() -> None:
    shown = cli.invoke(app, ["formats", "apple.health"], terminal_width=80)
    assert shown.stdout.splitlines() == [
        f"apple.health v{format_named('apple.health').version}  Apple Health (export.xml)",
        "    products    Apple Health",
        "    vintages    routes within the file; routes as GPX files beside it",
        "    languages   any",
        "    becomes     activity, profile, sleep, summary, workout",
        "    sample      invented",
        "    tried with  dogsheep/healthkit-to-sqlite",
    ]
    every = cli.invoke(app, ["formats"]).stdout.splitlines()
    entries = json.loads(cli.invoke(app, ["formats", "--json"]).stdout)
    headings = [line for line in every if not line.startswith(" ")]
    assert headings == [f"{e['name']} v{e['version']}  {e['title']}" for e in entries]
