"""The stages of an upload: validate the file, then cut its members into chunks."""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from psycopg import errors as pg

from pipeline.archives import media_types, unpack, zip_checks
from pipeline.archives.measure import media_type
from pipeline.contract import Format
from pipeline.normalise import slices_of
from pipeline.ports import Verdict
from pipeline.services.google import archive_browser
from schemas.crash import crash_here
from schemas.errors import Rejected
from schemas.files import Context, Listed, Member, Slice, SliceLimits
from schemas.lease import Lease
from schemas.progress import Disposition, Event, JobStatus, Stage
from schemas.reasons import Reason
from sql.commit import Commit, ContentCommit
from tasks.ingest import malware, members, stored_originals
from tasks.runtime import alerts, dispatch, measured_originals
from tasks.runtime.context import Options, Runtime
from tasks.runtime.stage_runner import Ending

#: The size of a commit while an archive is cut: small at first, so that workers start early, then
#: large, so that the time of commits does not count.
_FIRST_FLUSH, _FLUSH_CHUNKS = 2, 64
_FLUSH_FILES = 2_000
_FLUSH_SECONDS = 2.0
#: Lines of an export's own page that one statement takes.
_FLUSH_LISTED = 10_000

_STAMP = re.compile(r"^takeout-(\d{8}T\d{6}Z)-")

#: Small files of one format share a chunk, up to this many.
_FILES_A_CHUNK = 500


def validate_upload(run: Runtime, lease: Lease) -> Ending:
    """Measure the file, detect its type, scan it, and check whether it was imported before.

    An archive is not scanned itself but its members, one by one: one bad mail must not cost the
    whole export, and a scanner skips large files in an archive.
    """
    run.ledger.begin_job(lease.ref.job_id, JobStatus.VALIDATING)
    path = run.folders.original(lease.ref.job_id, lease.source_name)
    size, sha256 = measured_originals.of(
        run.folders, lease.ref.job_id, path, run.options.max_upload_bytes
    )
    if lease.expected_sha256 and lease.expected_sha256.lower() != sha256:
        raise Rejected(Reason.CHECKSUM_MISMATCH, "The file does not match its .sha256 file.")
    with path.open("rb") as source:
        kind = media_type(source.read(members.HEAD), lease.source_name, path)
    zip_checks.inspect_archive(path, run.options.archive)
    scan = None if kind in media_types.ARCHIVES else _scan(run, path)
    exported = exported_at(lease.source_name)
    facts = {"sha256": sha256, "size": size, "media_type": kind, "scan": scan}

    def ending(commit: Commit) -> None:
        try:
            with commit.connection.transaction():
                commit.run("jobs", "measured", **facts, exported_at=exported)
        except pg.UniqueViolation:
            _end_as_duplicate(commit, facts)
        else:
            commit.advance(Stage.EXTRACT)

    return ending


def exported_at(name: str) -> datetime | None:
    """Return when a Takeout was made, by its name: `takeout-20250102T030405Z-001.zip`."""
    stamp = _STAMP.search(name)
    try:
        return datetime.strptime(stamp[1], "%Y%m%dT%H%M%S%z") if stamp else None
    except ValueError:
        return None


def _scan(run: Runtime, path: Path) -> str:
    verdict = run.scanner.scan(path)
    match members.refusal(verdict, required=run.options.scan_required):
        case Reason.MALWARE:
            raise Rejected(Reason.MALWARE, "The file holds malware; it was not opened.")
        case Reason.NOT_SCANNED:
            raise Rejected(Reason.NOT_SCANNED, f"It must be scanned: {verdict.detail}.")
    return verdict.line()


def _end_as_duplicate(commit: Commit, facts: dict[str, Any]) -> None:
    (twin,) = commit.run("jobs", "twin", sha256=facts["sha256"])
    commit.run("jobs", "mark_duplicate", twin=twin["id"], **facts)
    commit.event(Event.DUPLICATE, of=str(twin["id"]))
    commit.complete()


def extract_upload(run: Runtime, lease: Lease) -> Ending:
    """Give every member its disposition, and cut those that a format reads into chunks."""
    run.ledger.begin_job(lease.ref.job_id, JobStatus.EXTRACTING)
    cutter = Cutter(run, lease)
    for entry in _walk(run, lease):
        cutter.take(entry)
    cutter.finish()

    def ending(commit: Commit) -> None:
        commit.run("chunks", "begin_job", status=JobStatus.LOADING)
        commit.run("jobs", "sum_scans")
        commit.complete()

    return ending


def _walk(run: Runtime, lease: Lease) -> Iterator[Member | Listed]:
    """Yield the members, without those that an earlier attempt has committed."""
    rows = run.lake.rows(lease.ref.user_id, "jobs", "settled_ordinals", job_id=lease.ref.job_id)
    final = [range(row["first"], row["stop"]) for row in rows]

    def have(ordinal: int, _path: str) -> bool:
        before = bisect_right(final, ordinal, key=lambda each: each.start)
        return before > 0 and ordinal in final[before - 1]

    return unpack.members(
        stored_originals.of_lease(run, lease),
        run.folders.job(lease.ref.job_id),
        run.options.archive,
        have=have,
        durable=False,  # `Cutter.flush` syncs once for many
    )


