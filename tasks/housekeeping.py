"""The end of a job, and what keeps the ledger moving when messages or workers are lost."""

from __future__ import annotations

import filecmp
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import structlog
from psycopg import errors as pg

from pipeline.durable import held, move, put, written
from schemas.crash import crash_here
from schemas.errors import PermanentError, TransientError
from schemas.folders import Folders
from schemas.progress import QUEUES, Event, JobStatus, Stage
from schemas.reasons import category_of
from sql.queries import queries
from sql.store import COUNTS, Claim, Commit, Connection, Fenced, note
from sql.vectors import MOST_ATTEMPTS
from tasks import alarm, chains, deepen, recovery, scratch, sealed, sets
from tasks.context import Runtime
from tasks.counting import count_user, count_waiting
from tasks.indexing import index_user, index_waiting
from tasks.likeness import compare_user, compare_waiting
from tasks.quality import score_changed, score_job
from tasks.shell import Ending

log = structlog.get_logger("datapunk.housekeeping")


#: What was begun and not written to for so long was left by a crash.
_LEFT_S = 3600.0

#: How long the end of a job waits for its documents to be findable; the reconciler goes on.
_INDEX_S = 120.0

#: Jobs that `retry` takes up where they stopped, so their work folders stay.
_RESUMABLE = (JobStatus.FAILED, JobStatus.CANCELLED)

_GONE = (
    "The original was deleted from the work folder before the end; "
    "what had been read of it is loaded. To keep a copy, drop it again."
)
_TAKEN_BACK = "The job was rolled back; drop its original again instead."

# --- finish ----------------------------------------------------------------------------------


def finish_job(run: Runtime, claim: Claim) -> Ending:
    """Settle the counts, put the original to rest, refresh statistics: once, whatever happens."""
    # From here on rows can't be made again: what was loaded has to be on the disk.
    if not run.ledger.heartbeat(claim, run.options.lease_s):
        raise Fenced
    (job,) = run.lake.rows(claim.user_id, "jobs", "job_facts", job_id=claim.job_id)
    status = job["ending"] or str(JobStatus.DONE)
    kept = _put_to_rest(run, claim, job, status)
    crash_here("finish.at_rest")
    if status not in _RESUMABLE:
        shutil.rmtree(run.folders.job(claim.job_id), ignore_errors=True)
    crash_here("finish.cleared")
    # What a job of an hour has loaded was indexed meanwhile; here goes the rest.
    index_user(run, claim.user_id, seconds=_INDEX_S)
    run.lake.rows(claim.user_id, "lake", "analyze_search")
    count_user(run, claim.user_id, seconds=_INDEX_S)
    compare_user(run, claim.user_id, seconds=_INDEX_S)
    tallies = run.lake.rows(claim.user_id, "jobs", "tallies", job_id=claim.job_id)
    counts = counts_by_file(row["tally"] for row in tallies)
    if status == JobStatus.DONE or counts:
        _refresh(run, claim)
        score_job(run, claim.user_id, claim.job_id)

    def ending(commit: Commit) -> None:
        # This locks the job; what is read now stays, since a retry from quarantine changes it too.
        alarm.sound(commit, run.options.alert, ended=True)
        settled = counts_by_file(row["tally"] for row in commit.run("jobs", "tallies"))
        rows = [{"id": int(f), "counts": c} for f, c in settled.items()]
        commit.run("jobs", "file_counts", counts=msgspec.json.encode(rows).decode())
        commit.run("jobs", "close_job", kept_as=kept, gone=_GONE)
        commit.event(Event.FINISHED, status=status)
        commit.run("chunks", "end")

    return ending


