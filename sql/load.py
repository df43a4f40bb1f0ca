"""Rows of a chunk into the lake: partitions first, then COPY and INSERT under the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from pgvector.psycopg import register_vector

from schemas.errors import TransientError
from schemas.records import UNDATED
from sql.queries import queries
from sql.store import Commit, Connection, Lake

_LAKE = queries("lake")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of the pieces of some records, all of one model.

    `keys` is 16 bytes a piece; `pieces`, `starts` and `ends` have shape (n,); `matrix` has shape
    (n, dimension), float32.
    """

    model_id: int
    keys: bytes
    pieces: NDArray[np.int16]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    matrix: NDArray[np.float32]


def micros(at: datetime) -> int:
    """Microseconds since 1970, as the spool keeps instants."""
    return (at - _EPOCH) // timedelta(microseconds=1)


_UNDATED_US = micros(UNDATED)


def instants(us: NDArray[np.int64]) -> list[datetime]:
    """The instants of a spool column."""
    return [_EPOCH + timedelta(microseconds=int(n)) for n in us]


def months_of(us: NDArray[np.int64]) -> list[date]:
    """The first days of the months in which the instants lie, without the sentinel."""
    dated = us[us != _UNDATED_US]
    months = np.unique(dated.astype("datetime64[us]").astype("datetime64[M]"))
    return [m.astype("datetime64[D]").item() for m in months]


class Partitions:
    """Makes missing month partitions, once: this process remembers what stands."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: set[tuple[str, date]] = set()

    def ensure(self, user_id: UUID, table: str, months: Iterable[date]) -> None:
        """`table` is a data type, or "locations". In a transaction of its own, before the load:
        so the lock that attaching needs is held for a moment only."""
        missing = [m for m in months if (table, m) not in self._known]
        if not missing:
            return
        name = (
            "ensure_location_partitions" if table == "locations" else "ensure_document_partitions"
        )
        self._lake.rows(user_id, "lake", name, type=table, months=missing)
        self._known.update((table, m) for m in missing)

    def forget(self) -> None:
        """Ask the database again, after it said that a partition is missing."""
        self._known.clear()


def _copy_lines(connection: Connection, name: str, lines: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(_LAKE[name]) as copy:
        copy.write(lines)


def _copy_vectors(connection: Connection, vectors: Vectors) -> None:
    register_vector(connection)
    connection.execute(_LAKE["stage_vectors"])
    with connection.cursor() as cursor, cursor.copy(_LAKE["copy_vectors"]) as copy:
        copy.set_types(["uuid", "int2", "int4", "int4", "vector"])
        for n in range(len(vectors.pieces)):
            copy.write_row(
                (
                    UUID(bytes=vectors.keys[16 * n : 16 * n + 16]),
                    int(vectors.pieces[n]),
                    int(vectors.starts[n]),
                    int(vectors.ends[n]),
                    vectors.matrix[n],
                )
            )


def load_documents(
    commit: Commit, lines: bytes, file_ids: Sequence[int], vectors: Vectors | None
) -> dict[int, int]:
    """Insert rendered documents and the vectors of the new ones; how many came in, by file."""
    connection = commit.connection
    connection.execute(_LAKE["stage_documents"])
    _copy_lines(connection, "copy_documents", lines)
    parameters: dict[str, Any] = {"file_ids": list(file_ids)}
    name = "insert_documents"
    if vectors is not None and len(vectors.pieces):
        _copy_vectors(connection, vectors)
        name = "insert_documents_with_vectors"
        parameters["model_id"] = vectors.model_id
    came = _counts(commit.run("lake", name, **parameters))
    if sum(came.values()) < lines.count(b"\n"):
        commit.run("lake", "claim_documents", file_ids=list(file_ids))
    return came


def load_locations(commit: Commit, lines: bytes, file_ids: Sequence[int]) -> dict[int, int]:
    """Insert rendered positions; how many came in, by file."""
    commit.connection.execute(_LAKE["stage_locations"])
    _copy_lines(commit.connection, "copy_locations", lines)
    came = _counts(commit.run("lake", "insert_locations", file_ids=list(file_ids)))
    if sum(came.values()) < lines.count(b"\n"):
        commit.run("lake", "claim_locations", file_ids=list(file_ids))
    return came


def claim_known(
    commit: Commit,
    types: Sequence[str],
    keys: bytes,
    ats: NDArray[np.int64],
    file_ids: Sequence[int],
) -> None:
    """Note that this job too had documents that the lake has under another job's name.

    Raises `TransientError` if the lake has not all of them any more: then a job was rolled back
    since it was asked, and it must be asked again. The commit holds the lake.
    """
    (row,) = commit.run(
        "lake",
        "claim_known",
        types=list(types),
        keys=split_keys(keys),
        ats=instants(ats),
        files=list(file_ids),
    )
    if row["count"] != len(ats):
        raise TransientError("a job was rolled back meanwhile")


def _counts(rows: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    return {row["file_id"]: row["count"] for row in rows}


def known_documents(
    lake: Lake, user_id: UUID, types: Sequence[str], keys: bytes, ats: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which records the lake has already, shape (n,)."""
    rows = lake.rows(
        user_id,
        "lake",
        "known_documents",
        user_id=user_id,
        types=list(types),
        keys=split_keys(keys),
        ats=instants(ats),
    )
    known = np.zeros(len(ats), dtype=np.bool_)
    known[[row["n"] - 1 for row in rows]] = True
    return known


def split_keys(keys: bytes) -> list[UUID]:
    """16-byte keys laid end to end, as Postgres takes them."""
    return [UUID(bytes=keys[n : n + 16]) for n in range(0, len(keys), 16)]


class VectorStore:
    """Models and the cache of vectors by text, for one user."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def ensure_model(self, user_id: UUID, name: str, revision: str, dimension: int) -> int:
        """The id of a model; it and its partition are made if they are missing."""
        (row,) = self._lake.rows(
            user_id, "lake", "ensure_model", name=name, revision=revision, dimension=dimension
        )
        return int(row["ensure_model"])

    def cached(
        self, user_id: UUID, model_id: int, hashes: Iterable[bytes]
    ) -> dict[bytes, NDArray[np.float32]]:
        """The vectors of those texts (16-byte hashes) that were embedded before."""
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
        self, user_id: UUID, model_id: int, fresh: Mapping[bytes, NDArray[np.float32]]
    ) -> None:
        """Remember new vectors under the hashes of their texts, in a transaction of its own."""
        rows = [
            {"user_id": user_id, "model_id": model_id, "text_hash": UUID(bytes=h), "embedding": v}
            for h, v in sorted(fresh.items(), key=itemgetter(0))
        ]
        with self._lake.as_user(user_id) as connection, connection.cursor() as cursor:
            register_vector(connection)
            cursor.executemany(_LAKE["cache_vectors"], rows)


def _float32(vector: Any) -> NDArray[np.float32]:
    return np.asarray(vector.to_numpy() if hasattr(vector, "to_numpy") else vector, dtype="<f4")
