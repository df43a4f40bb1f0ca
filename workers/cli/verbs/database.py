"""`db upgrade | downgrade | status | url`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
import psycopg
import typer

from schemas.errors import ServiceDown
from sql import migrate as migrations
from workers import down
from workers.cli import console
from workers.cli.options import Json
from workers.cli.verbs import services as running
from workers.settings import load

#: The error of a query on a database that is not set up.
_UNMADE = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)

app: typer.Typer = typer.Typer(help="Migrate the database.", no_args_is_help=True)


class RoleName(StrEnum):
    """The roles for which a URL can be printed."""

    OWNER = "owner"
    INGEST = "ingest"
    READER = "reader"
    LEDGER = "ledger"


@app.command()
def upgrade() -> None:
    """Set up roles and extensions, and apply pending migrations."""
    running.migrate(load())
    console.say("the database is up to date")


@app.command()
def downgrade(
    count: Annotated[int, typer.Option(min=1, help="How many migrations to undo.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Undo the last migrations. The contents of their tables are lost."""
    settings = load()
    if not yes:
        typer.confirm(f"Undo {count}, with the contents of its tables?", abort=True, err=True)
    try:
        undone = migrations.downgrade(settings.url("owner"), count)
    except psycopg.OperationalError as error:
        raise ServiceDown(down.why(error)) from error
    for name in undone:
        console.say(f"undone: {name}")


@app.command()
def status(json: Json = False) -> None:
    """List the migrations; exit code 1 if one is missing or was edited since."""
    try:
        states = migrations.status(load().url("owner"))
    except psycopg.OperationalError as error:
        raise ServiceDown(down.why(error)) from error
    except _UNMADE as error:
        raise ServiceDown(down.NOT_SET_UP) from error
    if json:
        console.as_json([msgspec.to_builtins(state) for state in states])
    else:
        rows = [(s.name, _state_of(s)) for s in states]
        console.table(("migration", "state"), rows)
    if not all(state.applied and state.intact for state in states):
        raise typer.Exit(console.FAILED)


def _state_of(state: migrations.Applied) -> str:
    if not state.intact:
        return "edited after it was applied"
    return "applied" if state.applied else "missing"


@app.command()
def url(
    role: Annotated[RoleName, typer.Argument(help="The role to connect as.")] = RoleName.READER,
) -> None:
    """Print the URL for one role, password included, as in: psql "$(datapunk db url)"."""
    print(load().url(role.value))
