"""Work on quarantined records: retry, mend, discard.

A retry reads a record from the stored bytes, at their place in the member, by the format as it is
now. It takes the way of any record (normalise, screen, embed, load) and ends in one transaction
that locks the records and the job, so that it may run next to workers and next to another retry.
The bytes are read in a child, since they may end the process that reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from pipeline.quality import first_of_each
from schemas.crash import crash_here
from schemas.errors import PermanentError, Rejected, TransientError
from schemas.files import Member, Slice
from schemas.instants import instants
from schemas.lease import ChunkRef
from schemas.progress import Event
from schemas.tally import FileTally
from sql.commit import ChunkTransaction, ContentTransaction, note
from sql.known_documents import Keys, existing_documents, split_keys
from sql.load import LoadedRows, Vectors
from sql.queries import queries
from sql.store import OtherPolicy, Purpose
from tasks.ingest import chunk, loading, members, record_spool, stored_originals
from tasks.ingest.chunk_reader import ChunkReader, Opened
from tasks.runtime.context import Runtime
from tasks.runtime.isolated_child import run_isolated
from tasks.runtime.sibling_files import SetNeighbours
from tasks.runtime.temp_dirs import temp_dir

log = structlog.get_logger("datapunk.quarantine")

_QUARANTINE = queries("quarantine")
_PAGE = 500
#: How often records are read again because the privacy policy changed meanwhile.
_TRIES = 3


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A selection of a user's records: all that match the given values."""

    id: int | None = None
    job_id: UUID | None = None
    code: str | None = None


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a retry.

    `tried` and `still_bad` are records in quarantine; their outcomes are counted in `loaded` and
    `duplicate`. `waiting` belong to chunks that still run.
    """

    tried: int = 0
    loaded: int = 0
    duplicate: int = 0
    still_bad: int = 0
    waiting: int = 0

    def __add__(self, other: Retried) -> Retried:
        mine, more = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return Retried(**{name: n + more[name] for name, n in mine.items()})


class _Item(msgspec.Struct):
    """One item of a member, and its open records."""

    rows: list[dict[str, Any]]
    start: int
    end: int
    good: int = 0
    bad: int = 0
    counted: int = 0  # of the good ones: in the job's counts already

    @property
    def healed(self) -> bool:
        """Whether some of its records can be closed.

        A flaw of its surroundings next to good records (a file that breaks off) leaves the item as
        it was.
        """
        return self.good > 0 and self.bad < len(self.rows)

    @property
    def closes(self) -> int:
        return len(self.rows) - self.bad if self.healed else 0

    @property
    def new(self) -> int:
        return self.good - self.counted if self.healed else 0


def retry(run: Runtime, user_id: UUID, choice: Choice) -> Retried:
    """Read the open records again and load the good ones, once. Raises `TransientError`."""
    chosen = msgspec.structs.asdict(choice)
    (row,) = run.lake.rows(user_id, "quarantine", "waiting_records", **chosen)
    total = Retried(waiting=row["count"])
    for page in _pages(run, user_id, chosen):
        for _, rows in groupby(page, key=lambda r: r["chunk_id"]):
            total += _tried(run, list(rows))
    return total


def _tried(run: Runtime, rows: list[dict[str, Any]]) -> Retried:
    """Retry the open records of one chunk, under the policy in force at the end."""
    for _ in range(_TRIES):
        with suppress(OtherPolicy):
            return _Attempt(run, rows).carry_out()
    raise TransientError("the privacy policy keeps changing", code="policy_changed")


def _pages(
    run: Runtime, user_id: UUID, chosen: Mapping[str, Any]
) -> Iterator[list[dict[str, Any]]]:
    """Yield open records, some hundred at a time, those of one item together."""
    after = 0
    while rows := run.lake.rows(
        user_id, "quarantine", "open_records", after=after, n=_PAGE, **chosen
    ):
        last = _item_of(rows[-1])
        if len(rows) == _PAGE and _item_of(rows[0]) != last:
            rows = [row for row in rows if _item_of(row) != last]
        after = rows[-1]["id"]
        yield rows


def _item_of(row: Mapping[str, Any]) -> tuple[int, str]:
    return row["file_id"], row["locator"]


class _Attempt:
    """One retry of the open records of one chunk."""

    def __init__(self, run: Runtime, rows: list[dict[str, Any]]) -> None:
        self._run, self._rows = run, rows
        self._items = [_item(list(group)) for _, group in groupby(rows, key=_item_of)]
        self._files = [item.rows[0]["file_id"] for item in self._items]
        self._ref = ref = _ref_of(rows[0], self._items)
        self._siblings = SetNeighbours(run.lake, ref.user_id, ref.job_id, folders=_PAGE)
        self._redactor = run.redactor(ref.user_id)
        try:
            self._form = chunk.format_of(self._ref)
        except KeyError as error:
            name = self._ref.format
            raise PermanentError(f"There is no format {name} any more.") from error

    def carry_out(self) -> Retried:
        """Read, embed and load; do nothing where another retry was quicker."""
        with temp_dir(self._run.folders.work) as work:
            parts, path = list(self._parts(work)), work / "spool"
            seconds = self._run.options.apart_limit_s
            if not run_isolated(lambda: self._read(parts, path), seconds=seconds):
                log.warning("the child that read the records ended", chunk=self._ref.id)
                path.unlink(missing_ok=True)
                record_spool.Batch(self._redactor.under, keep_text=False).write(path)
            return self._load(path)

    def _parts(self, work: Path) -> Iterator[tuple[int, Opened, Slice]]:
        """Yield what to read: the number of an item, a member that holds it, and its slice."""
        ref = self._ref
        rows = self._run.lake.rows(ref.user_id, "jobs", "files_of", ids=self._files)
        files = {row["id"]: row for row in rows}
        for slot, item in enumerate(self._items):
            row = files[item.rows[0]["file_id"]]
            found = _bytes_of(self._run, ref, item, row, work / str(slot))
            if found is not None:
                member, part = found
                if self._form.needs_set:  # the child that reads it can't ask
                    self._siblings.folder(member.path)
                    self._siblings.bare()
                yield slot, Opened(row["id"], member, row["context"]), part

    def _read(self, parts: Iterable[tuple[int, Opened, Slice]], path: Path) -> None:
        """Read slices into a spool; runs in a child, so it uses no service of the parent's."""
        self._run.options.bound()
        reader = ChunkReader(self._run, self._ref, self._redactor, self._siblings)
        for slot, opened, part in parts:
            reader.read(slot, opened, part)
        reader.write(path)

    def _load(self, path: Path) -> Retried:
        run, ref = self._run, self._ref
        tables = {n: record_spool.read_columns(path, n) for n in record_spool.TABLES}
        for slots in (table.slots for table in tables.values()):
            for slot, n in enumerate(np.bincount(slots, minlength=len(self._items))):
                self._items[slot].good += int(n)
        for bad in record_spool.read_rejections(path):
            self._items[bad.slot].bad += 1
        healed = np.array([item.healed for item in self._items], dtype=np.bool_)
        masks = {n: first_of_each(t.keys) & healed[t.slots] for n, t in tables.items()}
        vectors = self._embed(path, tables["documents"], masks["documents"])
        loading.ensure_partitions(run, ref, path)
        staged, series = loading.staged_of(ref, path, masks, self._files, vectors)
        with run.entering(ref.user_id, record_spool.read_under(path)) as entered:
            commit = ContentTransaction(entered, ref)
            if not self._hold(commit):
                return Retried()
            self._count_siblings(commit, tables["documents"])
            inserted = loading.load_rows(run, commit, staged, series)
            loading.attach(commit, record_spool.read_attached(path) if healed.any() else [])
            found = self._finalise(commit, inserted)
            crash_here("quarantine.before_commit")
        crash_here("quarantine.after_commit")
        return found

    def _embed(
        self, path: Path, table: record_spool.Columns, mask: NDArray[np.bool_]
    ) -> Vectors | None:
        if not (self._ref.embed and mask.any()):
            return None
        lake, user_id = self._run.lake, self._ref.user_id
        wanted = mask & ~existing_documents(
            lake, user_id, Keys(types=table.types, keys=table.keys, ats=table.ats)
        )
        texts = [(n, text) for n, text in record_spool.read_texts(path) if wanted[n]]
        under = record_spool.read_under(path)
        return chunk.embed_texts(self._run, user_id, table.keys, texts, under)

    def _hold(self, commit: ChunkTransaction) -> bool:
        """Lock the records; return False if one of them is not as it was read."""
        ids, attempts = ([row[name] for row in self._rows] for name in ("id", "attempts"))
        return len(commit.run("quarantine", "hold_records", ids=ids, attempts=attempts)) == len(ids)

    def _count_siblings(self, commit: ChunkTransaction, table: record_spool.Columns) -> None:
        """Note which records of an item are in the job's counts already.

        One item may give several records, of which only some were quarantined.
        """
        for slot, item in enumerate(self._items):
            if item.healed and item.good + item.bad > len(item.rows):
                at = np.flatnonzero(table.slots == slot)
                resolved = chunk.with_resolved_keys(self._run, self._ref, table)
                keys, types = split_keys(resolved.keys), table.types
                (row,) = commit.run(
                    "quarantine",
                    "held_by_file",
                    types=[types[n] for n in at],
                    keys=[keys[n] for n in at],
                    ats=instants(table.ats[at]),
                    file_id=self._files[slot],
                )
                item.counted = row["count"]

    def _finalise(self, commit: ChunkTransaction, inserted: Mapping[str, LoadedRows]) -> Retried:
        """Write the states of the records, the counts of the job, and a line in the audit trail."""
        commit.run("quarantine", "hold_job")  # after the rows, as a load does
        loaded = duplicate = 0
        for file in sorted(set(self._files)):
            items = [i for i, f in zip(self._items, self._files, strict=True) if f == file]
            new, closed = sum(i.new for i in items), sum(i.closes for i in items)
            fresh = sum(table.rows.get(file, 0) for table in inserted.values())
            loaded, duplicate = loaded + fresh, duplicate + new - fresh
            by = FileTally(
                seen=new - closed, loaded=fresh, duplicate=new - fresh, quarantined=-closed
            ).check()
            if closed:
                commit.run("quarantine", "count_again", file_id=file, by=Jsonb(by.counts()))
        done = self._close(commit)
        found = Retried(
            tried=len(self._rows),
            loaded=loaded,
            duplicate=duplicate,
            still_bad=len(self._rows) - done,
        )
        commit.event(Event.QUARANTINE_RETRIED, **msgspec.structs.asdict(found))
        return found

    def _close(self, commit: ChunkTransaction) -> int:
        """Mark the loaded records; return how many.

        The first record of an item also counts the item's further records.
        """
        done, bad = [], []
        for item in self._items:
            for n, row in enumerate(item.rows):
                if n < item.closes:
                    records = item.new - item.closes + 1 if n == 0 else 1
                    done.append({"id": row["id"], "became": records})
                else:
                    bad.append(row["id"])
        commit.run_many("quarantine", "record_loaded", done)
        commit.run("quarantine", "records_still_bad", ids=bad)
        return len(done)


