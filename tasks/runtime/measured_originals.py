"""Size and SHA-256 of originals, measured once, while the intake copies them.

A note in the work folder of the job has both, with a mark that changes when the file does. A file
without a note, or with another mark, is read again.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec

from pipeline.archives.measure import measure
from pipeline.storage.atomic_files import put, written
from schemas.folders import Folders

_NAME = "measured.json"


class _Measured(msgspec.Struct, frozen=True, kw_only=True):
    size: int
    sha256: str
    mark: tuple[int, ...]


def note(folders: Folders, job_id: UUID, original: Path, size: int, sha256: str) -> None:
    """Store what was measured while `original` was written.

    Raises `TransientError` if the disk does not take the note.
    """
    known = _Measured(size=size, sha256=sha256, mark=_mark(original))
    with written(folders.job(job_id) / _NAME, durable=False) as out:
        put(out, msgspec.json.encode(known))


def of(folders: Folders, job_id: UUID, original: Path, limit: int) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256 in lower-case hex.

    Raises `Rejected` as `measure` does.
    """
    try:
        found = (folders.job(job_id) / _NAME).read_bytes()
        known = msgspec.json.decode(found, type=_Measured)
        if known.mark == _mark(original) and known.size <= limit:
            return known.size, known.sha256
    except (OSError, msgspec.MsgspecError):
        pass  # a note that is not there, or was cut off, saves no reading
    return measure(original, limit=limit)


def _mark(path: Path) -> tuple[int, ...]:
    """Return what each write changes: no program can set the change time of a file."""
    state = path.lstat()
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
