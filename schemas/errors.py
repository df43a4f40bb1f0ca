"""Errors, grouped by the caller's reaction: give up, try later, or quarantine the record."""

from __future__ import annotations

import traceback
from pathlib import Path

from schemas.reasons import Reason


class DatapunkError(Exception):
    """Something went wrong in Datapunk Lake."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__)


class ConfigurationError(DatapunkError):
    """The configuration can't be used; the message says what to change (exit code 2)."""


class ServiceDown(DatapunkError):
    """A service that is needed does not answer (exit code 69)."""


class TransientError(DatapunkError):
    """A lost connection, a full disk. The same work may succeed later.

    `code` is what the ledger stores; without one it stores the name of the cause's class.
    """

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class PermanentError(DatapunkError):
    """Another attempt can't help; the job fails with a code and a message for its owner."""


class Rejected(DatapunkError):
    """A whole archive or member can't be read. Carries a code, never content."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BadValue(DatapunkError):
    """A record can't be read.

    Raised by the helpers that formats call; `pipeline.normalise` turns it into a `Rejection` with
    the record's raw bytes. The detail names fields, never their content.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


_ROOMS = frozenset({"schemas", "pipeline", "sql", "tasks", "workers"})
_ROOT = Path(__file__).parent.parent


def place_of(error: BaseException) -> str:
    """Return where an error was raised, as `tasks/ingest/chunk.py:120`: file and line, no values.

    For an error in a library it is the line of this code that called it, followed by the library's
    own.
    """
    last = own = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        last = f"{path.name}:{line}"
        if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _ROOMS:
            own = last = f"{path.relative_to(_ROOT).as_posix()}:{line}"
    return f"{own} ({last})" if own and own != last else last
