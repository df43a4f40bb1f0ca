"""Verbs about one job: `receipt`, `verify`, `events`, `retry`, `cancel`, `rollback`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from psycopg.rows import DictRow

from schemas.errors import PermanentError
from schemas.progress import JobStatus
from schemas.tally import Tally
from workers.cli import connect, console, event_lines, receipts, waiting
from workers.cli.columns import Column
from workers.cli.options import Job, Json, jobs
from workers.cli.zone import note, of_user
from workers.embedded.flower import tasks_page
from workers.settings import load

if TYPE_CHECKING:
    from tasks.runtime.context import Runtime

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
        if page := tasks_page(lake.settings, str(gathered.job)[:8]):
            console.say(f"its tasks: {page}")


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
        console.table((Column(""), Column("job"), Column("check"), "detail"), rows)
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
    console.say(note(zone) if found else "Nothing has happened yet.")


def retry(job: Job) -> None:
    """Continue a job that failed, was rejected or cancelled, from the stage where it stopped."""
    from tasks.operations import job_control  # noqa: PLC0415 - not for `receipt`

    with connect.runtime(load()) as run:
        row = waiting.wait_for_end(run.ledger, connect.find_job(run.ledger, job))
        short = str(row["id"])[:8]
        if not row["completed_at"]:
            raise PermanentError(_not_yet(row))
        count = job_control.retry(run, row)
    if not count:
        raise PermanentError(f"Nothing of the job failed: it is {row['status']}.{_then(row)}")
    console.say(f"{count} chunks run again; see: datapunk status {short}")


def cancel(job: Job, json: Json = False) -> None:
    """Stop a job. Loaded rows stay; this and the receipt print their number."""
    from tasks.operations import job_control  # noqa: PLC0415 - not for `receipt`

    with connect.runtime(load()) as run:
        row = connect.find_job(run.ledger, job)
        if row["completed_at"]:
            raise PermanentError(f"The job has ended already: it is {row['status']}.{_then(row)}")
        found = job_control.cancel(run, row["id"], row["user_id"])
        if not (found.stopped or found.ended):  # a worker is at its last step
            row = waiting.wait_for_end(run.ledger, row)
            found = job_control.cancel(run, row["id"], row["user_id"])
            row = connect.find_job(run.ledger, str(row["id"]))
        original = _original_places(run, row)
    short = str(row["id"])[:8]
    if not (found.stopped or found.ended):
        if row["completed_at"]:
            raise PermanentError(f"The job ended meanwhile: it is {row['status']}.{_then(row)}")
        raise PermanentError(
            "A worker is at the last step of the job, and nothing else is left to stop; see: "
            f"datapunk status {short}"
        )
    if json:
        console.as_json({**msgspec.structs.asdict(found), **original})
        return
    were = "chunk was" if found.stopped == 1 else "chunks were"
    console.note(
        f"{found.stopped} {were} stopped; {found.done} had ended: {found.loaded} records "
        f"loaded, {found.duplicate} duplicate, {found.quarantined} in quarantine"
    )
    _print_places(**original)
    console.say(f"to take the records back: datapunk rollback {short}")


def _original_places(run: Runtime, job: DictRow) -> dict[str, str | None]:
    """Return where a cancelled job's original is, and where the end of the job moves it."""
    from tasks.ingest import archived_originals  # noqa: PLC0415 - not for `receipt`

    with run.ledger.transaction() as connection:
        place = archived_originals.find_original(run.folders, connection, job["id"])
    final, _ = archived_originals.archive_paths(run.folders, job, well=False)
    is_final = place is None or place.parent == final.parent
    return {
        "original": None if place is None else str(place),
        "moves_to": None if is_final else str(final.parent),
    }


def _print_places(original: str | None, moves_to: str | None) -> None:
    if original is None:
        console.say("the copy of the original was deleted from the data folder")
        return
    console.say("the copy of the original:")
    console.say_whole(f"  {original}")
    if moves_to:
        console.say("it moves to this folder:")
        console.say_whole(f"  {moves_to}")


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
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")] = False,
    json: Json = False,
) -> None:
    """Roll back what a job loaded. Records that another job also had become that job's.

    On a terminal it asks first. Elsewhere it needs --yes, or ends with exit code 2.
    """
    from tasks.operations.rollback import roll_back  # noqa: PLC0415 - not for `receipt`

    settings, asks = load(), not (yes or dry_run)
    if asks and not _asks_at_terminal():
        raise typer.BadParameter(
            "there is no terminal to ask at; to roll back without being asked, add --yes",
            param_hint="--yes",
        )
    with connect.runtime(settings) as run:
        row = waiting.wait_for_end(run.ledger, connect.find_job(run.ledger, job))
        if asks and row["completed_at"] and row["records_seen"]:
            _confirm(row)
        found = roll_back(run, row["user_id"], row["id"], dry=dry_run)
    if json:
        console.as_json({"dry_run": dry_run, **msgspec.to_builtins(found)})
        return
    console.data(f"{'would go' if dry_run else 'gone'}:")
    for name, n in msgspec.to_builtins(found).items():
        console.data(f"  {name.replace('_', ' '):12} {n}")


def _asks_at_terminal() -> bool:
    return sys.stdin.isatty()


def _confirm(job: DictRow) -> None:
    """Ask whether to roll a job back, by its name and numbers; end the verb if not."""
    counts = Tally.of_job(job)
    console.say_whole(job["source_name"])
    console.say(
        f"  of {job['user_name']}, job {str(job['id'])[:8]}; rows: {counts.loaded:,}, "
        f"duplicates: {counts.duplicate:,}, in quarantine: {counts.quarantined:,}"
    )
    if not typer.confirm("Roll it back?", err=True):
        console.say("nothing was rolled back")
        raise typer.Exit(console.FAILED)
