"""Connections to Postgres: the pool, and transient errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout
from psycopg_pool.pool import AddConnection

from schemas.errors import TransientError

Connection = psycopg.Connection[DictRow]

#: Seconds between two attempts to reach a database that went away.
_LOOK_S = 2.0

#: Transient errors: the same statement may succeed later.
_TRANSIENT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    pg.InsufficientResources,
    pg.TransactionRollback,
    pg.LockNotAvailable,
    pg.ObjectInUse,
)

#: A row, a key or a statement exceeds a limit of the database, at each attempt. The driver counts
#: these among operational errors.
_TOO_LARGE = (
    pg.ProgramLimitExceeded,
    pg.StatementTooComplex,
    pg.TooManyColumns,
    pg.TooManyArguments,
)


@contextmanager
def transient_errors() -> Iterator[None]:
    """Turn transient errors into `TransientError`, without the statement's text."""
    try:
        yield
    except _TOO_LARGE:
        raise
    except _TRANSIENT as error:
        raise TransientError(f"the database raised {type(error).__name__}") from error


class _Pool(ConnectionPool[Connection]):
    """A pool that tries to reach its server every few seconds, however long that is away.

    psycopg's own would wait twice as long each time.
    """

    def schedule_task(self, task: Any, delay: float) -> None:
        """Schedule a task; the attempt to reach the server comes soon."""
        if isinstance(task, AddConnection):
            delay = min(delay, _LOOK_S)
        super().schedule_task(task, delay)


def open_pool(
    conninfo: str, *, size: int = 2, timeout: float = 30.0, actor: str = ""
) -> ConnectionPool[Connection]:
    """Return a pool of connections whose rows are dicts. Open it in the process that uses it.

    `actor` is the name in the audit trail for what is done over it; without one, the user that
    logged in.
    """
    pool: ConnectionPool[Connection] = _Pool(
        conninfo,
        min_size=1,
        max_size=size,
        timeout=timeout,
        reconnect_timeout=math.inf,
        open=False,
        connection_class=psycopg.Connection[DictRow],
        kwargs={"row_factory": dict_row, "autocommit": True},
        check=ConnectionPool.check_connection,
        configure=lambda connection: _introduce(connection, actor),
    )
    pool.open()
    return pool


def _introduce(connection: Connection, actor: str) -> None:
    if actor:
        connection.execute("SELECT set_config('app.actor', %s, false)", (actor,))
