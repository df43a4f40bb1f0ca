"""Read the sources of a job again: members, their items, and the keys of their records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pipeline import bisect, defects
from pipeline.contract import Format
from pipeline.normalise import ReadContext, slices_of
from pipeline.ports import Neighbours
from pipeline.quality import key_of, occurrence_key, own_key_of
from pipeline.read import read_records
from pipeline.registry import format_named
from pipeline.storage import copy_text
from pipeline.values import time_zones
from schemas.errors import Rejected
from schemas.files import Listed, Member, Slice
from schemas.instants import instants, micros
from schemas.progress import Disposition
from schemas.reasons import Reason
from schemas.records import Metric, Point, Record, Rejection
from schemas.tally import FileTally
from sql.known_documents import Keys, existing_documents, split_keys
from sql.store import Lake
from tasks.ingest import members, stored_originals
from tasks.ingest.record_spool import TABLES
from tasks.ingest.upload import storable
from tasks.operations.findings import Check, Finding, is_sampled
from tasks.operations.occurrences import Occurrences, occurrences
from tasks.runtime.blob_store import FileBlobs
from tasks.runtime.context import Runtime
from tasks.runtime.sibling_files import SetNeighbours
from tasks.runtime.temp_dirs import temp_dir

#: Records that one query of the lake covers, and members that one of the ledger does.
_BATCH = 5_000
_PAGE = 1_000


class Sources:
    """One pass over the original: members, their items, their records."""

    def __init__(self, run: Runtime, reader: Lake, job: Mapping[str, Any], *, deep: bool) -> None:
        self._run, self._reader, self._job, self._deep = run, reader, job, deep
        self._digest = lru_cache(4_096)(_digest)  # one logo may be in thousands of mails
        self._user: UUID = job["user_id"]
        self._siblings = SetNeighbours(reader, self._user, job["id"])
        self._blobs = FileBlobs(run.folders.blobs(self._user))
        self._page: dict[int, dict[str, Any]] = {}
        self._end = 0
        self.members, self.items, self.records = Check(), Check(), Check()
        self.counts, self.blobs, self.contents = Check(), Check(), Check()

    def findings(self) -> list[Finding]:
        """Read everything again and return the findings."""
        try:
            self._walk()
        except Rejected as error:
            return [Finding("members", False, f"the original can't be read again: {error.reason}")]
        return [
            self.members.finding("members", "members as listed"),
            self.items.finding("items", "members with as many items as were read"),
            self.counts.finding("outcomes", "members with the outcomes that were counted"),
            self.records.finding("records", "records of the source are in the lake"),
            self.blobs.finding("blobs", "documents and attachments kept"),
            self.contents.finding("contents", "of them read, and as they were"),
        ]

    def _walk(self) -> None:
        walked = 0
        with temp_dir(self._run.folders.work) as work, occurrences(work, "repeats") as repeats:
            for entry in stored_originals.entries(self._run, self._job, work):
                walked += 1
                self._member(entry, self._row_of(entry.ordinal), work, repeats)
        (row,) = self._reader.rows(self._user, "verify", "member_count", job_id=self._job["id"])
        missing = abs(row["count"] - walked)
        self.members.note(missing == 0, walked, number=missing, of=0)

    def _row_of(self, ordinal: int) -> dict[str, Any] | None:
        """Return the ledger's row of a member, from a page of rows: members come in their order."""
        if ordinal >= self._end:
            rows = self._reader.rows(
                self._user, "verify", "members_from",
                job_id=self._job["id"], first=ordinal, n=_PAGE,
            )  # fmt: skip
            self._page = {row["ordinal"]: row for row in rows}
            self._end = ordinal + _PAGE if len(rows) < _PAGE else rows[-1]["ordinal"] + 1
        return self._page.get(ordinal)

    def _member(
        self,
        entry: Member | Listed,
        row: dict[str, Any] | None,
        work: Path,
        repeats: Occurrences,
    ) -> None:
        ok = row is not None and row["settled"] and _same(entry, row)
        if row is None or not ok or isinstance(entry, Listed):
            self.members.note(ok, entry.ordinal)
            return
        if row["reason"] == Reason.MALWARE:
            self.members.note(True, entry.ordinal)
            return
        found = members.prepare(entry, work / "text")
        if isinstance(found, Listed):
            # A later format may read what was unknown to the import; the reverse is a fault.
            self.members.note(row["disposition"] == found.disposition, entry.ordinal)
        elif row["disposition"] == Disposition.HANDLED:
            self.members.note(row["format"] == found.form.name, entry.ordinal)
            repeats.clear()
            self._contents(found, row, repeats)
        else:
            self.members.note(row["disposition"] == Disposition.UNKNOWN, entry.ordinal)

    def _contents(self, found: members.Readable, row: dict[str, Any], repeats: Occurrences) -> None:
        """Count items in another way, then read every outcome again."""
        counts = FileTally.of(row["counts"])
        form, member = format_named(row["format"]), found.member
        # On broken syntax the two ways to count may find other numbers of broken items.
        broken = counts.quarantined + row["mended"] > 0
        number = _counted(found)
        self.items.note(number == counts.items or broken, member.ordinal)
        seen = quarantined = failed = 0
        known = partial(self._known, form)
        batch = _Batch(known, repeats if form.repeats else None)
        poison = self._reader.rows(
            self._user, "verify", "poison_of", job_id=self._job["id"], file_id=row["id"]
        )
        left_out = [Slice(p["start"], p["stop"]) for p in poison]
        home = time_zones.of_account(self._job["zone"])
        for outcome in _outcomes(found, left_out, self._siblings, home):
            seen += 1
            if isinstance(outcome, Rejection):
                quarantined += 1
                failed += outcome.reason is Reason.FORMAT_DEFECT
                continue
            if isinstance(outcome, Record) and outcome.blob is not None:
                self._check_blob(outcome.blob.sha256, outcome.blob.size, member.ordinal)
            batch.add(outcome)
        batch.ask()
        # Defects of later steps are rejections in the ledger, but good records here.
        behind = max(0, self._defects(row["id"]) - failed)
        missing = batch.missing if batch.missing > behind else 0
        self.records.note(not missing, member.ordinal, missing, batch.asked)
        expected = (counts.seen - row["more"], counts.quarantined + row["mended"])
        self.counts.note((seen, quarantined + behind) == expected, member.ordinal)

    def _defects(self, file_id: int) -> int:
        asked = {"job_id": self._job["id"], "file_id": file_id}
        (row,) = self._reader.rows(self._user, "verify", "defects_of", **asked)
        return int(row["count"])

    def _check_blob(self, sha256: str, size: int, ordinal: int) -> None:
        path = self._blobs.path(sha256)
        exists = path.is_file() and path.stat().st_size == size
        self.blobs.note(exists, ordinal)
        if exists and is_sampled(self._deep, self.contents.checked):
            self.contents.note(self._digest(path) == sha256, ordinal)

    def _known(
        self, form: Format, table: str, keys: bytes, ats: list[int], types: list[str]
    ) -> int:
        at = np.array(ats, dtype="<i8")
        if table == "shared":
            own, shared = _every_other(keys)
            (row,) = self._reader.rows(
                self._user, "verify", "held_shared", user_id=self._user, types=types, keys=own,
                shared=shared, ats=instants(at), source=form.name, version=form.version,
            )  # fmt: skip
            return int(row["count"])
        if table == "documents":
            which = Keys(types=types, keys=keys, ats=at)
            stored = existing_documents(self._reader, self._user, which)
            return int(stored.sum()) + self._known_at_another_time(which, ~stored)
        rows = self._reader.rows(
            self._user, "lake", f"known_{table}",
            user_id=self._user, keys=split_keys(keys), ats=instants(at),
        )  # fmt: skip
        return len(rows)

    def _known_at_another_time(self, which: Keys, missing: NDArray[np.bool_]) -> int:
        """Count documents that the lake has at another time.

        A better parser may find another time for a record, and a duplicate may have another one
        than the stored record.
        """
        at = np.flatnonzero(missing).tolist()
        if not at:
            return 0
        keys = split_keys(which.keys)
        (row,) = self._reader.rows(
            self._user, "verify", "held_by_key", user_id=self._user,
            types=[which.types[n] for n in at], keys=[keys[n] for n in at],
        )  # fmt: skip
        return int(row["count"])


