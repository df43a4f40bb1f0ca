"""Load the rows of a chunk into the lake: partitions first, then COPY and INSERT in the commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from psycopg import sql

from schemas.copy_tables import COPY_TABLES, DOCUMENTS, LOCATIONS, METRICS, VECTORS
from schemas.instants import micros
from schemas.records import REUSED, UNDATED
from sql.commit import ChunkTransaction, ContentTransaction
from sql.connection import Connection
from sql.queries import queries
from sql.store import Lake

_LAKE = queries("lake")
_CREATE = sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ({columns}) ON COMMIT DELETE ROWS")
_COPY = sql.SQL("COPY {stage} ({columns}) FROM STDIN{kind}")
#: Tables of `timeseries`.
SERIES = (LOCATIONS.name, METRICS.name)


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


_UNDATED_US = micros(UNDATED)


def months_of(us: NDArray[np.int64]) -> list[date]:
    """Return the first days of the months of the instants, without the sentinel."""
    dated = us[us != _UNDATED_US]
    months = np.unique(dated.astype("datetime64[us]").astype("datetime64[M]"))
    return [m.astype("datetime64[D]").item() for m in months]


class Partitions:
    """Creates missing month partitions, once: this process remembers the existing ones."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: set[tuple[str, date]] = set()

    def ensure(self, user_id: UUID, table: str, months: Iterable[date]) -> None:
        """Create the missing partitions of a table: a data type, or the name of a series.

        This runs in a transaction of its own, before the load, so the lock that attaching needs is
        held for a moment only.
        """
        missing = [m for m in months if (table, m) not in self._known]
        if not missing:
            return
        name = "ensure_series_partitions" if table in SERIES else "ensure_document_partitions"
        self._lake.rows(user_id, "lake", name, type=table, months=missing)
        self._known.update((table, m) for m in missing)

    def forget(self) -> None:
        """Ask the database again, after it reported a missing partition."""
        self._known.clear()


def create_stage(connection: Connection, name: str) -> None:
    """Create the temporary table that COPY fills, for this session.

    It is empty in each transaction. COPY can't write to a table under row-level security, so
    `INSERT … SELECT` copies from here.
    """
    table = COPY_TABLES[name]
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind))
        for column, kind in (*table.types.items(), *table.later.items())
    )
    stage = sql.Identifier(f"stage_{name}")
    connection.execute(_CREATE.format(stage=stage, columns=columns))
    if name == DOCUMENTS.name:  # user_data.supersede reads it
        connection.execute(sql.SQL("GRANT SELECT ON {} TO datapunk_owner").format(stage))


def copy_statement(name: str, *, binary: bool = False) -> sql.Composed:
    """Return the COPY that fills a temporary table."""
    columns = sql.SQL(", ").join(map(sql.Identifier, COPY_TABLES[name].columns))
    kind = sql.SQL(" (FORMAT BINARY)" if binary else "")
    stage = sql.Identifier(f"stage_{name}")
    return _COPY.format(stage=stage, columns=columns, kind=kind)


def copy_lines(connection: Connection, name: str, lines: bytes) -> None:
    """Write rendered lines to the temporary table of that name."""
    with connection.cursor() as cursor, cursor.copy(copy_statement(name)) as copy:
        copy.write(lines)


def copy_vectors(connection: Connection, vectors: Vectors) -> None:
    """Write vectors to their temporary table, which is created."""
    register_vector(connection)
    create_stage(connection, VECTORS.name)
    in_order, statement = VECTORS.in_order, copy_statement(VECTORS.name, binary=True)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(VECTORS.types.values()))
        for n in range(len(vectors.pieces)):
            row = {
                "record_key": UUID(bytes=vectors.keys[16 * n : 16 * n + 16]),
                "piece": int(vectors.pieces[n]),
                "piece_start": int(vectors.starts[n]),
                "piece_end": int(vectors.ends[n]),
                "embedding": vectors.matrix[n],
            }
            copy.write_row(in_order(row))


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """The rendered documents of a chunk, and what belongs to them.

    `lines`, `mentions` and `relations` are lines of COPY. `version` is the format's. `repeats` says
    that equal records of one file are several facts. `own_keys` says that some may be stored under
    keys of their own; `shared` are lines on the keys that these share, of all in the chunk: without
    them, the owners of the shared keys are already decided.
    """

    lines: bytes
    file_ids: Sequence[int]
    source: str
    version: int
    mentions: bytes = b""
    relations: bytes = b""
    vectors: Vectors | None = None
    repeats: bool = False
    own_keys: bool = False
    shared: bytes = b""


class LoadedRows(msgspec.Struct, frozen=True):
    """How many rows were inserted, by file.

    `newer` and `older` of them are versions of records that the lake had: the newer ones are now
    current, the older ones were stored as old versions.
    """

    rows: dict[int, int]
    newer: dict[int, int] = {}
    older: dict[int, int] = {}


def load_documents(commit: ContentTransaction, staged: Staged) -> LoadedRows:
    """Insert documents, the vectors of the new ones, and their mentions and relations."""
    stage(commit.connection, staged)
    if staged.repeats:
        _number_repeats(commit, staged)
    if staged.shared:
        _name_shared(commit, staged)
    flag_apart(commit, staged)
    common: dict[str, Any] = {"file_ids": list(staged.file_ids), "version": staged.version}
    vectors, sent = staged.vectors, staged.lines.count(b"\n")
    inserted = _insert(commit, common, vectors)
    if staged.shared and sum(inserted.rows.values()) < sent and _part_shared(commit, staged):
        more = _insert(commit, common, vectors)
        inserted = LoadedRows(dict(Counter(inserted.rows) + Counter(more.rows)))
    if sum(inserted.rows.values()) < sent:
        inserted = _take_versions(commit, inserted, common, vectors)
        commit.run("lake", "claim_documents", file_ids=list(staged.file_ids))
    if staged.shared:
        _call_meaning(commit, staged)
    load_meaning(commit, staged)
    return inserted