def counts_by_file(tallies: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """The sums of the chunks' tallies for each file, by file id."""
    total: dict[str, dict[str, int]] = {}
    for tally in tallies:
        for file, counts in tally.items():
            mine = total.setdefault(file, dict.fromkeys((*COUNTS, "items"), 0))
            for name, n in counts.items():
                mine[name] = mine.get(name, 0) + n
    return total


def _put_to_rest(run: Runtime, claim: Claim, job: dict[str, Any], status: str) -> str | None:
    """Move the original to `processed/` or `failed/`, or seal it; a second try finds it there.

    Returns its path relative to the data folder; None where somebody has deleted it.
    """
    folders = run.folders
    if (hidden := sealed.keep_original(run, claim, job["error_code"])) is not None:
        _write_error(folders.failed / job["user_name"] / claim.source_name, claim.job_id, job)
        return str(hidden.relative_to(folders.data))
    source = folders.original(claim.job_id, claim.source_name)
    well = status in (JobStatus.DONE, JobStatus.DUPLICATE)
    folder = folders.failed / job["user_name"]
    if well:
        folder = folders.processed / job["user_name"] / f"{job['created_at']:%Y-%m-%d}"
    plain, own = folder / claim.source_name, folder / f"{str(claim.job_id)[:8]}-{claim.source_name}"
    # Where the plain name is another job's; a retry asks again, since its place is free for others.
    target = own if own.exists() or (source.exists() and plain.exists()) else plain
    if source.exists():
        # By our own name first: a copy to another disk that is cut off is known again by it.
        move(source, own)
        if target != own:
            move(own, target)
    if not well:
        _write_error(target, claim.job_id, job)
    return str(target.relative_to(folders.data)) if target.exists() else None


def _write_error(target: Path, job_id: UUID, job: dict[str, Any]) -> None:
    """An error file beside the original: what happened, and what to do next."""
    lines = (
        f"file:    {target.name}",
        f"job:     {job_id}",
        f"ended:   {job['ending']}",
        f"code:    {job['error_code']} ({category_of(job['error_code'])})",
        f"reason:  {job['error_detail']}",
        f"retry:   datapunk retry {job_id}",
        "",
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with written(target.with_name(target.name + ".error.txt")) as out:
        put(out, "\n".join(lines).encode())


def _refresh(run: Runtime, claim: Claim) -> None:
    """Statistics of the partitions that the job wrote to, and the vector index if it is due: where
    vectors still wait, it is built when the last one is in."""
    for row in run.lake.rows(claim.user_id, "jobs", "touched_months", job_id=claim.job_id):
        run.lake.rows(claim.user_id, "lake", "analyze_month", **row)
    at_rest = {"user_id": claim.user_id, "most": MOST_ATTEMPTS}
    for row in run.lake.rows(claim.user_id, "lake", "models_at_rest", **at_rest):
        run.lake.rows(
            claim.user_id,
            "lake",
            "ensure_index",
            model_id=row["id"],
            at_least=run.options.index_from_vectors,
        )


# --- reconcile -------------------------------------------------------------------------------

#: Of two reconcilers one works; the other finds the lock taken and waits for its next turn.
_LOCK = 7_215_002
_STEPS = (
    "buried", "sets", "recovered", "sent_again", "started", "indexed", "turns", "counted",
    "compared", "scored",
)  # fmt: skip

#: Seconds for words, and for likeness, while rows come in: enough for a batch or two; none in the
#: first seconds of a job, since its end makes both.
_BESIDE_ROWS_S, _SHORT_JOB_S = 0.3, 30.0


def reconcile(run: Runtime, *, window_s: float = 15.0, at_once: int = 500) -> dict[str, int]:
    """One turn: bury what used up its attempts, let go on what waited for its set or for a
    service that answers again, send again what was lost, start what waits.

    Any number of processes may call it. Returns how many chunks (or sets) each step touched.
    """
    with run.ledger.pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,)).fetchone()
        if row is None or not row["got"]:
            return dict.fromkeys(_STEPS, 0)
        try:
            share = _share_of_a_turn(run)
            return {
                "buried": _bury(run),
                "sets": sets.settle(run),
                "recovered": recovery.recover(run),
                "sent_again": _send_again(run, window_s, at_once),
                "started": _start_waiting(run),
                "indexed": index_waiting(run, **share),
                "turns": deepen.send_turns(run),
                "counted": count_waiting(run),
                "compared": compare_waiting(run, **share),
                "scored": score_changed(run),
            }
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _share_of_a_turn(run: Runtime) -> dict[str, float]:
    """Seconds for words and likeness, if not the usual ones. While rows come in these go first: an
    import of hours is found bit by bit, and one of seconds isn't held up by its own index."""
    (row,) = run.ledger.rows("chunks", "rows_are_coming")
    if row["for_s"] is None:
        return {}
    return {"seconds": _BESIDE_ROWS_S if row["for_s"] > _SHORT_JOB_S else 0.0}


