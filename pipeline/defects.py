"""Defects of this code: an exception in a format or a pure step costs only its own record.

An exception that recurs when the same record is read again is a defect of the code, not a property
of the bytes. It rejects the record at once, with the code `format_defect` and the place in the
code, and the other records continue. An error that may pass (a lost connection, a full disk, too
little memory, a task's time limit) is not a defect, and is raised to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from schemas.errors import DatapunkError, place_of
from schemas.reasons import Reason
from schemas.records import Rejection

T = TypeVar("T")
R = TypeVar("R")

#: Exceptions for the caller. `tasks` adds those that its queue raises in the middle of work.
_PASSING: list[type[BaseException]] = [DatapunkError, OSError, MemoryError]


def pass_on(kind: type[BaseException]) -> None:
    """Let exceptions of that class through, wherever they are raised."""
    _PASSING.append(kind)


def is_defect(error: Exception) -> bool:
    """Tell whether an exception is a defect of this code."""
    return not isinstance(error, tuple(_PASSING))


def rejection(error: Exception, offset: int = 0, length: int = 0, raw: bytes = b"") -> Rejection:
    """Return the rejection of a record that raised an error.

    The text of an exception may hold content, so the rejection names only its class.
    """
    reason, detail = Reason.FORMAT_DEFECT, f"{type(error).__name__} at {place_of(error)}"
    if isinstance(error, RecursionError):
        reason, detail = Reason.TOO_DEEP, "nested too deep to be read"
    return Rejection(reason=reason, detail=detail, raw=raw, offset=offset, length=length)


def each(
    step: Callable[[Sequence[T]], Sequence[R]],
    batch: Sequence[T],
    bad: Callable[[T, Exception], R],
) -> Iterator[R]:
    """Yield what `step` makes of a batch.

    Where it raises, it gets the halves of the batch, until a failing item is alone and becomes what
    `bad` returns.
    """
    try:
        results = step(batch)
    except Exception as error:
        if not is_defect(error):
            raise
        if len(batch) == 1:
            yield bad(batch[0], error)
            return
    else:
        yield from results
        return
    middle = len(batch) // 2
    yield from each(step, batch[:middle], bad)
    yield from each(step, batch[middle:], bad)
