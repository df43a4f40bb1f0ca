"""Proof that nothing which the privacy policy removes is left in what a job loaded."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg.rows import DictRow

from pipeline.enrich.entities import Mention
from pipeline.privacy.redact import Redactor
from sql.store import Lake
from tasks.operations import privacy_reapply
from tasks.runtime.context import Runtime

#: Rows of a table that are read, unless all are; and rows that are read at once.
_SAMPLE, _PAGE = 2_000, 500


def check_removed(
    run: Runtime, reader: Lake, job: Mapping[str, Any], *, deep: bool = False
) -> tuple[Counter[str], str]:
    """Return how much of a job's rows the policy should have removed, and how many rows were read.

    The counts are by place. With `deep` every row is read, else some thousand. Raises
    `TransientError` while the policy can't be used.
    """
    redactor = run.options.privacy.redactor(job["user_id"])
    if not redactor.policy.changes:
        return Counter(), "the policy takes nothing away"
    look = _Look(reader, job, redactor, deep=deep)
    for part in (look.texts, look.quarantine, look.series, look.names, look.search):
        part()
    summary = f"{look.looked} of {look.all} rows looked at"
    if look.by_hand:
        summary += f"; {look.by_hand} texts that were mended by hand are kept as they were written"
    return +look.found, summary


class _Look:
    """One pass over the rows of a job."""

    def __init__(
        self, reader: Lake, job: Mapping[str, Any], redactor: Redactor, *, deep: bool
    ) -> None:
        self._reader, self._job, self._redactor = reader, job, redactor
        self._certain = redactor.for_unknown_origin()
        self.all = int(job["records_loaded"])
        self._step = 1 if deep else max(1, self.all // _SAMPLE)
        self._pick = random.randrange(self._step)  # noqa: S311 - other rows each time
        self.found: Counter[str] = Counter()
        self.looked = self.by_hand = 0

    def _ask(self, query: str, **more: Any) -> list[DictRow]:
        ids = {"job_id": self._job["id"], "user_id": self._job["user_id"]}
        return self._reader.rows(self._job["user_id"], "verify", query, **ids, **more)

    def _pages(self, query: str) -> Iterator[list[DictRow]]:
        """Yield some of the rows of a table, or all."""
        after = 0
        some = {"step": self._step, "pick": self._pick, "n": _PAGE}
        while rows := self._ask(query, after=after, **some):
            after = rows[-1]["id"]
            yield rows

    def texts(self) -> None:
        """Check documents with the entities that they mention, and older versions."""
        for rows in self._pages("some_documents"):
            self.looked += len(rows)
            self.found["documents"] += privacy_reapply.removable(rows, self._redactor)
            self.found["people"] += self._people(rows)
        for rows in self._pages("some_versions"):
            self.looked += len(rows)
            self.found["older versions"] += privacy_reapply.removable(rows, self._redactor)

    def _people(self, rows: list[DictRow]) -> int:
        """Count the entities that some documents mention, and that their texts no longer name."""
        mentioned = {row["record_key"]: privacy_reapply.stored_mentions(row) for row in rows}
        stored = self._ask("entities_of", keys=list(mentioned))
        return sum(self._is_left(row, mentioned[row["record_key"]]) for row in stored)

    def _is_left(self, row: DictRow, mentions: list[Mention]) -> bool:
        known = {text for one in mentions for text in (one.value, one.name)}
        texts = [text for text in (row["value"], row["name"]) if text and text not in known]
        return any(self._certain.redact_name(text, "", "metadata") != text for text in texts)

    def quarantine(self) -> None:
        """Check that no bytes of quarantined records are stored."""
        (row,) = self._ask("bytes_kept")
        self.found["quarantined bytes"] += row["raw"]
        for mended in self._ask("mended_bytes"):
            text = bytes(mended["mended"]).decode("utf-8", "replace")
            self.by_hand += self._certain.redact_name(text, "", "content") != text

    def series(self) -> None:
        """Check that positions and measured values hold no text of a time that can't be read."""
        (row,) = self._ask("unread_times")
        self.found["times of positions and values"] += row["count"]

    def names(self) -> None:
        """Check names of unknown fields, names of attachments, and notes of sidecars."""
        for row in self._ask("drift_names"):
            new = self._redactor.redact_name(row["field"], row["format"], "metadata")
            self.found["names of fields"] += new != row["field"]
        for rows in self._pages("some_files"):
            self.found["files"] += privacy_reapply.removable_files(rows, self._redactor)

    def search(self) -> None:
        """Count documents that the index finds by words which their texts no longer have."""
        for rows in self._pages("words_unsaid"):
            self.found["documents found by words"] += sum(row["unsaid"] for row in rows)