def _bury(run: Runtime) -> int:
    """Chunks past their attempts are dead; their jobs end as failed once the rest is done."""
    with run.ledger.transaction() as connection:
        dead = connection.execute(
            chains.CHUNKS["bury"], {"max_attempts": run.options.max_attempts}
        ).fetchall()
        for row in dead:
            code, stage = row["last_error_code"], row["stage"]
            why = _why(stage, code)
            end_with(connection, row["job_id"], row["user_id"], 1, "failed", code, why)
            detail = {"stage": stage, "code": code, "category": category_of(code)}
            note(connection, Event.DEAD, row["user_id"], row["job_id"], detail, row["id"])
        if dead:
            crash_here("bury.before_commit")
    if dead:
        crash_here("bury.after_commit")
    for row in dead:
        log.error("chunk is dead", chunk=row["id"], code=row["last_error_code"])
    return len(dead)


def _why(stage: str, code: str) -> str:
    """Why a job whose chunk died has failed, and what to do where `retry` alone won't help."""
    if code == "file_missing":
        return "Its files were deleted from the work folder before they were read; drop it again."
    return f"A chunk failed at {stage} and was given up; the rest was loaded."


def end_with(
    connection: Any, job_id: UUID, user_id: UUID, lost: int, ending: str, code: str, detail: str
) -> None:
    """`lost` pieces of a job's work will never be done; at none left its end begins."""
    connection.execute(
        chains.CHUNKS["end_badly"],
        {"job_id": job_id, "ending": ending, "code": code, "detail": detail},
    )
    row = connection.execute(
        chains.CHUNKS["drop_remaining"], {"job_id": job_id, "n": lost}
    ).fetchone()
    if row["remaining"] == 0:
        connection.execute(
            chains.CHUNKS["insert_finish"],
            {"job_id": job_id, "user_id": user_id, "identity": "finish"},
        )


def _send_again(run: Runtime, window_s: float, at_once: int) -> int:
    """Run-out leases, and messages that were lost. One that waits in the broker is not lost."""
    common = {"max_attempts": run.options.max_attempts, "window_s": window_s}
    sent = chains.send_rows(run.ledger, run.ledger.rows("chunks", "expired", **common, n=at_once))
    queued = run.queue_lengths()
    for queue, stages, waiting in _waiting(run):
        missing = min(waiting - queued.get(queue, 0), at_once)
        if missing > 0:
            rows = run.ledger.rows("chunks", "lost", **common, stages=stages, n=missing)
            sent += chains.send_rows(run.ledger, rows)
    return sent


def _waiting(run: Runtime) -> Iterator[tuple[str, list[str], int]]:
    """For each queue: its stages, and how many chunks wait for them with a message sent."""
    counts = {row["stage"]: row["count"] for row in run.ledger.rows("chunks", "waiting_by_stage")}
    for queue in sorted({QUEUES[Stage(stage)] for stage in counts}):
        stages = [stage for stage in counts if QUEUES[Stage(stage)] == queue]
        yield queue, stages, sum(counts[stage] for stage in stages)


def _start_waiting(run: Runtime) -> int:
    """Chunks that no message names yet."""
    options = run.options
    return sum(
        chains.top_up(
            run.ledger,
            row["job_id"],
            window=options.dispatch_window,
            max_attempts=options.max_attempts,
        )
        for row in run.ledger.rows("chunks", "jobs_with_unsent")
    )


# --- sweep -----------------------------------------------------------------------------------


def sweep(run: Runtime) -> int:
    """Remove work folders that no open job needs, and files left half written; how many.

    What failed or was cancelled keeps its folder, so that `retry` can go on where it stopped.
    """
    removed = scratch.sweep(run.folders.work)
    removed += sum(clear(run, folder) for folder in run.folders.work.glob("*-*-*-*-*"))
    folders, blobs = run.folders, run.folders.data / "blobs"
    places = ((folders.processed, "*/*"), (folders.failed, "*"), (folders.infected, "*"))
    for place, depth in (*places, (blobs, "*/*")):
        removed += sum(_sweep_part(part) for part in place.glob(f"{depth}/.*.part"))
    return removed


def clear(run: Runtime, folder: Path) -> bool:
    """Whether the work folder of a job went, which nobody needs any more. The job's row is locked
    meanwhile, as `retry` locks it."""
    try:
        with run.ledger.transaction() as connection:
            job = connection.execute(
                chains.CHUNKS["lock_ended"], {"job_id": UUID(folder.name)}
            ).fetchone()
            if job is None:
                return _sweep_nobodys(run, folder)
            if not _take_back(run.folders, job) or job["status"] in _RESUMABLE:
                return False
            shutil.rmtree(folder, ignore_errors=True)
            return True
    except (ValueError, TransientError):
        return False