def _item(rows: list[dict[str, Any]]) -> _Item:
    part = stored_originals.place_of(rows[0]["locator"])
    return _Item(rows, part.start, part.end)


def _ref_of(row: Mapping[str, Any], items: list[_Item]) -> ChunkRef:
    slices = [(item.rows[0]["file_id"], item.start, item.end) for item in items]
    return stored_originals.ref_of(row, row["chunk_id"], slices)


# --- the bytes of a record -------------------------------------------------------------------


def _bytes_of(
    run: Runtime, ref: ChunkRef, item: _Item, row: Mapping[str, Any], target: Path
) -> tuple[Member, Slice] | None:
    """Return a member that holds the item at its place; None if its bytes are gone."""
    raw, by_hand = item.rows[0]["raw"], item.rows[0]["by_hand"]
    part = Slice(item.start, item.end)
    if len(raw) < item.end - item.start and not by_hand:
        member = _from_original(run, ref, row["ordinal"], target)
        return None if member is None else (member, part)
    return stored_originals.with_bytes(row, part, raw, target, by_hand=by_hand)


def _from_original(run: Runtime, ref: ChunkRef, ordinal: int, work: Path) -> Member | None:
    """Return the member, unpacked again: quarantine stores only the first part of a long item."""
    (job,) = run.lake.rows(ref.user_id, "quarantine", "job_of", job_id=ref.job_id)
    work.mkdir()
    try:
        for entry in stored_originals.entries(run, job, work):
            if entry.ordinal == ordinal:
                found = members.prepare(entry, work / "text") if isinstance(entry, Member) else None
                return found.member if isinstance(found, members.Readable) else None
    except (Rejected, FileNotFoundError):
        return None
    return None


