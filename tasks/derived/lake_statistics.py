"""Statistics follow the lake: touched days are counted again after the load."""

from __future__ import annotations

import time
from uuid import UUID

from schemas.crash import crash_here
from sql.analytics import count_some
from tasks.runtime import steps
from tasks.runtime.context import Runtime

#: Days a transaction.
_BATCH = 200

#: The share of a reconciler's turn, so that its other steps run on time.
_TURN_S = 5.0

#: Many chunks touch a day one after the other; it need not be counted after each.
_REST_S = 60.0


def count_user(run: Runtime, user_id: UUID, *, seconds: float) -> int:
    """Count the touched days of one user, until none is left or the time is up; return how many."""
    end, total = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        taken = count_some(run.lake, user_id, _BATCH)
        crash_here("count.after_batch")
        if taken is None:
            break
        total += taken
    return total


def count_waiting(run: Runtime, *, seconds: float = _TURN_S, rest_s: float = _REST_S) -> int:
    """Count the days of any user that have waited for `rest_s`; return how many."""
    rows = run.ledger.rows("analytics", "users_to_count", rest_s=rest_s)
    users = [row["user_id"] for row in rows]
    return steps.each(
        run, "counted", users, lambda user: count_user(run, user, seconds=seconds / len(users))
    )
