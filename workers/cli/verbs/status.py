"""`status` and `jobs`: the state of the imports."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

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
from workers.cli import check, columns, connect, console, options, progress, set_lines
from workers.cli.columns import Column, Shape
from workers.cli.options import Json
from workers.cli.progress import Progress
from workers.cli.zone import local
from workers.embedded import machine, program_states, start_settings, stop
from workers.embedded.flower import tasks_page
from workers.settings import load
from workers.stores import thresholds

#: What a narrow terminal leaves out first: how a job works, then how it went; never which it is.
_COLUMNS = (
    Column("job"),
    Column("user", Shape.CUT, drop=4),
    Column("file", Shape.CUT, least=13),
    Column("state"),
    Column("stage", drop=7),
    Column("chunks", drop=8),
    Column("records"),
    Column("duplicates", drop=6),
    Column("quarantined", drop=3),
    Column("done", drop=2),
    Column("time", drop=1),
    Column("age", drop=5),
)
#: The cells that change though nothing happens to a job.
_CLOCKS = 2
#: Rows of jobs and lines of notes that `status -w` shows on the lowest terminal.
_LEAST_ROWS = 3
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
            show(snapshot(lake, job))


def jobs(
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many, latest first.")] = 50,
    json: Json = False,
) -> None:
    """List every job, the latest first."""
    with connect.services(load()) as lake:
        connect.find_users(lake.ledger, user)  # an unknown name is an error, and no empty list
        rows = lake.ledger.rows("jobs", "recent_jobs", user=user, n=number)
        now = _progress(lake, rows)
        facts = [job_facts(row, None, _alert(lake, row), now.get(row["id"])) for row in rows]
    if json:
        console.as_json(facts)
    else:
        show_jobs(facts)


def show_jobs(facts: Sequence[Mapping[str, Any]], now: datetime | None = None) -> None:
    """Print a line for each job, with its age at a time."""
    nothing = "Nothing has been imported; see: datapunk add --help"
    console.table(_COLUMNS, [line(fact, now) for fact in facts], nothing)


def snapshot(lake: connect.Services, job: str | None) -> Snapshot:
    """Return the jobs and services as they are now."""
    if job is None:
        rows = lake.ledger.rows("jobs", "recent_jobs", user=None, n=20)
    else:
        rows = [connect.find_job(lake.ledger, job)]
    waits, now = _waits(lake), _progress(lake, rows)
    facts = [
        {
            **job_facts(row, _stage(lake, row), _alert(lake, row), now.get(row["id"])),
            "waits": waits.get(str(row["id"]), {}),
        }
        for row in rows
    ]
    shown = set_lines.of_jobs(lake.ledger, [row["id"] for row in rows])
    worth_saying = [line for line in shown if [*set_lines.notes(line)]]
    failing = failing_steps(lake.ledger)
    page = tasks_page(lake.settings, job and facts[0]["job"][:8])
    given_up = sum(row["given_up"] for row in lake.ledger.rows("notices", "states"))
    services = {**_services(lake), "flower": page, "messages_given_up": given_up}
    return Snapshot(facts, worth_saying, [*_vectors(lake)], failing, services)


def _progress(lake: connect.Services, rows: Sequence[DictRow]) -> dict[UUID, Progress]:
    """Return how far those of the jobs are that have not ended."""
    return progress.of_jobs(lake.ledger, [r["id"] for r in rows if r["completed_at"] is None])


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


def describe_failure(failing: Mapping[str, Any]) -> str:
    """Return one such failure as a line."""
    of = f" of {failing['of']}" if failing["of"] else ""
    times = "once" if failing["failures"] == 1 else f"{failing['failures']} times"
    return (
        f"background step {failing['step']}{of} failed {times}: {failing['error']} at "
        f"{failing['place']}; next try {local(failing['again_at']):%Y-%m-%d %H:%M:%S %Z}"
    )


def _waits(lake: connect.Services) -> dict[str, dict[str, int]]:
    """Return for each job with errors how many chunks were given back, by the error's code."""
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


def job_facts(
    row: Mapping[str, Any], stage: str | None, alert: str | None, now: Progress | None = None
) -> dict[str, Any]:
    """Return the facts of one job; `now` is how far an open one is."""
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
        "duration_s": progress.duration_s(row),
        "progress": now and now.facts(),
        "duplicate_of": row["duplicate_of"] and str(row["duplicate_of"]),
        "alert": alert,
        "error_code": code,
        "error_category": code and category_of(code),
        "error_detail": row["error_detail"],
        "retry": f"datapunk retry {row['id']}" if row["status"] in _BAD else None,
    }


def line(fact: Mapping[str, Any], now: datetime | None = None) -> list[object]:
    """Return one job as a row of the table, with its age at a time; without one, now."""
    done, time_ = _progress_cells(fact)
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
        done,
        time_,
        console.age(fact["created_at"], now),
    ]


def _progress_cells(fact: Mapping[str, Any]) -> tuple[str, str]:
    """Return the share of a job that is done, and the time that it took or has left, if known."""
    if fact["duration_s"] is not None:
        return "", f"took {console.span(fact['duration_s'])}"
    if not fact["progress"]:
        return "", ""
    now = msgspec.convert(fact["progress"], Progress)
    left = f"{console.span(now.left_s)} left" if now.left_s else ""
    return "" if now.share is None else f"{now.share:.0%}", left


