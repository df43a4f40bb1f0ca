"""The stage `finish`: close a job, move its original, and compute what derives from its records."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded

from schemas.crash import crash_here
from schemas.lease import Lease
from schemas.progress import RESUMABLE, Event, JobStatus
from sql.commit import Commit
from sql.store import Fenced
from sql.vectors import MOST_ATTEMPTS
from tasks.derived.lake_statistics import count_user
from tasks.derived.near_duplicates import PATIENCE_S, compare_user
from tasks.derived.quality_scores import score_job
from tasks.derived.search_index import PATIENCE_S as OF_WORDS_S
from tasks.derived.search_index import index_user
from tasks.ingest import malware
from tasks.ingest.archived_originals import archive_original, write_error
from tasks.ingest.job_end import finalise_file_counts
from tasks.runtime import alerts, steps
from tasks.runtime.context import Runtime
from tasks.runtime.stage_runner import Ending

#: How long the end of a job waits for its documents to be indexed; the reconciler does the rest.
_INDEX_S = 120.0

_ORIGINAL_DELETED = (
    "The original was deleted from the work folder before the end; "
    "what had been read of it is loaded. To keep a copy, drop it again."
)


def finish_job(run: Runtime, lease: Lease) -> Ending:
    """Finalise the counts, archive the original and refresh statistics, once."""
    # From here on rows can't be made again: what was loaded has to be on the disk.
    if not run.ledger.heartbeat(lease, run.options.lease_s):
        raise Fenced
    (job,) = run.ledger.rows("jobs", "job_facts", job_id=lease.ref.job_id)
    status = job["outcome"] or str(JobStatus.DONE)
    archived = _archive(run, lease, job, status)
    crash_here("finish.at_rest")
    if status not in RESUMABLE:
        shutil.rmtree(run.folders.job(lease.ref.job_id), ignore_errors=True)
    crash_here("finish.cleared")
    if lease.attempt == 1:  # a step that may have ended the last attempt is not tried twice
        _follow_up(run, lease, loaded=status == JobStatus.DONE or job["records_seen"] > 0)

    def ending(commit: Commit) -> None:
        # This locks the job; later reads stay valid, since a retry from quarantine changes it too.
        alerts.write_alert(commit, run.options.alert, ended=True)
        finalise_file_counts(commit.connection, lease.ref.job_id)
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
            steps.run_step(run, step, work, None, subject=user)
        if loaded:
            steps.run_step(
                run, "scored", lambda: score_job(run, user, job_id), None, subject=job_id
            )


def _archive(run: Runtime, lease: Lease, job: dict[str, Any], status: str) -> str | None:
    """Move the original to `processed/` or `failed/`, or encrypt it; later attempts find it there.

    Returns its path relative to the data folder; None where it was deleted.
    """
    folders = run.folders
    if (hidden := malware.keep_original(run, lease, job["error_code"])) is not None:
        write_error(folders.failed / job["user_name"] / lease.source_name, job)
        return str(hidden.relative_to(folders.data))
    return archive_original(folders, job, well=status in (JobStatus.DONE, JobStatus.DUPLICATE))


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
