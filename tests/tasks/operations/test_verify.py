"""The proof of a receipt: it holds after a sound import, and fails on anything done by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from schemas.progress import Stage
from sql.store import Lake
from tasks.maintenance import sweep
from tasks.operations import findings, job_control, verify
from tasks.runtime.context import Runtime
from tests.support.formats import all_samples
from tests.support.lake import Database, Driver, FakeScanner, counts, zipped

pytestmark = pytest.mark.services

ANA = "ana@example.org"

Imported = Callable[[str, str, bytes], dict[str, Any]]
Check = Callable[[dict[str, Any]], dict[str, verify.Finding]]


def everything() -> dict[str, bytes]:
    return {sample.path: sample.file.read_bytes() for sample in all_samples()}


@pytest.fixture
def check(run: Runtime, reader: Lake, database: Database) -> Check:
    """The findings of a job by their check; the job's row is read anew."""

    def do(job: dict[str, Any]) -> dict[str, verify.Finding]:
        found = verify.verify(run, reader, database.job(job["id"]))
        assert len({f.check for f in found}) == len(found)
        return {f.check: f for f in found}

    return do


def failed(found: dict[str, verify.Finding]) -> set[str]:
    return {check for check, finding in found.items() if not finding.ok}


#: A format of each kind of reader and table; a sound import is proven with all there are.
_FEW = {
    "mail.mbox", "google.my_activity", "google.chrome_history", "csv.table", "document.plain",
    "ndjson", "chromium.history", "apple.health", "whatsapp.chat", "calendar.ics",
}  # fmt: skip


def some() -> dict[str, bytes]:
    return {s.path: s.file.read_bytes() for s in all_samples() if s.form.name in _FEW}


@pytest.fixture
def job(imported: Imported) -> dict[str, Any]:
    """A sound import of some formats, with an unknown, an ignored and a rejected member."""
    return _sound(imported, some())


def _sound(imported: Imported, files: dict[str, bytes]) -> dict[str, Any]:
    made = imported(
        ANA,
        "all.zip",
        zipped(
            {
                **files,
                "unknown.bin": bytes(range(1, 256)) * 8,
                "__MACOSX/._litter": b"x",
                "empty.txt": b"",
                "ill.txt": FakeScanner.signature,
                "Records.json": orjson.dumps(
                    {
                        "locations": [
                            {"latitudeE7": n * 10**7, "longitudeE7": 0, "timestamp": when}
                            for n in (50, 51, 91)
                            for when in ("2023-05-01T10:00:00Z", "2023-07-01T10:00:00Z")
                        ]
                    }
                ),
            }
        ),
    )
    assert made["status"] == "done"
    assert min(counts(made)[0::3]) > 0
    return made


def test_a_sound_import_is_proven(imported: Imported, check: Check, run: Runtime) -> None:
    job = _sound(imported, everything())
    found = check(job)
    assert failed(found) == set()
    assert {"members", "items", "records", "rows", "original", "blobs"} <= set(found)
    loaded = job["records_seen"] - job["records_quarantined"]
    assert found["records"].detail.startswith(f"{loaded} ")
    assert list(run.folders.work.iterdir()) == []


def test_no_finding_shows_content(job: dict[str, Any], check: Check, database: Database) -> None:
    database.rows("DELETE FROM user_data.documents WHERE job_id = %s", job["id"])
    said = str(check(job))
    for path in some():
        assert path.rsplit("/", 1)[-1] not in said


@pytest.mark.parametrize("table", ["user_data.documents", "timeseries.locations"])
def test_a_row_deleted_by_hand(
    job: dict[str, Any], check: Check, database: Database, table: str
) -> None:
    database.rows(
        f"DELETE FROM {table} WHERE record_key = "
        f"(SELECT min(record_key::text)::uuid FROM {table} WHERE job_id = %s)",
        job["id"],
    )
    found = check(job)
    assert {"rows", "records"} <= failed(found)
    assert found["records"].detail.startswith("1 of ")


