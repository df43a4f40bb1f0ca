"""Defects of our own: an exception out of a format or a pure step costs the one record it is about.

An exception that comes again when the same record is read again says nothing of the bytes but that
our code does not know them. It ends the record's way at once, with the code `format_defect` and
the place in our code, and the others go on. What may pass by itself (a lost connection, a full
disk, too little memory, the limit of a task's time) is none, and is raised to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from schemas.errors import DatapunkError, place_of
from schemas.reasons import Reason
from schemas.records import Rejection

T = TypeVar("T")
R = TypeVar("R")

#: Exceptions that a caller has to see. `tasks` adds what its queue raises in the midst of work.
_PASSING: list[type[BaseException]] = [DatapunkError, OSError, MemoryError]


def pass_on(kind: type[BaseException]) -> None:
    """Let exceptions of that class through, wherever they are raised."""
    _PASSING.append(kind)


def is_defect(error: Exception) -> bool:
    """Whether an exception is one of our own mistakes."""
    return not isinstance(error, tuple(_PASSING))


def rejection(error: Exception, offset: int = 0, length: int = 0, raw: bytes = b"") -> Rejection:
    """What becomes of the record. The text of an exception may hold content, so only its class is
    told."""
    reason, detail = Reason.FORMAT_DEFECT, f"{type(error).__name__} at {place_of(error)}"
    if isinstance(error, RecursionError):
        reason, detail = Reason.TOO_DEEP, "nested too deep to be read"
    return Rejection(reason=reason, detail=detail, raw=raw, offset=offset, length=length)


def each(
    step: Callable[[Sequence[T]], Sequence[R]],
    batch: Sequence[T],
    bad: Callable[[T, Exception], R],
) -> Iterator[R]:
    """What `step` makes of a batch; where it raises, of its halves, until what it fails for stands
    alone and becomes what `bad` says."""
    try:
        made = step(batch)
    except Exception as error:
        if not is_defect(error):
            raise
        if len(batch) == 1:
            yield bad(batch[0], error)
            return
    else:
        yield from made
        return
    middle = len(batch) // 2
    yield from each(step, batch[:middle], bad)
    yield from each(step, batch[middle:], bad)
