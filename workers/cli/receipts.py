"""The receipt of a job: where every file and every record of it ended, and whether it adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from schemas.privacy import Action, Done, Kind
from schemas.progress import Disposition
from schemas.reasons import Category, Reason, category_of
from schemas.tally import COUNTS, FileTally, Tally, by_file
from sql.quality import KINDS, quality_of
from sql.store import Ledger
from tasks.ingest.set_inventory import Inventory
from tasks.runtime import alerts
from workers.cli import console, set_lines
from workers.cli.connect import Services
from workers.stores import thresholds

_MOST_SHOWN = 20


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A field that a format has never seen: the export may have changed."""

    format: str
    field: str
    records: int
    first_file: str


class FileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One member of the archive."""

    path: str
    disposition: Disposition
    reason: str | None
    category: Category | None
    detail: str | None
    format: str | None
    size_bytes: int | None
    counts: Tally


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in a receipt, as `--json` prints it."""

    job: UUID
    user: str
    file: str
    state: str
    size_bytes: int | None
    sha256: str | None
    media_type: str | None
    scan: str | None
    zone: str | None
    """The zone of clocks that name none; None: UTC."""
    created_at: datetime
    completed_at: datetime | None
    duplicate_of: UUID | None
    error_code: str | None
    error_category: Category | None
    error_detail: str | None
    archived_path: str | None
    part_of: set_lines.SetLine | None
    index: Inventory | None
    """The files that the export's own page lists, compared with those of the job or its set.

    None where there is neither.
    """
    records: Tally
    """So far, while the job runs."""
    adds_up: bool | None
    """Whether nothing is missing and nothing is counted twice; None while the job runs."""
    alert: str | None
    quality: dict[str, float] | None
    """Completeness, accuracy and consistency of what was loaded, 0 to 1; None: not scored."""
    dispositions: dict[str, int]
    formats: dict[str, Tally]
    files: list[FileLine]
    newer_versions: int
    """Of the loaded records: versions that replaced those of another export."""
    older_versions: int
    """Of the loaded records: versions older than one of a newer export, stored as such."""
    privacy: Done
    """Personal data in the seen records: how often what was done, by kind."""
    empty: list[str]
    """Files that a format reads and that gave not one record."""
    drift: list[Drift]
    quarantine: list[dict[str, Any]]
    dead_chunks: list[dict[str, Any]]


def gather(lake: Services, job: DictRow) -> Receipt:
    """Return the receipt of a running or ended job, all of one moment."""
    with lake.reader.snapshot(job["user_id"]) as (ledger, reader):
        then = Services(lake.settings, ledger, reader)
        (now,) = ledger.rows("jobs", "job_now", job_id=job["id"])
        return _gather(then, {**now, "user_name": job["user_name"]})


def _sum_of_chunks(columns: Iterable[dict[str, dict[str, int]]]) -> dict[int, FileTally]:
    """Return the sums of the chunks' tallies, by the id of the file."""
    total: dict[int, FileTally] = {}
    for column in columns:
        for file, tally in by_file(column).items():
            total[file] = total.get(file, FileTally()) + tally
    return total


def _gather(lake: Services, job: DictRow) -> Receipt:
    job_id, ledger = job["id"], lake.ledger
    rows = _files_of(ledger, job)
    files = [_file(row) for row in rows]
    counted = sum((FileTally.of(row["counts"]) for row in rows), FileTally())
    dead = ledger.rows("jobs", "dead_chunks", job_id=job_id)
    records = Tally.of_job(job)
    formats = by_format(files)
    part_of, index = _export(ledger, job)
    return Receipt(
        job=job_id,
        user=job["user_name"],
        file=job["source_name"],
        state=job["status"],
        size_bytes=job["size_bytes"],
        sha256=job["sha256"],
        media_type=job["media_type"],
        scan=job["scan"],
        zone=job["zone"],
        created_at=job["created_at"],
        completed_at=job["completed_at"],
        duplicate_of=job["duplicate_of"],
        error_code=job["error_code"],
        error_category=job["error_code"] and category_of(job["error_code"]),
        error_detail=job["error_detail"],
        archived_path=job["archived_path"],
        part_of=part_of,
        index=index,
        records=records,
        adds_up=adds_up(records, formats, complete=not dead) if job["completed_at"] else None,
        alert=alerts.line(lake.reader, thresholds(lake.settings), job),
        quality=_quality(lake, job),
        dispositions=dict(Counter(str(f.disposition) for f in files)),
        formats=formats,
        files=files,
        newer_versions=counted.more.get("newer", 0),
        older_versions=counted.more.get("older", 0),
        privacy=counted.privacy(),
        empty=[row["path"] for row in rows if _gave_nothing(row)],
        drift=msgspec.convert(
            lake.reader.rows(job["user_id"], "jobs", "drift_of", job_id=job_id), list[Drift]
        ),
        quarantine=quarantined(lake, job["user_id"], "quarantine_summary", job_id=job_id),
        dead_chunks=dead,
    )


