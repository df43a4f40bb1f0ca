"""Files that are whole or absent: a temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from schemas.crash import crash_here
from schemas.errors import TransientError

_BLOCK = 1024 * 1024
#: The longest temporary name: eCryptfs has the shortest limit of a file system in use, 143 bytes.
_NAME_MOST = 143
_FICLONE = 0x40049409  # linux/fs.h


@contextmanager
def written(target: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Yield a stream whose bytes become `target` when the block ends well, and nothing otherwise.

    Without `durable` nothing is forced to the disk; the rename is still all or nothing. Raises
    `TransientError` where the disk refuses the data (full, read-only, broken).
    """
    part = _part_of(target)
    try:
        with _opened(part) as stream:
            yield stream
            flush(stream, durable=durable)
        crash_here("atomic_files.before_rename")
        with _transient_errors():
            part.replace(target)
            crash_here("atomic_files.after_rename")
            if durable:
                fsync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _part_of(target: Path) -> Path:
    """Return a unique temporary name next to `target`, short enough for any file system.

    It is unique since two workers may write the same blob at the same moment.
    """
    end = f".{secrets.token_hex(4)}.part"
    name = os.fsencode(target.name)[: _NAME_MOST - len(end) - 1].decode("utf-8", "ignore")
    return target.with_name(f".{name}{end}")


def put(stream: BinaryIO, data: bytes) -> None:
    """Write to a stream of `written`. Raises `TransientError` where the disk is full."""
    rest = memoryview(data)
    with _transient_errors():
        while rest:  # an unbuffered stream may accept only a part
            rest = rest[stream.write(rest) :]


def flush(stream: BinaryIO, *, durable: bool) -> None:
    """Flush buffered data to the system, and to the disk itself if it must be durable."""
    with _transient_errors():
        stream.flush()
        if durable:
            os.fsync(stream.fileno())


def move(source: Path, target: Path) -> None:
    """Move a file durably: by a rename within one file system, else by a copy.

    The copy is whole before the source is removed. The folder of `target` is made if it is missing.
    Between file systems only regular files and links are moved, and neither is followed: for
    anything else the `OSError` is EXDEV. Raises `TransientError` where the disk refuses the copy,
    or the source changed while it was copied.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    crash_here("move.before_rename")
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_over(source, target)
        crash_here("move.copied")
        source.unlink()
    crash_here("move.after_rename")
    fsync_folder(target.parent)
    fsync_folder(source.parent)


def _copy_over(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as old:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        with written(target) as new:
            while (block := old.read(_BLOCK)) and old.tell() <= before.st_size:
                put(new, block)
            after = os.fstat(handle)
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise TransientError("A file changed while it was moved.", code="os_16")


def cloned(source: BinaryIO, target: BinaryIO) -> bool:
    """Make `target` a copy of `source` that shares its blocks; return whether that worked.

    The two share blocks until one of them is written to. A file system without that ability is no
    error.
    """
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False
    source.seek(0, os.SEEK_END)
    return True


def written_to(file: BinaryIO) -> bool:
    """Tell whether a process has a file open for writing, or mapped so; `file` is open for reading.

    False too where the system cannot tell: the file is another user's and this process is not root,
    or the file system (or the system) has no leases.
    """
    try:
        # A process that opens the file for writing meanwhile triggers a signal, which would end
        # this process: SIGURG is ignored by default.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except AttributeError:  # not Linux
        return False
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False


def absent(path: Path) -> bool:
    """Tell whether there is nothing at `path`, not even a link.

    Raises an `OSError` where that is unknown: `os.path.lexists` takes any error for "nothing
    there", and an existing file would be removed.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False


def private(folder: Path) -> Path:
    """Make a folder that no other user may enter, unless it is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Lock a folder; raises BlockingIOError if another process has the lock and `wait` is false."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _opened(part: Path) -> BinaryIO:
    with _transient_errors():
        return part.open("wb", buffering=0)


@contextmanager
def _transient_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # The message of an OSError names a path; the number is enough.
        raise TransientError(
            f"A file can't be written: {os.strerror(error.errno or 0)}.", code=f"os_{error.errno}"
        ) from None
