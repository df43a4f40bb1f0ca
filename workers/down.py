"""Why Postgres accepts no connection, and what to do about it, in one sentence."""

from __future__ import annotations

import re

import psycopg

from schemas.errors import ServiceDown
from workers.embedded import lakes, local_servers
from workers.setting_types import Role
from workers.settings import Settings

#: The fault, and what to do.
_NOT_SET_UP = ("the database is not set up", "datapunk db upgrade")
_ABSENT = ("Postgres does not answer", "datapunk up")
_STARTING = ("Postgres is starting up or shutting down", "try again in a moment")

_ADVICE = {
    "53300": (
        "Postgres has no connection left for this role",
        "end sessions that nobody uses, or raise max_connections or the limit of the role "
        "(ALTER ROLE … CONNECTION LIMIT …)",
    ),
    "53100": ("the disk of Postgres is full", "make room"),
    "28P01": ("Postgres refuses the password", "look at DATAPUNK_DATABASE_URL and its sisters"),
    "28000": (
        "Postgres does not know this login, or lets it not in",
        "look at the URL, and its pg_hba.conf",
    ),
    "3D000": ("there is no such database", "create it, or look at DATAPUNK_DATABASE_URL"),
    "42704": _NOT_SET_UP,
    "57P01": _STARTING,
    "57P02": _STARTING,
    "57P03": _STARTING,
}
NOT_SET_UP = f"{_NOT_SET_UP[0]}; run: {_NOT_SET_UP[1]}"

#: libpq does not expose the SQLSTATE of a refused connection, only the text of the server. It is
#: recognised in English; a text in another language shows that the server exists.
_TEXTS = (
    (r"too many (clients|connections)|remaining connection slots", "53300"),
    (r"password authentication failed|no password supplied", "28P01"),
    (r'database "[^"]*" does not exist', "3D000"),
    (r'role "datapunk_\w+" does not exist', "42704"),
    (r'pg_hba\.conf|not permitted to log in|authentication failed|role "[^"]*" does not', "28000"),
    (r"the database system is (starting|shutting|in recovery|not )", "57P03"),
)

#: libpq's own texts, which are always in English, where no server answered.
_SILENT = re.compile(
    r"Is the server running|could not (translate|connect)|resolve host|timeout expired|timed? ?out"
    r"|closed the connection|could not receive data|No such file"
)


def state_of(error: psycopg.Error) -> str | None:
    """Return the SQLSTATE of the error, from its field or its text; None where there is none."""
    if error.sqlstate is not None:
        return error.sqlstate
    text = str(error)
    return next((state for pattern, state in _TEXTS if re.search(pattern, text)), None)


def what_and_advice(error: psycopg.Error) -> tuple[str, str]:
    """Return the fault, and what to do about it."""
    state = state_of(error)
    if state is None and (_SILENT.search(str(error)) or "FATAL" not in str(error)):
        return _ABSENT
    unknown = f"Postgres does not go on{f' (SQLSTATE {state})' if state else ''}"
    return _ADVICE.get(state or "", (unknown, "try again, or look into its log"))


def why(error: psycopg.Error) -> str:
    """Return the same in one line, without the driver's text, which may hold a password."""
    what, advice = what_and_advice(error)
    return f"{what}; {'run: ' if advice.startswith('datapunk ') else ''}{advice}"


def probe(settings: Settings, *roles: Role) -> None:
    """Raise `ServiceDown` at once where a pool would wait: no server, no room, or no tables."""
    for role in roles:
        try:
            with psycopg.connect(settings.url(role), connect_timeout=3) as connection:
                found = connection.execute("SELECT to_regclass('imports.jobs')").fetchone()
        except psycopg.OperationalError as error:
            raise ServiceDown(_silent(settings, error) or why(error)) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise ServiceDown(NOT_SET_UP) from error
        if found == (None,):
            raise ServiceDown(NOT_SET_UP)


def _silent(settings: Settings, error: psycopg.Error) -> str | None:
    """Return why the embedded Postgres is silent: its disk is full, or the lake does not run.

    None for an external server, and for one that answers.
    """
    if what_and_advice(error) != _ABSENT or not settings.embeds_postgres:
        return None
    if (full := local_servers.full_disk(settings)) is not None:
        return f"{_ABSENT[0]}: no room in {full}; make room, and it continues by itself"
    hint = f" ({settings.place.hint})" if settings.place.hint else ""
    looked_at = f"{_ABSENT[0]} in {settings.data_dir}{hint}"
    return f"{looked_at}; to start that lake, run: {_ABSENT[1]}.{lakes.elsewhere(settings)}"
