"""The watcher, without a database: what it looks at, and when it holds something for settled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from workers.settings import Settings
from workers.staging import Found, StabilityCheck, fingerprint, is_ignored, look
from workers.watcher import Watcher
from workers.watcher import run as run_watcher


@pytest.mark.parametrize(
    "name",
    ["a.zip.part", "a.PARTIAL", "b.crdownload", "x.tmp", ".hidden", "~$doc.docx", "Thumbs.db",
     ".DS_Store", "a.zip.sha256"],
)  # fmt: skip
def test_unfinished_and_litter_is_ignored(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["takeout.zip", "part.zip", "a.tmp.zip", "temporary", "ä ö.json"])
def test_exports_are_not_ignored(name: str) -> None:
    assert not is_ignored(name)


@pytest.mark.threat("moving", seen="still growing: waits")
def test_settles_only_after_standing_still() -> None:
    stability = StabilityCheck(5.0)
    path = Path("a.zip")
    assert not stability.is_stable(path, (1, 1), 0.0)
    assert not stability.is_stable(path, (2, 2), 4.0)  # it grew
    assert not stability.is_stable(path, (2, 2), 8.9)
    assert stability.is_stable(path, (2, 2), 9.0)


def test_a_new_file_of_an_old_name_waits_anew() -> None:
    stability = StabilityCheck(5.0)
    path = Path("a.zip")
    stability.is_stable(path, (1, 1), 0.0)
    stability.keep(set())
    assert len(stability) == 0
    assert not stability.is_stable(path, (1, 1), 100.0)


def test_no_wait_takes_at_once() -> None:
    assert StabilityCheck(0.0).is_stable(Path("a"), (1, 1), 3.0)


def test_looks_into_users_folders_and_follows_no_link(tmp_path: Path) -> None:
    staging, elsewhere = tmp_path / "staging", tmp_path / "elsewhere"
    (staging / "anna" / "Takeout").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "secret.zip").write_bytes(b"x")
    (staging / "anna" / "a.zip").write_bytes(b"x")
    (staging / "anna" / "b.zip.part").write_bytes(b"x")
    (staging / "stray.zip").write_bytes(b"x")
    (staging / "linked").symlink_to(elsewhere)
    found = {(f.user, f.path.name) for each in look(staging) for f in each}
    assert found == {
        ("anna", "Takeout"), ("anna", "a.zip"), (None, "stray.zip"), (None, "linked"),
    }  # fmt: skip


def test_a_folder_changes_while_anything_in_it_does(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    found = Found(tmp_path / "a", "anna", os.lstat(tmp_path / "a"))
    before = fingerprint(found)
    (inner / "c").write_bytes(b"12")
    assert fingerprint(found) != before


# --- with the ledger -------------------------------------------------------------------------


@pytest.fixture
def watcher(run: Any, driver: Any) -> Watcher:
    return Watcher(run.ledger, run.folders, settle_s=0.0, options=run.options)


@pytest.mark.threat("moving", seen="put aside with a reason: folder, empty file, link, fifo")
@pytest.mark.services
def test_takes_files_and_puts_the_rest_aside_with_a_reason(
    watcher: Watcher, run: Any, driver: Any, database: Any
) -> None:
    staging, failed = run.folders.staging, run.folders.failed
    (staging / "anna" / "Takeout").mkdir(parents=True)
    (staging / "anna" / "a.txt").write_bytes(b"hello")
    (staging / "anna" / "b.zip.part").write_bytes(b"half")
    (staging / "anna" / "empty.zip").touch()
    (staging / "anna" / "link.zip").symlink_to("/etc/hostname")
    os.mkfifo(staging / "anna" / "pipe")
    (staging / "stray.zip").write_bytes(b"x")
    (job_id,) = watcher.scan()
    driver.drain()
    assert database.job(job_id)["status"] == "done"
    left = sorted(p.name for p in staging.rglob("*"))
    assert left == ["anna", "b.zip.part"]
    for name in ("Takeout", "empty.zip", "link.zip", "pipe"):
        assert os.path.lexists(failed / "anna" / name)
        assert "reason:" in (failed / "anna" / f"{name}.error.txt").read_text()
    assert "user's folder" in (failed / "stray.zip.error.txt").read_text()
    assert not watcher.waiting


@pytest.mark.services
def test_a_second_refused_file_of_one_name_keeps_the_first(watcher: Watcher, run: Any) -> None:
    for data in (b"one", b"two"):
        (run.folders.staging / "stray.zip").write_bytes(data)
        watcher.scan()
    kept = sorted(p.read_bytes() for p in run.folders.failed.glob("*stray.zip"))
    assert kept == [b"one", b"two"]


@pytest.mark.services
def test_once_takes_all_and_ends(place: Settings, database: Any) -> None:
    file = place.folders.staging / "anna" / "a.txt"
    file.parent.mkdir()
    file.write_bytes(b"hello")
    run_watcher(place.model_copy(update={"settle_s": 0.1}), once=True)
    assert not file.exists()
    assert database.one("SELECT count(*) FROM imports.jobs") == 1
