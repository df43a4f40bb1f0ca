"""`doctor` on a file system that breaks one promise at a time."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.folders import Folders
from workers.cli import doctor, mount
from workers.settings import load


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path)
    for folder in (found.staging, found.work):
        folder.mkdir()
    return found


def found(folders: Folders) -> tuple[str, str]:
    (check,) = mount.probe(folders)
    assert check.level == "fail"
    assert check.advice
    return check.detail, check.advice


def test_a_local_disk_is_sound_and_nothing_is_left(folders: Folders) -> None:
    (check,) = mount.probe(folders)
    assert (check.level, check.name) == ("ok", "mount")
    assert list(folders.staging.iterdir()) == list(folders.work.iterdir()) == []


def refusing(number: int) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_rename_between_two_mounts(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mount.os, "rename", refusing(errno.EXDEV))
    assert found(folders)[0] == "a rename from staging to .work fails: Invalid cross-device link"


@pytest.mark.parametrize("rename", [shutil.copy, os.link, lambda old, new: None])
def test_a_rename_that_copies(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, rename: Callable[..., Any]
) -> None:
    def pretend(old: Path, new: Path) -> None:
        new.unlink()
        rename(old, new)
        new.touch()

    monkeypatch.setattr(mount.os, "rename", pretend)
    assert found(folders)[0].startswith("a rename is not atomic")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_fsync_that_fails(folders: Folders, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def fsync(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").resolve().is_dir() == (kind == "folder"):
            refusing(errno.EINVAL)()

    monkeypatch.setattr(mount.os, "fsync", fsync)
    assert found(folders)[0] == f"fsync of a {kind} fails: Invalid argument"


@pytest.mark.parametrize(("name", "function"), [("flock", "flock"), ("fcntl", "lockf")])
def test_a_lock_that_fails_or_holds_nobody_back(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, name: str, function: str
) -> None:
    monkeypatch.setattr(mount.fcntl, function, lambda *_: None)
    assert found(folders)[0] == f"a lock ({name}) is not seen by another process"
    monkeypatch.setattr(mount.fcntl, function, refusing(errno.ENOLCK))
    detail, advice = found(folders)
    assert detail == f"a lock ({name}) fails: No locks available"
    assert "nolock" in advice


def test_names_that_change(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    import unicodedata

    listed = os.listdir
    monkeypatch.setattr(
        mount.os, "listdir", lambda path: [unicodedata.normalize("NFD", n) for n in listed(path)]
    )
    assert found(folders)[0] == "a file is listed under another name than it was given"
    monkeypatch.setattr(mount.os, "listdir", refusing(errno.EILSEQ))
    assert found(folders)[0].startswith("a name with letters outside ASCII fails")


def test_capitals_that_make_no_difference(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = Path.exists
    monkeypatch.setattr(
        Path, "exists", lambda path: exists(path) or path.name == mount._NAME.upper()
    )
    assert found(folders)[0] == "names differ in no capitals: two files could be one"


@pytest.mark.parametrize(("ahead", "words"), [(3600, "3600 s behind"), (-90, "90 s ahead of")])
def test_a_clock_that_is_wrong(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, ahead: float, words: str
) -> None:
    now = time.time
    monkeypatch.setattr(mount.time, "time", lambda: now() + ahead)
    detail, advice = found(folders)
    assert words in detail
    assert "NTP" in advice


def test_several_faults_are_all_named(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mount.os, "rename", refusing(errno.EXDEV))
    monkeypatch.setattr(mount.fcntl, "flock", lambda *_: None)
    assert len(list(mount.probe(folders))) == 2


def test_folders_that_are_missing_are_another_checks_matter(tmp_path: Path) -> None:
    assert list(mount.probe(Folders(tmp_path))) == []


def test_doctor_asks(folders: Folders) -> None:
    (check,) = doctor._mount(load(data_dir=folders.data))
    assert check.level == "ok"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_two_mounts_of_one_disk_are_found(folders: Folders) -> None:
    """As compose would have it with a mount for staging alone: one device, and no rename."""
    script = (
        "from schemas.folders import Folders; from pathlib import Path; from workers.cli import "
        f"mount; print(*[c.detail for c in mount.probe(Folders(Path({str(folders.data)!r})))])"
    )
    staging = folders.staging
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" "$1" && exec "$2" -c "$3"', "sh",
         str(staging), sys.executable, script],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(mount.__file__).parents[2])},
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("this machine makes no name spaces of mounts")
    assert done.stdout.strip() == "a rename from staging to .work fails: Invalid cross-device link"
