"""Signatures of documents, and links between those that are nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from sql.connection import Connection, transient_errors
from sql.queries import queries
from sql.store import Hold, Lake

_LIKENESS = queries("likeness")

#: Documents that are compared of a band that very many share.
_MOST_OF_BAND = 8


class Uncompared(msgspec.Struct, frozen=True, kw_only=True):
    """A document whose text or image is to be compared.

    The image is given by the SHA-256 of its file. `place` is its row in the queue; `record_key` is
    None if the lake no longer has the document.
    """

    place: str
    id: int
    record_key: UUID | None
    image: str | None
    text: str | None


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """The signature of a document, and the keys that similar documents may share."""

    id: int
    record_key: UUID
    kind: str
    signature: bytes
    bands: list[int]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A document that may be similar to another one."""

    id: int
    record_key: UUID
    signature: bytes


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """The record of `record_key` is nearly the same as an earlier one; `similarity` is 0 to 1."""

    record_key: UUID
    other_key: UUID
    similarity: float


class Comparison:
    """A user's documents that wait for comparison; no other process compares them meanwhile."""

    def __init__(self, lake: Lake, connection: Connection, user_id: UUID) -> None:
        self._lake, self._connection, self._user = lake, connection, user_id

    def waiting(self, n: int, *, chars: int) -> list[Uncompared]:
        """Return some waiting documents; they stay in the queue."""
        with self._lake.as_user(self._user, on=self._connection) as connection:
            asked = {"user_id": self._user, "n": n, "chars": chars}
            rows = connection.execute(_LIKENESS["waiting"], asked).fetchall()
        return msgspec.convert(rows, list[Uncompared])

    @contextmanager
    def open_writer(self) -> Iterator[ComparisonWriter]:
        """Open the transaction that empties the queue and stores the result.

        No row of the user's is rolled back before it ends.
        """
        with self._lake.as_user(self._user, hold=Hold.SHARED, on=self._connection) as connection:
            yield ComparisonWriter(connection, self._user)


class ComparisonWriter:
    """The writes of that transaction."""

    def __init__(self, connection: Connection, user_id: UUID) -> None:
        self._connection, self._user = connection, user_id

    def _run(self, name: str, **asked: Any) -> list[dict[str, Any]]:
        cursor = self._connection.execute(_LIKENESS[name], {"user_id": self._user, **asked})
        return cursor.fetchall() if cursor.description else []

    def dequeue(self, compared: Sequence[Uncompared]) -> set[int]:
        """Delete documents from the queue and their old signatures.

        Return the ids that still exist.
        """
        ids = sorted({each.id for each in compared})
        rows = self._run("take", places=[each.place for each in compared], ids=ids)
        for name in ("forget_links", "forget_bands", "forget_fingerprints"):
            self._run(name, ids=ids)
        return {row["id"] for row in rows}

    def store_signatures(self, prints: Sequence[Print]) -> None:
        """Store signatures, for documents that come later."""
        with self._connection.cursor() as cursor:
            rows = [{**msgspec.structs.asdict(each), "user_id": self._user} for each in prints]
            cursor.executemany(_LIKENESS["keep"], rows)
        self._run("keep_bands", ids=[each.id for each in prints])

    def candidates(self, prints: Sequence[Print]) -> Iterator[tuple[Print, list[Candidate]]]:
        """Yield each document with its candidates: earlier ones, of the batch or of any import."""
        by_id = {each.id: each for each in prints}
        rows = self._run("candidates", ids=list(by_id), most=_MOST_OF_BAND)
        for own, found in groupby(rows, lambda row: row["id"]):
            yield (
                by_id[own],
                [
                    Candidate(
                        id=row["other"], record_key=row["record_key"], signature=row["signature"]
                    )
                    for row in found
                    if row["other"] not in by_id or row["other"] < own
                ],
            )

    def link(self, links: Sequence[Link]) -> None:
        """Store links between near duplicates."""
        rows = [{**msgspec.structs.asdict(each), "user_id": self._user} for each in links]
        with self._connection.cursor() as cursor:
            cursor.executemany(_LIKENESS["link"], rows)


@contextmanager
def comparison(lake: Lake, user_id: UUID) -> Iterator[Comparison | None]:
    """Yield the user's documents for the block; None where another process has them."""
    with transient_errors(), lake.pool.connection() as connection:
        with lake.as_user(user_id, on=connection):
            row = connection.execute(_LIKENESS["hold"], {"user_id": user_id}).fetchone()
        if row is None or not row["held"]:
            yield None
            return
        try:
            yield Comparison(lake, connection, user_id)
        finally:
            with suppress(psycopg.Error):  # the lock ends with its connection
                connection.execute(_LIKENESS["let_go"], {"user_id": user_id})
