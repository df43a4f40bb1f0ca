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

_SHOWN = 20


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
    came = {part.part: part.state for part in line.parts}
    for gap in line.gaps:
        why = f"came, and was {came[gap]}" if gap in came else "not here yet"
        yield f"part {gap} of {line.name}: {why}"
    if line.missing and not line.gaps:
        yield f"{line.name}: {line.missing} of {line.listed} listed files are in no part yet"
    if line.waiting:
        total = sum(line.waiting.values())
        files = ", ".join(f"{n} file{'s' * (n > 1)} of {name}" for name, n in line.waiting.items())
        until = f"{line.waits_until:%Y-%m-%d %H:%M %Z}"
        waits = "waits" if total == 1 else "wait"
        yield f"{line.name}: {files} {waits} for the whole set, until {until}"
        yield f"{'':8}  if nothing more comes, run: datapunk sets {line.name} --go-on"


def show_index(index: Inventory) -> None:
    """Print the export's own page compared with what came."""
    for path in index.unread:
        console.data(f"index     {path} could not be read as the export's own list")
    if not index.pages:
        console.data("index     the export's own list is not here; nothing is known to be missing")
        return
    held = index.listed - index.not_exported - len(index.missing)
    console.data(f"index     {', '.join(index.pages)} lists {index.listed} files: {held} are here")
    if index.not_exported:
        console.data(f"          {index.not_exported} could not be exported, it says")
    if index.missing:
        maybe = f"; {index.maybe_bare} of them may be bare parts" if index.maybe_bare else ""
        console.data(f"          {len(index.missing)} are in no part{maybe}:")
    for path in index.missing[:_SHOWN]:
        console.data(f"            {path}")
    if len(index.missing) > _SHOWN:
        console.data(f"            … and {len(index.missing) - _SHOWN} more; see --json")