def _every_other(keys: bytes) -> tuple[list[UUID], list[UUID]]:
    """Return own and shared keys, which alternate."""
    both = split_keys(keys)
    return both[::2], both[1::2]


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; empty for one that can't be read."""
    try:
        with path.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()
    except OSError:
        return ""


def _same(entry: Member | Listed, row: Mapping[str, Any]) -> bool:
    """Tell whether the archive's entry still agrees with the ledger's row of a member."""
    if (storable(entry.path), entry.sha256) != (row["path"], row["sha256"]):
        return False
    counted = row["disposition"] == Disposition.HANDLED or not row["counts"]
    if isinstance(entry, Listed):
        return counted and (entry.disposition, entry.reason) == (row["disposition"], row["reason"])
    return counted


def _outcomes(
    found: members.Readable, poison: list[Slice], siblings: Neighbours, home: tzinfo | None
) -> Iterator[Any]:
    """Yield the outcomes of a member; poison is counted and not read.

    Poison would end this process too.
    """
    form, member = found.form, found.member
    reading = ReadContext(
        form=form, member=member, context=found.context, neighbours=siblings, home=home
    )
    yield from (Rejection(reason=Reason.POISON, detail="not read") for _ in poison)
    with member.file.open("rb") as cut, member.file.open("rb") as source:
        for part in slices_of(form, member, cut, found.context, form.limits):
            for piece in bisect.around(part, poison):
                read = read_records(reading, source, piece)
                yield from (outcome for _, _, outcome in read)


