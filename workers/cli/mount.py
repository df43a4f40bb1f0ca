"""Whether the file system of the data folder keeps what the lake relies on: a check of `doctor`.

A mount of a network may rename by copying, refuse an fsync, or lock nothing. Each trait is tried
with files of its own, which are removed.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.folders import Folders
from workers.cli.check import Check

#: Hosts whose clocks differ by more send messages twice, and date originals wrongly.
_MOST_SKEW_S = 5.0
_NAME = "Probe é ß.tmp"
#: What another process sees of a file that this one has locked.
_OTHER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR)
for name, lock in (("flock", fcntl.flock), ("fcntl", fcntl.lockf)):
    try:
        lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print(name)
    except OSError:
        pass
"""


def probe(folders: Folders) -> Iterator[Check]:
    """Yield a check for each trait that the data folder lacks, or one that says it has all.

    Nothing is yielded where the folders are missing or closed, which another check reports.
    """
    places = (folders.staging, folders.work)
    if not all(os.access(place, os.W_OK | os.X_OK) for place in places):
        return
    with _place(folders.staging) as source, _place(folders.work) as target:
        faults = [fault for fault in (look(source, target) for look in _LOOKS) if fault]
    for detail, advice in faults:
        yield Check("fail", "mount", detail, advice)
    if not faults:
        yield Check("ok", "mount", "rename, fsync, locks, names and clock are sound")


@contextmanager
def _place(folder: Path) -> Iterator[Path]:
    """Yield a folder for probes; its name begins with a dot, so that no watcher takes it."""
    with TemporaryDirectory(prefix=".probe-", dir=folder, ignore_cleanup_errors=True) as name:
        yield Path(name)


Fault = tuple[str, str] | None
_WHOLE = "mount the data folder whole, on a file system with POSIX semantics"


def _renames(source: Path, target: Path) -> Fault:
    """Check that a file moves from staging to the work folder in one step, over an older one."""
    old, new = source / "rename", target / "rename"
    old.write_bytes(b"new")
    new.write_bytes(b"old")
    number = old.stat().st_ino
    try:
        os.rename(old, new)  # noqa: PTH104 - what is probed
    except OSError as error:
        return f"a rename from staging to .work fails: {error.strerror}", _WHOLE
    if old.exists() or new.read_bytes() != b"new" or new.stat().st_ino != number:
        return "a rename is not atomic: the file was copied, or has two names", _WHOLE
    return None


def _syncs(_: Path, target: Path) -> Fault:
    """Check that a file and a folder can be forced to the disk."""
    file = target / "fsync"
    file.write_bytes(b"x")
    for path in (file, target):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            kind = "folder" if path == target else "file"
            detail = f"fsync of a {kind} fails: {error.strerror}"
            return detail, "use a mount that can sync; a crash would lose files"
        finally:
            os.close(handle)
    return None


def _locks(_: Path, target: Path) -> Fault:
    """Check that another process sees both kinds of locks."""
    file = target / "lock"
    for name, lock in (("flock", fcntl.flock), ("fcntl", fcntl.lockf)):
        file.write_bytes(b"x")
        advice = "mount with locks: NFS 4, or without nolock; CIFS without nobrl"
        with file.open("r+b") as handle:
            try:
                lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return f"a lock ({name}) fails: {error.strerror}", advice
            command = [sys.executable, "-I", "-S", "-c", _OTHER, str(file)]
            seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if name in seen.stdout.split():
            return f"a lock ({name}) is not seen by another process", advice
    return None


def _names(_: Path, target: Path) -> Fault:
    """Check that a file has the name that it was given, and no other."""
    advice = "mount it with names of UTF-8 that are kept letter by letter (CIFS: iocharset=utf8)"
    try:
        (target / _NAME).write_bytes(b"x")
        listed = os.listdir(target)  # noqa: PTH208 - names as they are
    except OSError as error:
        return f"a name with letters outside ASCII fails: {error.strerror}", advice
    if _NAME not in listed:
        return "a file is listed under another name than it was given", advice
    if (target / _NAME.upper()).exists():
        return "names differ in no capitals: two files could be one", advice
    return None


def _clock(_: Path, target: Path) -> Fault:
    """Check that the clock that dates files is this machine's, or nearly."""
    file = target / "clock"
    file.write_bytes(b"x")
    skew = file.stat().st_mtime - time.time()
    if abs(skew) <= _MOST_SKEW_S:
        return None
    way = "ahead of" if skew > 0 else "behind"
    detail = f"the clock of the mount is {abs(skew):.0f} s {way} this machine's"
    return detail, "synchronise both clocks (NTP)"


_LOOKS: tuple[Callable[[Path, Path], Fault], ...] = (_renames, _syncs, _locks, _names, _clock)
