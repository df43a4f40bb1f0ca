"""Temporary folders beside the work folders, which hold records while a command reads them."""

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
def scratch(work: Path) -> Iterator[Path]:
    """A folder for as long as the block lasts; `lying` finds it should we be killed in it."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=private(work)) as name:
        held = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(held)


def lying(work: Path) -> list[str]:
    """The names of all such folders, also of those that are in use."""
    return [folder.name for folder in work.glob(f"{_PREFIX}*")]


def remove(folder: Path) -> bool:
    """Remove a folder whose process has ended; False where another process holds it.

    One that is being made is not held yet: it stays empty for no longer than that, and is left
    alone while it is.
    """
    with suppress(FileNotFoundError, BlockingIOError):
        if not any(folder.iterdir()):
            return False
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            return True
        finally:
            os.close(held)
    return False