def test_a_row_added_by_hand(job: dict[str, Any], check: Check, database: Database) -> None:
    database.rows(
        "INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key, "
        "partition_at, content_type, metadata, job_id, file_id, chunk_id) "
        "SELECT user_id, data_type, source, record_type, %s, partition_at, content_type, metadata, "
        "job_id, file_id, chunk_id FROM user_data.documents WHERE job_id = %s LIMIT 1",
        uuid4(),
        job["id"],
    )
    assert failed(check(job)) == {"rows"}


def test_one_row_deleted_and_one_added(
    job: dict[str, Any], check: Check, database: Database
) -> None:
    """The number of rows is right again; their keys are not."""
    database.rows(
        "UPDATE user_data.documents SET record_key = %s WHERE id = "
        "(SELECT min(id) FROM user_data.documents WHERE job_id = %s)",
        uuid4(),
        job["id"],
    )
    assert failed(check(job)) == {"records"}


def test_a_row_that_names_no_chunk(job: dict[str, Any], check: Check, database: Database) -> None:
    database.rows(
        "UPDATE user_data.documents SET chunk_id = 0 WHERE id = "
        "(SELECT min(id) FROM user_data.documents WHERE job_id = %s)",
        job["id"],
    )
    assert failed(check(job)) == {"rows"}


def test_a_row_moved_to_another_file(job: dict[str, Any], check: Check, database: Database) -> None:
    database.rows(
        "UPDATE user_data.documents SET file_id = 0 WHERE id = "
        "(SELECT min(id) FROM user_data.documents WHERE job_id = %s)",
        job["id"],
    )
    assert failed(check(job)) == {"rows"}


