"""What the system lets a worker's child take, as it parses bytes that anyone may have made."""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import suppress
from pathlib import Path

_MB = 1024 * 1024
_OPEN_FILES = 1024
# Linux, sched.h; `os.unshare` came with Python 3.12.
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def bound(*, memory_mb: int, file_bytes: int) -> None:
    """Limit this process: `memory_mb` of data (0: any), `file_bytes` in one file, no core dump.

    Data and not address space: mapped files and reserved, untouched ranges do no harm. A limit
    that stands lower already is kept.
    """
    # A core dump would hold records, and lie about for anyone to read.
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    if memory_mb:
        _lower(resource.RLIMIT_DATA, memory_mb * _MB)


def bound_time(seconds: float) -> None:
    """From now on this process may take `seconds` of processor time; then the kernel ends it.

    Celery bounds a task by the clock, but only while the worker's parent lives: a child that hangs
    after its parent's death would go on for ever.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # The soft limit ends the process too, and can be raised again for the next task.
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def cut_network() -> bool:
    """Leave this process and its children no network, whether we are root or not.

    Sockets that have a path go on to work. False where the system does not allow it. Call it
    before any thread is started.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare = ctypes.CDLL(None).unshare
    except (OSError, AttributeError):
        return False  # no Linux
    if unshare(_NEW_NETWORK) == 0:
        return True
    if unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    with suppress(OSError):  # who we are, by name; without it files are ours all the same
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


def _lower(kind: int, wanted: int) -> None:
    soft, hard = resource.getrlimit(kind)
    standing = [n for n in (soft, hard) if n != resource.RLIM_INFINITY]
    limit = min([wanted, *standing])
    with suppress(ValueError, OSError):  # a system that does not know this limit
        resource.setrlimit(kind, (limit, limit))
