"""The watcher, without a database: what it looks at, and when it holds something for settled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.watcher import Found, Settling, fingerprint, ignored, look


@pytest.mark.parametrize(
    "name",
    ["a.zip.part", "a.PARTIAL", "b.crdownload", "x.tmp", ".hidden", "~$doc.docx", "Thumbs.db",
     ".DS_Store", "a.zip.sha256"],
)  # fmt: skip
def test_unfinished_and_litter_is_ignored(name: str) -> None:
    assert ignored(name)


@pytest.mark.parametrize("name", ["takeout.zip", "part.zip", "a.tmp.zip", "temporary", "ä ö.json"])
def test_exports_are_not_ignored(name: str) -> None:
    assert not ignored(name)


def test_settles_only_after_standing_still() -> None:
    settling = Settling(5.0)
    path = Path("a.zip")
    assert not settling.settled(path, (1, 1), 0.0)
    assert not settling.settled(path, (2, 2), 4.0)  # it grew
    assert not settling.settled(path, (2, 2), 8.9)
    assert settling.settled(path, (2, 2), 9.0)


def test_a_new_file_of_an_old_name_waits_anew() -> None:
    settling = Settling(5.0)
    path = Path("a.zip")
    settling.settled(path, (1, 1), 0.0)
    settling.keep(set())
    assert len(settling) == 0
    assert not settling.settled(path, (1, 1), 100.0)


def test_no_wait_takes_at_once() -> None:
    assert Settling(0.0).settled(Path("a"), (1, 1), 3.0)


def test_looks_into_users_folders_and_follows_no_link(tmp_path: Path) -> None:
    staging, elsewhere = tmp_path / "staging", tmp_path / "elsewhere"
    (staging / "anna" / "Takeout").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "secret.zip").write_bytes(b"x")
    (staging / "anna" / "a.zip").write_bytes(b"x")
    (staging / "anna" / "b.zip.part").write_bytes(b"x")
    (staging / "stray.zip").write_bytes(b"x")
    (staging / "linked").symlink_to(elsewhere)
    found = {(f.user, f.path.name) for f in look(staging)}
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


def test_no_staging_is_no_error(tmp_path: Path) -> None:
    assert list(look(tmp_path / "none")) == []