# --- giving up and mending -------------------------------------------------------------------


def discard(
    run: Runtime, user_id: UUID, choice: Choice, reason: str, *, delete: bool = False
) -> int:
    """Discard open records; return how many.

    They stay counted as quarantined, and are stored with their bytes, unless `delete` is set.
    """
    asked = {**msgspec.structs.asdict(choice), "reason": reason, "delete": delete}
    with run.lake.as_user(user_id) as connection:
        rows = connection.execute(_QUARANTINE["discard"], asked).fetchall()
        for job_id, n in Counter(row["job_id"] for row in rows).items():
            detail = {"records": n, "code": choice.code}
            note(connection, Event.DISCARDED, user_id, job_id, detail)
            if delete:
                note(connection, Event.DELETED, user_id, job_id, detail)
        crash_here("discard.before_commit")
    crash_here("discard.after_commit")
    return len(rows)


def mend(run: Runtime, user_id: UUID, number: int, data: bytes) -> Retried:
    """Replace a record's bytes, and retry it. The first bytes are stored."""
    with run.lake.remaking(user_id, Purpose.HAND) as entered:
        connection = entered.connection
        row = connection.execute(_QUARANTINE["mend"], {"id": number, "mended": data}).fetchone()
        if row is None:
            raise PermanentError("The record is not open: it was loaded, discarded or taken back.")
        note(connection, Event.MENDED, user_id, row["job_id"], {"quarantine": number})
        crash_here("mend.before_commit")
    crash_here("mend.after_commit")
    return retry(run, user_id, Choice(id=number))