class Cutter:
    """Gathers files and chunks, and commits them in batches, so that work begins early."""

    def __init__(self, run: Runtime, lease: Lease) -> None:
        self._run, self._lease = run, lease
        self._work = run.folders.members(lease.ref.job_id)
        self._files: list[dict[str, Any]] = []
        self._chunks: list[_Pending] = []
        self._pages: list[tuple[int, list[archive_browser.Entry]]] = []
        self._open: dict[str, _Pending] = {}
        self._reading = -1
        self._ids: dict[int, int] = {}
        self._last = time.monotonic()
        self._full = _FIRST_FLUSH
        self._redactor = run.redactor(lease.ref.user_id)

    def take(self, entry: Member | Listed) -> None:
        """Give one member its disposition."""
        verdict = None
        if isinstance(entry, Member):
            verdict = self._scanned(entry)
            entry = self._refused(entry, verdict) or self._read(entry, verdict) or entry
        if isinstance(entry, Listed):
            self._files.append(_listed_row(entry, verdict))
            (self._work / str(entry.ordinal)).unlink(missing_ok=True)  # the original has it
        if len(self._files) >= _FLUSH_FILES or time.monotonic() - self._last > _FLUSH_SECONDS:
            self.flush()

    def _scanned(self, member: Member) -> Verdict | None:
        """Return the scanner's verdict; None for a plain file, which `validate` had scanned."""
        return None if member.ordinal == 0 else self._run.scanner.scan(member.file)

    def _refused(self, member: Member, verdict: Verdict | None) -> Listed | None:
        if verdict is None:
            return None
        why = members.refusal(verdict, required=self._run.options.scan_required)
        if why is None:
            return None
        detail = verdict.detail
        if why is Reason.MALWARE:
            fate = malware.keep_member(self._run, self._lease.ref, member.file, member.ordinal)
            detail = f"{detail}; {fate}"
        return members.listed(member, Disposition.REJECTED, why, detail)

    def _read(self, member: Member, verdict: Verdict | None) -> Listed | None:
        """Cut a member that a format reads; return the listing of one that nothing reads."""
        self._reading = member.ordinal
        found = members.prepare(member, self._work)
        if isinstance(found, Listed):
            if found.reason is Reason.INDEX_PAGE:
                self._pages.append(
                    (member.ordinal, archive_browser.entries(member.file, member.path))
                )
            return found
        row = _handled_row(found, verdict, members.stored_context(found, self._redactor))
        self._files.append(row)
        for nth, part in enumerate(self._slices(found)):
            self._add(found, part, later=nth > 0)
            if len(self._chunks) >= self._full:
                self._full = min(2 * self._full, _FLUSH_CHUNKS)
                self.flush()
        row["settled"] = True
        if row["ordinal"] in self._ids:  # a giant whose row was committed before its end
            self._files.append(row)
        return None

    def _slices(self, found: members.Readable) -> Iterator[Slice]:
        limits = limits_of(found.form, self._run.options.slices)
        with found.member.file.open("rb") as source:
            yield from slices_of(found.form, found.member, source, found.context, limits)

    def _add(self, found: members.Readable, part: Slice, *, later: bool) -> None:
        """Add a slice to its format's open chunk, and close the chunk when it is full.

        `later` says that the slice is not the first of its member.
        """
        name = found.form.name
        chunk = self._open.setdefault(
            name, _Pending(found.form, wants_vectors(found.form, self._run.options))
        )
        limit = limits_of(found.form, self._run.options.slices).size
        if chunk.slices and chunk.size + (part.end - part.start) > limit:
            self._close(name)
            chunk = self._open.setdefault(name, _Pending(found.form, chunk.embed))
        chunk.add(found.member, part)
        # A slice of a member with more slices is full by itself.
        if chunk.size >= limit // 2 or len(chunk.slices) >= _FILES_A_CHUNK or later:
            self._close(name)

    def _close(self, name: str) -> None:
        self._chunks.append(self._open.pop(name))

    def flush(self) -> None:
        """Commit what was gathered: files first on disk, then the rows that name them.

        Open chunks are closed too, so that a member is never final without its slices.
        """
        for name in list(self._open):
            self._close(name)
        self._last = time.monotonic()
        if not self._files and not self._chunks:
            return
        crash_here("extract.before_flush")
        os.sync()  # once a batch: an fsync for each of 100,000 small members takes minutes
        # The notes of sidecars were read under the redactor's policy.
        with self._run.commit_content(self._lease, self._redactor.under) as commit:
            self._commit_files(commit)
            self._commit_pages(commit)
            self._commit_chunks(commit)
            crash_here("extract.before_flush_commit")
        crash_here("extract.after_flush_commit")
        self._files.clear()
        self._pages.clear()
        self._chunks.clear()
        # Only the member that is being read has more slices to come, of millions in an archive.
        self._ids = {o: n for o, n in self._ids.items() if o == self._reading}
        self._send()

    def finish(self) -> None:
        """Commit the rest; records that need sibling files now have them all."""
        self.flush()
        with self._run.lake.commit(self._lease) as commit:
            released = commit.run("chunks", "all_is_cut")
        if released:
            self._send()

    def _commit_files(self, commit: ContentCommit) -> None:
        if self._files:
            # One row a member: a giant's second row only marks it as final.
            latest = {row["ordinal"]: row for row in self._files}
            rows = commit.run("jobs", "insert_files", files=_json(list(latest.values())))
            self._ids.update((row["ordinal"], row["id"]) for row in rows)
        for row in self._files:
            if row.get("reason") == Reason.MALWARE:
                commit.event(Event.MALWARE, file=self._ids[row["ordinal"]], found=row["detail"])
            if row.get("reason") == Reason.FORMAT_DEFECT:
                commit.event(Event.DEFECT, file=self._ids[row["ordinal"]], where=row["detail"])
                alerts.of_defects(commit)

    def _commit_pages(self, commit: ContentCommit) -> None:
        for ordinal, entries in self._pages:
            for first in range(0, len(entries), _FLUSH_LISTED):
                lines = entries[first : first + _FLUSH_LISTED]
                paths, failed = [e.path for e in lines], [e.failed for e in lines]
                place = {"file_id": self._ids[ordinal], "first": first}
                commit.run("sets", "list", **place, paths=paths, failed=failed)

    def _commit_chunks(self, commit: Commit) -> None:
        ready = [c.row(self._ids) for c in self._chunks]
        if ready:
            inserted = commit.run("chunks", "fan_out", chunks=_json(ready))
            commit.run("chunks", "add_remaining", n=len(inserted))

    def _send(self) -> None:
        options = self._run.options
        dispatch.send_on(
            self._run.ledger,
            self._lease.ref.job_id,
            window=options.dispatch_window,
            max_attempts=options.max_attempts,
        )


