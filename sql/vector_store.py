"""The models of the lake, and its cache of vectors by text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector.psycopg import register_vector

from schemas.privacy import ReadUnder, Since
from sql.commit import Entered
from sql.queries import queries
from sql.store import Lake, OtherPolicy, Purpose

_LAKE = queries("lake")


class VectorStore:
    """Models and the cache of vectors by text, for one user."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def ensure_model(
        self, user_id: UUID, name: str, revision: str, dimension: int, *, tier: str | None
    ) -> int:
        """Return the id of a model; it and its partition are created if they are missing."""
        asked = {"name": name, "revision": revision, "dimension": dimension, "tier": tier}
        (row,) = self._lake.rows(user_id, "lake", "ensure_model", **asked)
        return int(row["ensure_model"])

    def find_model(self, user_id: UUID, name: str, revision: str) -> int | None:
        """Return the id of a model, if it has one."""
        rows = self._lake.rows(user_id, "vectors", "find_model", name=name, revision=revision)
        return int(rows[0]["id"]) if rows else None

    def is_indexed(self, user_id: UUID, model_id: int) -> bool:
        """Tell whether there is an index of a model's vectors."""
        (row,) = self._lake.rows(user_id, "lake", "is_indexed", model_id=model_id)
        return bool(row["is_indexed"])

    def cached(
        self, user_id: UUID, model_id: int, hashes: Iterable[bytes]
    ) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors of those texts (16-byte hashes) that were embedded before."""
        with self._lake.as_user(user_id) as connection:
            register_vector(connection)
            rows = connection.execute(
                _LAKE["cached_vectors"],
                {
                    "user_id": user_id,
                    "model_id": model_id,
                    "hashes": [UUID(bytes=h) for h in hashes],
                },
            ).fetchall()
        return {row["text_hash"].bytes: _float32(row["embedding"]) for row in rows}

    def keep(
        self,
        user_id: UUID,
        model_id: int,
        fresh: Mapping[bytes, NDArray[np.float32]],
        of: ReadUnder | Since,
    ) -> None:
        """Cache new vectors under the hashes of their texts, in a transaction of its own.

        `of` says how the texts were read. Raises `OtherPolicy` if the policy has changed; texts of
        stored rows that may have changed are not cached.
        """
        rows = [
            {"user_id": user_id, "model_id": model_id, "text_hash": UUID(bytes=h), "embedding": v}
            for h, v in sorted(fresh.items(), key=itemgetter(0))
        ]
        if isinstance(of, ReadUnder):
            with self._lake.entering(user_id, of) as entered:
                _cache(entered, rows)
            return
        with suppress(OtherPolicy), self._lake.remaking(user_id, Purpose.VECTORS, of) as entered:
            _cache(entered, rows)


def _cache(entered: Entered, rows: Sequence[Mapping[str, Any]]) -> None:
    register_vector(entered.connection)  # before the cursor, which takes over what is registered
    with entered.connection.cursor() as cursor:
        cursor.executemany(_LAKE["cache_vectors"], rows)


def _float32(vector: Any) -> NDArray[np.float32]:
    return np.asarray(vector.to_numpy() if hasattr(vector, "to_numpy") else vector, dtype="<f4")
