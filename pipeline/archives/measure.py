"""The size and hash of a dropped file in one reading."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from pipeline.archives.media_types import media_type
from pipeline.storage.atomic_files import cloned, put, written
from schemas.errors import Rejected
from schemas.reasons import Reason

__all__ = ["copy_and_measure", "measure", "media_type"]

_CHUNK = 1024 * 1024


def measure(path: Path, *, limit: int | None = None) -> tuple[int, str]:
    """Return size in bytes and SHA-256 in lower-case hex, from one reading.

    Raises `Rejected`: `NOT_REGULAR` (folder, link, fifo, device), `EMPTY`, `TOO_LARGE` (over
    `limit` bytes), `CHANGED` (written to or replaced during the reading).
    """
    with _steady(path, limit) as (source, size):
        return _read(source, None, size)


def copy_and_measure(
    source: Path,
    target: Path,
    *,
    limit: int | None = None,
    reading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> tuple[int, str]:
    """Return the values of `measure`, and copy the same bytes to `target`.

    The copy is durable, or no file is there at all; `reading` is a context that is active while
    `source` is opened and read. Raises `TransientError` if the disk refuses the copy.
    """
    with written(target) as copy, reading(), _steady(source, limit) as (stream, size):
        return _read(stream, copy, size)


def replace_by_copy(
    path: Path,
    *,
    limit: int | None = None,
    reading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Replace a file durably by a copy of it.

    A process that has the old file, by another name or open, cannot change the new one. If the file
    system can, both share their blocks. Raises `Rejected` and `TransientError` as
    `copy_and_measure`; then the old file stays.
    """
    with written(path) as copy, reading(), _steady(path, limit) as (stream, size):
        if not cloned(stream, copy):
            _read(stream, copy, size)


def _read(source: BinaryIO, copy: BinaryIO | None, expected: int) -> tuple[int, str]:
    """Return size and hash. A file that grows during the reading is read up to its initial size."""
    size, digest = 0, hashlib.sha256()
    while data := source.read(_CHUNK):
        size += len(data)
        if size > expected:
            raise _changed()
        digest.update(data)
        if copy is not None:
            put(copy, data)
    return size, digest.hexdigest()


@contextmanager
def _steady(path: Path, limit: int | None) -> Iterator[tuple[BinaryIO, int]]:
    """Yield the file opened for reading and its size, then check that it has not changed."""
    with open_regular(path) as source:
        before = os.fstat(source.fileno())
        if before.st_size == 0:
            raise Rejected(Reason.EMPTY, "The file is empty.")
        _check_size(before.st_size, limit)
        yield source, before.st_size
        read = source.tell()
        if read != before.st_size or not _same(before, os.fstat(source.fileno()), path):
            raise _changed()


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file and nothing else, without following a link or waiting on a fifo.

    Raises `Rejected` with `NOT_REGULAR`, and `FileNotFoundError` if there is nothing.
    """
    if not stat.S_ISREG(path.lstat().st_mode):  # a device must not even be opened
        raise _not_regular()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _not_regular() from None
        raise
    source = os.fdopen(handle, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        source.close()
        raise _not_regular()
    return source


def _changed() -> Rejected:
    return Rejected(Reason.CHANGED, "The file changed while it was read; drop it again.")


def _not_regular() -> Rejected:
    return Rejected(Reason.NOT_REGULAR, "Only regular files are taken in: no folder, link or pipe.")


def _same(before: os.stat_result, after: os.stat_result, path: Path) -> bool:
    """Return whether the open file is unchanged and its name still leads to it."""
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    return _print(before) == _print(after) == _print(named)


def _print(of: os.stat_result) -> tuple[int, int, int, int]:
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns


def _check_size(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise Rejected(Reason.TOO_LARGE, f"The file is over the limit of {limit} bytes.")