def _insert(
    commit: ContentTransaction, common: Mapping[str, Any], vectors: Vectors | None
) -> LoadedRows:
    if vectors is None:
        return LoadedRows(_counts(commit.run("lake", "insert_documents", **common)))
    name = "insert_documents_with_vectors"
    commit.run("lake", "wait_shortly")
    return LoadedRows(_counts(commit.run("lake", name, **common, model_id=vectors.model_id)))


def stage(connection: Connection, staged: Staged) -> None:
    """Copy everything of some documents into the staging tables."""
    create_stage(connection, DOCUMENTS.name)
    copy_lines(connection, DOCUMENTS.name, staged.lines)
    if staged.vectors is not None:
        copy_vectors(connection, staged.vectors)
    for name in ("mentions", "relations", "shared"):
        if lines := getattr(staged, name):
            create_stage(connection, name)
            copy_lines(connection, name, lines)


def flag_apart(commit: ChunkTransaction, staged: Staged) -> None:
    """Flag staged documents that are stored under keys of their own."""
    if staged.own_keys:
        commit.run("lake", "flag_apart", flag=REUSED)


def _name_shared(commit: ChunkTransaction, staged: Staged) -> None:
    """Give staged documents the key that they share, where it is theirs."""
    commit.run("lake", "name_shared", source=staged.source, version=staged.version)
    commit.run("lake", "call_documents")
    if staged.vectors is not None:
        commit.run("lake", "rename_vectors", **_renaming(commit.run("lake", "called")))


def _part_shared(commit: ChunkTransaction, staged: Staged) -> bool:
    """Give documents their own keys where another load took the shared one first."""
    parted = commit.run("lake", "part_shared", source=staged.source, version=staged.version)
    if parted:
        flag_apart(commit, staged)
        if staged.vectors is not None:
            commit.run("lake", "rename_vectors", **_renaming(parted))
    return bool(parted)


def _call_meaning(commit: ChunkTransaction, staged: Staged) -> None:
    """Rename the mentions and relations of documents that share a key."""
    renaming = _renaming(commit.run("lake", "called"))
    if staged.mentions:
        commit.run("lake", "rename_mentions", **renaming)
    if staged.relations:
        commit.run("lake", "rename_relations", **renaming)
        commit.run("lake", "rename_others", **renaming)


def _renaming(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[UUID]]:
    pairs = [(row["old"], row["new"]) for row in rows]
    return {"old": [old for old, _ in pairs], "new": [new for _, new in pairs]}


def _number_repeats(commit: ChunkTransaction, staged: Staged) -> None:
    """Continue occurrence numbers after those of other chunks of the same file."""
    file_ids = list(staged.file_ids)
    commit.run("lake", "hold_files", file_ids=sorted(set(file_ids)))
    renamed = commit.run("lake", "number_repeats", file_ids=file_ids)
    if not renamed:
        return
    for name in ("vectors", "mentions", "relations"):
        if getattr(staged, name):
            commit.run("lake", f"rename_{name}", **_renaming(renamed))


def _take_versions(
    commit: ContentTransaction,
    inserted: LoadedRows,
    common: Mapping[str, Any],
    vectors: Vectors | None,
) -> LoadedRows:
    """Insert versions that differ from what another export has of the same record."""
    taken = commit.run("lake", "supersede", **common)
    if not taken:
        return inserted
    newer = [row for row in taken if row["current"]]
    if vectors is not None:
        keys = [row["key"] for row in newer]
        commit.run("lake", "insert_new_vectors", keys=keys, model_id=vectors.model_id)
    rows = Counter(inserted.rows) + Counter(row["file"] for row in taken)
    older = Counter(row["file"] for row in taken if not row["current"])
    return LoadedRows(dict(rows), dict(Counter(row["file"] for row in newer)), dict(older))


def load_meaning(commit: ContentTransaction, staged: Staged) -> None:
    """Insert mentions and relations; inserting the same ones twice is a no-op."""
    if staged.mentions:
        commit.run("lake", "insert_entities")
        commit.run("lake", "insert_mentions")
    if staged.relations:
        commit.run("lake", "insert_relations")


def load_series(
    commit: ContentTransaction, name: str, lines: bytes, file_ids: Sequence[int]
) -> LoadedRows:
    """Insert rendered rows of a series: `locations` or `metrics`."""
    create_stage(commit.connection, name)
    copy_lines(commit.connection, name, lines)
    inserted = _counts(commit.run("lake", f"insert_{name}", file_ids=list(file_ids)))
    if sum(inserted.values()) < lines.count(b"\n"):
        commit.run("lake", f"claim_{name}", file_ids=list(file_ids))
    return LoadedRows(inserted)


def _counts(rows: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    return {row["file_id"]: row["count"] for row in rows}


def stored_keys(commit: ChunkTransaction, keys: bytes) -> bytes:
    """Return, for own keys, the keys under which this load stores the documents."""
    names = {row["old"].bytes: row["new"].bytes for row in commit.run("lake", "called")}
    return b"".join(names.get(keys[n : n + 16], keys[n : n + 16]) for n in range(0, len(keys), 16))
