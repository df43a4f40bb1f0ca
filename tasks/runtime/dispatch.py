"""Messages: each names a chunk and nothing more; the rest of its route is a Celery chain."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog
from celery import chain, signature
from psycopg.rows import DictRow

from schemas.crash import crash_here
from schemas.progress import BISECT_ATTEMPTS, QUEUES, Kind, Stage, route
from sql.queries import queries
from sql.store import Ledger

log = structlog.get_logger("datapunk.chains")

TASK_PREFIX = "datapunk."
CHUNKS = queries("chunks")

#: The broker's own name of the list for low priority, as `celeryconfig` spells it. Its length is
#: read when the queue itself is empty.
_LAST = 9
BEHIND = f"{QUEUES[Stage.EMBED]}:{_LAST}"


def task_name(stage: Stage) -> str:
    """Return the name of a stage's task, as Flower shows it."""
    return TASK_PREFIX + stage


def send(chunk: int, job_id: UUID, kind: Kind, stage: Stage, *, embed: bool) -> None:
    """Send the rest of a chunk's route, from `stage` on."""
    stages = route(kind, embed=embed)
    rest = stages[stages.index(stage) :]
    # Chunk first: Flower cuts long arguments and searches them.
    kwargs = {"chunk": chunk, "job_id": str(job_id)}
    chain(
        *(
            signature(task_name(s), kwargs=kwargs, immutable=True, options={"queue": QUEUES[s]})
            for s in rest
        )
    ).apply_async()


def send_turn(user_id: UUID, model: str) -> None:
    """Send a turn of background work, which is taken when no chunk waits in the queue."""
    _send_last("deepen", Stage.EMBED, user_id=str(user_id), model=model)


def send_indexing(user_id: UUID) -> None:
    """Send a turn at a user's words: any worker takes it when no chunk waits."""
    _send_last("index", Stage.LOAD, user_id=str(user_id))


def _send_last(task: str, stage: Stage, **kwargs: str) -> None:
    """Send a task to the queue of a stage, after the chunks that wait in it."""
    options = {"queue": QUEUES[stage], "priority": _LAST}
    signature(TASK_PREFIX + task, kwargs=kwargs, immutable=True, options=options).apply_async()


def index_soon(user_id: UUID) -> bool:
    """Send a turn of indexing after a commit; return False if the broker does not answer.

    Nothing is lost then: the end of the job indexes what is left.
    """
    try:
        crash_here("index.before_send")
        send_indexing(user_id)
    except Exception as error:
        log.warning("words are indexed later", error=type(error).__name__)
        return False
    return True


def send_rows(ledger: Ledger, rows: Sequence[DictRow]) -> int:
    """Send what the ledger has marked as sent; return how many messages.

    Chunks that an unreachable broker does not take are marked as unsent again. Raises its error.
    """
    for count, row in enumerate(rows):
        try:
            crash_here("send.before")
            _send_row(row)
            crash_here("send.after")
        except Exception:
            ledger.rows("chunks", "unsend", ids=[rest["id"] for rest in rows[count:]])
            raise
    return len(rows)


def _send_row(row: DictRow) -> None:
    send(row["id"], row["job_id"], Kind(row["kind"]), Stage(row["stage"]), embed=row["embed"])


def top_up(ledger: Ledger, job_id: UUID, *, window: int, max_attempts: int) -> int:
    """Send chunks of a job that no message names yet, so that at most `window` are under way.

    The ledger is the queue; the broker holds only its front. A broker that loses all its data loses
    at most that.
    """
    (row,) = ledger.rows("chunks", "dispatched", job_id=job_id)
    room = window - row["count"]
    if room <= 0:
        return 0
    limits = {"max_attempts": max_attempts, "bisect_attempts": BISECT_ATTEMPTS}
    return send_rows(ledger, ledger.rows("chunks", "send_unsent", job_id=job_id, n=room, **limits))


def send_on(ledger: Ledger, job_id: UUID, *, window: int, max_attempts: int) -> bool:
    """Send as `top_up` does, after a commit; return False if broker or database is unreachable.

    Nothing is lost then: the reconciler sends the rest.
    """
    try:
        top_up(ledger, job_id, window=window, max_attempts=max_attempts)
    except Exception as error:
        log.warning("not sent yet; the reconciler will", error=type(error).__name__)
        return False
    return True
