"""Documents and attachments on disk, by the SHA-256 of their bytes."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from pipeline.storage import atomic_files
from schemas.crash import crash_here
from schemas.records import Blob

_BLOCK = 1024 * 1024


class FileBlobs:
    """A content-addressed folder: `ab/abcd…`, written once, never changed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Return where the bytes of that digest belong, whether they exist or not."""
        return self._root / sha256[:2] / sha256

    def put(self, blob: Blob, source: Path) -> None:
        """Store `blob`; its bytes are `blob.data`, else those of the file `source`."""
        target = self.path(blob.sha256)
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        crash_here("blobs.before_put")
        with atomic_files.written(target) as out:
            _fill(out, blob, source)
        crash_here("blobs.after_put")


def _fill(out: BinaryIO, blob: Blob, source: Path) -> None:
    if blob.data is not None:
        atomic_files.put(out, blob.data)
        return
    with source.open("rb") as data:
        while block := data.read(_BLOCK):
            atomic_files.put(out, block)