@pytest.mark.parametrize("how", ["altered", "gone"])
def test_an_original_that_changed(
    job: dict[str, Any], check: Check, run: Runtime, how: str
) -> None:
    kept = run.folders.data / job["archived_path"]
    if how == "gone":
        kept.unlink()
    else:
        data = bytearray(kept.read_bytes())
        data[len(data) // 2] ^= 1
        kept.write_bytes(data)
    assert failed(check(job)) == {"original"}


@pytest.mark.parametrize(
    ("statement", "checks"),
    [
        ("UPDATE imports.jobs SET records_seen = records_seen + 1", {"counts add up"}),
        ("UPDATE imports.jobs SET remaining = 1", {"at rest"}),
        ("UPDATE imports.chunks SET status = 'ready' WHERE kind = 'finish'", {"at rest"}),
        ("DELETE FROM imports.quarantine", {"quarantine"}),
        (
            "UPDATE imports.files SET counts = jsonb_set(counts, '{items}', '0') "
            "WHERE format = 'google.my_activity'",
            {"items"},
        ),
        (
            "UPDATE imports.files SET sha256 = repeat('0', 64) WHERE path = 'unknown.bin'",
            {"members"},
        ),
        ("UPDATE imports.files SET path = 'other' WHERE path = 'empty.txt'", {"members"}),
        (
            "UPDATE imports.files SET disposition = 'ignored' WHERE path = 'unknown.bin'",
            {"members"},
        ),
        ("DELETE FROM imports.files WHERE path = 'unknown.bin'", {"members"}),
        (
            "INSERT INTO imports.files (job_id, user_id, ordinal, path, disposition, settled) "
            "SELECT id, user_id, 9999, 'made up', 'unknown', true FROM imports.jobs",
            {"members"},
        ),
        (
            "DELETE FROM user_data.documents WHERE data_type = 'email'",
            {"rows", "records", "vectors"},
        ),
    ],
)
def test_a_ledger_changed_by_hand(
    job: dict[str, Any], check: Check, database: Database, statement: str, checks: set[str]
) -> None:
    database.rows(statement)
    assert failed(check(job)) == checks


def test_a_lease_that_nobody_took_over(
    job: dict[str, Any], check: Check, drop: Callable[..., UUID], run: Runtime, database: Database
) -> None:
    later = drop(ANA, "b.txt", b"More text, of another job.")
    (chunk,) = database.chunks(later, "upload")
    run.ledger.lease(
        chunk=chunk["id"], job_id=later, stage=chunk["stage"], worker="x", lease_s=1, max_attempts=5
    )
    assert failed(check(job)) == set()
    database.let_time_pass()
    assert failed(check(job)) == {"leases"}


def test_a_work_folder_that_stayed(job: dict[str, Any], check: Check, run: Runtime) -> None:
    run.folders.members(job["id"]).mkdir(parents=True)
    assert failed(check(job)) == {"nothing left over"}
    assert sweep.sweep(run) == 1
    assert failed(check(job)) == set()


def test_a_blob_that_went(job: dict[str, Any], check: Check, run: Runtime) -> None:
    blob = next(p for p in run.folders.blobs(job["user_id"]).rglob("*") if p.is_file())
    blob.unlink()
    assert failed(check(job)) == {"blobs"}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_flipped_byte_of_a_blob(job: dict[str, Any], check: Check, run: Runtime) -> None:
    blobs = [p for p in run.folders.blobs(job["user_id"]).rglob("*") if p.is_file()]
    for blob in blobs:
        _flip(blob)
        assert failed(check(job)) == {"contents"}
        _flip(blob)
    assert blobs
    assert failed(check(job)) == set()


def test_a_sample_is_read_or_all_of_them(
    job: dict[str, Any], run: Runtime, reader: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "_READ_FIRST", 0)
    monkeypatch.setattr(findings.secrets, "randbelow", lambda most: most - 1)  # none is drawn
    for blob in run.folders.blobs(job["user_id"]).rglob("*"):
        if blob.is_file():
            _flip(blob)
    for deep, bad in ((False, set()), (True, {"contents"})):
        found = verify.verify(run, reader, job, deep=deep)
        assert failed({f.check: f for f in found}) == bad
    monkeypatch.setattr(findings.secrets, "randbelow", lambda most: 0)  # each is drawn
    found = verify.verify(run, reader, job)
    assert failed({f.check: f for f in found}) == {"contents"}


def test_a_flipped_byte_of_a_spool_that_lies_at_rest(
    drop: Callable[..., UUID], driver: Driver, check: Check, run: Runtime, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", b'{"id": 1, "name": "x"}\n' * 200)
    driver.step()  # the upload is cut
    (chunk,) = database.chunks(job_id)
    for stage in (Stage.NORMALISE, Stage.SCREEN):
        assert driver.perform(stage, chunk["id"], job_id)
    job_control.cancel(run, job_id, database.job(job_id)["user_id"])
    driver.drain()
    row = database.job(job_id)
    assert row["status"] == "cancelled"
    sound = check(row)
    assert sound["spools"] == verify.Finding("spools", True, "2 read")
    for spool in run.folders.chunks(job_id).iterdir():
        _flip(spool)
        assert failed(check(row)) - failed(sound) == {"spools"}
        _flip(spool)


def test_other_ends_are_proven_too(imported: Imported, check: Check) -> None:
    data = zipped({"a.ndjson": b'{"id": 1, "name": "x"}\n' * 200})
    jobs = [imported(ANA, name, data) for name in ("first.zip", "again.zip")]
    jobs.append(imported(ANA, "cut.zip", data[:-40]))
    assert [job["status"] for job in jobs] == ["done", "duplicate", "rejected"]
    assert [failed(check(job)) for job in jobs] == [set(), set(), set()]


def test_overlapping_imports_are_all_proven(imported: Imported, check: Check) -> None:
    parts = [b'{"id": %d, "name": "x"}\n' % n for n in range(30)]
    jobs = [
        imported(ANA, f"{n}.ndjson", b"".join(parts[n : n + 15] + parts[n : n + 3])) for n in (0, 7)
    ]
    assert [counts(job)[:3] for job in jobs] == [(18, 18, 0), (18, 10, 8)]
    assert [failed(check(job)) for job in jobs] == [set(), set()]


def test_a_job_at_work_is_not_proven(
    drop: Callable[..., UUID], driver: Driver, check: Check, database: Database
) -> None:
    job_id = drop(ANA, "a.txt", b"A text.")
    assert failed(check(database.job(job_id))) == {"at rest"}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_texts_in_other_encodings_are_proven(
    imported: Imported, check: Check, encoding: str
) -> None:
    rows = "".join(f"{n},Zoë Müller,Straße in Köln\n" for n in range(20))
    job = imported(ANA, "people.csv", f"id,name,town\n{rows}".encode(encoding))
    assert counts(job)[1] == 20
    assert failed(check(job)) == set()
