"""The end of a job, and the turns that keep the ledger moving when messages or workers are lost."""

from __future__ import annotations

import filecmp
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from psycopg import errors as pg
from psycopg.rows import DictRow

from pipeline.storage.atomic_files import locked, move, put, written
from schemas.crash import crash_here
from schemas.errors import PermanentError
from schemas.folders import Folders
from schemas.lease import Lease
from schemas.progress import BISECT_ATTEMPTS, QUEUES, Event, JobStatus, Stage
from schemas.reasons import category_of
from sql.commit import Commit, note
from sql.connection import Connection, transient_errors
from sql.queries import queries
from sql.store import Fenced
from sql.vectors import MOST_ATTEMPTS
from tasks.derived import embedding_backfill
from tasks.derived.lake_statistics import count_user, count_waiting
from tasks.derived.near_duplicates import PATIENCE_S, compare_user, compare_waiting
from tasks.derived.quality_scores import score_changed, score_job
from tasks.derived.search_index import PATIENCE_S as OF_WORDS_S
from tasks.derived.search_index import index_user, index_waiting
from tasks.ingest import export_sets, malware
from tasks.ingest.finish import (
    begin_end,
    dead_letter,
    end_now,
    end_with,
    free_stranded,
    resting_places,
    settle_counts,
    whereabouts,
)
from tasks.maintenance import recovery
from tasks.runtime import alerts, dispatch, receipt_files, steps, temp_dirs
from tasks.runtime.context import Runtime
from tasks.runtime.stage_runner import Ending

log = structlog.get_logger("datapunk.housekeeping")


#: A file or folder not written to for this long was left by a crash.
_LEFT_S = 3600.0

#: How long the end of a job waits for its documents to be indexed; the reconciler does the rest.
_INDEX_S = 120.0

#: Jobs that `retry` continues where they stopped, so their work folders stay.
_RESUMABLE = (JobStatus.FAILED, JobStatus.CANCELLED)

_ORIGINAL_DELETED = (
    "The original was deleted from the work folder before the end; "
    "what had been read of it is loaded. To keep a copy, drop it again."
)
_TAKEN_BACK = "The job was rolled back; drop its original again instead."

# --- finish ----------------------------------------------------------------------------------


def finish_job(run: Runtime, lease: Lease) -> Ending:
    """Finalise the counts, archive the original, refresh statistics: once, whatever happens."""
    # From here on rows can't be made again: what was loaded has to be on the disk.
    if not run.ledger.heartbeat(lease, run.options.lease_s):
        raise Fenced
    (job,) = run.ledger.rows("jobs", "job_facts", job_id=lease.ref.job_id)
    status = job["outcome"] or str(JobStatus.DONE)
    archived = _put_to_rest(run, lease, job, status)
    crash_here("finish.at_rest")
    if status not in _RESUMABLE:
        shutil.rmtree(run.folders.job(lease.ref.job_id), ignore_errors=True)
    crash_here("finish.cleared")
    if lease.attempt == 1:  # a step that may have ended the last attempt is not tried twice
        _follow_up(run, lease, loaded=status == JobStatus.DONE or job["records_seen"] > 0)

    def ending(commit: Commit) -> None:
        # This locks the job; later reads stay valid, since a retry from quarantine changes it too.
        alerts.sound(commit, run.options.alert, ended=True)
        settle_counts(commit.connection, lease.ref.job_id)
        commit.run("jobs", "close_job", archived_path=archived, gone=_ORIGINAL_DELETED)
        commit.event(Event.FINISHED, status=status)
        commit.run("chunks", "end")

    return ending


