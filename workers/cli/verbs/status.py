"""`status` and `jobs`: the state of the imports."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from psycopg.rows import DictRow

from schemas.folders import Folders
from schemas.progress import ENDED, Stage
from schemas.reasons import category_of, in_words
from sql.store import Ledger
from sql.vectors import Backlog
from tasks.runtime import alerts
from workers import watching
from workers.cli import check, connect, console, options, set_lines
from workers.cli.options import Json
from workers.embedded import machine, program_states, stop
from workers.settings import load
from workers.stores import thresholds

if TYPE_CHECKING:
    from rich.console import Group

_COLUMNS = (
    "job", "user", "file", "state", "stage", "chunks", "records", "duplicates", "quarantined",
    "age",
)  # fmt: skip
_BAD = ("failed", "rejected")
_ORDER = {str(stage): n for n, stage in enumerate(Stage)}


class Snapshot(msgspec.Struct, frozen=True):
    """The data of `status`, as `--json` prints it."""

    jobs: list[dict[str, Any]]
    sets: list[set_lines.SetLine]
    vectors: list[dict[str, Any]]
    failing: list[dict[str, Any]]
    """Background steps that fail, and are retried."""
    services: dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(status)
    app.command()(jobs)


def status(
    job: Annotated[
        str | None,
        typer.Argument(autocompletion=options.jobs, help="A job; without one, the latest."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on, until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Show what runs, what waits, what failed and why."""
    with connect.services(load()) as lake:
        if watch and not json:
            _watch(lake, job)
        elif json:
            console.as_json(msgspec.to_builtins(snapshot(lake, job), enc_hook=str))
        else:
            _print(snapshot(lake, job))


def jobs(
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many, latest first.")] = 50,
    json: Json = False,
) -> None:
    """List every job, the latest first."""
    with connect.services(load()) as lake:
        connect.find_users(lake.ledger, user)  # an unknown name is an error, and no empty list
        rows = lake.ledger.rows("jobs", "recent_jobs", user=user, n=number)
        facts = [job_facts(row, None, _alert(lake, row)) for row in rows]
    if json:
        console.as_json(facts)
    else:
        console.table(_COLUMNS, [line(fact) for fact in facts])


def snapshot(lake: connect.Services, job: str | None) -> Snapshot:
    """Return the jobs and services as they are now."""
    if job is None:
        rows = lake.ledger.rows("jobs", "recent_jobs", user=None, n=20)
    else:
        rows = [connect.find_job(lake.ledger, job)]
    waits = _waits(lake)
    facts = [
        {
            **job_facts(row, _stage(lake, row), _alert(lake, row)),
            "waits": waits.get(str(row["id"]), {}),
        }
        for row in rows
    ]
    shown = set_lines.of_jobs(lake.ledger, [row["id"] for row in rows])
    worth_saying = [line for line in shown if [*set_lines.notes(line)]]
    failing = failing_steps(lake.ledger)
    return Snapshot(facts, worth_saying, [*_vectors(lake)], failing, _services(lake))


def _vectors(lake: connect.Services) -> Iterator[dict[str, Any]]:
    """Yield the progress of each user's vectors, where some are still to be made."""
    for user in lake.ledger.rows("jobs", "users"):
        for each in Backlog(lake.reader, user["user_id"]).progress():
            yield {"user": user["name"], **msgspec.structs.asdict(each)}


