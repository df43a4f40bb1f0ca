"""Errors, grouped by what the caller must do: give up, try later, or set the record aside."""

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

    `code` is what the ledger keeps of it; without one it keeps the name of the cause's class.
    """

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class PermanentError(DatapunkError):
    """Trying again can't help; the job fails with a code and a message for its owner."""


class Rejected(DatapunkError):
    """A whole archive or member can't be taken in. Carries a code, never content."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BadValue(DatapunkError):
    """A record can't be understood.

    Raised by the helpers that formats call; `pipeline.normalise` turns it into a
    `Rejection` with the record's raw bytes. The detail names fields, never their content.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


_ROOMS = frozenset({"schemas", "pipeline", "sql", "tasks", "workers"})
_ROOT = Path(__file__).parent.parent


def place_of(error: BaseException) -> str:
    """Where an error was raised, as `tasks/ingest/chunk.py:120`: file and line, no values.

    In a library it is our line that called it, and the library's own behind that.
    """
    last = ours = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        last = f"{path.name}:{line}"
        if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _ROOMS:
            ours = last = f"{path.relative_to(_ROOT).as_posix()}:{line}"
    return f"{ours} ({last})" if ours and ours != last else last