def _follow_up(run: Runtime, lease: Lease, *, loaded: bool) -> None:
    """Index, count, compare and score, for people who look as soon as the job has ended.

    The reconciler does what is not done here, so none of it delays the end of the job: a failure is
    noted as the step's error, and when the time is up, the rest is left.
    """
    user, job_id = lease.ref.user_id, lease.ref.job_id
    of_user: dict[str, Callable[[], object]] = {
        # Free workers have indexed most of what has loaded; this is the rest.
        "indexed": lambda: index_user(run, user, seconds=_INDEX_S, patience=OF_WORDS_S),
        "analysed": lambda: run.lake.rows(user, "lake", "analyze_search"),
        "counted": lambda: count_user(run, user, seconds=_INDEX_S),
        "compared": lambda: compare_user(run, user, seconds=_INDEX_S, patience=PATIENCE_S),
    }
    if loaded:
        of_user["refreshed"] = lambda: _refresh(run, lease)
    with suppress(SoftTimeLimitExceeded):  # the rest of the time is for the job's own end
        for step, work in of_user.items():
            steps.alone(run, step, work, None, subject=user)
        if loaded:
            steps.alone(run, "scored", lambda: score_job(run, user, job_id), None, subject=job_id)


def _put_to_rest(run: Runtime, lease: Lease, job: dict[str, Any], status: str) -> str | None:
    """Move the original to `processed/` or `failed/`, or encrypt it; later attempts find it there.

    Returns its path relative to the data folder; None where it was deleted.
    """
    folders = run.folders
    if (hidden := malware.keep_original(run, lease, job["error_code"])) is not None:
        _write_error(folders.failed / job["user_name"] / lease.source_name, job)
        return str(hidden.relative_to(folders.data))
    return _rest(folders, job, well=status in (JobStatus.DONE, JobStatus.DUPLICATE))


def _rest(folders: Folders, job: dict[str, Any], *, well: bool) -> str | None:
    source = folders.original(job["id"], job["source_name"])
    plain, own = resting_places(folders, job, well=well)
    # The job's own name where the plain one is taken; a retry asks again, since the name may be
    # free.
    target = own if own.exists() or (source.exists() and plain.exists()) else plain
    if source.exists():
        # First under the job's own name: a retry recognises an interrupted copy to another disk by
        # it.
        move(source, own)
        if target != own:
            move(own, target)
    if not well:
        _write_error(target, job)
    return str(target.relative_to(folders.data)) if target.exists() else None


