"""A turn of the reconciler: it continues what lost its message, its worker or its service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from schemas.progress import BISECT_ATTEMPTS, QUEUES, Stage
from sql.connection import transient_errors
from tasks.derived import embedding_backfill
from tasks.derived.lake_statistics import count_waiting
from tasks.derived.near_duplicates import compare_waiting
from tasks.derived.quality_scores import score_changed
from tasks.derived.search_index import index_waiting
from tasks.ingest import export_sets
from tasks.ingest.job_end import dead_letter, free_stranded
from tasks.maintenance import recovery
from tasks.runtime import dispatch, steps
from tasks.runtime.context import Runtime

#: Of two reconcilers one works; the other finds the lock taken and waits for its next turn.
_LOCK = 7_215_002
_STEPS = (
    "dead_lettered", "freed", "sets",
    "recovered", "sent_again", "started", "indexed", "turns", "counted",
    "compared", "scored",
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
            share = steps.run_step(run, "share", lambda: _share_of_a_turn(run), usual)
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
            }
            return {step: steps.run_step(run, step, work[step], 0) for step in _STEPS}
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
    """Send chunks again whose lease expired or whose message was lost.

    A message that waits in the broker is not lost.
    """
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
