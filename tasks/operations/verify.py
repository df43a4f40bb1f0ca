"""Proof of a receipt: the sources are read again, and the lake is asked for every record.

It shares the formats with the import, and nothing else: members are walked anew, items are
counted by `Reader.count`, which shares no cutting code with the import, and every key that the
source gives must stand in the lake. No content is kept or shown: findings hold numbers and codes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline import bisect, copy_text, defects
from pipeline.archives.measure import measure
from pipeline.contract import Format
from pipeline.normalise import ReadContext, slices_of
from pipeline.ports import Neighbours
from pipeline.quality import key_of, occurrence_key, own_key_of
from pipeline.read import read_records
from pipeline.registry import format_named
from pipeline.storage import spool_file
from pipeline.values import time_zones
from schemas.errors import Rejected
from schemas.files import Listed, Member, Slice
from schemas.instants import instants, micros
from schemas.progress import ENDED, Disposition, JobStatus
from schemas.reasons import Reason
from schemas.records import Metric, Point, Record, Rejection
from schemas.tally import FileTally, Tally
from sql.load import Keys, held_documents, split_keys
from sql.store import Lake
from tasks.ingest import members, stored_originals
from tasks.ingest.record_spool import TABLES
from tasks.ingest.upload import storable
from tasks.operations.occurrences import Occurrences, occurrences
from tasks.operations.removed_content import removed
from tasks.runtime.blob_store import FileBlobs
from tasks.runtime.context import Runtime
from tasks.runtime.sibling_files import SetNeighbours
from tasks.runtime.temp_dirs import scratch

#: Records that the lake is asked for at once, and members that the ledger is.
_BATCH = 5_000
_PAGE = 1_000

#: A lease that ran out is taken over within a few turns of the reconciler.
_GRACE_S = 60.0

_MOST_NAMED = 3

#: Files that are named by their hash, and spools, of which the first 200 are read by default, and
#: of the others one in 20, chosen at random.
_READ_FIRST, _READ_ONE_IN = 200, 20


class Finding(msgspec.Struct, frozen=True):
    """One invariant: whether it holds, and if not, in numbers, how far it fails."""

    check: str
    ok: bool
    detail: str = ""


def verify(
    run: Runtime, reader: Lake, job: Mapping[str, Any], *, deep: bool = False
) -> list[Finding]:
    """Everything that can be proven of one job; `job` is its row of `imports.jobs`.

    For a job that ended as done the original is read again, in bounded memory, and unpacked into
    a temporary folder beside the work folders. Of documents and attachments, and of spools that
    lie at rest, a sample is read to its last byte, or all with `deep`. Raises `TransientError` if
    the database goes away.
    """
    if job["status"] not in ENDED:
        return [Finding("at rest", False, f"the job is {job['status']}; wait for its end")]
    found = [
        *_ledger(reader, job),
        _policy(run, reader, job, deep=deep),
        _folders_gone(run, job),
        *_spools(run, reader, job, deep),
    ]
    if job["status"] == JobStatus.DONE or (job["sha256"] and job["archived_path"]):
        found.append(_original(run, job))
        if job["status"] == JobStatus.DONE and found[-1].ok:
            found += _Sources(run, reader, job, deep=deep).findings()
    return found


# --- what the ledger and the lake say --------------------------------------------------------


def _ledger(reader: Lake, job: Mapping[str, Any]) -> Iterator[Finding]:
    def ask(name: str, **more: Any) -> list[dict[str, Any]]:
        user_id = job["user_id"]
        return reader.rows(user_id, "verify", name, job_id=job["id"], user_id=user_id, **more)

    yield _at_rest(job, ask("at_rest")[0])
    yield _counts(job, ask("sums"), ask("uneven_files")[0]["count"])
    yield _rows(job, ask("rows_of_job")[0], ask("rows_by_file")[0]["count"])
    held, uneven = ask("quarantined")[0].values()
    said = job["records_quarantined"]
    yield Finding(
        "quarantine",
        held == said and not uneven,
        f"{held} records held, {said} counted, {uneven} files differ",
    )
    yield _none("no record twice", ask("twice")[0]["count"], "keys stand twice")
    yield _none("vectors", ask("lone_vectors")[0]["count"], "vectors have no document")
    outlived = ask("outlived", grace_s=_GRACE_S)[0]["count"]
    yield _none("leases", outlived, "chunks are leased past their lease")


def _none(check: str, count: int, what: str) -> Finding:
    return Finding(check, count == 0, f"{count} {what}" if count else "")


def _at_rest(job: Mapping[str, Any], chunks: Mapping[str, int]) -> Finding:
    """Done exactly when nothing remains, and ended once."""
    dead = chunks["dead"] if job["status"] == JobStatus.DONE else 0
    ok = job["remaining"] == chunks["open"] == chunks["ending"] == dead == 0
    return Finding(
        "at rest",
        ok and chunks["ended"] >= 1,
        f"{job['remaining']} remaining, {chunks['open']} chunks open, {dead} dead",
    )


def _counts(job: Mapping[str, Any], sums: list[dict[str, Any]], uneven: int) -> Finding:
    """Seen = loaded + duplicate + quarantined, for each file, over files, chunks and the job."""
    counted = Tally.of_job(job)
    records = counted.records()
    same = all(row[name] == n for row in sums for name, n in records.items())
    numbers = ", ".join(f"{n} {name}" for name, n in records.items())
    wrong = "" if same else "; the sums over files or chunks differ"
    wrong += f"; {uneven} files don't add up" if uneven else ""
    return Finding("counts add up", same and counted.adds_up and not uneven, numbers + wrong)


def _rows(job: Mapping[str, Any], rows: Mapping[str, int], uneven: int) -> Finding:
    """Every row of the job names a chunk that was committed, and they are as many as counted."""
    held, committed, said = rows["held"], rows["committed"], job["records_loaded"]
    return Finding(
        "rows",
        held == committed == said and not uneven,
        f"{held} rows, {said} counted, {held - committed} without a done chunk, "
        f"{uneven} files differ",
    )


def _policy(run: Runtime, reader: Lake, job: Mapping[str, Any], *, deep: bool) -> Finding:
    """What the present privacy policy takes away stands nowhere."""
    found, looked = removed(run, reader, job, deep=deep)
    if not found:
        return Finding("policy", True, looked)
    where = ", ".join(f"{n} {what}" for what, n in sorted(found.items()))
    return Finding(
        "policy", False, f"{where} hold what it takes away ({looked}); run: datapunk privacy apply"
    )


# --- what the disk says ----------------------------------------------------------------------


def _folders_gone(run: Runtime, job: Mapping[str, Any]) -> Finding:
    """No work folder, unless `retry` may go on in it; no temporary file beside the original."""
    resumable = job["status"] in (JobStatus.FAILED, JobStatus.CANCELLED)
    left = [str(job["id"])] if run.folders.job(job["id"]).exists() and not resumable else []
    if job["archived_path"]:
        kept = run.folders.data / job["archived_path"]
        left += [p.name for p in kept.parent.glob(".*.part")]
    return _none("nothing left over", len(left), "work folders or temporary files are left")


def _chosen(deep: bool, before: int) -> bool:
    """Whether the next file is read whole, after `before` others."""
    return deep or before < _READ_FIRST or secrets.randbelow(_READ_ONE_IN) == 0


def _spools(run: Runtime, reader: Lake, job: Mapping[str, Any], deep: bool) -> Iterator[Finding]:
    """What `retry` would go on from is as it was written; only where it may go on at all."""
    folder = run.folders.chunks(job["id"])
    if not folder.is_dir():
        return
    read = altered = 0
    for row in reader.rows(job["user_id"], "verify", "artefacts", job_id=job["id"]):
        if not (folder / row["name"]).exists() or not _chosen(deep, read):
            continue  # one that is gone is made again
        read += 1
        try:
            spool_file.check(folder / row["name"])
        except spool_file.BrokenSpool:
            altered += 1
    said = f"{altered} of {read} spools were altered; retry makes them anew" if altered else ""
    yield Finding("spools", not altered, said or f"{read} read")


def _original(run: Runtime, job: Mapping[str, Any]) -> Finding:
    """The file that was dropped is kept, and is still the same."""
    try:
        size, sha256 = measure(run.folders.data / (job["archived_path"] or ""))
    except (OSError, Rejected):
        return Finding("original", False, "the file is not where the receipt says")
    same = (size, sha256) == (job["size_bytes"], job["sha256"])
    return Finding("original", same, "" if same else "the file was altered since")


# --- what the sources say --------------------------------------------------------------------


class _Check:
    """Failures of one check: how many, and the ordinals of the first few members."""

    def __init__(self) -> None:
        self.checked = 0
        self.failed = 0
        self._first: list[int] = []

    def note(self, ok: bool, ordinal: int, number: int = 1, of: int = 1) -> None:
        self.checked += of
        if not ok:
            self.failed += number
            self._first.append(ordinal)
            del self._first[_MOST_NAMED:]

    def finding(self, check: str, things: str) -> Finding:
        if not self.failed:
            return Finding(check, True, f"{self.checked} {things}")
        where = ", ".join(map(str, self._first))
        return Finding(
            check, False, f"{self.failed} of {self.checked} {things}; first in members {where}"
        )


class _Sources:
    """One pass over the original: members, their items, their records."""

    def __init__(self, run: Runtime, reader: Lake, job: Mapping[str, Any], *, deep: bool) -> None:
        self._run, self._reader, self._job, self._deep = run, reader, job, deep
        self._digest = lru_cache(4_096)(_digest)  # one logo stands in thousands of mails
        self._user: UUID = job["user_id"]
        self._beside = SetNeighbours(reader, self._user, job["id"])
        self._blobs = FileBlobs(run.folders.blobs(self._user))
        self._page: dict[int, dict[str, Any]] = {}
        self._end = 0
        self.members, self.items, self.records = _Check(), _Check(), _Check()
        self.counts, self.blobs, self.contents = _Check(), _Check(), _Check()

    def findings(self) -> list[Finding]:
        """Read everything again and say what was found."""
        try:
            self._walk()
        except Rejected as error:
            return [Finding("members", False, f"the original can't be read again: {error.reason}")]
        return [
            self.members.finding("members", "members as listed"),
            self.items.finding("items", "members with as many items as were read"),
            self.counts.finding("outcomes", "members with the outcomes that were counted"),
            self.records.finding("records", "records of the source stand in the lake"),
            self.blobs.finding("blobs", "documents and attachments kept"),
            self.contents.finding("contents", "of them read, and as they were"),
        ]

    def _walk(self) -> None:
        walked = 0
        with scratch(self._run.folders.work) as work, occurrences(work, "repeats") as repeats:
            for entry in stored_originals.entries(self._run, self._job, work):
                walked += 1
                self._member(entry, self._listed(entry.ordinal), work, repeats)
        (row,) = self._reader.rows(self._user, "verify", "member_count", job_id=self._job["id"])
        missing = abs(row["count"] - walked)
        self.members.note(missing == 0, walked, number=missing, of=0)

    def _listed(self, ordinal: int) -> dict[str, Any] | None:
        """The ledger's row of a member, from a page of rows: members come in their order."""
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
            # What a later format reads was unknown to the one that imported; the other way is odd.
            self.members.note(row["disposition"] == found.disposition, entry.ordinal)
        elif row["disposition"] == Disposition.HANDLED:
            self.members.note(row["format"] == found.form.name, entry.ordinal)
            repeats.clear()
            self._contents(found, row, repeats)
        else:
            self.members.note(row["disposition"] == Disposition.UNKNOWN, entry.ordinal)

    def _contents(self, found: members.Readable, row: dict[str, Any], repeats: Occurrences) -> None:
        """Items counted another way, then every outcome once more."""
        counts = FileTally.of(row["counts"])
        form, member = format_named(row["format"]), found.member
        # On broken syntax the two ways to count may see another number of broken items.
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
        for outcome in _outcomes(found, left_out, self._beside, home):
            seen += 1
            if isinstance(outcome, Rejection):
                quarantined += 1
                failed += outcome.reason is Reason.FORMAT_DEFECT
                continue
            if isinstance(outcome, Record) and outcome.blob is not None:
                self._kept(outcome.blob.sha256, outcome.blob.size, member.ordinal)
            batch.add(outcome)
        batch.ask()
        # What our own code fails for behind the formats is read here like any other record.
        behind = max(0, self._defects(row["id"]) - failed)
        missing = batch.missing if batch.missing > behind else 0
        self.records.note(not missing, member.ordinal, missing, batch.asked)
        said = (counts.seen - row["more"], counts.quarantined + row["mended"])
        self.counts.note((seen, quarantined + behind) == said, member.ordinal)

    def _defects(self, file_id: int) -> int:
        asked = {"job_id": self._job["id"], "file_id": file_id}
        (row,) = self._reader.rows(self._user, "verify", "defects_of", **asked)
        return int(row["count"])

    def _kept(self, sha256: str, size: int, ordinal: int) -> None:
        path = self._blobs.path(sha256)
        kept = path.is_file() and path.stat().st_size == size
        self.blobs.note(kept, ordinal)
        if kept and _chosen(self._deep, self.contents.checked):
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
            held = held_documents(self._reader, self._user, which)
            return int(held.sum()) + self._known_at_another_time(which, ~held)
        rows = self._reader.rows(
            self._user, "lake", f"known_{table}",
            user_id=self._user, keys=split_keys(keys), ats=instants(at),
        )  # fmt: skip
        return len(rows)

    def _known_at_another_time(self, which: Keys, missing: NDArray[np.bool_]) -> int:
        """A better parser may find another time for a record, and a duplicate another one than
        the record that stands."""
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
    """Own and shared keys, which come by turns."""
    both = split_keys(keys)
    return both[::2], both[1::2]


