"""A receipt lies beside its original, says what the command says, and stops no job."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from rich.cells import cell_len

from schemas.errors import TransientError
from tasks.maintenance import reconcile
from tasks.operations import quarantine, verify
from tasks.operations.rollback import roll_back
from tasks.runtime import receipt_files
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, zipped
from workers.cli import receipt_file
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
BAD = b'{"id": 1, "name": "one"}\n{broken one\n{"id": 3, "name": "three"}\n{broken two\n'

Imported = Callable[[str, str, bytes], dict[str, Any]]


@pytest.fixture
def run(run: Runtime, make_run: Callable[..., Runtime], place: Settings) -> Runtime:
    """The runtime, with receipts as the worker has them."""
    run.options = make_run(receipt=partial(receipt_file.text, place)).options
    return run


def _beside(run: Runtime, job: dict[str, Any]) -> Path:
    original = run.folders.data / job["archived_path"]
    return original.with_name(f"{original.name}.receipt.txt")


def _numbers(path: Path) -> str:
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("records ")]
    return line


def test_it_lies_beside_the_original_when_the_job_has_ended(
    run: Runtime, imported: Imported, place: Settings
) -> None:
    job = imported(ANA, "rows.ndjson", BAD)
    text = _beside(run, job).read_text()
    assert text == receipt_file.text(place, run.ledger, job["id"])
    assert text.startswith(f"job       {job['id']}\nfile      rows.ndjson")
    assert "records   4 seen = 2 loaded + 0 duplicate + 2 quarantined\nadds up:  yes\n" in text
    assert f"datapunk receipt {str(job['id'])[:8]}" in text


def test_no_line_is_longer_than_80_columns_unless_it_is_a_name(
    run: Runtime, imported: Imported
) -> None:
    folder = "旅行の写真" * 12
    names = [f"Takeout/{folder}/{'a long name ' * 9}{n}.json" for n in range(3)]
    job = imported(ANA, "long.zip", zipped({**dict.fromkeys(names, BAD), "x" * 150: b"\x00\x01"}))
    lines = _beside(run, job).read_text().splitlines()
    long = [line.strip() for line in lines if cell_len(line) > 80]
    assert names[0] in long
    assert "x" * 150 in long
    assert set(long) <= {*names, "x" * 150}


def test_it_is_written_again_when_its_numbers_change(
    run: Runtime, imported: Imported, database: Database
) -> None:
    job = imported(ANA, "rows.ndjson", BAD)
    user, path = job["user_id"], _beside(run, job)
    first, second = database.rows("SELECT id FROM imports.quarantine ORDER BY id")
    quarantine.mend(run, user, first["id"], b'{"id": 2, "name": "two"}\n')
    reconcile.reconcile(run)
    assert _numbers(path) == "records   4 seen = 3 loaded + 0 duplicate + 1 quarantined"
    assert "quarantine" in path.read_text().split("adds up")[1]
    quarantine.discard(run, user, quarantine.Choice(id=second["id"]), "broken")
    reconcile.reconcile(run)
    assert "invalid" not in path.read_text().split("adds up")[1]
    roll_back(run, user, job["id"])
    reconcile.reconcile(run)
    assert _numbers(path) == "records   0 seen = 0 loaded + 0 duplicate + 0 quarantined"
    assert "state     rolled_back" in path.read_text()
    assert database.one("SELECT count(*) FROM imports.receipts_due") == 0


@pytest.mark.parametrize(
    "error", [TransientError("full", code="os_28"), OSError(28, "full"), ValueError("a defect")]
)
def test_what_fails_stops_no_job_and_is_written_later(
    run: Runtime, imported: Imported, database: Database, monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:  # fmt: skip
    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(receipt_files, "written", fail)
        job = imported(ANA, "rows.ndjson", BAD)
    assert job["status"] == "done"
    assert not _beside(run, job).exists()
    assert database.one("SELECT count(*) FROM imports.step_errors WHERE step = 'receipts'") == 1
    database.let_time_pass()
    reconcile.reconcile(run)
    assert _beside(run, job).exists()
    assert database.one("SELECT count(*) FROM imports.step_errors") == 0


def test_a_dropped_file_of_its_name_stays(run: Runtime, imported: Imported) -> None:
    other = imported(ANA, "rows.ndjson.receipt.txt", b"a note of mine\n")
    job = imported(ANA, "rows.ndjson", BAD)
    taken = _beside(run, job)
    assert taken == run.folders.data / other["archived_path"]
    assert taken.read_bytes() == b"a note of mine\n"
    short = str(job["id"])[:8]
    assert "4 seen" in _numbers(taken.with_name(f"{short}-{taken.name}"))


def test_names_are_as_long_as_a_file_system_takes(run: Runtime, imported: Imported) -> None:
    first = imported(ANA, "n" * 240 + ".ndjson", BAD)
    again = imported(ANA, "n" * 240 + ".ndjson", BAD + b"\n")
    for job in (first, again):
        assert _beside(run, job).exists()


def test_there_is_none_beside_a_failed_job_and_one_for_a_duplicate(
    run: Runtime, imported: Imported
) -> None:
    imported(ANA, "rows.ndjson", BAD)
    twin = imported(ANA, "twin.ndjson", BAD)
    assert twin["status"] == "duplicate"
    assert "state     duplicate" in _beside(run, twin).read_text()
    bad = imported(ANA, "cut.zip", zipped({"a.ndjson": BAD})[:-30])
    assert bad["status"] == "rejected"
    assert not list(run.folders.failed.rglob("*.receipt.txt"))


def test_it_goes_when_the_original_goes_back_to_work(run: Runtime, imported: Imported) -> None:
    job = imported(ANA, "rows.ndjson", BAD)
    path = _beside(run, job)
    receipt_files.remove(run.folders, run.folders.data / job["archived_path"], job)
    assert not path.exists()
    assert (run.folders.data / job["archived_path"]).exists()


def test_verify_reads_it(run: Runtime, imported: Imported, reader: Any) -> None:
    job = imported(ANA, "rows.ndjson", BAD)

    def found() -> list[bool]:
        proof = verify.verify(run, reader, job)
        return [each.ok for each in proof if each.check == "receipt file"]

    assert found() == [True]
    path = _beside(run, job)
    path.write_text(path.read_text().replace("2 loaded", "7 loaded"))
    assert found() == [False]
    path.unlink()
    assert found() == []


def test_of_very_many_files_it_has_the_numbers_alone(
    run: Runtime, imported: Imported, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_file, "_MOST_FILES", 0)
    job = imported(ANA, "rows.ndjson", BAD)
    text = _beside(run, job).read_text()
    assert "files     1, too many to list here\n" in text
    assert "records   4 seen = 2 loaded + 0 duplicate + 2 quarantined\n" in text
    proof = verify.verify(run, reader, job)
    assert [each.ok for each in proof if each.check == "receipt file"] == [True]


def test_verify_waits_for_one_that_is_due(run: Runtime, imported: Imported, reader: Any) -> None:
    job = imported(ANA, "rows.ndjson", BAD)
    roll_back(run, job["user_id"], job["id"])
    (row,) = run.ledger.rows("jobs", "one_job", prefix=str(job["id"]))
    found = [each for each in verify.verify(run, reader, row) if each.check == "receipt file"]
    assert [(each.ok, each.detail) for each in found] == [
        (True, "the reconciler is about to write it again")
    ]


def test_of_two_that_write_one_leaves_it_to_the_other(
    run: Runtime, drop: Callable[[str, str, bytes], UUID], driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", BAD)
    seen: list[int] = []
    make = run.options.receipt
    assert make is not None

    def meanwhile(ledger: Any, job: UUID) -> str:
        seen.append(receipt_files.write(plain, job))
        return make(ledger, job)

    plain, run.options = _with(run, make), _options(run, meanwhile)
    driver.drain()
    assert seen == [1], "what the first has read is no longer due"
    assert _beside(run, database.job(job_id)).exists()


def _options(run: Runtime, receipt: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(run.options, receipt=receipt)


def _with(run: Runtime, receipt: Any) -> Runtime:
    from copy import copy

    other = copy(run)
    other.options = _options(run, receipt)
    return other


def test_no_transaction_is_open_while_the_text_is_read(
    run: Runtime, imported: Imported, database: Database
) -> None:
    """The text is read through other connections. A migration that waits for a table would stand
    between the two, and all three would wait for ever."""
    make, seen = run.options.receipt, []

    def locking(ledger: Any, job_id: Any) -> str:
        with psycopg.connect(database.url) as connection:
            connection.execute("LOCK TABLE imports.jobs IN ACCESS EXCLUSIVE MODE NOWAIT")
        seen.append(job_id)
        assert make is not None
        return make(ledger, job_id)

    run.options = _options(run, locking)
    job = imported(ANA, "rows.ndjson", BAD)
    assert seen == [job["id"]]
    assert _beside(run, job).is_file()
