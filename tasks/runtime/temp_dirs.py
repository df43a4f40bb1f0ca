"""Temporary folders next to the work folders, for records that a command reads."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.storage.atomic_files import private

_PREFIX = "tmp."


@contextmanager
def temp_dir(work: Path) -> Iterator[Path]:
    """Yield a folder that is removed with the block; `existing` finds it after a kill."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=private(work)) as name:
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def existing(work: Path) -> list[str]:
    """Return the names of all such folders, also of those in use."""
    return [folder.name for folder in work.glob(f"{_PREFIX}*")]


def remove(folder: Path) -> bool:
    """Remove a folder whose process has ended; return False where another process has its lock.

    A folder that is being made is not locked yet; it is empty for that time, and so is left alone.
    """
    with suppress(FileNotFoundError, BlockingIOError):
        if not any(folder.iterdir()):
            return False
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            return True
        finally:
            os.close(handle)
    return False
