"""`sets`: exports in parts, what is missing of each, and what waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from psycopg.rows import DictRow

from pipeline.archives import multipart
from schemas.errors import PermanentError
from schemas.progress import Event, SetState
from schemas.tally import Tally
from sql.commit import note
from sql.queries import queries
from sql.store import Ledger
from tasks.ingest import export_sets as rules
from tasks.ingest.export_sets import Inventory
from workers.cli import connect, console
from workers.settings import load

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
    """How a set stands, as `--json` prints it."""

    name: str
    user: str
    state: SetState
    waits_until: datetime
    parts: list[PartLine]
    gaps: list[str]
    waiting: dict[str, int]
    """What waits for the whole set: files by format."""
    listed: int | None
    missing: int | None
    """Of the files that the export's page lists, those that no part holds; None without a page."""


class SetReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told of one set."""

    set: SetLine
    records: Tally
    index: Inventory


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(sets)


def sets(
    name: Annotated[str | None, typer.Argument(help="A set, as takeout-20250102T030405Z.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    go_on: Annotated[bool, typer.Option("--go-on", help="Wait for no further part of it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Exports in parts: what is here, what is missing. With a name, its receipt."""
    with connect.services(load()) as lake:
        if name is None:
            if go_on:
                raise typer.BadParameter("say which set", param_hint="--go-on")
            _list(lake.ledger, user, json=json)
            return
        row = _one(lake.ledger, name, user)
        if go_on:
            _go_on(lake.ledger, row)
        made = receipt_of(lake.ledger, row)
    if json:
        console.as_json(made)
    else:
        _show(made)


def _go_on(ledger: Ledger, row: DictRow) -> None:
    with ledger.transaction() as connection:
        asked = {"set_id": row["id"]}
        if connection.execute(queries("sets")["go_on"], asked).fetchone() is None:
            raise PermanentError("Nothing waits for that set.")
        said = {"set": row["stem"]}
        note(connection, Event.SET_NOT_WAITED_FOR, row["user_id"], None, said)
    console.say("what waited goes on now, with what is there")


def _list(ledger: Ledger, user: str | None, *, json: bool) -> None:
    rows = ledger.rows("sets", "recent_sets", user=user, n=50)
    found = [line_of(ledger, row) for row in rows]
    if json:
        console.as_json(found)
        return
    columns = ("set", "user", "state", "parts", "missing parts", "listed", "in no part", "waiting")
    console.table(columns, [_cells(line) for line in found])


def _cells(line: SetLine) -> list[object]:
    here = len({part.part for part in line.parts if part.here})
    waiting = sum(line.waiting.values())
    gaps = ", ".join(line.gaps)
    return [line.name, line.user, line.state, here, gaps, line.listed, line.missing, waiting]


def _one(ledger: Ledger, name: str, user: str | None) -> DictRow:
    rows = ledger.rows("sets", "one_set", stem=name, user=user)
    if not rows:
        raise PermanentError("There is no such set; see: datapunk sets")
    if len(rows) > 1:
        raise PermanentError("Several users have a set of that name; say --user.")
    return rows[0]


def line_of(ledger: Ledger, row: DictRow) -> SetLine:
    """A set by its row."""
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
    """The sets that these jobs are parts of."""
    wanted = [UUID(str(job)) for job in jobs]
    return [line_of(ledger, row) for row in ledger.rows("sets", "sets_of", jobs=wanted)]


def receipt_of(ledger: Ledger, row: DictRow) -> SetReceipt:
    """The receipt of a set: its parts, their records, and its page against what they hold."""
    jobs = ledger.rows("sets", "parts", set_id=row["id"])
    here = [job["files_of"] for job in jobs if rules.is_here(job)]
    return SetReceipt(
        set=line_of(ledger, row),
        records=sum(map(Tally.of_job, jobs), Tally()),
        index=index_of(ledger, here, jobs),
    )


def index_of(ledger: Ledger, jobs: Sequence[UUID], rows: Sequence[DictRow]) -> Inventory:
    """What the page of an export lists, against what these jobs hold."""
    with ledger.transaction() as connection:
        return rules.inventory(connection, jobs, rows)


# --- for people ------------------------------------------------------------------------------


def notes(line: SetLine) -> Iterator[str]:
    """What is missing of a set, and what waits for it; nothing where all is well."""
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


def _show(receipt: SetReceipt) -> None:
    line = receipt.set
    console.data(f"set       {line.name} of {line.user}")
    console.data(f"state     {line.state}")
    columns = ("part", "job", "file", "state", "")
    aside = ("" if part.here else "not there" for part in line.parts)
    rows = [(p.part, str(p.job)[:8], p.file, p.state, note)
            for p, note in zip(line.parts, aside, strict=True)]  # fmt: skip
    console.table(columns, rows)
    for said in notes(line):
        console.data(said)
    counts = receipt.records
    console.data(
        f"records   {counts.seen} seen = {counts.loaded} loaded + {counts.duplicate} "
        f"duplicate + {counts.quarantined} quarantined"
    )
    show_index(receipt.index)


def show_index(index: Inventory) -> None:
    """The export's own page against what came."""
    for path in index.unread:
        console.data(f"index     {path} could not be understood as the export's own list")
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
