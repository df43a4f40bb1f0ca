"""Backfill missing embeddings in small batches, at lower priority than imports.

Documents wait in `vectors.waiting`. A turn takes some, embeds them outside any transaction, and in
one transaction inserts their vectors and deletes them from the queue. Documents that a killed turn
had taken become free again when their lease expires.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from pipeline.enrich.text_pieces import text_of
from pipeline.registry import all_formats
from schemas.crash import crash_here
from schemas.errors import TransientError
from sql import privacy
from sql.vectors import MOST_ATTEMPTS, Backlog, Taken, Wanted, Where
from tasks.derived.embedding import embed_texts
from tasks.runtime import dispatch, steps
from tasks.runtime.context import Runtime

log = structlog.get_logger("datapunk.deepen")

#: The length of a turn: the longest time that an import's texts may wait for the model.
TURN_S = 15.0
#: How long taken documents belong to a turn without a sign of life, which comes with each batch of
#: texts: half a minute on a very slow CPU.
_LEASE_S = 90.0
#: Most turns under way at a time, over all users; a user and tier have one.
_MOST_TURNS = 4


def wanted_documents(run: Runtime) -> Wanted:
    """Return which documents need vectors, by the settings and by their formats."""
    formats = all_formats()
    return Wanted(
        types=sorted(run.options.embed.types),
        always=[form.name for form in formats if form.embed is True],
        never=[form.name for form in formats if form.embed is False],
    )


def known_models(run: Runtime, user_id: UUID) -> dict[str, int | None]:
    """Return the tiers that documents need, with the ids of their models."""
    return {str(tier): run.known_model(user_id, tier) for tier in run.options.tiers}


def add_lacking(run: Runtime, user_id: UUID, model: str, where: Where = Where()) -> None:  # noqa: B008
    """Queue documents that lack the vectors of a model.

    They came before it was chosen, or a rollback or a reparse left them without.
    """
    known = run.known_model(user_id, model) or 0
    Backlog(run.lake, user_id).add_lacking(model, known, wanted_documents(run), where)


class Lacking:
    """The same for every user and tier; it scans each lake, so once in a process."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[UUID, str]] | None = None

    def add(self, run: Runtime) -> int:
        """Queue what is lacking where that was not done yet.

        Return for how many users and tiers.
        """
        if self._left is None:
            users = [row["user_id"] for row in run.ledger.rows("jobs", "users")]
            self._left = {
                f"{u} {tier}": (u, str(tier)) for u in users for tier in run.options.tiers
            }
        left = self._left

        def add(subject: str) -> int:
            add_lacking(run, *left[subject])
            del left[subject]
            return 1

        return steps.each(run, "lacking", list(left), add) if left else 0


def turn(
    run: Runtime,
    user_id: UUID,
    model: str,
    *,
    seconds: float = TURN_S,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Embed a user's waiting documents; return how many were done.

    Stops when none waits, the time is up, or `go_on` returns false.
    """
    backlog, end, done = Backlog(run.lake, user_id), time.monotonic() + seconds, 0
    _make_way(run, user_id, model)
    while time.monotonic() < end and go_on():
        done_now = _batch(run, backlog, user_id, model)
        if done_now is None:
            _index(run, user_id, model)
            break
        done += done_now
    return done


def _batch(run: Runtime, backlog: Backlog, user_id: UUID, model: str) -> int | None:
    """Embed one batch; return None where nothing was left to take."""
    size = max(32, run.embedder(model).at_once // 2)
    since = privacy.at_rest_since(run.lake, user_id)
    taken = backlog.take(model, size, _LEASE_S)
    if not taken:
        return None
    crash_here("deepen.taken")
    try:
        texts = [(n, text) for n, each in enumerate(taken) if (text := _text(each)) is not None]
        vectors = embed_texts(
            run, user_id, model, texts, since, lambda: backlog.go_on(model, taken, _LEASE_S)
        )
        crash_here("deepen.embedded")
        return backlog.put(model, run.model_id(user_id, model), taken, vectors)
    except BaseException as error:
        with suppress(TransientError):  # else they are free again when their lease expires
            backlog.give_back(model, taken, counts_attempt=_is_defect(error))
        raise


def _is_defect(error: BaseException) -> bool:
    """Tell whether the code or the text is at fault, and not a service or a stop."""
    return isinstance(error, Exception) and not isinstance(
        error, TransientError | SoftTimeLimitExceeded
    )


def _text(taken: Taken) -> str | None:
    return text_of(taken.title, taken.content)


def _make_way(run: Runtime, user_id: UUID, model: str) -> None:
    """Drop the index over a model's vectors where rebuilding it is quicker."""
    known = run.known_model(user_id, model)
    if known is not None:
        run.lake.rows(user_id, "lake", "make_way", model_id=known, model=model)
        crash_here("deepen.way_made")


def _index(run: Runtime, user_id: UUID, model: str) -> None:
    """Build the index over the model's vectors, if there are enough of them."""
    known = run.known_model(user_id, model)
    if known is not None:
        at_least = run.options.index_from_vectors
        run.lake.rows(user_id, "lake", "ensure_index", model_id=known, at_least=at_least)


def in_background(run: Runtime, user_id: UUID, model: str) -> None:
    """Run a turn for its task. It ends when an import begins; the next turn continues.

    Later turns wait for a model that does not exist yet.
    """
    if model not in run.options.tiers or not run.models.ready(model):
        return
    try:
        done = turn(run, user_id, model, go_on=lambda: not is_importing(run))
    except TransientError as error:  # the reconciler sends another turn
        log.warning("a service is down", error=type(error).__name__)
        return
    crash_here("deepen.ended")
    if done:
        send_turns(run)


def is_importing(run: Runtime) -> bool:
    """Tell whether any chunk is at work or could be."""
    (row,) = run.ledger.rows("vectors", "importing")
    return bool(row["importing"])


def send_turns(run: Runtime) -> int:
    """Send a turn for each user and tier with waiting documents; return how many messages.

    None is sent while an import is under way, for a turn at work, or for a message that still waits
    in the broker.
    """
    under_way = run.queue_lengths().get(dispatch.BEHIND, 0)
    if under_way or is_importing(run):
        return 0
    models = [str(tier) for tier in run.options.tiers]
    asked = {"models": models, "n": _MOST_TURNS, "most": MOST_ATTEMPTS, "lease_s": _LEASE_S}
    rows = run.ledger.rows("vectors", "queues", **asked)
    for row in rows:
        crash_here("deepen.before_send")
        dispatch.send_turn(row["user_id"], row["model"])
    return len(rows)
