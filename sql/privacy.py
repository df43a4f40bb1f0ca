"""Apply another policy to stored documents.

Read in pages, write back with what derives from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from schemas.copy_tables import MENTIONS
from schemas.privacy import ReadUnder, Since
from sql.commit import Entered
from sql.load import Vectors, copy_lines, copy_vectors, create_stage
from sql.queries import queries
from sql.store import Hold, Lake

_PRIVACY, _LAKE = queries("privacy"), queries("lake")


class Table(StrEnum):
    """The tables of a run, in this order."""

    DOCUMENTS = "documents"
    VERSIONS = "versions"


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """The changed rows of one page.

    `items` are as `user_data.treat` takes them. `turn` is that of the run. `mentions` are lines of
    COPY, by the ids of documents whose texts change; `vectors` are of the new texts, under keys of
    `key_of`.
    """

    table: Table
    turn: int
    last: int
    items: Sequence[Mapping[str, Any]]
    mentions: Mapping[int, bytes] = {}
    vectors: Vectors | None = None


def key_of(document_id: int) -> UUID:
    """Return a document's id as a key of vectors."""
    return UUID(int=document_id)


def begin(lake: Lake, user_id: UUID, under: ReadUnder) -> None:
    """Begin a run, or continue an interrupted one: its policy is the present one.

    Waits for commits that are under way, which may use the old policy.
    """
    lake.announce(user_id, under.policy, by_hand=True)
    with lake.entering(user_id, under, hold=Hold.ALONE) as entered:
        asked = {"user_id": user_id, "policy": under.policy}
        entered.connection.execute(_PRIVACY["begin"], asked)


class Reached(msgspec.Struct, frozen=True):
    """How far a run has come: the last ids that it has seen. In another turn it starts again."""

    turn: int
    after_document: int
    after_version: int


def reached(lake: Lake, user_id: UUID) -> Reached:
    """Return how far the user's run has come."""
    (row,) = lake.rows(user_id, "privacy", "reached", user_id=user_id)
    return msgspec.convert(row, Reached)


def at_rest_since(lake: Lake, user_id: UUID) -> Since | None:
    """Return the turn of the stored rows; None while a policy is being applied to them."""
    rows = lake.rows(user_id, "privacy", "at_rest", user_id=user_id)
    return Since(rows[0]["turn"]) if rows else None


def page(lake: Lake, user_id: UUID, table: Table, after: int, n: int) -> list[DictRow]:
    """Return the next rows of a table."""
    return lake.rows(user_id, "privacy", table.value, user_id=user_id, after=after, n=n)


def with_vectors(lake: Lake, user_id: UUID, ids: Sequence[int]) -> set[int]:
    """Return which of the documents have vectors."""
    rows = lake.rows(user_id, "privacy", "with_vectors", user_id=user_id, ids=list(ids))
    return {row["document_id"] for row in rows}


def renew(entered: Entered, user_id: UUID, new: Renewed) -> int:
    """Write a page back, and record that it is done; return how many rows changed."""
    connection = entered.connection
    connection.execute(_PRIVACY["hold_texts"], {"user_id": user_id})
    asked = {"items": Jsonb(list(new.items)), "versions": new.table is Table.VERSIONS}
    rows = connection.execute(_PRIVACY["treat"], asked).fetchall() if new.items else []
    done = {row["id"] for row in rows}
    if lines := b"".join(text for n, text in new.mentions.items() if n in done):
        create_stage(connection, MENTIONS.name)
        copy_lines(connection, MENTIONS.name, lines)
        connection.execute(_LAKE["insert_entities"], {"user_id": user_id})
        connection.execute(_LAKE["insert_mentions"], {"user_id": user_id})
    if new.vectors is not None:
        copy_vectors(connection, new.vectors)
        ids = sorted(done)
        connection.execute(
            _PRIVACY["insert_vectors"],
            {
                "user_id": user_id,
                "model_id": new.vectors.model_id,
                "ids": ids,
                "keys": [key_of(n) for n in ids],
            },
        )
    last = {table.value.removesuffix("s"): 0 for table in Table}
    last[new.table.value.removesuffix("s")] = new.last
    connection.execute(_PRIVACY["reach"], {"user_id": user_id, "turn": new.turn, **last})
    return len(done)


def files(lake: Lake, user_id: UUID, after: int, n: int) -> list[DictRow]:
    """Return the next files whose rows hold values from records or sidecars."""
    return lake.rows(user_id, "privacy", "files", user_id=user_id, after=after, n=n)


def renew_files(entered: Entered, user_id: UUID, items: Sequence[Mapping[str, Any]]) -> None:
    """Write back rows of `files`: `id`, `path` and, where there is something, `noted`."""
    asked = {"user_id": user_id, "items": Jsonb(list(items))}
    entered.connection.execute(_PRIVACY["treat_files"], asked)


def drift(lake: Lake, user_id: UUID) -> list[tuple[str, str]]:
    """Return formats and the names of fields that they do not know."""
    return [
        (row["format"], row["field"])
        for row in lake.rows(user_id, "privacy", "drift", user_id=user_id)
    ]


def forget_unread_times(entered: Entered) -> dict[str, int]:
    """Delete the texts of unreadable times from positions and measured values.

    Returns how many rows had one, by series.
    """
    rows = entered.connection.execute(_PRIVACY["forget_unread_times"]).fetchall()
    return {row["series"]: row["records"] for row in rows}


def finish(
    entered: Entered,
    user_id: UUID,
    turn: int,
    names: Sequence[tuple[str, str]] = (),
    *,
    raw: bool = True,
) -> bool:
    """End a run, and delete the names in `names`, as `drift` returns them.

    Without `raw` the bytes of quarantined records are deleted. Returns False, and there is more to
    do, if older versions came back in that turn. The transaction locks the lake exclusively.
    """
    connection = entered.connection
    if not raw:
        connection.execute(_PRIVACY["forget_bytes"], {"user_id": user_id})
    if names:
        formats, fields = zip(*names, strict=True)
        asked = {"user_id": user_id, "formats": list(formats), "fields": list(fields)}
        connection.execute(_PRIVACY["drop_drift"], asked)
    asked_at = {"user_id": user_id, "turn": turn}
    return connection.execute(_PRIVACY["finish"], asked_at).fetchone() is not None