def _files_of(ledger: Ledger, job: DictRow) -> list[DictRow]:
    """Return the rows of a job's files; those of an open job with their counts so far."""
    rows = ledger.rows("jobs", "files_for_receipt", job_id=job["id"])
    if job["completed_at"]:  # the files are counted at the end
        return rows
    so_far = ledger.rows("jobs", "tallies", job_id=job["id"])
    sums = _sum_of_chunks(row["tally"] for row in so_far)
    return [{**row, "counts": sums[n].counts() if (n := row["id"]) in sums else {}} for row in rows]


def _quality(lake: Services, job: DictRow) -> dict[str, float] | None:
    found = quality_of(lake.reader, job["user_id"], job["id"], most=0).job
    return None if found is None else {kind: getattr(found, kind) for kind in KINDS}


def _gave_nothing(row: DictRow) -> bool:
    """Tell whether a format read a file with bytes and found no record, which is never silent."""
    counts = row["counts"]
    return bool(counts and row["size_bytes"] and not counts.get("seen"))


def quarantined(lake: Services, user_id: UUID, query: str, **asked: Any) -> list[dict[str, Any]]:
    """Return the rows of a query of quarantined records, each with the category of its code."""
    rows = lake.reader.rows(user_id, "jobs", query, **asked)
    return [{**row, "category": category_of(row["code"])} for row in rows]


def _export(ledger: Ledger, job: DictRow) -> tuple[set_lines.SetLine | None, Inventory | None]:
    """Return the set that a job is a part of, and the comparison with the export's own page."""
    for row in ledger.rows("sets", "set_of", job_id=job["id"]):
        found = set_lines.receipt_of(ledger, {**row, "user_name": job["user_name"]})
        return found.set, found.index
    index = set_lines.index_of(ledger, [job["id"]], [])
    return None, index if index.pages or index.unread else None


def _file(row: DictRow) -> FileLine:
    names = ("path", "disposition", "reason", "detail", "format", "size_bytes")
    counts = FileTally.of(row["counts"]).records()
    rejected = row["disposition"] == Disposition.REJECTED
    category = category_of(row["reason"]) if rejected and row["reason"] else None
    facts = {**{n: row[n] for n in names}, "counts": counts, "category": category}
    return msgspec.convert(facts, FileLine)


def by_format(files: list[FileLine]) -> dict[str, Tally]:
    """Return the sums over the files of each format."""
    sums: dict[str, Tally] = {}
    for file in files:
        if file.format is not None:
            sums[file.format] = sums.get(file.format, Tally()) + file.counts
    return sums


def adds_up(records: Tally, formats: dict[str, Tally], *, complete: bool) -> bool:
    """Tell whether the counts of an ended job balance.

    Once complete, they also have to equal the sums over its files.
    """
    total = sum(formats.values(), Tally())
    return records.adds_up and (not complete or total == records)


def show(receipt: Receipt) -> None:
    """Print the receipt for people."""
    _head(receipt)
    show_files(receipt.files)
    _export_shown(receipt)
    if receipt.formats:
        console.data("")
        formats = sorted(receipt.formats.items())
        rows = [(name, *tally.records().values()) for name, tally in formats]
        console.table(("format", *COUNTS), rows)
    _records(receipt)
    _quarantine(receipt)
    for chunk in receipt.dead_chunks:
        console.data(
            f"dead chunk {chunk['id']}: {chunk['last_error_code']} at {chunk['stage']} "
            f"after {chunk['attempt']} tries; run: datapunk retry {receipt.job}"
        )


def _head(receipt: Receipt) -> None:
    console.data(f"job       {receipt.job}")
    console.data(f"file      {receipt.file} ({console.size(receipt.size_bytes)}) of {receipt.user}")
    console.data(f"state     {receipt.state}")
    if receipt.duplicate_of:
        console.data(f"duplicate of job {receipt.duplicate_of}: the same bytes came in before")
    if receipt.error_code:
        why = f"{receipt.error_code} ({receipt.error_category}): {receipt.error_detail}"
        console.data(f"cause     {why}")
        if receipt.state in ("failed", "rejected", "cancelled"):
            console.data(f"go on     datapunk retry {receipt.job}")
    if receipt.archived_path:
        console.data(f"original  {receipt.archived_path}")
    if receipt.scan:
        console.data(f"scan      {receipt.scan}")
    if receipt.zone:
        console.data(f"zone      {receipt.zone}, where a clock names none")