def _take_back(folders: Folders, job: dict[str, Any]) -> bool:
    """A retry that was cut off had the original in the work folder already, maybe the one copy.

    False if it has to stay there, since another file took its place.
    """
    original = folders.original(job["id"], job["source_name"])
    if not original.exists():
        return True
    kept = folders.data / (job["kept_as"] or "")
    if not kept.exists():
        move(original, kept)
        _write_error(kept, job["id"], job)
    elif not kept.is_file() or not filecmp.cmp(original, kept, shallow=False):
        return False
    return True


def _sweep_nobodys(run: Runtime, folder: Path) -> bool:
    """The folder of a claim that was cut off before its note; `intake.recover` has the others.

    It is held meanwhile, as a claim holds it: age alone says little where a clock is wrong.
    """
    if not _is_old(folder) or run.ledger.rows("jobs", "one_job", prefix=folder.name):
        return False
    with suppress(BlockingIOError, FileNotFoundError), held(folder, wait=False):
        if (folder / "claim.json").exists() or list((folder / "original").glob("[!.]*")):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    return False


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _LEFT_S


def _sweep_part(part: Path) -> bool:
    """Whether a temporary file went that nobody has written to for a while."""
    with suppress(FileNotFoundError):
        if _is_old(part):
            part.unlink()
            return True
    return False


# --- what people may do with a job -----------------------------------------------------------


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """Chunks that were stopped, chunks of records that had ended, and what those had given."""

    stopped: int
    done: int
    loaded: int
    duplicate: int
    quarantined: int


def cancel(run: Runtime, job_id: UUID, user_id: UUID) -> Cancelled:
    """Stop a job: nothing of it starts any more, and what is at work is fenced at its commit.

    What had loaded stays, and the receipt says so.
    """
    with run.ledger.transaction() as connection:
        stopped = connection.execute(
            chains.CHUNKS["stop_chunks"], {"job_id": job_id, "code": "cancelled"}
        ).fetchall()
        row = connection.execute(chains.CHUNKS["what_had_loaded"], {"job_id": job_id}).fetchone()
        found = msgspec.convert({"stopped": len(stopped), **(row or {})}, Cancelled)
        if stopped:
            why = "Stopped on request; what had loaded stays."
            end_with(connection, job_id, user_id, len(stopped), "cancelled", "cancelled", why)
            note(connection, Event.CANCELLED, user_id, job_id, msgspec.structs.asdict(found))
        crash_here("cancel.before_commit")
    crash_here("cancel.after_commit")
    _start_waiting(run)
    return found


def retry(run: Runtime, job: dict[str, Any]) -> int:
    """Go on with an ended job from the stage that failed; how many chunks go again."""
    job_id = job["id"]
    if job["status"] == JobStatus.ROLLED_BACK:
        raise PermanentError(_TAKEN_BACK)
    sealed.refuse_sealed(run.folders, job)
    with _one_archive_once(), run.ledger.transaction() as connection:
        connection.execute(queries("sets")["check_again"], {"job_id": job_id})
        revived = connection.execute(
            chains.CHUNKS["revive"], {"job_id": job_id, "rejected": job["ending"] == "rejected"}
        ).fetchall()
        if revived:
            connection.execute(chains.CHUNKS["forget_finish"], {"job_id": job_id})
            _reopen(connection, job_id, len(revived))
            _bring_back(run.folders, job)
            note(connection, Event.RETRIED, job["user_id"], job_id, {"chunks": len(revived)})
        crash_here("retry.before_commit")
    crash_here("retry.after_commit")
    _start_waiting(run)
    return len(revived)


def _reopen(connection: Connection, job_id: UUID, chunks: int) -> None:
    asked = {"job_id": job_id, "n": chunks}
    if connection.execute(chains.CHUNKS["reopen"], asked).fetchone() is None:
        raise PermanentError(_TAKEN_BACK)


@contextmanager
def _one_archive_once() -> Iterator[None]:
    try:
        yield
    except pg.UniqueViolation as error:
        raise PermanentError(
            "The same archive was imported by another job since; there is nothing to retry."
        ) from error


def _bring_back(folders: Folders, job: dict[str, Any]) -> None:
    """The original back into the work folder, and its error file away."""
    if not job["kept_as"]:
        return
    kept = folders.data / job["kept_as"]
    if kept.exists():
        original = folders.original(job["id"], job["source_name"])
        move(kept, original)
        kept.with_name(kept.name + ".error.txt").unlink(missing_ok=True)