def _counted(found: members.Readable) -> int | None:
    """Return how many items the reader counts; None where it fails."""
    with found.member.file.open("rb") as source:
        try:
            return found.form.reader.count(source, found.context)
        except Exception as error:
            if not defects.is_defect(error):
                raise
            return None


_TABLE_OF: dict[Any, str] = {Record: "documents", Point: "locations", Metric: "metrics"}


#: Documents that may share a key: each has its own and the shared one.
_SHARED = "shared"


class _Batch:
    """Keys of records, asked of the lake some thousand at a time."""

    def __init__(
        self,
        known: Callable[[str, bytes, list[int], list[str]], int],
        repeats: Occurrences | None,
    ) -> None:
        self._known = known
        self._repeats = repeats
        self.asked = 0
        self.missing = 0
        self._clear()

    def _clear(self) -> None:
        names = (*TABLES, _SHARED)
        self._keys = {name: bytearray() for name in names}
        self._ats: dict[str, list[int]] = {name: [] for name in names}
        self._types: dict[str, list[str]] = {name: [] for name in names}

    def add(self, outcome: Any) -> None:
        table, key, at = (
            _TABLE_OF[type(outcome)],
            key_of(outcome),
            copy_text.partition_at(outcome.time),
        )
        if isinstance(outcome, Record):
            if outcome.own_identity:
                table, key = _SHARED, own_key_of(outcome) + key
            self._types[table].append(outcome.data_type)
            at = copy_text.partition_of(outcome)
            if self._repeats is not None:
                key = occurrence_key(key, self._repeats.number(key))
        self._keys[table] += key
        self._ats[table].append(micros(at))
        if len(self._ats[table]) >= _BATCH:
            self.ask()

    def ask(self) -> None:
        """Count what of this batch the lake does not have."""
        for table, ats in self._ats.items():
            if ats:
                self.asked += len(ats)
                stored = self._known(table, bytes(self._keys[table]), ats, self._types[table])
                self.missing += len(ats) - stored
        self._clear()
