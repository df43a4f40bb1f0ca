"""What the system lets a worker's child take, as it parses bytes that anyone may have made."""

from __future__ import annotations

import resource
from contextlib import suppress

_MB = 1024 * 1024
_OPEN_FILES = 1024


def bound(*, memory_mb: int, file_bytes: int) -> None:
    """Limit this process: `memory_mb` of data (0: any), `file_bytes` in one file, no core dump.

    Data and not address space: mapped files and reserved, untouched ranges do no harm. Time is
    bounded by Celery. A limit that stands lower already is kept.
    """
    # A core dump would hold records, and lie about for anyone to read.
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    if memory_mb:
        _lower(resource.RLIMIT_DATA, memory_mb * _MB)


def _lower(kind: int, wanted: int) -> None:
    soft, hard = resource.getrlimit(kind)
    standing = [n for n in (soft, hard) if n != resource.RLIM_INFINITY]
    limit = min([wanted, *standing])
    with suppress(ValueError, OSError):  # a system that does not know this limit
        resource.setrlimit(kind, (limit, limit))
