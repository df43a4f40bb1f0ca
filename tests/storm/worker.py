"""`datapunk` beside faults: a clock that is hours off, a disk that says it is full.

    STORM_CLOCK_S=18000 python -m tests.storm.worker worker --queues …

Only the tests run processes through this; the faults are set up before anything else is imported.
Nothing is forced to the disk: what a killed process wrote is the kernel's already.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLOCK = "STORM_CLOCK_S"
FULL = "STORM_FULL"


def _set_clock(ahead_s: float) -> None:
    """Move the clock that Celery and kombu go by; monotonic time is nobody's to set."""
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + ahead_s
    time.time_ns = lambda: nanoseconds() + int(ahead_s * 1e9)


def _fill_disk(flag: Path) -> None:
    """Say "no space left" on the one write path, as long as the file `flag` is there."""
    from pipeline.storage import atomic_files

    own = atomic_files._transient_errors

    @contextmanager
    def full() -> Iterator[None]:
        with own():
            if flag.exists():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield

    atomic_files._transient_errors = full


if __name__ == "__main__":
    os.sync = lambda: None
    os.fsync = lambda _: None
    _set_clock(float(os.environ.get(CLOCK, "0")))
    if FULL in os.environ:
        _fill_disk(Path(os.environ[FULL]))
    from workers.cli import main

    main()
