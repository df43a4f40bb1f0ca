"""Files that are whole or absent: a temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from schemas.crash import crash_here
from schemas.errors import TransientError

_BLOCK = 1024 * 1024


@contextmanager
def written(target: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A stream whose bytes become `target` when the block ends well, and nothing otherwise.

    Without `durable` nothing is forced to the disk; the rename still makes it all or nothing.
    Raises `TransientError` where the disk won't take it (full, read-only, broken).
    """
    # A name of its own: two workers may write the same blob at one moment.
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with _opened(part) as stream:
            yield stream
            settle(stream, durable=durable)
        crash_here("durable.before_rename")
        with _weather():
            part.replace(target)
            crash_here("durable.after_rename")
            if durable:
                fsync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def put(stream: BinaryIO, data: bytes) -> None:
    """Write to a stream of `written`; a full disk is bad weather, not bad data."""
    rest = memoryview(data)
    with _weather():
        while rest:  # an unbuffered stream may take less than it was given
            rest = rest[stream.write(rest) :]


def settle(stream: BinaryIO, *, durable: bool) -> None:
    """Hand what is buffered to the system, and to the disk itself if it must be durable."""
    with _weather():
        stream.flush()
        if durable:
            os.fsync(stream.fileno())


def move(source: Path, target: Path) -> None:
    """Move a file, durably: by its name where one file system holds both, else by a copy that
    is whole before the source goes. The folder of `target` is made if it is missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    crash_here("move.before_rename")
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with source.open("rb") as old, written(target) as new:
            while block := old.read(_BLOCK):
                put(new, block)
        crash_here("move.copied")
        source.unlink()
    crash_here("move.after_rename")
    fsync_folder(target.parent)
    fsync_folder(source.parent)


def private(folder: Path) -> Path:
    """Make a folder that nobody else may enter, unless it is there."""
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
def held(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder; raises BlockingIOError if another holds it and we don't wait."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _opened(part: Path) -> BinaryIO:
    with _weather():
        return part.open("wb", buffering=0)


@contextmanager
def _weather() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # The message of an OSError names a path; the number is enough.
        raise TransientError(
            f"A file can't be written: {os.strerror(error.errno or 0)}.", code=f"os_{error.errno}"
        ) from None
