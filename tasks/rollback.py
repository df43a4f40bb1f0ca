"""Taking an import back: exactly what it loaded, and nothing that another job also had."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Rollback

from schemas.errors import PermanentError
from schemas.progress import JobStatus
from sql.queries import queries
from sql.store import Connection, note
from tasks.context import Runtime

_DESK, _LAKE = queries("desk"), queries("lake")

#: Ends of jobs that may have loaded something.
_LOADED = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that went, rows that now belong to another job, documents whose version of before
    stands again, and quarantined records closed."""

    documents: int = 0
    locations: int = 0
    metrics: int = 0
    vectors: int = 0
    handed_on: int = 0
    restored: int = 0
    quarantined: int = 0


def roll_back(run: Runtime, user_id: UUID, job_id: UUID, *, dry: bool = False) -> RolledBack:
    """Take back what an ended job loaded, in one transaction; `dry` does it and undoes it.

    Workers of the user wait meanwhile, and none of theirs can have counted on a row that goes.
    Raises `PermanentError` if the job, or another of the user's, is still at work.
    """
    found = RolledBack()
    with run.lake.as_user(user_id) as connection:
        connection.execute(_LAKE["hold_lake"], {"user_id": user_id, "alone": True})
        connection.execute(_DESK["hold_job"], {"job_id": job_id})
        _check(connection, job_id)
        row = connection.execute(_DESK["roll_back"], {"job_id": job_id}).fetchone()
        found = msgspec.convert(row, RolledBack)
        if dry:
            raise Rollback
        note(connection, "rolled_back", user_id, job_id, msgspec.structs.asdict(found))
    if not dry:
        shutil.rmtree(run.folders.job(job_id), ignore_errors=True)
    return found


def _check(connection: Connection, job_id: UUID) -> None:
    def ask(name: str) -> Mapping[str, Any]:
        row = connection.execute(_DESK[name], {"job_id": job_id}).fetchone()
        return row or {}

    job = ask("job_of")
    if not job:
        raise PermanentError("The user has no such job.")
    if not job["completed_at"]:
        raise PermanentError(f"The job still runs; stop it first: datapunk cancel {job_id}")
    if job["status"] not in _LOADED:
        raise PermanentError(f"There is nothing to take back: the job is {job['status']}.")
    if ask("others_at_work")["count"]:
        raise PermanentError(
            "Another import of the same user is under way; wait for its end, or cancel it."
        )
    if ask("unnoted")["count"]:
        raise PermanentError(
            "An older import of this user shares records with others, and it was not noted which; "
            "so nothing can be taken back."
        )