def show_files(files: Sequence[FileLine]) -> None:
    """Print how many files got which disposition, and which were not read; folders do not count."""
    dispositions = Counter(f.disposition for f in files)
    sums = ", ".join(f"{n} {name}" for name, n in sorted(dispositions.items()))
    console.data(f"files     {len(files)}{': ' + sums if sums else ''}")
    not_handled = [f for f in files if f.disposition is not Disposition.HANDLED]
    not_handled = sorted(
        (f for f in not_handled if f.reason != Reason.DIRECTORY),
        key=lambda f: (_FIRST.index(f.disposition), f.reason or "", f.path),
    )
    if not_handled:
        console.data("")
        rows = [row for _, some in groupby(not_handled, _why) for row in _some(list(some))]
        console.table(("not read", "reason", "category", "file", "detail"), rows)
    if noted := [f for f in files if f.disposition is Disposition.HANDLED and f.detail]:
        console.data("")
        lines = [row for _, some in groupby(noted, _read_as) for row in _noted(list(some))]
        console.table(("read as", "file", "look at it"), lines)


#: The order in which files that were not read are of interest.
_FIRST = (Disposition.REJECTED, Disposition.UNKNOWN, Disposition.IGNORED)


def _read_as(file: FileLine) -> str | None:
    return file.format


def _noted(files: list[FileLine]) -> Iterator[tuple[str | None, ...]]:
    for file in files[:_MOST_SHOWN]:
        yield file.format, file.path, file.detail
    if len(files) > _MOST_SHOWN:
        yield files[0].format, f"… and {len(files) - _MOST_SHOWN} more; see --json", None


def _why(file: FileLine) -> tuple[str, str | None]:
    return file.disposition, file.reason


def _some(files: list[FileLine]) -> Iterator[tuple[str | None, ...]]:
    """Yield a line for each file, up to a number: an export may hold thousands of one kind."""
    for file in files[:_MOST_SHOWN]:
        yield file.disposition, file.reason, file.category, file.path, file.detail
    if len(files) > _MOST_SHOWN:
        more = f"… and {len(files) - _MOST_SHOWN} more; see --json"
        yield *_why(files[0]), None, more, None


def _export_shown(receipt: Receipt) -> None:
    if receipt.part_of is not None:
        console.data("")
        console.data(f"part of   {receipt.part_of.name}; see: datapunk sets {receipt.part_of.name}")
        for note in set_lines.notes(receipt.part_of):
            console.data(note)
    if receipt.index is not None:
        set_lines.show_index(receipt.index)


def _records(receipt: Receipt) -> None:
    counts = receipt.records
    console.data("")
    sum_ = (
        f"{counts.loaded} loaded + {counts.duplicate} duplicate + {counts.quarantined} quarantined"
    )
    if receipt.adds_up is None:
        console.data(f"so far    {counts.seen} seen: {sum_}; the job still runs")
    else:
        console.data(f"records   {counts.seen} seen = {sum_}")
        console.data(f"adds up:  {'yes' if receipt.adds_up else 'no'}")
    if receipt.newer_versions or receipt.older_versions:
        console.data(
            f"versions  of the loaded, {receipt.newer_versions} replaced one of another export, "
            f"{receipt.older_versions} are older than the current version"
        )
    if receipt.privacy:
        console.data(f"privacy   {treatments(receipt.privacy)}")
    if receipt.quality:
        console.data("quality   " + ", ".join(f"{k} {v:.1%}" for k, v in receipt.quality.items()))
    if receipt.alert:
        console.data(f"ALERT     {receipt.alert}")
    _warnings(receipt)


def _warnings(receipt: Receipt) -> None:
    """Print what a person should look at, though nothing failed."""
    for path in receipt.empty[:_MOST_SHOWN]:
        console.data(f"warning   no record in {path}, which looked like a known one")
    for found in receipt.drift[:_MOST_SHOWN]:
        console.data(
            f"new field {found.field!r} in {found.records} records of {found.format}, first in "
            f"{found.first_file}: the export may have changed"
        )
    more = max(len(receipt.empty), len(receipt.drift)) - _MOST_SHOWN
    if more > 0:
        console.data(f"          … and {more} more; see --json")


def _quarantine(receipt: Receipt) -> None:
    if not receipt.quarantine:
        return
    names = (
        "code",
        "category",
        "records",
        "first_file",
        "first_locator",
        "first_detail",
        "first_id",
    )
    console.data("")
    rows = [[row[name] for name in names] for row in receipt.quarantine]
    console.table(("quarantine", "category", "records", "first in", "at", "detail", "id"), rows)


def treatments(done: Done) -> str:
    """Return what was done to personal data in words, the strictest first.

    For example "3 payment cards dropped, 12 phone numbers hashed".
    """
    parts = [
        f"{done[kind][action]} {kind.plural} {action.done}"
        for action in reversed(Action)
        for kind in Kind
        if done.get(kind, {}).get(action)
    ]
    return ", ".join(parts)
