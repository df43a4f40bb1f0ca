"""Claims and names, without a database."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import PermanentError, Rejected, TransientError
from schemas.folders import Folders
from schemas.reasons import Reason
from tasks.runtime import measured_originals
from workers import intake


class Unreachable:
    """A ledger whose database is down, from the nth question on."""

    def __init__(self, answers: int) -> None:
        self._answers = answers

    def rows(self, *_: Any, **__: Any) -> list[Any]:
        self._answers -= 1
        if self._answers < 0:
            raise TransientError("down")
        return []

    def transaction(self) -> Any:
        raise TransientError("down")


@pytest.mark.parametrize("name", ["anna", "anna.b+c@example.org", "Änne", "7of9", "a b", "x_1"])
def test_names_that_users_may_have(name: str) -> None:
    assert intake.check_user(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".anna", "a/b", "a..b", "-rf", "~root", "a\nb", "a\x00b", " a", "a ", "a.",
     "a" * 255, "ä" * 128, "a\\b", "\udcff"],
)  # fmt: skip
def test_names_that_users_may_not_have(name: str) -> None:
    with pytest.raises((PermanentError, UnicodeEncodeError)) as caught:
        intake.check_user(name)
    assert caught.type is PermanentError


def test_one_name_in_two_spellings_is_one_user() -> None:
    assert intake.check_user("A\u0308nne") == intake.check_user("Änne")


@pytest.mark.parametrize(
    ("name", "kept"),
    [("a.zip", "a.zip"), ("a\nb.zip", "a_b.zip"), ("\udcff.zip", "\\udcff.zip")],
)
def test_names_become_storable(name: str, kept: str) -> None:
    assert intake.storable_name(name) == kept


def test_long_names_keep_their_ending() -> None:
    name = intake.storable_name("ä" * 125 + ".tar.gz")
    assert len(name.encode()) <= 200
    assert name.endswith(".gz")
    assert len(intake.storable_name("." + "x" * 254).encode()) <= 200


def test_checksum_beside_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    assert intake.expected_sha256(file) is None
    intake.sidecar(file).write_text("A" * 64 + "  a.zip\n")
    assert intake.expected_sha256(file) == "a" * 64
    intake.sidecar(file).write_text("no hash\n")
    with pytest.raises(Rejected) as caught:
        intake.expected_sha256(file)
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def _dropped(tmp_path: Path) -> tuple[Folders, Path]:
    folders = Folders(tmp_path)
    file = folders.staging / "anna" / "a.zip"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"bytes")
    return folders, file


def test_nothing_moves_while_the_database_is_down(tmp_path: Path) -> None:
    folders, file = _dropped(tmp_path)
    with pytest.raises(TransientError):
        intake.take_in(Unreachable(0), folders, file, "anna", move=True)  # type: ignore[arg-type]
    assert file.read_bytes() == b"bytes"
    assert not folders.work.exists()


def test_a_file_moved_as_the_database_went_stays_claimed(tmp_path: Path) -> None:
    folders, file = _dropped(tmp_path)
    with pytest.raises(TransientError):
        intake.take_in(Unreachable(1), folders, file, "anna", move=True)  # type: ignore[arg-type]
    assert not file.exists()
    (note,) = folders.work.glob("*/claim.json")
    job_id = UUID(note.parent.name)
    assert folders.original(job_id, "a.zip").read_bytes() == b"bytes"


def test_adding_never_moves_the_file(tmp_path: Path) -> None:
    folders, file = _dropped(tmp_path)
    with pytest.raises(TransientError):
        intake.take_in(Unreachable(1), folders, file, "anna", move=False)  # type: ignore[arg-type]
    assert file.read_bytes() == b"bytes"


def test_a_claim_without_its_file_is_dropped(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    job_id = UUID(int=7)
    note = folders.job(job_id) / "claim.json"
    folders.original(job_id, "a.zip").parent.mkdir(parents=True)
    note.write_text('{"user":"anna","name":"a.zip","dropped":"/nowhere/a.zip"}')
    assert intake.recover(Unreachable(1), folders) == []  # type: ignore[arg-type]
    assert not note.parent.exists()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "empty"])
def test_only_regular_files_with_bytes(tmp_path: Path, kind: str) -> None:
    folders, file = _dropped(tmp_path)
    other = file.with_name("other.zip")
    if kind == "link":
        other.symlink_to(file)
    elif kind == "fifo":
        os.mkfifo(other)
    elif kind == "folder":
        other.mkdir()
    else:
        other.touch()
    with pytest.raises(Rejected) as caught:
        intake.take_in(Unreachable(0), folders, other, "anna", move=True)  # type: ignore[arg-type]
    assert caught.value.reason in (Reason.NOT_REGULAR, Reason.EMPTY)
    assert os.path.lexists(other)


# --- with the ledger -------------------------------------------------------------------------


@pytest.mark.services
def test_a_job_its_chunk_and_its_event_come_together(drop: Any, database: Any) -> None:
    job_id = drop("anna@example.org", "a.txt", b"hello")
    assert database.job(job_id)["status"] == "queued"
    assert [c["stage"] for c in database.chunks(job_id, "upload")] == ["validate"]
    assert database.one("SELECT count(*) FROM imports.events WHERE kind = 'received'") == 1


@pytest.mark.services
def test_a_crash_between_move_and_ledger_is_mended_once(
    run: Any, driver: Any, database: Any
) -> None:
    folders = run.folders
    file = folders.staging / "anna" / "a.txt"
    file.parent.mkdir()
    file.write_bytes(b"hello")
    intake.sidecar(file).write_text(
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  a.txt\n"
    )
    with pytest.raises(TransientError):
        intake.take_in(Unreachable(1), folders, file, "anna", move=True)  # type: ignore[arg-type]
    (job_id,) = intake.recover(run.ledger, folders)
    assert intake.recover(run.ledger, folders) == []
    assert not intake.sidecar(file).exists()
    driver.drain()
    job = database.job(job_id)
    assert (job["status"], job["records_loaded"]) == ("done", 1)


@pytest.mark.services
def test_without_a_broker_the_job_waits_in_the_ledger(
    run: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.runtime import dispatch

    def down(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(dispatch, "send", down)
    file = run.folders.staging / "a.txt"
    file.write_bytes(b"hello")
    job_id = intake.take_in(run.ledger, run.folders, file, "anna", move=False)
    assert database.job(job_id)["status"] == "queued"
    assert file.exists()
    assert not (run.folders.job(job_id) / "claim.json").exists()


@pytest.mark.services
def test_a_wrong_checksum_rejects_the_file(run: Any, driver: Any, database: Any) -> None:
    file = run.folders.staging / "anna" / "a.txt"
    file.parent.mkdir()
    file.write_bytes(b"hello")
    intake.sidecar(file).write_text("0" * 64)
    job_id = intake.take_in(run.ledger, run.folders, file, "anna", move=True)
    driver.drain()
    job = database.job(job_id)
    assert (job["status"], job["error_code"]) == ("rejected", "checksum_mismatch")


def _added(run: Any, tmp_path: Path, data: bytes) -> UUID:
    file = tmp_path / "mine.txt"
    file.write_bytes(data)
    return intake.take_in(run.ledger, run.folders, file, "anna", move=False, options=run.options)


@pytest.mark.services
def test_a_file_that_is_added_is_hashed_once(
    run: Any, driver: Any, database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(path: Path, **_: Any) -> tuple[int, str]:
        raise AssertionError(f"{path.name} is read once more")

    monkeypatch.setattr(measured_originals, "measure", again)
    job_id = _added(run, tmp_path, b"hello")
    driver.drain()
    job = database.job(job_id)
    assert (job["status"], job["size_bytes"]) == ("done", 5)
    assert job["sha256"] == sha256(b"hello").hexdigest()


@pytest.mark.services
@pytest.mark.parametrize("how", ["written", "replaced", "no note"])
def test_a_file_that_changes_after_it_was_added_is_hashed_again(
    run: Any, driver: Any, database: Any, tmp_path: Path, how: str
) -> None:
    job_id = _added(run, tmp_path, b"hello")
    original = run.folders.original(job_id, "mine.txt")
    before = original.stat()
    if how == "written":
        original.write_bytes(b"jello")
    elif how == "replaced":
        other = tmp_path / "other"
        other.write_bytes(b"jello")
        other.replace(original)
    else:
        (run.folders.job(job_id) / "measured.json").write_text('{"size":')
        original.write_bytes(b"jello")
    os.utime(original, ns=(before.st_atime_ns, before.st_mtime_ns))
    driver.drain()
    assert database.job(job_id)["sha256"] == sha256(b"jello").hexdigest()
