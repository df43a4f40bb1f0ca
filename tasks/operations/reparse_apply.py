"""Compare rows with what a better parser read from their originals, in one transaction.

It locks the lake exclusively, and the job. Equal rows stay untouched, others are renewed in place,
new ones come in as in a load, and those without a source go as in a rollback. Quarantine and counts
follow, so the receipt stays true.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

import msgspec
from psycopg import Rollback
from psycopg.types.json import Jsonb

from pipeline.storage import copy_text
from schemas.crash import crash_here
from schemas.progress import Event
from schemas.reasons import Reason
from schemas.tally import FileTally
from sql import reparse
from sql.commit import ContentTransaction, note
from sql.known_documents import claim_twins
from sql.load import SERIES, LoadedRows, Staged, Vectors
from sql.store import Hold
from tasks.ingest import chunk, loading, members, record_spool, upload
from tasks.operations.reparse_outcomes import DecidedOutcomes, bad_lines, count_mended, good_lines
from tasks.operations.reparse_read import Group, Reading
from tasks.runtime import alerts
from tasks.runtime.context import Runtime

#: A file and a chunk.
_Place = tuple[int, int]


class RecordCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of records.

    `removed` no longer have a source; `closed` were in quarantine and are good now; `quarantined`
    are new there.
    """

    same: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    closed: int = 0
    quarantined: int = 0

    def __add__(self, other: RecordCounts) -> RecordCounts:
        mine, more = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return RecordCounts(**{name: n + more[name] for name, n in mine.items()})


class Changed(Exception):
    """Records of these files were mended or discarded since they were read."""