def _digest(path: Path) -> str:
    """The SHA-256 of a file; of one that can't be read, none."""
    try:
        with path.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()
    except OSError:
        return ""


def _same(entry: Member | Listed, row: Mapping[str, Any]) -> bool:
    """Whether the archive still says what the ledger does of a member."""
    if (storable(entry.path), entry.sha256) != (row["path"], row["sha256"]):
        return False
    counted = row["disposition"] == Disposition.HANDLED or not row["counts"]
    if isinstance(entry, Listed):
        return counted and (entry.disposition, entry.reason) == (row["disposition"], row["reason"])
    return counted


def _outcomes(
    found: members.Readable, poison: list[Slice], beside: Neighbours, home: tzinfo | None
) -> Iterator[Any]:
    """What was set aside as poison would end this process too: it is counted, and not read."""
    form, member = found.form, found.member
    reading = ReadContext(
        form=form, member=member, context=found.context, neighbours=beside, home=home
    )
    yield from (Rejection(reason=Reason.POISON, detail="not read") for _ in poison)
    with member.file.open("rb") as cut, member.file.open("rb") as source:
        for part in slices_of(form, member, cut, found.context, form.limits):
            for piece in bisect.around(part, poison):
                read = read_records(reading, source, piece)
                yield from (outcome for _, _, outcome in read)


def _counted(found: members.Readable) -> int | None:
    """How many items the reader counts; None where it fails to."""
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
                held = self._known(table, bytes(self._keys[table]), ats, self._types[table])
                self.missing += len(ats) - held
        self._clear()
