"""Wait for jobs to end, with a line that shows their progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import typer
from psycopg.rows import DictRow

from schemas.errors import TransientError
from schemas.progress import JobStatus
from sql.store import Ledger
from workers.cli import columns, console, progress, receipts
from workers.cli.connect import Services, find_job
from workers.cli.progress import Progress

if TYPE_CHECKING:
    from rich.console import Group

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
    """Return the row of a job once it has ended; show its progress meanwhile."""
    if not sys.stderr.isatty():
        return _in_lines(lake, job)
    from rich.console import Console  # noqa: PLC0415 - for a terminal alone
    from rich.live import Live  # noqa: PLC0415

    with Live(console=Console(stderr=True), refresh_per_second=4) as live:
        while True:
            row = _look(lake, job)
            if row is not None:
                live.update(_drawn(row, _progress(lake, row), console.width(sys.stderr)))
                if row["completed_at"]:
                    return row
            time.sleep(_EVERY_S)


def _drawn(row: DictRow, now: Progress | None, width: int | None) -> Group:
    """Return two lines: the file with a bar, and the numbers in words."""
    from rich.console import Group  # noqa: PLC0415 - for a terminal alone
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    room = width or 80
    share = float(row["status"] == JobStatus.DONE) if row["completed_at"] else now and now.share
    percent = f"{share:.0%}" if share else ""
    state = f"{percent} {row['status']}".strip()
    name = columns.cut(console.cell(row["source_name"]), max(room // 2 - 4, 16))
    head = Table.grid(padding=(0, 1))
    head.add_column(no_wrap=True)
    head.add_column(width=max(room - columns.cells(name) - len(state) - 3, 4))
    head.add_column(no_wrap=True)
    bar = ProgressBar(total=None if share is None else 1.0, completed=share or 0.0)
    head.add_row(Text(name), bar, Text(state))
    return Group(head, Text(console.prose(f"  {_numbers(row, now)}", width)))


def _in_lines(lake: Services, job: str) -> DictRow:
    printed = ""
    while True:
        row = _look(lake, job)
        if row is not None and row["status"] != printed:
            printed = row["status"]
            numbers = _numbers(row, _progress(lake, row))
            text = f"{printed}, {numbers}" if numbers else printed
            console.say(f"{job[:8]} {row['source_name']}: {text}")
        if row is not None and row["completed_at"]:
            return row
        time.sleep(_EVERY_S)


def _look(lake: Services, job: str) -> DictRow | None:
    """Return the job as it is now; None while the database is away, which the job outlives."""
    try:
        return find_job(lake.ledger, job)
    except TransientError:
        return None


def _progress(lake: Services, row: DictRow) -> Progress | None:
    """Return how far an open job is; None if it has ended, or the database is away."""
    if row["completed_at"]:
        return None
    with suppress(TransientError):
        return progress.of_jobs(lake.ledger, [row["id"]]).get(row["id"])
    return None


def _numbers(row: DictRow, now: Progress | None) -> str:
    """Return the numbers of a job in words: how far it is, or how long it took."""
    records = f"{row['records_seen']:,} records" if row["records_seen"] else ""
    last = progress.words(now) if now else ""
    if (took := progress.duration_s(row)) is not None:
        last = f"took {console.span(took)}"
    return ", ".join(filter(None, (records, last)))