class Renewal:
    """The one transaction that follows a reading."""

    def __init__(self, run: Runtime, reading: Reading) -> None:
        self._run, self._reading = run, reading
        self._form, self._groups = reading.form, reading.groups
        self._inserted: dict[_Place, Counter[str]] = {}
        self._dry = False

    def carry_out(self, *, dry: bool) -> RecordCounts | None:
        """Write everything that follows from the reading; `dry` writes and undoes it.

        Returns None if the job was rolled back meanwhile. Raises `Changed`, then nothing was
        written.
        """
        self._dry = dry
        run, reading = self._run, self._reading
        for group in self._groups:
            loading.ensure_partitions(run, reading.ref(), group.path)
        found = None
        under = reading.redactor.under
        with run.entering(reading.user_id, under, hold=Hold.ALONE, moves=True) as entered:
            commit = ContentTransaction(entered, reading.ref())
            if commit.run("reparse", "hold_job"):
                if commit.run("reparse", "set_aside", files=reading.ids) != reading.aside:
                    raise Changed
                found = self._write(commit)
            if dry:
                raise Rollback
            crash_here("reparse.before_commit")
        if not dry:
            crash_here("reparse.after_commit")
        return found

    def _write(self, commit: ContentTransaction) -> RecordCounts:
        reading, form = self._reading, self._form
        commit.run("reparse", "read_in_zone", zone=reading.job["zone"])
        self._make_chunk(commit)
        self._send(commit)
        closed, quarantined = self._write_quarantine(commit)
        removed = reparse.compare(
            commit, reading.ids, form.name, form.version, repeats=form.repeats
        )
        before = reparse.count_outcomes(commit, reading.ids)
        done = Counter(removed=removed, closed=closed, quarantined=quarantined)
        for group in self._groups:
            done += self._renew_group(commit, group)
        self._renew_meaning(commit)  # after what superseded other versions, and their mentions
        self._renew_files(commit)
        self._count(commit, before)
        counts = RecordCounts(**done)
        detail = {"format": form.name, "version": form.version, "files": len(reading.ids)}
        if zone := reading.job["zone"]:
            detail["zone"] = zone
        numbers = msgspec.structs.asdict(counts)
        job_id = commit.ref.job_id
        note(commit.connection, Event.REPARSED, reading.user_id, job_id, detail | numbers)
        if quarantined:
            alerts.write_alert(commit, self._run.options.alert, ended=True)
        return counts

    def _make_chunk(self, commit: ContentTransaction) -> None:
        """Insert a chunk for files that had none of this format; they leave those of another."""
        form, reading = self._form, self._reading
        parts = [part for group in self._groups if group.chunk is None for part in group.parts]
        slices = [(p.opened.file_id, p.part.start, p.part.end) for p in parts]
        if slices:
            text = f"{form.name} {form.version} {slices}"
            (row,) = commit.run(
                "reparse",
                "insert_chunk",
                identity=f"reparse/{blake2b(text.encode(), digest_size=16).hexdigest()}",
                format=form.name,
                version=form.version,
                embed=upload.wants_vectors(form, self._run.options),
                slices=Jsonb(slices),
            )
            for group in self._groups:
                group.chunk = row["id"] if group.chunk is None else group.chunk
        fresh = [file.id for file in reading.files if file.fresh]
        old = {row["id"] for row in reading.chunks if row["file_id"] in fresh}
        commit.run("reparse", "leave_chunks", chunks=sorted(old), files=fresh)
        own = [group.chunk for group in self._groups]
        commit.run("reparse", "renew_chunks", chunks=own, version=form.version)

    def _send(self, commit: ContentTransaction) -> None:
        """Send keys and hashes of good outcomes, places of bad ones, and names of attachments."""
        groups, repeats = self._groups, self._form.repeats
        reparse.begin(commit)
        reparse.send(
            commit, "reread", (line for g in groups for line in good_lines(g, repeats=repeats))
        )
        reparse.send(commit, "bad", (line for g in groups for line in bad_lines(g)))
        attached = (a.path for g in groups for a in record_spool.read_attached(g.path))
        reparse.send(commit, "attached", map(copy_text.escape, attached))

    # --- quarantine ---

    def _write_quarantine(self, commit: ContentTransaction) -> tuple[int, int]:
        """Close what is good now, quarantine what is bad now; return how many of each."""
        commit.run("reparse", "pair", files=self._reading.ids)
        commit.run("reparse", "read_in_place")
        commit.run("reparse", "drop_by_hand")
        by_hand = Counter[int]()
        for group in self._groups:
            by_hand += count_mended(group)
        ids = [row["id"] for row in self._reading.aside if row["mended"] is not None]
        good = [by_hand[number] > 0 for number in ids]
        commit.run("reparse", "still_by_hand", ids=ids, good=good)
        closed = len(commit.run("reparse", "close_good"))
        commit.run("reparse", "keep_bad")
        new = {(row["slot"], row["n"]) for row in commit.run("reparse", "newly_bad")}
        for group in self._groups:
            self._set_aside(commit, group, new)
        return closed, len(new)

    def _set_aside(
        self, commit: ContentTransaction, group: Group, new: set[tuple[int, int]]
    ) -> None:
        found = [
            bad
            for n, bad in enumerate(record_spool.read_rejections(group.path))
            if (bad.slot, n) in new
        ]
        if found:
            (row,) = commit.run("reparse", "last_position", chunk=group.chunk)
            own = commit.of(self._reading.ref(group))
            chunk.quarantine(own, found, first=row["last"] + 1)

    # --- rows ---

    def _renew_meaning(self, commit: ContentTransaction) -> None:
        reparse.clear(commit)
        for group in self._groups:
            if not record_spool.has_about(group.path):
                continue
            chosen = DecidedOutcomes(commit, group)
            reparse.stage_meaning(commit, chosen.about("mentions"), chosen.about("relations"))
        reparse.renew_meaning(commit)

    def _renew_group(self, commit: ContentTransaction, group: Group) -> Counter[str]:
        """Write changed rows and load new ones of one group; return numbers of records."""
        own = commit.of(self._reading.ref(group))
        chosen = DecidedOutcomes(commit, group)
        renewed = self._renewed(own, group, chosen)
        for row in renewed:
            if row.merged:
                self._note(row.file, row.chunk, merged=row.rows)
        changed = sum(row.rows for row in renewed)
        existing = sum(chosen.count(state) for state in ("same", "changed", "compare"))
        return Counter(
            same=existing - changed, changed=changed, added=self._load(own, group, chosen)
        )

    def _renewed(
        self, own: ContentTransaction, group: Group, chosen: DecidedOutcomes
    ) -> list[reparse.Renewed]:
        files = _files_of(own)
        found: list[reparse.Renewed] = []
        if chosen.count("changed"):
            found += reparse.renew_documents(own, self._staged(own, group, chosen, "changed"))
        for name in SERIES:
            if lines := chosen.lines(name, "compare"):
                found += reparse.renew_series(own, name, lines, files)
        return found

    def _load(self, own: ContentTransaction, group: Group, chosen: DecidedOutcomes) -> int:
        """Load outcomes without a row of the file, as any load does.

        Return how many rows came in.
        """
        if not chosen.count("new"):
            return 0
        reparse.clear(own)
        twins = chosen.mask("documents", "twin")
        claim_twins(own, *chunk.some_of(own.ref, chosen.documents, twins))
        staged = self._staged(own, group, chosen, "new")
        series = {name: chosen.lines(name, "new") for name in SERIES}
        inserted = loading.load_rows(self._run, own, staged, series)
        loading.attach(own, record_spool.read_attached(group.path))
        for table in inserted.values():
            self._note_inserted(group, table)
        return sum(n for table in inserted.values() for n in table.rows.values())

    def _staged(
        self, own: ContentTransaction, group: Group, chosen: DecidedOutcomes, state: str
    ) -> Staged:
        return Staged(
            lines=chosen.lines("documents", state),
            file_ids=_files_of(own),
            source=self._form.name,
            version=self._form.version,
            own_keys=bool(chosen.documents.shared),
            vectors=self._vectors(group, chosen, state),
        )

    def _vectors(self, group: Group, chosen: DecidedOutcomes, state: str) -> Vectors | None:
        """Return vectors from the cache.

        Texts that came in between are embedded now and not cached: this transaction locks the lake.
        """
        if not group.embed or self._dry:
            return None
        mask = chosen.mask("documents", state)
        texts = [(n, text) for n, text in record_spool.read_texts(group.path) if mask[n]]
        return chunk.embed_texts(self._run, self._reading.user_id, chosen.keys, texts, None)

    # --- counts ---

    def _note(self, file: int, chunk_id: int, **numbers: int) -> None:
        self._inserted.setdefault((file, chunk_id), Counter()).update(numbers)

    def _note_inserted(self, group: Group, table: LoadedRows) -> None:
        for name in ("rows", "newer", "older"):
            for file, n in getattr(table, name).items():
                self._note(file, group.chunk or 0, **{name: n})

    def _renew_files(self, commit: ContentTransaction) -> None:
        form = self._form
        redactor = self._reading.redactor
        for file in self._reading.files:
            commit.run(
                "reparse",
                "renew_file",
                file_id=file.id,
                format=form.name,
                version=form.version,
                context=Jsonb(members.stored_context(file.found, redactor)),
                encoding=file.found.member.encoding,
                zero=Jsonb(FileTally().counts()),
            )
        fields = None if form.fields is None else sorted(form.fields)
        commit.run("reparse", "drop_drift", format=form.name, fields=fields)
        fresh = {file.id for file in self._reading.files if file.fresh}
        for group in self._groups:
            own = commit.of(self._reading.ref(group))
            files = _files_of(own)
            drift = [d for d in record_spool.read_drift(group.path) if files[d[0]] in fresh]
            chunk.note_drift(own, drift)

    def _count(self, commit: ContentTransaction, existing: dict[_Place, Counter[str]]) -> None:
        """Write every count of the files, their chunks and the job, from the present rows."""
        items = Counter[_Place]()
        for group in self._groups:
            files = _files_of(commit.of(self._reading.ref(group)))
            for slot, n in record_spool.read_items(group.path).items():
                if group.parts[slot - group.first].by_hand is None:
                    items[files[slot], group.chunk or 0] += n
        for row in self._reading.aside:
            if row["code"] == Reason.POISON:  # an item that is not read
                items[row["file_id"], row["chunk_id"]] += 1
        stored = {
            (row["file_id"], row["chunk_id"]): FileTally.of(row["counts"])
            for row in commit.run("reparse", "tallies", files=self._reading.ids)
        }
        for place in sorted({*existing, *stored, *self._inserted, *items}):
            inserted = self._inserted.get(place, Counter())
            now = _tally(existing.get(place, Counter()), inserted, items[place]).check()
            old = stored.get(place, FileTally())
            more = {name: inserted[name] for name in ("newer", "older") if inserted[name]}
            by = msgspec.structs.replace(now - old, more=more).counts()
            if any(by.values()):
                file, chunk_id = place
                commit.run(
                    "quarantine", "count_again", file_id=file, chunk_id=chunk_id, by=Jsonb(by)
                )


def _tally(existing: Counter[str], inserted: Counter[str], items: int) -> FileTally:
    """Return the counts of a file and chunk: an outcome without a row of its own is a duplicate."""
    loaded = existing["rows"] + inserted["rows"] - inserted["merged"]
    duplicate = existing["good"] - existing["stands"] - inserted["rows"] + inserted["merged"]
    return FileTally(
        seen=loaded + duplicate + existing["bad"],
        loaded=loaded,
        duplicate=duplicate,
        quarantined=existing["bad"],
        items=items,
    )


def _files_of(own: ContentTransaction) -> list[int]:
    """Return the file of each slot."""
    return [file for file, _, _ in own.ref.slices]
