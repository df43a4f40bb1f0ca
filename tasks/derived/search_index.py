"""Loaded documents become findable: behind the load, in batches, by any worker that has time.

Documents wait in `user_data.unindexed`. A batch is taken out of it in the transaction that indexes
it, so that a crash loses nothing and any number of processes may share the work.
"""

from __future__ import annotations

import time
from uuid import UUID

from schemas.crash import crash_here
from sql.search import index_some
from tasks.derived import embedding_backfill
from tasks.runtime import steps
from tasks.runtime.context import Runtime

#: Documents a transaction; some hundred milliseconds of work.
_BATCH = 5_000

#: A turn of the reconciler's, so that it keeps its other appointments.
_TURN_S = 5.0


def index_user(run: Runtime, user_id: UUID, *, seconds: float) -> int:
    """Index what waits of one user, until nothing does or the time is up; how many were taken."""
    end, total = time.monotonic() + seconds, 0
    models = embedding_backfill.known_models(run, user_id)
    while time.monotonic() < end:
        taken = index_some(run.lake, user_id, _BATCH, embedding_backfill.wanted(run), models)
        crash_here("index.after_batch")
        total += taken
        if taken < _BATCH:
            break
    return total


def index_waiting(run: Runtime, *, seconds: float = _TURN_S) -> int:
    """Index what waits of any user; how many documents were taken."""
    users = [row["user_id"] for row in run.ledger.rows("search", "waiting_users")]
    return steps.each(
        run, "indexed", users, lambda user: index_user(run, user, seconds=seconds / len(users))
    )
