"""End a job that its own last step does not end.

A job ends by its `finish` chunk. Where that is dead-lettered, or a user does not want to wait for
it, the job is closed without: one small transaction that needs neither the original nor a worker.
The reconciler does the finish's other work.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from schemas.crash import crash_here
from schemas.errors import TransientError
from schemas.folders import Folders
from schemas.progress import BISECT_ATTEMPTS, Event, JobStatus, Kind, Stage
from schemas.reasons import CLOSED, category_of
from sql.commit import note
from sql.connection import Connection, transient_errors
from sql.queries import queries
from tasks.ingest.archived_originals import find_unrecorded
from tasks.runtime import steps
from tasks.runtime.context import Runtime
from tasks.runtime.dispatch import CHUNKS

log = structlog.get_logger("datapunk.ending")

_JOBS = queries("jobs")


def finalise_file_counts(connection: Connection, job_id: UUID) -> None:
    """Write the counts of a job's files, from its done chunks.

    The caller locks the job's row, since a retry from quarantine changes the counts too.
    """
    connection.execute(_JOBS["file_counts"], {"job_id": job_id})


# --- dead-lettering --------------------------------------------------------------------------


def dead_letter(run: Runtime) -> int:
    """Dead-letter chunks without attempts left; return how many.

    Their jobs end as failed once the rest is done.
    """
    rows = run.ledger.rows("chunks", "worn_out", **_limits(run))
    jobs = [row["job_id"] for row in rows]
    return steps.each(run, "dead_lettered", jobs, lambda job: _dead_letter(run, job))


def _limits(run: Runtime) -> dict[str, int]:
    return {"max_attempts": run.options.max_attempts, "bisect_attempts": BISECT_ATTEMPTS}


def _dead_letter(run: Runtime, job_id: UUID) -> int:
    with run.ledger.transaction() as connection:
        asked = {"job_id": job_id, **_limits(run)}
        dead = connection.execute(CHUNKS["dead_letter"], asked).fetchall()
        for row in dead:
            code, stage = row["last_error_code"], row["stage"]
            why = _why(stage, code)
            detail = {"stage": stage, "code": code, "category": category_of(code)}
            note(connection, Event.DEAD, row["user_id"], job_id, detail, row["id"])
            if row["kind"] == Kind.FINISH:
                _close(run.folders, connection, job_id, JobStatus.FAILED, code, why)
            else:
                end_with(connection, job_id, row["user_id"], JobStatus.FAILED, code, why)
        crash_here("dead_letter.before_commit")
    crash_here("dead_letter.after_commit")
    for row in dead:
        log.error("chunk is dead", chunk=row["id"], code=row["last_error_code"])
    return len(dead)


_CLOSED = (
    "The workers may not read or write a file in the data folder, or a folder on the way; the logs "
    "name the line. Give it to their user (chown -R, or chmod), and try again."
)


def _why(stage: str, code: str) -> str:
    """Return why a job whose chunk is dead has failed, and what to do where `retry` can't help."""
    if code in CLOSED:
        return _CLOSED
    if stage == Stage.FINISH:
        return "Its last step failed and was given up; all the rest was done."
    if code == "file_missing":
        return "Its files were deleted from the work folder before they were read; drop it again."
    return f"A chunk failed at {stage} and was given up; the rest was loaded."


def end_with(
    connection: Connection, job_id: UUID, user_id: UUID, outcome: str, code: str, detail: str
) -> None:
    """Record that some of a job's chunks will never be done; without open ones, its end begins."""
    asked = {"job_id": job_id, "outcome": outcome, "code": code, "detail": detail}
    connection.execute(CHUNKS["end_badly"], asked)
    begin_end(connection, job_id, user_id)


def begin_end(connection: Connection, job_id: UUID, user_id: UUID) -> bool:
    """Count a job's open chunks, and insert its finish if there are none; return whether it did."""
    asked = {"job_id": job_id, "user_id": user_id}
    if connection.execute(CHUNKS["hold_open"], asked).fetchone() is None:
        return False
    row = connection.execute(CHUNKS["recount"], asked).fetchone()
    if row is None or row["remaining"]:
        return False
    inserted = connection.execute(CHUNKS["insert_finish"], {**asked, "identity": "finish"})
    return inserted.fetchone() is not None


def free_stranded(run: Runtime) -> int:
    """Insert a finish for open jobs without open chunks; return how many.

    None should exist: this repairs what a defect in the code leaves.
    """
    jobs = [row["job_id"] for row in run.ledger.rows("chunks", "stranded")]
    return steps.each(run, "freed", jobs, lambda job: _free(run, job))


def _free(run: Runtime, job_id: UUID) -> bool:
    with run.ledger.transaction() as connection:
        job = connection.execute(CHUNKS["hold_open"], {"job_id": job_id}).fetchone()
        if job is None:
            return False
        connection.execute(CHUNKS["forget_finish"], {"job_id": job_id})
        inserted = begin_end(connection, job_id, job["user_id"])
    if inserted:
        log.error("a job had no step left; its end begins", job_id=str(job_id))
    return inserted


# --- without a finish ------------------------------------------------------------------------


def end_now(run: Runtime, connection: Connection, job_id: UUID) -> bool:
    """Close a cancelled job of which only its finish is left.

    Returns False where a worker runs the finish, or anything else is open.
    """
    asked = {"job_id": job_id}
    finish = connection.execute(CHUNKS["open_finish"], asked).fetchone()
    if finish is not None and finish["at_work"]:
        return False
    why = "Ended on request before its last step; all of it had loaded."
    code = JobStatus.CANCELLED
    return _close(run.folders, connection, job_id, JobStatus.CANCELLED, code, why)


def _close(
    folders: Folders, connection: Connection, job_id: UUID, outcome: str, code: str, detail: str
) -> bool:
    """Close the job without its finish; return False where something of it is open.

    It can't fail for the finish's reasons: counts that can't be read are left out, and the original
    stays where it is, which is recorded.
    """
    asked = {"job_id": job_id, "code": code}
    job = connection.execute(CHUNKS["hold_open"], asked).fetchone()
    row = connection.execute(CHUNKS["recount"], asked).fetchone()
    if job is None or row is None or row["remaining"]:
        return False
    connection.execute(CHUNKS["give_up_finish"], asked)
    _finalise_if_possible(connection, job_id)
    values = {
        "outcome": outcome,
        "detail": detail,
        "archived_path": find_unrecorded(folders, connection, job),
    }
    closed = connection.execute(CHUNKS["close_without"], {**asked, **values}).fetchone()
    if closed is None:
        return False
    facts = {"status": closed["status"], "without": Stage.FINISH, "code": code}
    note(connection, Event.FINISHED, job["user_id"], job_id, facts)
    return True


def _finalise_if_possible(connection: Connection, job_id: UUID) -> None:
    try:
        with transient_errors(), connection.transaction():
            finalise_file_counts(connection, job_id)
    except TransientError:
        raise
    except Exception as error:
        what = type(error).__name__
        log.error("the files of a job can't be counted", job_id=str(job_id), error=what)  # noqa: TRY400 - its text may hold content
