"""Roll an import back: exactly what it loaded, and nothing that another job also had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Rollback

from schemas.crash import crash_here
from schemas.errors import PermanentError
from schemas.progress import Event, JobStatus
from sql.commit import note
from sql.connection import Connection
from sql.queries import queries
from sql.store import Purpose
from tasks.maintenance.sweep import remove_work_folder
from tasks.runtime.context import Runtime

_QUARANTINE = queries("quarantine")

#: Final states of jobs that can be rolled back even without a record.
_LOADED = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a rollback.

    Rows that went, rows that now belong to another job, documents whose previous version is
    restored, and quarantined records closed.
    """

    documents: int = 0
    locations: int = 0
    metrics: int = 0
    vectors: int = 0
    handed_on: int = 0
    restored: int = 0
    quarantined: int = 0


def roll_back(run: Runtime, user_id: UUID, job_id: UUID, *, dry: bool = False) -> RolledBack:
    """Roll back what an ended job loaded, in one transaction; `dry` does it and undoes it.

    Commits of the user's other imports wait meanwhile, and their chunks that left out rows which
    now go start again. Raises `PermanentError` if the job itself is still at work.
    """
    found = RolledBack()
    with run.lake.remaking(user_id, Purpose.MOVE) as entered:
        connection = entered.connection
        connection.execute(_QUARANTINE["hold_job"], {"job_id": job_id})
        _check(connection, job_id)
        row = connection.execute(_QUARANTINE["roll_back"], {"job_id": job_id}).fetchone()
        found = msgspec.convert(row, RolledBack)
        if dry:
            raise Rollback
        note(connection, Event.ROLLED_BACK, user_id, job_id, msgspec.structs.asdict(found))
        crash_here("rollback.before_commit")
    if not dry:
        crash_here("rollback.after_commit")
        remove_work_folder(run, run.folders.job(job_id))
    return found


def _check(connection: Connection, job_id: UUID) -> None:
    def ask(name: str) -> Mapping[str, Any]:
        row = connection.execute(_QUARANTINE[name], {"job_id": job_id}).fetchone()
        return row or {}

    job = ask("job_of")
    if not job:
        raise PermanentError("The user has no such job.")
    if not job["completed_at"] and job["remaining"]:
        raise PermanentError(f"The job still runs; stop it first: datapunk cancel {job_id}")
    if not job["completed_at"]:
        raise PermanentError(
            "The job is about to end; try again when it has: datapunk status. To end it at once: "
            f"datapunk cancel {job_id}"
        )
    if job["status"] not in _LOADED and not job["records_seen"]:
        raise PermanentError(f"There is nothing to take back: the job is {job['status']}.")
    if ask("unnoted")["count"]:
        raise PermanentError(
            "An older import of this user shares records with others, and it was not noted which; "
            "so nothing can be taken back."
        )
