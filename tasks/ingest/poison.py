"""Cut up a chunk of records that ends its worker, until the one record is alone.

The number of attempts, which the ledger counts before the work, decides what to do: a step that
ends the worker as well leads to the next, coarser one by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from pipeline import bisect
from pipeline.normalise import RAW_LIMIT
from schemas.errors import PermanentError
from schemas.files import Slice, SliceLimits
from schemas.lease import Lease
from schemas.progress import Event, Stage
from schemas.reasons import OF_FILES, Reason
from schemas.records import Rejection
from schemas.tally import FileTally
from sql.commit import Commit, ContentCommit
from tasks.ingest import chunk as record_stages
from tasks.ingest.record_spool import Quarantined
from tasks.runtime import alerts
from tasks.runtime.context import Runtime
from tasks.runtime.stage_runner import Content, Ending

log = structlog.get_logger("datapunk.poison")

#: How often each step is tried past `max_attempts`: a worker may also be killed by chance.
_BY_ITEMS, _BY_SLICES = 2, 2

#: Attempts at a single item before it is quarantined as poison; several items get only one.
_TRIES_ALONE = 3


class TooMuchPoison(PermanentError):
    """Too many chunks end their workers: the cause is the machine or the code, not a single record.

    They are dead-lettered; `retry` runs them again once the cause is fixed.
    """


def normalise_or_split(run: Runtime, lease: Lease) -> Ending | Content:
    """Read slices into records; after too many attempts, cut the chunk or quarantine the bytes."""
    over = lease.attempt - run.options.max_attempts
    if over <= 0 or lease.last_error_code in OF_FILES:  # no record is at fault
        return record_stages.normalise_chunk(run, lease)
    (row,) = run.lake.rows(lease.ref.user_id, "chunks", "count_splits", job_id=lease.ref.job_id)
    if row["count"] >= run.options.max_splits:
        raise TooMuchPoison
    if len(lease.ref.slices) > 1:
        return _cut(run, lease, [(g, len(g) == 1) for g in bisect.groups(lease.ref.slices)])
    ((file, start, end),) = lease.ref.slices
    whole = Slice(start, end)
    if over <= _BY_ITEMS:
        return _by_items(run, lease, file, whole)
    if over <= _BY_ITEMS + _BY_SLICES:
        return _by_slices(run, lease, file, whole)
    return _set_aside(run, lease, whole)


def _by_items(run: Runtime, lease: Lease, file: int, whole: Slice) -> Ending | Content:
    """Walk the items without the format, which is the most frequent cause."""
    opened = record_stages.open_files(run, lease)[file]
    reader = record_stages.format_of(lease.ref).reader
    places: dict[int, int] = {}
    marks: list[Rejection] = []
    with opened.member.file.open("rb") as source:
        for item in reader.items(source, whole, opened.context):
            if item.offset < whole.end:
                places.setdefault(item.offset, item.length)
            elif isinstance(item, Rejection):
                marks.append(item)
    if len(places) <= 1:
        (alone,) = [Slice(o, o + n) for o, n in places.items()] or [whole]
        return _set_aside(run, lease, alone, marks)
    parts = bisect.at_items(whole, sorted(places))
    return _cut(run, lease, [([(file, p.slice.start, p.slice.end)], p.items == 1) for p in parts])


def _by_slices(run: Runtime, lease: Lease, file: int, whole: Slice) -> Ending | Content:
    """Cut at the bounds of another pass of the reader's slices, since its items end the worker."""
    opened = record_stages.open_files(run, lease)[file]
    reader = record_stages.format_of(lease.ref).reader
    limits = SliceLimits(size=max(1, (whole.end - whole.start) // bisect.PARTS))
    with opened.member.file.open("rb") as source:
        parts = bisect.at_slices(whole, reader.slices(source, opened.context, limits))
    if len(parts) == 1:
        return _set_aside(run, lease, whole)
    return _cut(run, lease, [([(file, p.start, p.end)], False) for p in parts])


def _cut(
    run: Runtime, lease: Lease, parts: Sequence[tuple[Sequence[tuple[int, int, int]], bool]]
) -> Ending:
    """Replace this chunk by smaller ones.

    Each part has its slices and whether it is a single item.
    """
    most = run.options.max_attempts
    rows = [
        {
            # A chunk is cut once, so its id and a number are always the same.
            "identity": f"{lease.ref.id}/{nth}",
            "slices": slices,
            "attempt": max(0, most - (_TRIES_ALONE if alone else 1)),
        }
        for nth, (slices, alone) in enumerate(parts)
    ]
    log.warning("split", parts=len(rows))

    def ending(commit: Commit) -> None:
        inserted = commit.run("chunks", "insert_parts", parts=msgspec.json.encode(rows).decode())
        commit.run("chunks", "end_as_split")
        commit.run("chunks", "add_remaining", n=len(inserted) - 1)

    return ending


def _set_aside(run: Runtime, lease: Lease, part: Slice, marks: Sequence[Rejection] = ()) -> Content:
    """Quarantine the bytes unread; the chunk is done.

    `marks` are the reader's rejections at the end of the file, outside any item.
    """
    ((file, _, _),) = lease.ref.slices
    redactor = run.redactor(lease.ref.user_id)
    opened = record_stages.open_files(run, lease)[file]
    with opened.member.file.open("rb") as source:
        source.seek(part.start)
        raw = source.read(min(part.end - part.start, RAW_LIMIT))
    if redactor.policy.changes:
        raw, marks = b"", [msgspec.structs.replace(mark, raw=b"") for mark in marks]
    detail = f"each try ended with {lease.last_error_code or 'worker_lost'}"
    bad = [Quarantined(0, Reason.POISON, detail, part.start, part.end, raw)]
    bad += [Quarantined(0, m.reason, m.detail, m.offset, m.offset + m.length, m.raw) for m in marks]
    counted = FileTally(seen=len(bad), quarantined=len(bad), items=len(bad))
    log.warning("poison", detail=detail)

    def ending(commit: ContentCommit) -> None:
        record_stages.quarantine(commit, bad)
        commit.event(Event.POISON, stage=Stage.NORMALISE, code=lease.last_error_code)
        commit.complete({file: counted})
        alerts.write_alert(commit, run.options.alert)

    return Content(redactor.under, ending)
