"""`reparse`: read the originals again with a better parser."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from tasks.operations import reparse as task
from workers.cli import connect, console, options
from workers.cli.options import Json
from workers.cli.zone import Zone
from workers.settings import load

_COLUMNS = ("job", "files", "same", "changed", "added", "removed", "closed", "quarantined")
_WHY = {
    "unreadable": "the child that read it ended",
    "not_recognised": "the format does not recognise it now",
    "original_changed": "it is another one in the original than it was",
    "original_gone": "the original can't be read",
    "taken_back": "its job was rolled back meanwhile",
}


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(reparse)


def reparse(
    form: Annotated[
        str,
        typer.Option(
            "--format",
            callback=options.known_format,
            autocompletion=options.formats,
            help="A format; see: datapunk formats",
        ),
    ],
    job: Annotated[
        str | None,
        typer.Option("--job", autocompletion=options.jobs, help="Only what this job holds."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all-versions", help="Also what its present version has read.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be changed.")
    ] = False,
    zone: Zone = None,
    json: Json = False,
) -> None:
    """Read originals again by a format's present version; change only rows that differ.

    With --zone what its present version has read is read too, and the jobs keep that zone.
    Exit code 1 if a file of the format could not be read.
    """
    found: list[tuple[str, task.Reparsed]] = []
    with connect.runtime(load()) as run:
        job_id = connect.find_job(run.ledger, job)["id"] if job else None
        every = every or zone is not None
        wanted = task.order(form, job_id=job_id, every=every, dry=dry_run, zone=zone)
        for owner in run.ledger.rows("jobs", "users"):
            for done, result in task.reparse(run, owner["user_id"], wanted):
                found.append((str(done), result))
    total = sum((result for _, result in found), task.Reparsed())
    _say(found, total, dry_run=dry_run, json=json)
    if set(total.passed_over) & {"unreadable", "original_gone", "original_changed"}:
        raise typer.Exit(console.FAILED)


def _say(
    found: list[tuple[str, task.Reparsed]], total: task.Reparsed, *, dry_run: bool, json: bool
) -> None:
    if json:
        jobs = [{"job": job, **msgspec.to_builtins(result)} for job, result in found]
        console.as_json({"dry_run": dry_run, **msgspec.to_builtins(total), "jobs": jobs})
        return
    rows = [(job[:8], *_numbers(result)) for job, result in found]
    console.table(_COLUMNS, [*rows, ("in all", *_numbers(total))])
    for why, n in sorted(total.passed_over.items()):
        console.say(f"{n} files were left as they are: {_WHY[why]}")
    if dry_run:
        console.say("nothing was changed: this was a dry run")


def _numbers(result: task.Reparsed) -> tuple[Any, ...]:
    return result.files, *msgspec.structs.astuple(result.records)
