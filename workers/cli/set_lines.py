"""The state of sets of an export's parts: what is missing of each, and what waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from pipeline.archives import multipart
from schemas.progress import SetState
from schemas.tally import Tally
from sql.store import Ledger
from tasks.ingest import set_inventory as rules
from tasks.ingest.set_inventory import Inventory
from workers.cli import console
from workers.cli.columns import Column, Shape, Whole
from workers.cli.zone import local

_SHOWN = 20
_GAPS_NAMED = 3


class PartLine(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is a part of a set."""

    part: str
    job: UUID
    file: str
    state: str
    here: bool
    bare: bool


class SetLine(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a set of parts."""

    name: str
    user: str
    state: SetState
    waits_until: datetime
    parts: list[PartLine]
    gaps: list[str]
    waiting: dict[str, int]
    """The files that wait for the whole set, by format."""
    listed: int | None
    missing: int | None
    """Of the files that the export's page lists, those that no part holds; None without a page."""


class SetReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one set."""

    set: SetLine
    records: Tally
    index: Inventory


def line_of(ledger: Ledger, row: DictRow) -> SetLine:
    """Return a set by its row."""
    jobs = ledger.rows("sets", "parts", set_id=row["id"])
    waiting = ledger.rows("sets", "waiting", set_id=row["id"])
    return SetLine(
        name=row["stem"],
        user=row["user_name"],
        state=SetState(row["state"]),
        waits_until=row["waits_until"],
        parts=[_part(job) for job in jobs],
        gaps=[gap.label for gap in rules.gaps(jobs)],
        waiting={w["format"]: w["files"] for w in waiting},
        listed=row["listed"],
        missing=row["missing"],
    )


def _part(job: DictRow) -> PartLine:
    return PartLine(
        part=multipart.label(job["file"], job["part"]),
        job=job["id"],
        file=job["source_name"],
        state=job["status"],
        here=rules.is_here(job),
        bare=job["bare"],
    )


def of_jobs(ledger: Ledger, jobs: Iterable[Any]) -> list[SetLine]:
    """Return the sets that these jobs are parts of."""
    wanted = [UUID(str(job)) for job in jobs]
    return [line_of(ledger, row) for row in ledger.rows("sets", "sets_of", jobs=wanted)]


def receipt_of(ledger: Ledger, row: DictRow) -> SetReceipt:
    """Return the receipt of a set: its parts, their records, and its page compared with them."""
    jobs = ledger.rows("sets", "parts", set_id=row["id"])
    here = [job["files_of"] for job in jobs if rules.is_here(job)]
    return SetReceipt(
        set=line_of(ledger, row),
        records=sum(map(Tally.of_job, jobs), Tally()),
        index=index_of(ledger, here, jobs),
    )


def index_of(ledger: Ledger, jobs: Sequence[UUID], rows: Sequence[DictRow]) -> Inventory:
    """Compare the page of an export with the files of these jobs."""
    with ledger.transaction() as connection:
        return rules.inventory(connection, jobs, rows)


# --- for people ------------------------------------------------------------------------------


def notes(line: SetLine) -> Iterator[str]:
    """Yield what is missing of a set, and what waits for it; nothing where all is well."""
    arrived = {part.part: part.state for part in line.parts}
    for gap in line.gaps:
        why = f"came, and was {arrived[gap]}" if gap in arrived else "not here yet"
        yield f"part {gap} of {line.name}: {why}"
    if line.missing and not line.gaps:
        yield f"{line.name}: {line.missing} of {line.listed} listed files are in no part yet"
    if line.waiting:
        total = sum(line.waiting.values())
        files = ", ".join(f"{n} file{'s' * (n > 1)} of {name}" for name, n in line.waiting.items())
        until = f"{local(line.waits_until):%Y-%m-%d %H:%M %Z}"
        waits = "waits" if total == 1 else "wait"
        yield f"{line.name}: {files} {waits} for the whole set, until {until}"
        yield f"{'':8}  if nothing more comes, run: datapunk sets {line.name} --go-on"


def show_list(lines: Sequence[SetLine]) -> None:
    """Print a line for each set."""
    nothing = "No export in parts has been imported."
    console.table(_COLUMNS, [_cells(line) for line in lines], nothing)


#: The name is what `datapunk sets NAME` takes, so it stays whole.
_COLUMNS = (
    Column("set"),
    Column("user", Shape.CUT, drop=3),
    Column("state"),
    Column("parts", drop=2),
    Column("missing parts"),
    Column("listed", drop=5),
    Column("in no part", drop=4),
    Column("waiting", drop=1),
)


def _cells(line: SetLine) -> list[object]:
    here = len({part.part for part in line.parts if part.here})
    waiting = sum(line.waiting.values())
    return [line.name, line.user, line.state, here, _gaps(line), line.listed, line.missing, waiting]


def _gaps(line: SetLine) -> str:
    """Return the missing parts; on a terminal the first of many, since each set is one line."""
    more = 0 if console.width() is None else len(line.gaps) - _GAPS_NAMED
    if more <= 0:
        return ", ".join(line.gaps)
    return f"{', '.join(line.gaps[:_GAPS_NAMED])} and {more} more"


_PARTS = (
    Column("part"),
    Column("job"),
    Column("file", Shape.CUT, least=18),
    Column("state"),
    Column("", drop=1),
)


def show(receipt: SetReceipt) -> None:
    """Print the receipt of a set."""
    line = receipt.set
    console.field("set", Whole(line.name), f"of {line.user}")
    console.field("state", line.state)
    aside = ("" if part.here else "not there" for part in line.parts)
    rows = [(p.part, str(p.job)[:8], p.file, p.state, note)
            for p, note in zip(line.parts, aside, strict=True)]  # fmt: skip
    console.table(_PARTS, rows)
    for note in notes(line):
        console.note(note)
    console.field("records", console.records(receipt.records))
    show_index(receipt.index)


def show_index(index: Inventory) -> None:
    """Print the export's own page compared with what came."""
    for path in index.unread:
        console.field("index", Whole(path), "could not be read as the export's own list")
    if not index.pages:
        console.field("index", "the export's own list is not here; nothing is known to be missing")
        return
    here = index.listed - index.not_exported - len(index.missing)
    pages = (Whole(f"{page},") for page in index.pages[:-1])
    console.field(
        "index", *pages, Whole(index.pages[-1]), f"lists {index.listed} files: {here} are here"
    )
    if index.not_exported:
        console.field("", f"{index.not_exported} could not be exported, it says")
    if index.missing:
        maybe = f"; {index.maybe_bare} of them may be bare parts" if index.maybe_bare else ""
        console.field("", f"{len(index.missing)} are in no part{maybe}:")
    for path in index.missing[:_SHOWN]:
        console.whole(f"            {path}")
    if len(index.missing) > _SHOWN:
        console.note(f"            … and {len(index.missing) - _SHOWN} more; see --json")
