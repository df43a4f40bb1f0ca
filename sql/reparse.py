"""Compare rows with what a better parser reads from their originals, and renew those that differ.

Everything here happens in one transaction that locks the lake exclusively;
`sql/queries/reparse.sql` describes its temporary tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from sql.commit import ChunkTransaction, ContentTransaction
from sql.load import SERIES, Staged, copy_lines, create_stage, flag_apart, stage
from sql.queries import queries

_REPARSE = queries("reparse")
_STAGES = ("documents", *SERIES, "mentions", "relations", "vectors")


class Decision(msgspec.Struct, frozen=True):
    """The decision on one outcome, by its slot and its number in its spool.

    `state` is "new" (no row of the file's), "had" (another file's row is the same record, and
    stays), "same", "changed", or "compare" (of a series, whose rows have no hash). `table` is the
    lake's. `key` is the record's, with its occurrence number.
    """

    slot: int
    n: int
    table: str
    state: str
    key: UUID


class Renewed(msgspec.Struct, frozen=True):
    """A row that was changed; `merged` if it went, since another file's row is the same record."""

    file: int
    chunk: int
    merged: bool
    rows: int = 1


def begin(commit: ChunkTransaction) -> None:
    """Create the temporary tables of this transaction."""
    for name in ("create_reread", "create_bad", "create_attached", "grant_reread", "create_own"):
        commit.run("reparse", name)
    for name in _STAGES:
        create_stage(commit.connection, name)
    commit.run("reparse", "grant_stage")


def send(commit: ChunkTransaction, name: str, lines: Iterable[str]) -> None:
    """Send lines into `reread`, `bad` or `attached`."""
    with commit.connection.cursor() as cursor, cursor.copy(_REPARSE[f"copy_{name}"]) as copy:
        for line in lines:
            copy.write(f"{line}\n")


def compare(
    commit: ContentTransaction, files: Sequence[int], form: str, version: int, *, repeats: bool
) -> int:
    """Compare the sent outcomes with the rows of the files.

    Rows without a source are removed; returns how many.
    """
    asked: dict[str, Any] = {"files": list(files), "format": form, "version": version}
    commit.run("reparse", "fill_own", **asked)
    commit.run("reparse", "analyze_reread")
    commit.run("reparse", "loop_no_joins")
    if repeats:
        commit.run("reparse", "name_repeats")
    else:
        commit.run("reparse", "name_once")
        commit.run("reparse", "name_shared", **asked)
    commit.run("reparse", "loop_joins")
    commit.run("reparse", "forget_unsaid", **asked)
    commit.run("reparse", "leave")
    commit.run("reparse", "grant_leaving")
    (removed,) = commit.run("reparse", "let_go")
    if removed["rows"]:  # another of these files may have such a record
        commit.run("reparse", "clear_own")
        commit.run("reparse", "fill_own", **asked)
    for name in ("choose", "index_chosen", "grant_chosen", "analyze_chosen", "leave_to_others"):
        commit.run("reparse", name, **asked)
    return int(removed["rows"])


def decisions(commit: ChunkTransaction, first: int, last: int) -> list[Decision]:
    """Return the decisions on the outcomes of some slots."""
    rows = commit.run("reparse", "states", first=first, last=last)
    return [msgspec.convert(row, Decision) for row in rows]


def clear(commit: ChunkTransaction) -> None:
    """Empty the staging tables."""
    commit.run("reparse", "clear_stage")


def renew_documents(commit: ContentTransaction, staged: Staged) -> list[Renewed]:
    """Rewrite the staged documents, each in its place, with vectors of new texts."""
    clear(commit)
    stage(commit.connection, staged)
    flag_apart(commit, staged)
    rows = commit.run(
        "reparse", "renew_documents", version=staged.version, file_ids=list(staged.file_ids)
    )
    if staged.vectors is not None:
        keys = [row["key"] for row in rows if row["reworded"]]
        commit.run("lake", "insert_new_vectors", keys=keys, model_id=staged.vectors.model_id)
    return [Renewed(row["file"], row["chunk"], row["merged"]) for row in rows]


def renew_series(
    commit: ContentTransaction, name: str, lines: bytes, file_ids: Sequence[int]
) -> list[Renewed]:
    """Rewrite the rows of a series that differ from rendered ones."""
    clear(commit)
    copy_lines(commit.connection, name, lines)
    rows = commit.run("reparse", "renew_series", series=name, file_ids=list(file_ids))
    return [msgspec.convert(row, Renewed) for row in rows]


def stage_meaning(commit: ChunkTransaction, mentions: bytes, relations: bytes) -> None:
    """Stage mentions and relations of some of the staged documents."""
    for name, lines in (("mentions", mentions), ("relations", relations)):
        if lines:
            copy_lines(commit.connection, name, lines)


def renew_meaning(commit: ContentTransaction) -> None:
    """Renew the mentions and relations of the files' documents from the staged ones."""
    commit.run("reparse", "forget_meaning")
    for name in ("entities", "mentions", "relations"):
        commit.run("lake", f"insert_{name}")


def count_outcomes(
    commit: ChunkTransaction, files: Sequence[int]
) -> dict[tuple[int, int], Counter[str]]:
    """Count outcomes by file and chunk, before anything new came in.

    `good` outcomes, those of them that `stand` as rows of the file, its `rows`, and records that
    are `bad`.
    """
    found: dict[tuple[int, int], Counter[str]] = {}
    for row in commit.run("reparse", "outcomes"):
        counts = Counter(good=row["good"], stands=row["stands"], rows=row["rows"])
        found[row["file_id"], row["chunk_id"]] = counts
    for row in commit.run("reparse", "still_bad", files=list(files)):
        found.setdefault((row["file_id"], row["chunk_id"]), Counter())["bad"] = row["count"]
    return found
