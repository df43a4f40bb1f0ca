"""Vectors that follow after the load: which documents wait for which model's, and their turns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from schemas.crash import crash_here
from sql.connection import Connection
from sql.queries import queries
from sql.store import Lake, Purpose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VECTORS = queries("vectors")

#: Turns that a document is taken in; after this many failures it is given up.
MOST_ATTEMPTS = 5


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The documents that need vectors.

    Those of these data types and of the formats `always`, but none of the formats `never`.
    """

    types: Sequence[str]
    always: Sequence[str] = ()
    never: Sequence[str] = ()

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of queries."""
        return {name: list(getattr(self, name)) for name in ("types", "always", "never")}


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """A selection of them: a record or data type, a format or service, a language."""

    type: str | None = None
    source: str | None = None
    lang: str | None = None


class Pieces(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of the pieces of some texts.

    `owners` has the number of the text of each; the others have shape (n,), and `matrix` (n,
    dimension), float32.
    """

    owners: Sequence[int]
    pieces: NDArray[np.int16]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    matrix: NDArray[np.float32]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A document that a turn works on, as it was when `seen`."""

    id: int
    data_type: str
    partition_at: datetime
    title: str | None
    content: str | None
    seen: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a user's documents have the vectors of a model, wait for them, or were given up.

    A document is given up when no turn that took it succeeded.
    """

    model: str
    have: int
    waiting: int
    given_up: int


class Backlog:
    """The queue for vectors, in one user's lake. `model` is a tier, or a model's name."""

    def __init__(self, lake: Lake, user_id: UUID) -> None:
        self._lake, self._user = lake, user_id

    def add_lacking(self, model: str, model_id: int, wanted: Wanted, where: Where) -> None:
        """Queue every indexed document that needs the model's vectors and has none."""
        asked = {**wanted.parameters(), **msgspec.structs.asdict(where)}
        self._run("add_lacking", model=model, model_id=model_id, **asked)

    def take(self, model: str, n: int, lease_s: float) -> list[Taken]:
        """Take some waiting documents, which are the caller's for `lease_s` seconds.

        A document of a failed turn is taken alone, so that one that can't be embedded costs no
        other its vectors.
        """
        common = {"model": model, "lease_s": lease_s}
        rows = self._run("take", **common, n=n, least=0, most=0)
        rows = rows or self._run("take", **common, n=1, least=1, most=MOST_ATTEMPTS - 1)
        return [msgspec.convert(row, Taken) for row in rows]

    def go_on(self, model: str, taken: Sequence[Taken], lease_s: float) -> None:
        """Renew the caller's lease on them for another `lease_s` seconds."""
        self._run("go_on", model=model, ids=[each.id for each in taken], lease_s=lease_s)

    def give_back(self, model: str, taken: Sequence[Taken], *, counts_attempt: bool) -> None:
        """Give back documents without vectors; a transient error does not count as an attempt."""
        ids = [each.id for each in taken]
        self._run("give_back", model=model, ids=ids, forgiven=int(not counts_attempt))

    def put(self, model: str, model_id: int, taken: Sequence[Taken], vectors: Pieces | None) -> int:
        """Replace the vectors of documents.

        Return how many documents were unchanged since they were read. The others keep waiting.
        `vectors.owners` counts in `taken`.
        """
        with self._lake.remaking(self._user, Purpose.VECTORS) as entered:
            connection = entered.connection
            connection.execute(_VECTORS["stage_pieces"])
            if vectors is not None:
                _copy(connection, taken, vectors)
            row = connection.execute(
                _VECTORS["put"],
                {
                    "model_id": model_id,
                    "model": model,
                    "ids": [each.id for each in taken],
                    "types": [each.data_type for each in taken],
                    "ats": [each.partition_at for each in taken],
                    "seen": [each.seen for each in taken],
                },
            ).fetchone()
            crash_here("deepen.before_commit")
        return int((row or {"put": 0})["put"])

    def waits(self, model: str) -> bool:
        """Tell whether any document waits for the model's vectors."""
        (row,) = self._run("waits", model=model)
        return bool(row["waits"])

    def left(self, model: str) -> Progress:
        """Return how far one model is; all zeros where nothing waits for it."""
        found = [each for each in self.progress() if each.model == model]
        return found[0] if found else Progress(model=model, have=0, waiting=0, given_up=0)

    def progress(self) -> list[Progress]:
        """Return how far each model is that documents wait for."""
        return [msgspec.convert(row, Progress) for row in self._run("progress", most=MOST_ATTEMPTS)]

    def _run(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        with self._lake.as_user(self._user) as connection:
            cursor = connection.execute(_VECTORS[query], {"user_id": self._user, **parameters})
            return cursor.fetchall() if cursor.description else []


def _copy(connection: Connection, taken: Sequence[Taken], vectors: Pieces) -> None:
    from pgvector.psycopg import register_vector  # noqa: PLC0415 - numpy, for who puts vectors in

    register_vector(connection)
    with connection.cursor() as cursor, cursor.copy(_VECTORS["copy_pieces"]) as copy:
        copy.set_types(["int8", "int2", "int4", "int4", "vector"])
        for n, owner in enumerate(vectors.owners):
            copy.write_row(
                (
                    taken[owner].id,
                    int(vectors.pieces[n]),
                    int(vectors.starts[n]),
                    int(vectors.ends[n]),
                    vectors.matrix[n],
                )
            )
