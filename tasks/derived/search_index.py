"""Index loaded documents for search: after the load, in batches, by any free worker.

Documents wait in `user_data.unindexed`. A batch is deleted from it in the transaction that indexes
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

#: The share of a reconciler's turn, so that its other steps run on time.
_TURN_S = 5.0


def index_user(run: Runtime, user_id: UUID, *, seconds: float) -> int:
    """Index a user's waiting documents, until none waits or the time is up; return how many."""
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
    """Index the waiting documents of any user; return how many were taken."""
    users = [row["user_id"] for row in run.ledger.rows("search", "waiting_users")]
    return steps.each(
        run, "indexed", users, lambda user: index_user(run, user, seconds=seconds / len(users))
    )