def _progress_line(facts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield how far the open jobs are, all together."""
    found = [(fact, fact["progress"]) for fact in facts if fact.get("progress")]
    begun = [(f, msgspec.convert(p, Progress)) for f, p in found if p["running_s"] is not None]
    if begun:
        who = begun[0][0]["job"][:8] if len(begun) == 1 else f"{len(begun)} jobs"
        words = progress.words(progress.together([now for _, now in begun]))
        yield f"{who}: {words}"


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


def status_lines(shot: Snapshot) -> Iterator[str]:
    """Yield everything to know and to do, in lines.

    Failures, items that could not be taken in, then missing parts.
    """
    yield from _progress_line(shot.jobs)
    yield from causes(shot.jobs)
    yield from watching.report_lines(shot.services["watchers"])
    for line in shot.sets:
        yield from set_lines.notes(line)
    for vectors in shot.vectors:
        yield _vectors_line(**vectors)
    yield from map(describe_failure, shot.failing)
    if given_up := shot.services.get("messages_given_up"):
        yield f"messages: {given_up} were given up in the last week; run: datapunk notify --test"


def _vectors_line(user: str, model: str, have: int, waiting: int, given_up: int) -> str:
    total = have + waiting + given_up
    have_line = f"{user}: {have:,} of {total:,} documents have vectors of the {model} model"
    if not given_up:
        return have_line
    return f"{have_line}, {given_up:,} were given up; try again: datapunk embed --model {model}"


def _services(lake: connect.Services) -> dict[str, Any]:
    settings = lake.settings
    scan = check.scanner(settings)
    (waiting,) = lake.ledger.rows("jobs", "open_jobs")
    states = program_states.state(settings)
    return {
        "data_dir": str(settings.data_dir),
        "settings_changed": start_settings.differing(settings) if states else [],
        "processes": [msgspec.to_builtins(each) for each in states],
        "without_supervisor": 0 if states else len(stop.orphans(settings)),
        "open_jobs": waiting["count"],
        "scanner": scan.detail,
        "disk_free_mb": machine.free_disk_mb(settings.data_dir),
        "watchers": watching.read_reports(Folders(settings.data_dir)),
    }


def footer(services: Mapping[str, Any]) -> Iterator[str]:
    """Yield the state of the services, in a few lines."""
    states = services["processes"]
    running = [each["name"] for each in states if each["state"] == "RUNNING"]
    stopped = [
        f"{each['name']} {each['state'].lower()}" for each in states if each["name"] not in running
    ]
    yield f"lake: {services['data_dir']}"
    yield from start_settings.lines(services["settings_changed"])
    yield f"services: {', '.join(running) or 'none under datapunk up'}"
    if left := services["without_supervisor"]:
        yield f"without a supervisor: {left} processes, which nothing restarts; run: datapunk up"
    if stopped:
        yield f"not running: {', '.join(stopped)}; see: datapunk doctor"
    free = services["disk_free_mb"] / 1024
    yield f"open jobs: {services['open_jobs']}; scanner: {services['scanner']}"
    yield f"disk: {free:.1f} GB free"
    if services.get("flower"):
        yield f"tasks: {services['flower']}"


def show(shot: Snapshot, now: datetime | None = None) -> None:
    """Print jobs and what to know of them; the services go to standard error."""
    show_jobs(shot.jobs, now)
    for text in status_lines(shot):
        console.note(text)
    for text in footer(shot.services):
        console.say(text)


def _watch(lake: connect.Services, job: str | None) -> None:
    if not sys.stdout.isatty():
        _watch_lines(lake, job)
        return
    from rich.live import Live  # noqa: PLC0415 - for a terminal alone
    from rich.text import Text  # noqa: PLC0415

    with Live(refresh_per_second=4) as live:
        while True:
            size = shutil.get_terminal_size()
            text = "\n".join(screen(snapshot(lake, job), size.columns, size.lines))
            live.update(Text(text, no_wrap=True, overflow="ignore"))
            time.sleep(1)


def screen(shot: Snapshot, width: int, height: int, now: datetime | None = None) -> list[str]:
    """Return lines that fit a terminal: jobs, open ones first, notes, and always the services."""

    def folded(texts: Iterable[str]) -> list[str]:
        return [
            part for t in texts for part in console.prose(console.printable(t), width).split("\n")
        ]

    foot, notes = folded(footer(shot.services)), folded(status_lines(shot))
    room = max(height - len(foot) - 2, 2 * _LEAST_ROWS)  # without headings and a blank line
    facts = shot.jobs
    if len(facts) + len(notes) > room:
        facts = sorted(facts, key=lambda fact: fact["completed_at"] is not None)
    most = max(room - len(notes), room // 2)
    jobs = _some([[*map(console.cell, line(fact, now))] for fact in facts], most, width)
    return [*jobs, *_first(notes, room - len(jobs) + 1), "", *foot]


def _some(cells: list[list[str]], most: int, width: int) -> list[str]:
    """Return the first rows of the table, and how many more there are."""
    shown = cells if len(cells) <= most else cells[: most - 1]
    lines = columns.lines(_COLUMNS, shown, width)
    if len(shown) < len(cells):
        lines.append(f"… and {len(cells) - len(shown)} more; see: datapunk jobs")
    return lines


def _first(notes: list[str], most: int) -> list[str]:
    if len(notes) <= most:
        return notes
    return [*notes[: max(most - 1, 0)], "… and more; see: datapunk status"]


def _watch_lines(lake: connect.Services, job: str | None) -> None:
    """Print a job's line each time that it changes, where the output is not a terminal."""
    printed: dict[str, list[str]] = {}
    while True:
        for fact in snapshot(lake, job).jobs:
            cells = [console.cell(value) for value in line(fact)][:-_CLOCKS]
            if printed.get(fact["job"]) != cells:
                printed[fact["job"]] = cells
                print("  ".join(cells), flush=True)
        time.sleep(1)
