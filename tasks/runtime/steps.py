"""Background work in steps and pieces: an error of one ends no other.

A piece is a step's work for one job, user or set. A failure is noted in `imports.step_errors`,
where `status` and `doctor` read it, and retried after a wait that doubles; a success deletes the
note. Where a failure can't be noted the database is gone, and the error is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from kombu.exceptions import KombuError

from schemas.errors import ServiceDown, TransientError, place_of
from sql.queries import queries
from tasks.runtime.context import Runtime

log = structlog.get_logger("datapunk.steps")

_STEPS = queries("steps")

T = TypeVar("T")

#: Seconds until a failed piece is retried, at first and at most. A step as a whole, which all its
#: pieces depend on, waits less; a piece that needs a service is retried at the next turn.
_FIRST_S, _MOST_S, _MOST_OF_A_STEP_S = 10.0, 600.0, 60.0

#: Services that every piece needs: if one is down, no other piece is tried in this turn.
_SERVICES = (ServiceDown, KombuError)


class Unnoted(TransientError):
    """A failure could not be noted, as the database is gone: nothing else can be done either."""


#: Errors that no piece may swallow.
_GOES_ON = (Unnoted, SoftTimeLimitExceeded)


def run_step(
    run: Runtime, step: str, work: Callable[[], T], otherwise: T, *, subject: Any = ""
) -> T:
    """Return what `work` returns, or `otherwise` where it fails, or failed and waits.

    It is the whole of a step, or its piece for one subject.
    """
    subject = str(subject)
    rests = _known(run, step).get(subject)
    if rests:
        return otherwise
    try:
        found = work()
    except _GOES_ON:
        raise
    except Exception as error:
        _note(run, step, subject, error)
        return otherwise
    if rests is not None:
        _forget(run, step, subject)
    return found


def each(run: Runtime, step: str, subjects: Iterable[T], work: Callable[[T], int | None]) -> int:
    """Do the work for each subject that doesn't wait; return the sum of what it returns.

    `subjects` are all for which the step has something to do. Raises where a service is down that
    all of them need.
    """
    known, total = _known(run, step), 0
    for subject in subjects:
        rests = known.pop(str(subject), None)
        if rests:
            continue
        try:
            total += work(subject) or 0
        except (*_GOES_ON, *_SERVICES):
            raise
        except Exception as error:
            _note(run, step, str(subject), error)
        else:
            if rests is not None:
                _forget(run, step, str(subject))
    for name, rests in known.items():
        if name and not rests:  # it has no work left
            _forget(run, step, name)
    return total


def waiting_subjects(run: Runtime, step: str) -> list[str]:
    """Return the subjects of a step that wait for their retry."""
    return [subject for subject, rests in _known(run, step).items() if rests]


def try_now(run: Runtime) -> None:
    """End all waits: this process may be of a better version."""
    with run.ledger.transaction() as connection:
        connection.execute(_STEPS["try_now"])


def forget_old(run: Runtime) -> None:
    """Delete notes that were not retried for a day: they have no work left."""
    with run.ledger.transaction() as connection:
        connection.execute(_STEPS["forget_old"])


def _known(run: Runtime, step: str) -> dict[str, bool]:
    """Return what failed of a step, and whether it waits."""
    try:
        rows = run.ledger.rows("steps", "of_step", step=step)
    except TransientError as error:
        raise Unnoted from error
    return {row["subject"]: row["rests"] for row in rows}


def _note(run: Runtime, step: str, subject: str, error: Exception) -> None:
    """Note one more failure. The text of an error may hold content: its class and place don't."""
    passing = isinstance(error, (TransientError, *_SERVICES))
    cause = (error.__cause__ if passing else None) or error
    facts = {"step": step, "subject": subject, "error": type(cause).__name__}
    wait = {
        "first_s": 0.0 if passing else _FIRST_S,
        "most_s": _MOST_S if subject else _MOST_OF_A_STEP_S,
    }
    place = place_of(cause)
    try:
        with run.ledger.transaction() as connection:
            row = connection.execute(_STEPS["note"], {**facts, **wait, "place": place}).fetchone()
    except TransientError as gone:
        raise Unnoted from gone
    if row is not None:
        fields = {**facts, "where": place, "failures": row["failures"], "again_in_s": row["wait_s"]}
        (log.warning if passing else log.error)("a step failed", **fields)


def _forget(run: Runtime, step: str, subject: str) -> None:
    try:
        with run.ledger.transaction() as connection:
            connection.execute(_STEPS["forget"], {"step": step, "subject": subject})
    except TransientError as gone:
        raise Unnoted from gone
