"""Verbs about one job: `receipt`, `verify`, `events`, `retry`, `cancel`, `rollback`."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from psycopg.rows import DictRow

from schemas.errors import PermanentError
from schemas.progress import JobStatus
from workers.cli import connect, console, event_lines, receipts, waiting
from workers.cli.options import Job, Json, jobs
from workers.cli.zone import of_user
from workers.settings import load

_ALL = 1_000_000
#: Ends of jobs that `retry` takes up.
_GO_ON = (JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED)


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    for verb in (receipt, verify, events, retry, cancel, rollback):
        app.command()(verb)


def receipt(job: Job, json: Json = False) -> None:
    """Show where every file and every record of a job ended."""
    with connect.services(load()) as lake:
        gathered = receipts.gather(lake, connect.find_job(lake.ledger, job))
    if json:
        console.as_json(gathered)
    else:
        receipts.show(gathered)


def verify(
    job: Annotated[
        str | None, typer.Argument(autocompletion=jobs, help="A job; without one, all.")
    ] = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Look at every row and read every file, not a sample of them."),
    ] = False,
    json: Json = False,
) -> None:
    """Prove what the receipts say: count the sources again, and the rows. Exit code 1 if not."""
    from tasks.operations import verify as proof  # noqa: PLC0415 - reads every format

    settings = load()
    with connect.runtime(settings) as run, connect.services(settings) as lake:
        found = [
            {"job": str(row["id"]), **msgspec.to_builtins(finding)}
            for row in _ended(lake, job)
            for finding in proof.verify(run, lake.reader, row, deep=deep)
        ]
    if json:
        console.as_json(found)
    else:
        rows = [("ok" if f["ok"] else "fail", f["job"][:8], f["check"], f["detail"]) for f in found]
        console.table(("", "job", "check", "detail"), rows)
    if not all(f["ok"] for f in found):
        raise typer.Exit(console.FAILED)


def _ended(lake: connect.Services, job: str | None) -> list[DictRow]:
    if job is not None:
        return [connect.find_job(lake.ledger, job)]
    rows = lake.ledger.rows("jobs", "recent_jobs", user=None, n=_ALL)
    return [row for row in rows if row["completed_at"]]


def events(
    job: Annotated[
        str | None, typer.Argument(autocompletion=jobs, help="A job; without one, all.")
    ] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many of the latest.")] = 200,
    json: Json = False,
) -> None:
    """Show the audit trail: who did what, and when."""
    settings = load()
    with connect.services(settings) as lake:
        job_id = connect.find_job(lake.ledger, job)["id"] if job else None
        found = lake.ledger.rows("jobs", "events_of", job_id=job_id, n=number)
    if json:
        console.as_json(found)
        return
    zone, several = of_user(settings), len({event["user"] for event in found}) > 1
    for event in found:
        at = f"{event['at'].astimezone(zone):%Y-%m-%d %H:%M:%S}"
        whose = f"{event['user']}: " if several and event["user"] else ""
        what = event_lines.sentence(event["kind"], event["detail"])
        console.data(f"{at}  {str(event['job'] or '')[:8]:8}  {whose}{what} ({event['actor']})")
    console.say(f"times are in {zone.key}" if found else "Nothing has happened yet.")


def retry(job: Job) -> None:
    """Continue a job that failed, was rejected or cancelled, from the stage where it stopped."""
    from tasks.maintenance import reconcile  # noqa: PLC0415 - not for `receipt`

    with connect.runtime(load()) as run:
        row = waiting.at_rest(run.ledger, connect.find_job(run.ledger, job))
        short = str(row["id"])[:8]
        if not row["completed_at"]:
            raise PermanentError(_not_yet(row))
        count = reconcile.retry(run, row)
    if not count:
        raise PermanentError(f"Nothing of the job failed: it is {row['status']}.{_then(row)}")
    console.say(f"{count} chunks run again; see: datapunk status {short}")


def cancel(job: Job, json: Json = False) -> None:
    """Stop a job. Loaded rows stay; this and the receipt print their number."""
    from tasks.maintenance import reconcile  # noqa: PLC0415 - not for `receipt`

    with connect.runtime(load()) as run:
        row = connect.find_job(run.ledger, job)
        if row["completed_at"]:
            raise PermanentError(f"The job has ended already: it is {row['status']}.{_then(row)}")
        found = reconcile.cancel(run, row["id"], row["user_id"])
        if not (found.stopped or found.ended):  # a worker is at its last step
            row = waiting.at_rest(run.ledger, row)
            found = reconcile.cancel(run, row["id"], row["user_id"])
            row = connect.find_job(run.ledger, str(row["id"]))
    short = str(row["id"])[:8]
    if not (found.stopped or found.ended):
        if row["completed_at"]:
            raise PermanentError(f"The job ended meanwhile: it is {row['status']}.{_then(row)}")
        raise PermanentError(
            "A worker is at the last step of the job, and nothing else is left to stop; see: "
            f"datapunk status {short}"
        )
    if json:
        console.as_json(found)
        return
    console.data(
        f"{found.stopped} chunks were stopped; {found.done} had ended: {found.loaded} records "
        f"loaded, {found.duplicate} duplicate, {found.quarantined} in quarantine"
    )
    console.say(f"to take them back: datapunk rollback {short}")


def _not_yet(row: DictRow) -> str:
    """Return advice for a job that has not ended: a step that works in its state."""
    short = str(row["id"])[:8]
    if row["remaining"]:
        return f"The job still runs; to stop it: datapunk cancel {short}"
    return (
        f"The job is about to end; see: datapunk status {short}. To end it at once: "
        f"datapunk cancel {short}"
    )


def _then(row: DictRow) -> str:
    """Return what can be done with a job that has ended."""
    short = str(row["id"])[:8]
    if row["status"] in _GO_ON:
        return f" To continue it: datapunk retry {short}"
    if row["records_seen"]:
        return f" To take it back: datapunk rollback {short}"
    return ""


def rollback(
    job: Job,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: Json = False,
) -> None:
    """Roll back what a job loaded. What another job also had stays, and becomes that job's."""
    from tasks.operations.rollback import roll_back  # noqa: PLC0415 - not for `receipt`

    with connect.runtime(load()) as run:
        row = waiting.at_rest(run.ledger, connect.find_job(run.ledger, job))
        found = roll_back(run, row["user_id"], row["id"], dry=dry_run)
    if json:
        console.as_json({"dry_run": dry_run, **msgspec.to_builtins(found)})
        return
    console.data(f"{'would go' if dry_run else 'gone'}:")
    for name, n in msgspec.to_builtins(found).items():
        console.data(f"  {name.replace('_', ' '):12} {n}")