def _write_error(target: Path, job: dict[str, Any]) -> None:
    """Write an error file next to the original: what happened, and what to do next."""
    lines = (
        f"file:    {target.name}",
        f"job:     {job['id']}",
        f"ended:   {job['outcome']}",
        f"code:    {job['error_code']} ({category_of(job['error_code'])})",
        f"reason:  {job['error_detail']}",
        f"retry:   datapunk retry {job['id']}",
        "",
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with written(target.with_name(target.name + ".error.txt")) as out:
        put(out, "\n".join(lines).encode())


def _refresh(run: Runtime, lease: Lease) -> None:
    """Refresh statistics of grown partitions, and the vector index if no vectors wait."""
    run.lake.rows(lease.ref.user_id, "lake", "analyze_grown")
    at_rest = {"user_id": lease.ref.user_id, "most": MOST_ATTEMPTS}
    for row in run.lake.rows(lease.ref.user_id, "lake", "models_at_rest", **at_rest):
        run.lake.rows(
            lease.ref.user_id,
            "lake",
            "ensure_index",
            model_id=row["id"],
            at_least=run.options.index_from_vectors,
        )


# --- reconcile -------------------------------------------------------------------------------

#: Of two reconcilers one works; the other finds the lock taken and waits for its next turn.
_LOCK = 7_215_002
_STEPS = (
    "dead_lettered", "freed", "sets",
    "recovered", "sent_again", "started", "indexed", "turns", "counted",
    "compared", "scored", "receipts",
)  # fmt: skip

#: Seconds for indexing and comparing while rows come in: enough for a batch or two; none in the
#: first seconds of a job, since its end does both.
_WHILE_ROWS_COME_S, _SHORT_JOB_S = 0.3, 30.0


def reconcile(run: Runtime, *, window_s: float = 15.0, at_once: int = 500) -> dict[str, int]:
    """Do one turn of the reconciler.

    It dead-letters chunks without attempts left, releases what waited for its set or for a service
    that answers again, sends lost work again, and starts waiting chunks. Any number of processes
    may call it. Returns how many chunks (or sets) each step touched. A step that fails is noted and
    left out (`tasks/runtime/steps.py`); raises `TransientError` only where the database is gone.
    """
    with transient_errors(), run.ledger.pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,)).fetchone()
        if row is None or not row["got"]:
            return dict.fromkeys(_STEPS, 0)
        try:
            usual: dict[str, float] = {}
            share = steps.alone(run, "share", lambda: _share_of_a_turn(run), usual)
            work: dict[str, Callable[[], int]] = {
                "dead_lettered": lambda: dead_letter(run),
                "freed": lambda: free_stranded(run),
                "sets": lambda: export_sets.finalise_sets(run),
                "recovered": lambda: recovery.recover(run),
                "sent_again": lambda: _send_again(run, window_s, at_once),
                "started": lambda: _start_waiting(run),
                "indexed": lambda: index_waiting(run, **share),
                "turns": lambda: embedding_backfill.send_turns(run),
                "counted": lambda: count_waiting(run),
                "compared": lambda: compare_waiting(run, **share),
                "scored": lambda: score_changed(run),
                "receipts": lambda: receipt_files.write_due(run),
            }
            return {step: steps.alone(run, step, work[step], 0) for step in _STEPS}
        finally:
            with suppress(psycopg.Error):  # the lock ends with its connection
                connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _share_of_a_turn(run: Runtime) -> dict[str, float]:
    """Return the seconds for indexing and comparing, which are few while rows come in."""
    (row,) = run.ledger.rows("chunks", "rows_are_coming")
    if row["for_s"] is None:
        return {}
    return {"seconds": _WHILE_ROWS_COME_S if row["for_s"] > _SHORT_JOB_S else 0.0}


def _send_again(run: Runtime, window_s: float, at_once: int) -> int:
    """Run-out leases, and messages that were lost. One that waits in the broker is not lost."""
    limits = {"max_attempts": run.options.max_attempts, "bisect_attempts": BISECT_ATTEMPTS}
    rows = run.ledger.rows("chunks", "expired", **limits, n=at_once)
    queued = run.queue_lengths()
    for queue, stages, waiting in _waiting(run):
        missing = min(waiting - queued.get(queue, 0), at_once)
        if missing > 0:
            asked = {**limits, "window_s": window_s, "stages": stages, "n": missing}
            rows += run.ledger.rows("chunks", "lost", **asked)
    jobs: dict[UUID, list[DictRow]] = {}
    for row in rows:
        jobs.setdefault(row["job_id"], []).append(row)
    try:
        send = partial(dispatch.send_rows, run.ledger)
        return steps.each(run, "sent_again", list(jobs), lambda job: send(jobs.pop(job)))
    finally:
        if left := [row["id"] for rows in jobs.values() for row in rows]:
            run.ledger.rows("chunks", "unsend", ids=left)


def _waiting(run: Runtime) -> Iterator[tuple[str, list[str], int]]:
    """Yield each queue with its stages, and how many chunks wait for them with a message sent."""
    counts = {row["stage"]: row["count"] for row in run.ledger.rows("chunks", "waiting_by_stage")}
    for queue in sorted({QUEUES[Stage(stage)] for stage in counts}):
        stages = [stage for stage in counts if QUEUES[Stage(stage)] == queue]
        yield queue, stages, sum(counts[stage] for stage in stages)


def _start_waiting(run: Runtime) -> int:
    """Start chunks that no message names yet."""
    options = run.options
    jobs = [row["job_id"] for row in run.ledger.rows("chunks", "jobs_with_unsent")]
    window, most = options.dispatch_window, options.max_attempts
    return steps.each(
        run,
        "started",
        jobs,
        lambda job: dispatch.top_up(run.ledger, job, window=window, max_attempts=most),
    )