def failing_steps(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the failing background steps: the step, the user's or job's piece of it, the error."""
    return [
        {
            "step": row["step"],
            "of": _piece(row),
            "error": row["error"],
            "place": row["place"],
            "failures": row["failures"],
            "since": row["first_at"],
            "again_at": row["again_at"],
        }
        for row in ledger.rows("steps", "all")
    ]


def _piece(row: Mapping[str, Any]) -> str | None:
    if row["user_name"]:
        return f"user {row['user_name']}"
    if row["job_id"]:
        return f"job {str(row['job_id'])[:8]}"
    return str(row["subject"]) or None


def told(failing: Mapping[str, Any]) -> str:
    """Return one such failure as a line."""
    of = f" of {failing['of']}" if failing["of"] else ""
    times = "once" if failing["failures"] == 1 else f"{failing['failures']} times"
    return (
        f"behind the imports: {failing['step']}{of} failed {times}: {failing['error']} at "
        f"{failing['place']}; next try {failing['again_at']:%Y-%m-%d %H:%M:%S %Z}"
    )


def _waits(lake: connect.Services) -> dict[str, dict[str, int]]:
    """For each job that met an error: how many chunks were given back, by the error's code."""
    waits: dict[str, dict[str, int]] = {}
    for row in lake.ledger.rows("jobs", "waits"):
        waits.setdefault(str(row["job_id"]), {})[row["code"]] = row["chunks"]
    return waits


def _stage(lake: connect.Services, row: DictRow) -> str | None:
    """Return the earliest stage of an open job's chunks."""
    if row["status"] in ENDED:
        return None
    states = lake.ledger.rows("jobs", "chunk_states", job_id=row["id"])
    open_ones = [s["stage"] for s in states if s["status"] in ("ready", "leased")]
    return min(open_ones, key=_ORDER.__getitem__, default=None)


def _alert(lake: connect.Services, row: DictRow) -> str | None:
    return alerts.line(lake.reader, thresholds(lake.settings), row)


def job_facts(row: Mapping[str, Any], stage: str | None, alert: str | None) -> dict[str, Any]:
    """Return the facts of one job."""
    ended, code = row["completed_at"], row["error_code"]
    return {
        "job": str(row["id"]),
        "user": row["user_name"],
        "file": row["source_name"],
        "state": row["status"],
        "stage": stage,
        "zone": row["zone"],
        "chunks_done": row["chunks_done"],
        "chunks": row["chunks"],
        "seen": row["records_seen"],
        "loaded": row["records_loaded"],
        "duplicate": row["records_duplicate"],
        "quarantined": row["records_quarantined"],
        "created_at": row["created_at"],
        "completed_at": ended,
        "duplicate_of": row["duplicate_of"] and str(row["duplicate_of"]),
        "alert": alert,
        "error_code": code,
        "error_category": code and category_of(code),
        "error_detail": row["error_detail"],
        "retry": f"datapunk retry {row['id']}" if row["status"] in _BAD else None,
    }


def line(fact: Mapping[str, Any]) -> list[object]:
    """Return one job as a row of the table."""
    return [
        fact["job"][:8],
        fact["user"],
        fact["file"],
        fact["state"],
        fact["stage"] or "",
        f"{fact['chunks_done']}/{fact['chunks']}",
        fact["loaded"],
        fact["duplicate"],
        fact["quarantined"],
        console.age(fact["created_at"]),
    ]


def causes(facts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield why jobs wait or failed, wholly or in part, and the command to run."""
    for fact in facts:
        short = fact["job"][:8]
        for code, chunks in fact["waits"].items():
            yield f"{short}: waits: {in_words(code)}; chunks to try again: {chunks}"
        if fact["state"] in _BAD:
            why = f"{fact['error_code']} ({fact['error_category']}): {fact['error_detail']}"
            yield f"{short}: {why}"
            yield f"{'':8}  run: {fact['retry']}"
        elif fact["error_code"] == "original_gone":
            yield f"{short}: {fact['error_code']}: {fact['error_detail']}"
        if fact["alert"]:
            yield f"{short}: ALERT: {fact['alert']}"
        if fact["alert"] and fact["quarantined"]:
            yield f"{'':8}  run: datapunk quarantine list --job {short}"


def said_of(shot: Snapshot) -> Iterator[str]:
    """Yield everything to know and to do, in lines.

    Failures, items that could not be taken in, then missing parts.
    """
    yield from causes(shot.jobs)
    yield from watching.lines(shot.services["watchers"])
    for line in shot.sets:
        yield from set_lines.notes(line)
    for vectors in shot.vectors:
        yield _how_far(**vectors)
    yield from map(told, shot.failing)


def _how_far(user: str, model: str, have: int, waiting: int, given_up: int) -> str:
    total = have + waiting + given_up
    progress = f"{user}: {have:,} of {total:,} documents have vectors of the {model} model"
    if not given_up:
        return progress
    return f"{progress}, {given_up:,} were given up; try again: datapunk embed --model {model}"


def _services(lake: connect.Services) -> dict[str, Any]:
    settings = lake.settings
    scan = check.scanner(settings)
    (waiting,) = lake.ledger.rows("jobs", "open_jobs")
    states = program_states.state(settings)
    return {
        "processes": [msgspec.to_builtins(each) for each in states],
        "without_supervisor": 0 if states else len(stop.orphans(settings)),
        "open_jobs": waiting["count"],
        "scanner": scan.detail,
        "disk_free_mb": machine.free_disk_mb(settings.data_dir),
        "watchers": watching.told(Folders(settings.data_dir)),
    }


def footer(services: Mapping[str, Any]) -> Iterator[str]:
    """Yield the state of the services, in a few lines."""
    states = services["processes"]
    running = [each["name"] for each in states if each["state"] == "RUNNING"]
    ill = [
        f"{each['name']} {each['state'].lower()}" for each in states if each["name"] not in running
    ]
    yield f"services: {', '.join(running) or 'none under datapunk up'}"
    if left := services["without_supervisor"]:
        yield f"without a supervisor: {left} processes, which nothing restarts; run: datapunk up"
    if ill:
        yield f"not running: {', '.join(ill)}; see: datapunk doctor"
    free = services["disk_free_mb"] / 1024
    yield f"open jobs: {services['open_jobs']}   scanner: {services['scanner']}"
    yield f"disk: {free:.1f} GB free"


def _print(shot: Snapshot) -> None:
    console.table(_COLUMNS, [line(fact) for fact in shot.jobs])
    for text in said_of(shot):
        console.data(text)
    for text in footer(shot.services):
        console.say(text)


def _watch(lake: connect.Services, job: str | None) -> None:
    if not sys.stdout.isatty():
        _watch_lines(lake, job)
        return
    from rich.live import Live  # noqa: PLC0415 - for a terminal alone

    with Live(refresh_per_second=4) as live:
        while True:
            live.update(_drawn(snapshot(lake, job)))
            time.sleep(1)


def _drawn(shot: Snapshot) -> Group:
    from rich.console import Group  # noqa: PLC0415 - for a terminal alone
    from rich.text import Text  # noqa: PLC0415

    cells = [[console.cell(value) for value in line(fact)] for fact in shot.jobs]
    notes = [*said_of(shot), "", *footer(shot.services)]
    return Group(console.rich_table(_COLUMNS, cells), *(Text(console.shown(n)) for n in notes))


def _watch_lines(lake: connect.Services, job: str | None) -> None:
    """Print a job's line each time that it changes, where the output is not a terminal."""
    printed: dict[str, list[str]] = {}
    while True:
        for fact in snapshot(lake, job).jobs:
            cells = [console.cell(value) for value in line(fact)][:-1]
            if printed.get(fact["job"]) != cells:
                printed[fact["job"]] = cells
                print("  ".join(cells), flush=True)
        time.sleep(1)
