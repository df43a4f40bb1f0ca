"""Run as `unshare --mount python -m tests.workers.intake.readonly FOLDER`: staging on a file system
that is made read-only and writable again, under a watcher."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.place import small_settings
from tests.workers.intake.place import Place
from workers.cli import doctor


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _examined(top: Path) -> list[doctor.Check]:
    settings = small_settings(top)
    return [*doctor._folders(settings), *doctor._intake(settings)]


def main(top: Path) -> None:
    """Ends with an exit code of 0 if all was as it should be."""
    _mount("--make-rprivate", "/")
    _mount("-t", "tmpfs", "none", str(top))
    with pytest.MonkeyPatch.context() as patch:
        place = Place(top, patch)
        place.drop("a.txt")
        # A mount of its own over the same file system: `run` can be written meanwhile.
        _mount("--bind", str(place.folders.staging), str(place.folders.staging))
        _mount("-o", "remount,bind,ro", str(place.folders.staging))
        assert place.watcher.scan() == []
        assert place.watcher.due
        assert "read-only" in (place.said().stopped or "")
        checks = {check.name: check for check in _examined(top)}
        assert (checks["intake"].level, checks["data folder"].level) == ("fail", "fail")
        assert "read-only" in checks["data folder"].detail
        _mount("-o", "remount,bind,rw", str(place.folders.staging))
        subprocess.run(["umount", str(place.folders.staging)], check=True)
        assert len(place.watcher.scan()) == 1
        assert place.said().stopped is None
    print("taken in after all")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
