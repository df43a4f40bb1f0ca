"""Archives, their members, and how members are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from schemas.progress import Disposition
from schemas.reasons import Reason

#: A reader's notes on a member before slicing it: small, JSON-able, stored in the ledger.
Context: TypeAlias = dict[str, Any]


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A dropped file, after its copy was complete and it was measured."""

    path: Path
    name: str
    size: int
    sha256: str
    media_type: str


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One regular file out of an archive (or the dropped file itself).

    `path` is the name inside the archive as text, with `!/` after each nested archive; it never
    names a place on the disk. `file` is where its bytes now lie, under a generated name. `upload`
    is the name of the dropped file; it is known only while a reader prepares.
    """

    path: str
    ordinal: int
    file: Path
    size: int
    sha256: str
    media_type: str
    encoding: str | None = None
    upload: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A member with nothing to read: ignored, unknown or rejected, and why."""

    path: str
    ordinal: int
    disposition: Disposition
    reason: Reason
    detail: str = ""
    size: int = 0
    media_type: str | None = None
    sha256: str | None = None


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a member that formats may read to recognise it: its path and first 64 KiB.

    `tables` are the names of the tables of an SQLite database, which may be anywhere in the file.
    """

    path: str
    data: bytes
    size: int
    media_type: str
    tables: frozenset[str] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether `data` is the whole member."""
        return len(self.data) >= self.size


class Slice(msgspec.Struct, frozen=True, gc=False):
    """A byte range of a member that begins and ends at item bounds: `[start, end)`."""

    start: int
    end: int


class SliceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much goes into one slice, whichever comes first.

    `item_bytes` is a reader's bound for one item, unless it was made with another bound: slicing
    and reading must agree on it, and only the reader knows both.
    """

    records: int = 10_000
    size: int = 8 * 1024 * 1024
    item_bytes: int = 64 * 1024 * 1024