class _Pending:
    """A chunk that is being filled."""

    def __init__(self, form: Format, embed: bool) -> None:
        self.form = form
        self.embed = embed
        self.size = 0
        self.slices: list[tuple[int, str, Slice]] = []

    def add(self, member: Member, part: Slice) -> None:
        self.slices.append((member.ordinal, member.sha256, part))
        self.size += part.end - part.start

    def row(self, ids: dict[int, int]) -> dict[str, Any]:
        return {
            "identity": self._identity(),
            "format": self.form.name,
            "format_version": self.form.version,
            "embed": self.embed,
            "needs_set": self.form.needs_set,
            "slices": [(ids[ordinal], part.start, part.end) for ordinal, _, part in self.slices],
        }

    def _identity(self) -> str:
        """Return the same text for the same bytes under the same code.

        So a second attempt adds no second chunk.
        """
        reader = self.form.reader
        parts = [self.form.name, self.form.version, reader.name, reader.version]
        for ordinal, sha256, part in self.slices:
            parts += [ordinal, sha256, part.start, part.end]
        return blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def wants_vectors(form: Format, options: Options) -> bool:
    """Tell whether records of a format are embedded."""
    return options.embed.wants(form.data_type) if form.embed is None else form.embed


def limits_of(form: Format, configured: SliceLimits) -> SliceLimits:
    """Return the format's limits, or the configured ones where these are lower."""
    own = form.limits
    return SliceLimits(
        records=min(configured.records, own.records),
        size=min(configured.size, own.size),
    )


def _listed_row(entry: Listed, verdict: Verdict | None) -> dict[str, Any]:
    return {
        "ordinal": entry.ordinal,
        "path": storable(entry.path),
        "media_type": entry.media_type,
        "size_bytes": entry.size,
        "sha256": entry.sha256,
        "disposition": entry.disposition,
        "reason": entry.reason,
        "scan": verdict and verdict.line(),
        "detail": entry.detail,
        "settled": True,
    }


def _handled_row(
    found: members.Readable, verdict: Verdict | None, context: Context
) -> dict[str, Any]:
    member = found.member
    return {
        "ordinal": member.ordinal,
        "path": storable(member.path),
        "media_type": member.media_type,
        "size_bytes": member.size,
        "sha256": member.sha256,
        "encoding": member.encoding,
        "disposition": Disposition.HANDLED,
        "detail": found.note or None,
        "scan": verdict and verdict.line(),
        "format": found.form.name,
        "format_version": found.form.version,
        "context": context,
        "settled": False,
    }


def storable(path: str) -> str:
    """Return a name as Postgres takes it: NUL and lone surrogates shown as escapes."""
    shown = path.replace("\x00", "\\x00")
    return shown.encode("utf-8", "backslashreplace").decode()


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
