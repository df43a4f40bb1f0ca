"""Limits for a worker's child, which parses untrusted bytes."""

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


def limit_process(*, memory_mb: int, file_bytes: int) -> None:
    """Limit this process: `memory_mb` of data (0: any), `file_bytes` in one file, no core dump.

    The limit is on data, not on address space, since mapped files and untouched ranges use no
    memory. A lower existing limit stays.
    """
    # A core dump would hold records, where others may read it.
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    if memory_mb:
        _lower(resource.RLIMIT_DATA, memory_mb * _MB)


def limit_time(seconds: float) -> None:
    """Limit this process to `seconds` of processor time from now on; then the kernel ends it.

    Celery limits a task by the clock, but only while the worker's parent lives: a child that hangs
    after its parent's death would run without end.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # The soft limit ends the process too, and can be raised again for the next task.
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def cut_network() -> bool:
    """Remove the network from this process and its children, as root or not.

    Sockets with a path continue to work. Returns False where the system does not allow it. Call it
    before any thread is started.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare = ctypes.CDLL(None).unshare
    except (OSError, AttributeError):
        return False  # not Linux
    if unshare(_NEW_NETWORK) == 0:
        return True
    if unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    with suppress(OSError):  # the same user by name; without it file ownership still works
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


def _lower(kind: int, wanted: int) -> None:
    soft, hard = resource.getrlimit(kind)
    existing = [n for n in (soft, hard) if n != resource.RLIM_INFINITY]
    limit = min([wanted, *existing])
    with suppress(ValueError, OSError):  # a system that does not know this limit
        resource.setrlimit(kind, (limit, limit))
