"""Wait for jobs to end, with a line that shows their progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from uuid import UUID

import typer
from psycopg.rows import DictRow

from schemas.errors import TransientError
from schemas.progress import JobStatus
from sql.store import Ledger
from workers.cli import console, receipts
from workers.cli.connect import Services, find_job

_EVERY_S = 0.5
#: How long a verb waits for a job that has only its last step left, and how often it says so.
_END_S, _PRINTED_EVERY_S = 90.0, 10.0
_BAD = (JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED)


def until_ended(lake: Services, jobs: Sequence[str | UUID]) -> list[receipts.Receipt]:
    """Return the receipts of the jobs once all have ended. Ctrl-C leaves the jobs running."""
    try:
        ended = [_follow(lake, str(job)) for job in jobs]
    except KeyboardInterrupt:
        console.say("the import continues; see: datapunk status")
        raise typer.Exit(console.INTERRUPTED) from None
    return [receipts.gather(lake, row) for row in ended]


def wait_for_end(ledger: Ledger, job: DictRow) -> DictRow:
    """Wait for the end of a job that was stopped or has its last step left; return its row.

    A job that has more to do is returned as it is, and so is one that takes too long.
    """
    end, printed_at = time.monotonic() + _END_S, float("-inf")
    while not (job["completed_at"] or job["remaining"]) and time.monotonic() < end:
        if time.monotonic() - printed_at > _PRINTED_EVERY_S:
            printed_at = time.monotonic()
            stopped = job["outcome"] == JobStatus.CANCELLED
            doing = "is being stopped" if stopped else "is about to end"
            console.say(f"{str(job['id'])[:8]} {doing}; waiting for its end")
        time.sleep(_EVERY_S)
        job = find_job(ledger, str(job["id"]))
    return job


def exit_code(ended: Sequence[receipts.Receipt], *, strict: bool) -> int:
    """Return 1 if a job failed, 3 if records were quarantined and that matters, else 0."""
    if any(receipt.state in _BAD for receipt in ended):
        return console.FAILED
    quarantined = any(receipt.records.quarantined for receipt in ended)
    return console.QUARANTINED if strict and quarantined else console.OK


def _follow(lake: Services, job: str) -> DictRow:
    if not sys.stderr.isatty():
        return _in_lines(lake, job)
    from rich.console import Console  # noqa: PLC0415 - for a terminal alone
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(job[:8], total=None, note="")
        while True:
            row = _look(lake, job)
            if row is not None:
                total = row["chunks"] or None
                name = console.cell(row["source_name"]).replace("[", "\\[")
                bar.update(task, description=name, total=total, completed=row["chunks_done"],
                           note=_note(row))  # fmt: skip
                if row["completed_at"]:
                    return row
            time.sleep(_EVERY_S)


def _in_lines(lake: Services, job: str) -> DictRow:
    printed = ""
    while True:
        row = _look(lake, job)
        if row is not None and row["status"] != printed:
            printed = row["status"]
            console.say(f"{job[:8]} {row['source_name']}: {_note(row)}")
        if row is not None and row["completed_at"]:
            return row
        time.sleep(_EVERY_S)


def _look(lake: Services, job: str) -> DictRow | None:
    """Return the job as it is now; None while the database is away, which the job outlives."""
    try:
        return find_job(lake.ledger, job)
    except TransientError:
        return None


def _note(row: DictRow) -> str:
    done = f", {row['records_seen']} records" if row["records_seen"] else ""
    chunks = f", {row['chunks_done']} of {row['chunks']} chunks" if row["chunks"] else ""
    return f"{row['status']}{chunks}{done}"
