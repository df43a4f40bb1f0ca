"""Index loaded documents for search while others still load, in batches, by any free worker.

Documents wait in `user_data.unindexed`. A batch is deleted from it in the transaction that indexes
it, so that a crash loses nothing and any number of processes may share the work. Each load sends a
turn, which a worker takes when no chunk waits; the end of a job indexes what is left.
"""

from __future__ import annotations

import time
from uuid import UUID

import structlog

from schemas.crash import crash_here
from schemas.errors import TransientError
from sql.search import any_waits, index_some
from tasks.derived import embedding_backfill
from tasks.runtime import dispatch, steps
from tasks.runtime.context import Runtime

log = structlog.get_logger("datapunk.indexing")

#: Documents a transaction; some hundred milliseconds of work.
_BATCH = 5_000

#: Seconds of a turn of the reconciler, so that its other steps run on time; and of a worker, for
#: which a chunk may wait.
_TURN_S, _WORKER_S = 5.0, 1.0

#: Seconds between two looks at the batches of other processes; and the longest wait of the end of a
#: job for them, since another job of the user may go on for hours.
_LOOK_S, PATIENCE_S = 0.05, 10.0


def index_user(run: Runtime, user_id: UUID, *, seconds: float, patience: float = 0.0) -> int:
    """Index a user's waiting documents, until none waits or the time is up; return how many.

    Wait up to `patience` seconds for the batches of other processes.
    """
    end, total = time.monotonic() + seconds, 0
    models = embedding_backfill.known_models(run, user_id)
    while time.monotonic() < end:
        taken = index_some(
            run.lake, user_id, _BATCH, embedding_backfill.wanted_documents(run), models
        )
        crash_here("index.after_batch")
        total += taken
        if taken == _BATCH:
            continue
        end = min(end, time.monotonic() + patience)
        if not patience or not any_waits(run.lake, user_id):
            break
        time.sleep(_LOOK_S)
    return total


def index_waiting(run: Runtime, *, seconds: float = _TURN_S) -> int:
    """Index the waiting documents of any user; return how many were taken."""
    users = [row["user_id"] for row in run.ledger.rows("search", "waiting_users")]
    return steps.each(
        run, "indexed", users, lambda user: index_user(run, user, seconds=seconds / len(users))
    )


def in_background(run: Runtime, user_id: UUID) -> None:
    """Run a turn as its task does. Send another turn if a further batch waits."""
    try:
        taken = steps.run_step(
            run, "indexed", lambda: index_user(run, user_id, seconds=_WORKER_S), 0, subject=user_id
        )
        if taken >= _BATCH and any_waits(run.lake, user_id):
            dispatch.index_soon(user_id)
    except TransientError as error:  # the end of the job indexes what is left
        log.warning("a service is down", error=type(error).__name__)
