"""The receipt of a job: where every file and every record of it ended, and whether it adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from schemas.privacy import Action, Done, Kind
from schemas.progress import Disposition, JobStatus
from schemas.reasons import Category, Reason, category_of
from schemas.tally import COUNTS, FileTally, Tally, by_file
from sql.quality import KINDS, quality_of
from sql.store import Ledger
from tasks.ingest.set_inventory import Inventory
from tasks.runtime import alerts
from workers.cli import columns, console, progress, set_lines
from workers.cli.columns import Column, Shape, Whole
from workers.cli.connect import Services
from workers.stores import thresholds

_MOST_SHOWN = 20
_CHUNKS_NAMED = 3


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
    duration_s: float | None
    """Seconds from the start of its first stage to its end; None while the job runs."""
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
        duration_s=progress.duration_s(job),
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
        drift=_drift(lake, job),
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


def _drift(lake: Services, job: DictRow) -> list[Drift]:
    rows = lake.reader.rows(job["user_id"], "jobs", "drift_of", job_id=job["id"])
    return msgspec.convert(rows, list[Drift])


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
        _formats(receipt.formats)
    _records(receipt)
    _quarantine(receipt)
    _dead(receipt)


def _head(receipt: Receipt) -> None:
    console.field("job", Whole(receipt.job))
    size = console.size(receipt.size_bytes)
    console.field("file", Whole(receipt.file), f"({size}) of {receipt.user}")
    console.field("state", receipt.state)
    if receipt.duplicate_of:
        console.note(f"duplicate of job {receipt.duplicate_of}: the same bytes came in before")
    if receipt.error_code:
        why = f"{receipt.error_code} ({receipt.error_category}): {receipt.error_detail}"
        console.field("cause", why)
        if receipt.state in ("failed", "rejected", "cancelled"):
            console.field("go on", f"datapunk retry {receipt.job}")
    if receipt.duration_s is not None:
        console.field("took", console.span(receipt.duration_s))
    if receipt.archived_path:
        console.field("original", Whole(receipt.archived_path))
    if receipt.scan:
        console.field("scan", receipt.scan)
    if receipt.zone:
        console.field("zone", f"{receipt.zone}, where a clock names none")


def _formats(formats: dict[str, Tally]) -> None:
    """Print what became of the records of each format, all four numbers on any terminal."""
    rows = [(name, *map(str, t.records().values())) for name, t in sorted(formats.items())]
    if columns.fits(("format", *COUNTS), rows, console.width()):
        console.table(("format", *COUNTS), rows)
        return
    for name, tally in sorted(formats.items()):
        console.data(name)
        console.note(f"    {console.records(tally)}")


def _in_blocks() -> bool:
    """Tell whether the output is a terminal on which tables of paths have no room."""
    width = console.width()
    return width is not None and width < console.WIDE


def show_files(files: Sequence[FileLine]) -> None:
    """Print how many files got which disposition, and which were not read; folders do not count."""
    dispositions = Counter(f.disposition for f in files)
    sums = ", ".join(f"{n} {name}" for name, n in sorted(dispositions.items()))
    console.field("files", f"{len(files)}{': ' + sums if sums else ''}")
    aside = [f for f in files if f.disposition is not Disposition.HANDLED]
    aside = sorted(
        (f for f in aside if f.reason != Reason.DIRECTORY),
        key=lambda f: (_FIRST.index(f.disposition), f.reason or "", f.path),
    )
    groups = [list(some) for _, some in groupby(aside, _why)]
    noted = [f for f in files if f.disposition is Disposition.HANDLED and f.detail]
    read = [list(some) for _, some in groupby(noted, lambda f: f.format)]
    if _in_blocks():
        for some in groups:
            _block("not read:", _WHY, some)
        for some in read:
            _block("look at these, read as", _READ, some)
        return
    if groups:
        console.data("")
        console.table(
            (*_WHY.values(), Column("file", Shape.CUT, least=30), "detail"), [*_lines(_WHY, groups)]
        )
    if read:
        console.data("")
        console.table(
            (*_READ.values(), Column("file", Shape.CUT, least=30), "look at it"),
            [*_lines(_READ, read)],
        )


#: The order in which files that were not read are of interest.
_FIRST = (Disposition.REJECTED, Disposition.UNKNOWN, Disposition.IGNORED)

#: What files that are listed together share, and its headings.
_WHY = {
    "disposition": Column("not read"),
    "reason": Column("reason"),
    "category": Column("category", drop=1),
}
_READ = {"format": Column("read as")}


def _why(file: FileLine) -> tuple[str, str | None]:
    return file.disposition, file.reason


def _more(files: Sequence[FileLine]) -> str | None:
    """Return how many files of one kind are left out: an export may hold thousands."""
    more = len(files) - _MOST_SHOWN
    return f"… and {more} more; see --json" if more > 0 else None


def _lines(
    shared: Mapping[str, Column], groups: Iterable[list[FileLine]]
) -> Iterator[tuple[str | None, ...]]:
    """Yield a row for each file, up to a number of a kind."""
    for files in groups:
        for file in files[:_MOST_SHOWN]:
            yield *(getattr(file, name) for name in shared), file.path, file.detail
        if more := _more(files):
            yield *(getattr(files[0], name) for name in shared), more, None


def _block(title: str, shared: Mapping[str, Column], files: Sequence[FileLine]) -> None:
    """Print the same for a narrow terminal: what the files share, and each on a line of its own."""
    words = [str(value) for name in shared if (value := getattr(files[0], name))]
    console.data("")
    console.note(f"{title} {', '.join(words)}")
    for file in files[:_MOST_SHOWN]:
        console.whole(f"    {file.path}")
        if file.detail:
            console.note(f"      {file.detail}")
    if more := _more(files):
        console.note(f"    {more}")


def _export_shown(receipt: Receipt) -> None:
    if receipt.part_of is not None:
        console.data("")
        name = receipt.part_of.name
        console.field("part of", Whole(f"{name};"), f"see: datapunk sets {name}")
        for note in set_lines.notes(receipt.part_of):
            console.note(note)
    if receipt.index is not None:
        set_lines.show_index(receipt.index)


def _records(receipt: Receipt) -> None:
    counts = receipt.records
    console.data("")
    if receipt.adds_up is None:
        console.field("so far", f"{console.records(counts, ':')}; the job still runs")
    else:
        console.field("records", console.records(counts))
        console.field("adds up:", "yes" if receipt.adds_up else "no")
    if receipt.newer_versions or receipt.older_versions:
        console.field(
            "versions",
            f"of the loaded, {receipt.newer_versions} replaced one of another export, "
            f"{receipt.older_versions} are older than the current version",
        )
    if receipt.privacy:
        console.field("privacy", treatments(receipt.privacy))
    if receipt.quality:
        scores = ", ".join(f"{kind} {score:.1%}" for kind, score in receipt.quality.items())
        console.field("quality", scores)
    if receipt.alert:
        console.field("ALERT", receipt.alert)
    _warnings(receipt)


def _warnings(receipt: Receipt) -> None:
    """Print what a person should look at, though nothing failed."""
    for path in receipt.empty[:_MOST_SHOWN]:
        console.field("warning", "no record in", Whole(f"{path},"), "which looked like a known one")
    for found in receipt.drift[:_MOST_SHOWN]:
        console.field(
            "new field",
            f"{found.field!r} in {found.records} records of {found.format}, first in",
            Whole(f"{found.first_file}:"),
            "the export may have changed",
        )
    more = max(len(receipt.empty), len(receipt.drift)) - _MOST_SHOWN
    if more > 0:
        console.field("", f"… and {more} more; see --json")


_QUARANTINE = {
    "code": Column("quarantine"),
    "category": Column("category", drop=2),
    "records": Column("records"),
    "first_file": Column("first in", Shape.CUT, least=20),
    "first_locator": Column("at", Shape.CUT, drop=1),
    "first_detail": Column("detail", Shape.TEXT),
    "first_id": Column("id"),
}


def _quarantine(receipt: Receipt) -> None:
    if not receipt.quarantine:
        return
    console.data("")
    if not _in_blocks():
        rows = [[row[name] for name in _QUARANTINE] for row in receipt.quarantine]
        console.table([*_QUARANTINE.values()], rows)
        return
    for row in receipt.quarantine:
        count = f"{row['records']} record{'s' * (row['records'] != 1)}"
        console.note(f"quarantine: {row['code']} ({row['category']}), {count}, first in")
        console.whole(f"    {row['first_file']}")
        for text in (row["first_locator"], row["first_detail"]):
            if text:
                console.note(f"      {text}")
        console.note(f"    see: datapunk quarantine show {row['first_id']}")


def _dead(receipt: Receipt) -> None:
    """Print the chunks that were given up, a line for each cause: a job may have thousands."""
    causes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for chunk in receipt.dead_chunks:
        causes.setdefault((chunk["last_error_code"], chunk["stage"]), []).append(chunk)
    stopped = [key for key in causes if key[0] == JobStatus.CANCELLED]
    count = sum(len(causes.pop(key)) for key in stopped)
    run = f"run: datapunk retry {receipt.job}"
    if count:
        were = "chunk was" if count == 1 else "chunks were"
        console.note(f"{count} {were} stopped; to continue, {run}")
    for (code, stage), chunks in causes.items():
        ids = ", ".join(str(chunk["id"]) for chunk in chunks[:_CHUNKS_NAMED])
        more = f" and {n} more" if (n := len(chunks) - _CHUNKS_NAMED) > 0 else ""
        most = max(chunk["attempt"] for chunk in chunks)
        tries = f"{most} {'try' if most == 1 else 'tries'}"
        name = "dead chunk" if len(chunks) == 1 else "dead chunks"
        console.note(f"{name} {ids}{more}: {code} at {stage} after {tries}; {run}")


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