# --- sweep -----------------------------------------------------------------------------------


def sweep(run: Runtime) -> int:
    """Remove work folders that no open job needs, and half-written files; return how many.

    A failed or cancelled job keeps its folder for `retry`. An error is noted for its folder alone.
    """
    folders, work = run.folders, run.folders.work
    steps.alone(run, "forgotten", lambda: steps.forget_old(run), None)
    removed = steps.each(
        run, "scratch", temp_dirs.lying(work), lambda it: temp_dirs.remove(work / it)
    )
    jobs = [folder.name for folder in work.glob("*-*-*-*-*")]
    removed += steps.each(run, "cleared", jobs, lambda job: clear(run, work / job))
    depths = {"processed": "*/*", "failed": "*", "infected": "*", "blobs": "*/*"}

    def sweep_place(name: str) -> int:
        return _sweep_parts((folders.data / name).glob(f"{depths[name]}/.*.part"))

    return removed + steps.each(run, "swept", depths, sweep_place)


def clear(run: Runtime, folder: Path) -> bool:
    """Remove an ended job's work folder, its row locked; return whether it was removed."""
    try:
        job_id = UUID(folder.name)
    except ValueError:  # not a job's folder
        return False
    with run.ledger.transaction() as connection:
        job = connection.execute(dispatch.CHUNKS["lock_ended"], {"job_id": job_id}).fetchone()
        if job is None:
            return _sweep_nobodys(run, folder)
        if not _take_back(run.folders, connection, job) or job["status"] in _RESUMABLE:
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True


def _take_back(folders: Folders, connection: Connection, job: dict[str, Any]) -> bool:
    """Move the original where it belongs; return False if another file took its place.

    An interrupted retry, or a job that ended without its finish, left it in the work folder.
    """
    original = folders.original(job["id"], job["source_name"])
    if not original.exists():
        return True
    archived = folders.data / (job["archived_path"] or "")
    if not job["archived_path"] or archived == original:
        well = job["status"] in (JobStatus.DONE, JobStatus.DUPLICATE)
        rests = {"job_id": job["id"], "archived_path": _rest(folders, job, well=well)}
        connection.execute(dispatch.CHUNKS["keep_at"], rests)
    elif not archived.exists():
        move(original, archived)
        _write_error(archived, job)
    elif not archived.is_file() or not filecmp.cmp(original, archived, shallow=False):
        return False
    return True


def _sweep_nobodys(run: Runtime, folder: Path) -> bool:
    """Remove the folder of a lease without a note; `intake.recover` has the others.

    The folder is locked meanwhile: age alone proves little where a clock is wrong.
    """
    if not _is_old(folder) or run.ledger.rows("jobs", "one_job", prefix=folder.name):
        return False
    with suppress(BlockingIOError, FileNotFoundError), locked(folder, wait=False):
        if (folder / "claim.json").exists() or list((folder / "original").glob("[!.]*")):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    return False


def _is_old(path: Path) -> bool:
    """Tell whether a path was left by a crash; False where another process removed it meanwhile."""
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > _LEFT_S
    return False


def _sweep_parts(parts: Iterable[Path]) -> int:
    """Remove left temporary files; return how many. The first error is raised at the end."""
    removed, errors = 0, []
    for part in parts:
        try:
            removed += _sweep_part(part)
        except OSError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return removed


def _sweep_part(part: Path) -> bool:
    """Remove a temporary file that was left by a crash; return whether it was removed."""
    with suppress(FileNotFoundError):
        if _is_old(part):
            part.unlink()
            return True
    return False


# --- actions of a user on a job --------------------------------------------------------------


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
            _bring_back(run.folders, job, whereabouts(run.folders, connection, job_id))
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
        receipt_files.remove(folders, archived, job)
        move(archived, original)
        archived.with_name(archived.name + ".error.txt").unlink(missing_ok=True)
