"""The services of a command, opened late and closed at its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from psycopg.rows import DictRow

from schemas.errors import PermanentError
from sql.store import Lake, Ledger
from workers import down, stores
from workers.cli import nearest
from workers.embedded.unprivileged import act_as, lake_user
from workers.settings import Settings

if TYPE_CHECKING:
    from tasks.runtime.context import Runtime


class Services(msgspec.Struct, frozen=True):
    """The services of a verb that only reads."""

    settings: Settings
    ledger: Ledger
    reader: Lake


@contextmanager
def services(settings: Settings) -> Iterator[Services]:
    """Open the ledger, and the lake as its reader."""
    down.probe(settings, "ledger", "reader")
    ledger = stores.open_ledger(settings, timeout=10)
    reader = stores.reader(settings)
    try:
        yield Services(settings, ledger, reader)
    finally:
        ledger.pool.close()
        reader.pool.close()


@contextmanager
def runtime(settings: Settings) -> Iterator[Runtime]:
    """Open everything that tasks have, for verbs that change something or send messages.

    Files that root makes here belong to the lake's user.
    """
    down.probe(settings, "ledger", "ingest")
    from workers import wiring  # noqa: PLC0415 - all that tasks have, not for verbs that ask

    wiring.make_app(settings)
    run = wiring.make_runtime(settings)
    try:
        with act_as(lake_user(settings)):
            yield run
    finally:
        run.ledger.pool.close()
        run.lake.pool.close()


def find_job(ledger: Ledger, prefix: str) -> DictRow:
    """Return the job whose id begins so. Raises `PermanentError` if there is none, or several."""
    rows: list[DictRow] = []
    if re.fullmatch(r"[0-9a-f-]{1,36}", prefix.lower()):
        rows = ledger.rows("jobs", "one_job", prefix=prefix.lower())
    if not rows:
        raise PermanentError(f"There is no job {prefix!r}; see: datapunk jobs")
    if len(rows) > 1:
        raise PermanentError("Several jobs begin so; give more of the id.")
    return rows[0]


def find_user(ledger: Ledger, name: str | None) -> DictRow:
    """Return the user of that name, or the only one.

    Raises `PermanentError` if there is none, or several to choose from.
    """
    found = find_users(ledger, name)
    if not found:
        raise PermanentError("There is no user yet; users are made by their first import.")
    if len(found) > 1:
        names = ", ".join(row["name"] for row in found)
        raise PermanentError(f"There are several users; name one with --user: {names}")
    return found[0]


def find_users(ledger: Ledger, name: str | None) -> list[DictRow]:
    """Return the user of that name, or all. Raises `PermanentError` if there is none of it."""
    users = ledger.rows("jobs", "users")
    found = [row for row in users if name in (None, row["name"])]
    if name is not None and not found:
        raise PermanentError(nearest.no_such("user", name, [row["name"] for row in users]))
    return found
