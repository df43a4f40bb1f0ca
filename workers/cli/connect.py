"""The services that a command talks to, opened late and closed in the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psycopg
from psycopg.rows import DictRow

from schemas.errors import PermanentError, ServiceDown
from sql.store import Lake, Ledger
from tasks.context import Runtime
from workers import bootstrap, local
from workers.settings import Settings

_SETUP = "The database is not set up; run: datapunk db upgrade"


class Services(msgspec.Struct, frozen=True):
    """What a verb that only asks needs."""

    settings: Settings
    ledger: Ledger
    reader: Lake


def probe(settings: Settings) -> None:
    """Raises `ServiceDown` at once where a pool would wait: no server, or no tables in it."""
    try:
        with psycopg.connect(settings.url("ledger"), connect_timeout=3) as connection:
            found = connection.execute("SELECT to_regclass('imports.jobs')").fetchone()
    except psycopg.OperationalError as error:
        missing = re.search(r'(role|database) "\w+" does not exist', str(error))
        raise ServiceDown(_SETUP if missing else _silent(settings)) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise ServiceDown(_SETUP) from error
    if found == (None,):
        raise ServiceDown(_SETUP)


def _silent(settings: Settings) -> str:
    if (full := local.full_disk(settings)) is not None:
        return f"Postgres does not answer: no room in {full}; make room, and it goes on by itself"
    return "Postgres does not answer; start it with: datapunk up"


@contextmanager
def services(settings: Settings) -> Iterator[Services]:
    """The ledger, and the lake as its reader."""
    probe(settings)
    ledger = bootstrap.open_ledger(settings, timeout=10)
    reader = bootstrap.reader(settings)
    try:
        yield Services(settings, ledger, reader)
    finally:
        ledger.pool.close()
        reader.pool.close()


@contextmanager
def runtime(settings: Settings) -> Iterator[Runtime]:
    """All that tasks have, for verbs that change something; messages can be sent."""
    probe(settings)
    bootstrap.make_app(settings)
    run = bootstrap.make_runtime(settings)
    try:
        yield run
    finally:
        run.ledger.pool.close()
        run.lake.pool.close()


def find_job(ledger: Ledger, prefix: str) -> DictRow:
    """The one job whose id begins so. Raises `PermanentError` if it is none or several."""
    rows: list[DictRow] = []
    if re.fullmatch(r"[0-9a-f-]{1,36}", prefix.lower()):
        rows = ledger.rows("jobs", "one_job", prefix=prefix.lower())
    if not rows:
        raise PermanentError("There is no such job; see: datapunk jobs")
    if len(rows) > 1:
        raise PermanentError("Several jobs begin so; give more of the id.")
    return rows[0]


def find_user(ledger: Ledger, name: str | None) -> DictRow:
    """The user of that name, or the only one. Raises `PermanentError` if there is none, or many
    to choose from."""
    users = ledger.rows("jobs", "users")
    found = [row for row in users if name is None or row["name"] == name]
    if not found:
        raise PermanentError("There is no such user; users are made by their first import.")
    if len(found) > 1:
        raise PermanentError("There are several users; name one: --user NAME")
    return found[0]
