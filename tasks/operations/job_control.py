"""What a user does to a job: cancel it while it runs, or retry it from the stage that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from psycopg import errors as pg

from pipeline.storage.atomic_files import move
from schemas.crash import crash_here
from schemas.errors import PermanentError
from schemas.folders import Folders
from schemas.progress import Event, JobStatus
from sql.commit import note
from sql.connection import Connection
from sql.queries import queries
from tasks.ingest import malware
from tasks.ingest.archived_originals import find_original
from tasks.ingest.job_end import begin_end, end_now, end_with
from tasks.runtime import dispatch
from tasks.runtime.context import Runtime

_TAKEN_BACK = "The job was rolled back; drop its original again instead."


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """What a cancellation stopped and left.

    `ended`: without a chunk left to stop, the job has ended at once, without its last step.
    """

    stopped: int
    done: int
    loaded: int
    duplicate: int
    quarantined: int
    ended: bool = False


def cancel(run: Runtime, job_id: UUID, user_id: UUID) -> Cancelled:
    """Stop a job: nothing of it starts any more, and running work is fenced at its commit.

    Loaded records stay, and the receipt counts them. Where a worker is at the job's last step,
    nothing is done.
    """
    with run.ledger.transaction() as connection:
        stopped, ended = _stop(connection, job_id), False
        if stopped:
            why = "Stopped on request; what had loaded stays."
            end_with(connection, job_id, user_id, JobStatus.CANCELLED, "cancelled", why)
        else:
            ended = end_now(run, connection, job_id)
        row = connection.execute(dispatch.CHUNKS["what_had_loaded"], {"job_id": job_id}).fetchone()
        facts = {"stopped": stopped, "ended": ended, **(row or {})}
        found = msgspec.convert(facts, Cancelled)
        if stopped or ended:
            note(connection, Event.CANCELLED, user_id, job_id, msgspec.structs.asdict(found))
        crash_here("cancel.before_commit")
    crash_here("cancel.after_commit")
    _send_on(run, job_id)
    return found


def _stop(connection: Connection, job_id: UUID) -> int:
    """Stop the open chunks of a job, also those that workers add meanwhile; return how many."""
    asked, stopped = {"job_id": job_id, "code": "cancelled"}, 0
    while rows := connection.execute(dispatch.CHUNKS["stop_chunks"], asked).fetchall():
        stopped += len(rows)
    return stopped


def retry(run: Runtime, job: dict[str, Any]) -> int:
    """Continue an ended job from the stage that failed; return how many chunks run again."""
    job_id, asked = job["id"], {"job_id": job["id"]}
    if job["status"] == JobStatus.ROLLED_BACK:
        raise PermanentError(_TAKEN_BACK)
    malware.refuse_sealed(run.folders, job)
    with _one_archive_once(), run.ledger.transaction() as connection:
        connection.execute(queries("sets")["check_again"], asked)
        revived = connection.execute(
            dispatch.CHUNKS["revive"], {**asked, "rejected": job["outcome"] == "rejected"}
        ).fetchall()
        again = revived or connection.execute(dispatch.CHUNKS["lost_finish"], asked).fetchall()
        if again:
            connection.execute(dispatch.CHUNKS["forget_finish"], asked)
            _reopen(connection, job_id)
            begin_end(connection, job_id, job["user_id"])
            _bring_back(run.folders, job, find_original(run.folders, connection, job_id))
            note(connection, Event.RETRIED, job["user_id"], job_id, {"chunks": len(again)})
        crash_here("retry.before_commit")
    crash_here("retry.after_commit")
    _send_on(run, job_id)
    return len(again)


def _send_on(run: Runtime, job_id: UUID) -> None:
    options = run.options
    dispatch.send_on(
        run.ledger, job_id, window=options.dispatch_window, max_attempts=options.max_attempts
    )


def _reopen(connection: Connection, job_id: UUID) -> None:
    if connection.execute(dispatch.CHUNKS["reopen"], {"job_id": job_id}).fetchone() is None:
        row = connection.execute(dispatch.CHUNKS["status_of"], {"job_id": job_id}).fetchone()
        if row is not None and row["status"] == JobStatus.ROLLED_BACK:
            raise PermanentError(_TAKEN_BACK)
        raise PermanentError("The job was already retried; see: datapunk status")


@contextmanager
def _one_archive_once() -> Iterator[None]:
    try:
        yield
    except pg.UniqueViolation as error:
        raise PermanentError(
            "The same archive was imported by another job since; there is nothing to retry."
        ) from error


def _bring_back(folders: Folders, job: dict[str, Any], archived: Path | None) -> None:
    """Move the original back into the work folder, and remove its error file."""
    original = folders.original(job["id"], job["source_name"])
    if archived is not None and archived != original:
        move(archived, original)
        archived.with_name(archived.name + ".error.txt").unlink(missing_ok=True)
