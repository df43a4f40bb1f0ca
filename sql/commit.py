"""The writes of the transaction that ends a stage, and of others under a chunk's ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from schemas import tally
from schemas.lease import ChunkRef, Lease
from schemas.progress import Event, Stage
from schemas.tally import FileTally
from sql.connection import Connection
from sql.queries import queries

_JOBS = queries("jobs")


def note(
    connection: Connection,
    kind: Event,
    user_id: UUID | None,
    job_id: UUID | None,
    detail: Mapping[str, Any],
    chunk_id: int | None = None,
) -> None:
    """Append to the audit trail in an open transaction; ids, codes and numbers, never content."""
    connection.execute(
        _JOBS["event"],
        {
            "user_id": user_id,
            "job_id": job_id,
            "chunk_id": chunk_id,
            "kind": kind,
            "detail": Jsonb(dict(detail)),
        },
    )


class Entered(NamedTuple):
    """A transaction that passed the gate: it may write content. Only `Lake` makes one."""

    connection: Connection


class ChunkTransaction:
    """A transaction that writes under the ids of a chunk."""

    def __init__(self, connection: Connection, ref: ChunkRef) -> None:
        self.connection = connection
        self.ref = ref

    def run(self, file: str, query: str, /, **parameters: Any) -> list[DictRow]:
        """Run a named query with the ids of the chunk filled in; return its rows, if any."""
        cursor = self.connection.execute(queries(file)[query], self._with_ids(parameters))
        return cursor.fetchall() if cursor.description else []

    def run_many(self, file: str, query: str, /, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run a named query for each of many parameter sets; return how many rows it touched."""
        if not rows:
            return 0
        with self.connection.cursor() as cursor:
            cursor.executemany(queries(file)[query], [self._with_ids(r) for r in rows])
            return cursor.rowcount

    def _with_ids(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        ref = self.ref
        ids = {"job_id": ref.job_id, "user_id": ref.user_id, "chunk_id": ref.id}
        return {**ids, "chunk": ref.id, **parameters}

    def event(self, kind: Event, **detail: Any) -> None:
        """Append to the audit trail in the same transaction."""
        ref = self.ref
        note(self.connection, kind, ref.user_id, ref.job_id, detail, ref.id)


class ContentTransaction(ChunkTransaction):
    """The same for a transaction that may write content; functions that write content take one."""

    def __init__(self, entered: Entered, ref: ChunkRef) -> None:
        super().__init__(entered.connection, ref)
        self.entered = entered

    def of(self, ref: ChunkRef) -> ContentTransaction:
        """Return the same transaction, for rows under other ids."""
        return ContentTransaction(self.entered, ref)


class Commit(ChunkTransaction):
    """The transaction that ends a stage. It has the lease, whose row it has locked."""

    def __init__(self, connection: Connection, lease: Lease) -> None:
        super().__init__(connection, lease.ref)
        self._lease = lease

    def advance(
        self,
        stage: Stage,
        *,
        artefacts: Mapping[str, Any] | None = None,
        tallies: Mapping[int, FileTally] | None = None,
    ) -> None:
        """Send the chunk to `stage`.

        With the names of the artefacts made for it, and the counts of each file so far.
        """
        self.run(
            "chunks",
            "advance",
            next_stage=stage,
            artefacts=Jsonb(dict(artefacts or {})),
            tally=Jsonb(self._lease.tally if tallies is None else tally.as_column(tallies)),
        )

    def complete(self, tallies: Mapping[int, FileTally] | None = None) -> None:
        """End the chunk; its job has one chunk less, and without any its end begins.

        `tallies` are counts by file. Raises `UnbalancedTally` if those of one do not add up.
        """
        counted = tallies or {}
        for each in counted.values():
            each.check()
        self.run("chunks", "complete", tally=Jsonb(tally.as_column(counted)))
        (row,) = self.run("chunks", "settle", **tally.total(counted).records())
        if row["remaining"] == 0:
            self.run("chunks", "insert_finish", identity="finish")

    def end_badly(self, outcome: str, code: str, detail: str) -> None:
        """Note that the job can't succeed; the first cause is stored."""
        self.run("chunks", "end_badly", outcome=outcome, code=code, detail=detail)


class ContentCommit(ContentTransaction, Commit):
    """The same for a stage that writes content."""

    def __init__(self, entered: Entered, lease: Lease) -> None:
        Commit.__init__(self, entered.connection, lease)
        self.entered = entered
