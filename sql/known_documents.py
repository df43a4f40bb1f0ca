"""Ask which records the lake has already, and note that a file has them too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.errors import TransientError
from schemas.instants import instants
from sql.commit import ChunkTransaction
from sql.store import Lake


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Documents by their unique key: `keys` has 16 bytes each, `ats` shape (n,)."""

    types: Sequence[str]
    keys: bytes
    ats: NDArray[np.int64]

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of queries."""
        return {
            "types": list(self.types),
            "keys": split_keys(self.keys),
            "ats": instants(self.ats),
        }


def claim_twins(commit: ChunkTransaction, which: Keys, file_ids: Sequence[int]) -> None:
    """Note that another file of the same chunk gave these documents too."""
    commit.run("lake", "claim_twins", **which.parameters(), files=list(file_ids))


def claim_known(commit: ChunkTransaction, which: Keys, file_ids: Sequence[int]) -> None:
    """Note that this file too has documents that the lake has under another file.

    Raises `TransientError` if the lake no longer has all of them: then a job was rolled back
    meanwhile, and the lake must be asked again. The commit locks the lake.
    """
    (row,) = commit.run("lake", "claim_known", **which.parameters(), files=list(file_ids))
    if row["count"] != len(which.ats):
        raise TransientError("a job was rolled back meanwhile")


def existing_documents(lake: Lake, user_id: UUID, which: Keys) -> NDArray[np.bool_]:
    """Return which records the lake has, in any version; shape (n,)."""
    rows = lake.rows(user_id, "lake", "existing_documents", user_id=user_id, **which.parameters())
    return _row_mask(rows, len(which.ats))


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """Documents with their own and their shared keys.

    `keys`, `shared` and `hashes` have 16 bytes each, `ats` shape (n,); `source` and `version` are
    those of the format.
    """

    types: Sequence[str]
    keys: bytes
    shared: bytes
    hashes: bytes
    ats: NDArray[np.int64]
    source: str
    version: int


def resolved_keys(lake: Lake, user_id: UUID, which: Shared) -> list[bytes]:
    """Return the keys by which the lake has these documents, or would have them, 16 bytes each."""
    rows = lake.rows(
        user_id,
        "lake",
        "resolved_keys",
        types=list(which.types),
        keys=split_keys(which.keys),
        shared=split_keys(which.shared),
        hashes=split_keys(which.hashes),
        ats=instants(which.ats),
        source=which.source,
        version=which.version,
    )
    return [row["key"].bytes for row in rows]


def known_documents(
    lake: Lake, user_id: UUID, which: Keys, *, hashes: bytes, source: str, job_id: UUID
) -> NDArray[np.bool_]:
    """Return which records the lake has unchanged, shape (n,); others are new, or new versions.

    `hashes` has 16 bytes a record; `source` and `job_id` say where they come from.
    """
    rows = lake.rows(
        user_id,
        "lake",
        "known_documents",
        user_id=user_id,
        **which.parameters(),
        hashes=split_keys(hashes),
        source=source,
        job_id=job_id,
    )
    return _row_mask(rows, len(which.ats))


def _row_mask(rows: Iterable[Mapping[str, Any]], n: int) -> NDArray[np.bool_]:
    marked = np.zeros(n, dtype=np.bool_)
    marked[[row["n"] - 1 for row in rows]] = True
    return marked


def split_keys(keys: bytes) -> list[UUID]:
    """Return concatenated 16-byte keys as a list for Postgres."""
    return [UUID(bytes=keys[n : n + 16]) for n in range(0, len(keys), 16)]
