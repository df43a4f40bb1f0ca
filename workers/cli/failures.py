"""Turn a verb's error into one line that says what to do, and an exit code."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import redis
from kombu.exceptions import OperationalError
from psycopg_pool import PoolTimeout

from schemas.errors import ConfigurationError, ServiceDown, TransientError
from workers import down
from workers.cli import console
from workers.embedded import machine
from workers.settings import load

#: With less than one segment of its log Postgres accepts no connections.
_FULL_MB = 16

#: The errors of clients whose service is down.
DOWN = (psycopg.OperationalError, PoolTimeout, redis.RedisError, OperationalError)


def report(error: Exception, *, json: bool = False) -> int:
    """Print what went wrong and what to do; return the exit code."""
    message, code = str(error), console.FAILED
    if isinstance(error, ConfigurationError):
        code = console.USAGE
    elif isinstance(error, ServiceDown):
        message, code = f"{error}{_no_room()}", console.DOWN
    elif isinstance(error, TransientError) and error.code:  # the disk, or the scanner
        message, code = f"{error} Nothing is lost; try again once that is mended.", console.DOWN
    elif isinstance(error, (TransientError, *DOWN)):
        message, code = _down(error), console.DOWN
    console.failed(message, code, json=json)
    return code


def _down(error: Exception) -> str:
    """Return which service fails, and why, as far as that is known."""
    cause = error.__cause__ if isinstance(error, TransientError) else error
    if isinstance(cause, PoolTimeout):  # it does not say why there was no connection
        with suppress(OSError, ConfigurationError):
            try:
                down.probe(load(), "ledger", "ingest", "reader")
            except ServiceDown as found:
                return str(found)
    elif isinstance(cause, psycopg.OperationalError):
        return down.why(cause)
    # The text of a driver's error may hold a URL with its password.
    what = str(error) if isinstance(error, TransientError) else type(error).__name__
    return f"a service is down ({what}); start it with: datapunk up"


def _no_room() -> str:
    """Return the likely fault of a service where the disk is full."""
    with suppress(OSError, ConfigurationError):
        if machine.free_disk_mb(load().data_dir) < _FULL_MB:
            return " (the disk is full: make room, and everything continues by itself)"
    return ""
