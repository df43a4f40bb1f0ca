"""`sets`: exports in parts, what is missing of each, and what waits for it."""

from __future__ import annotations

from typing import Annotated

import typer
from psycopg.rows import DictRow

from schemas.errors import PermanentError
from schemas.progress import Event
from sql.commit import note
from sql.queries import queries
from sql.store import Ledger
from workers.cli import connect, console, set_lines
from workers.cli.options import Json
from workers.settings import load


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(sets)


def sets(
    name: Annotated[str | None, typer.Argument(help="A set, as takeout-20250102T030405Z.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    go_on: Annotated[bool, typer.Option("--go-on", help="Wait for no further part of it.")] = False,
    json: Json = False,
) -> None:
    """List exports in parts and what is missing; with a name, show its receipt."""
    with connect.services(load()) as lake:
        connect.find_users(lake.ledger, user)
        if name is None:
            if go_on:
                raise typer.BadParameter("say which set", param_hint="--go-on")
            _list(lake.ledger, user, json=json)
            return
        row = _one(lake.ledger, name, user)
        if go_on:
            _go_on(lake.ledger, row)
        gathered = set_lines.receipt_of(lake.ledger, row)
    if json:
        console.as_json(gathered)
    else:
        set_lines.show(gathered)


def _go_on(ledger: Ledger, row: DictRow) -> None:
    with ledger.transaction() as connection:
        asked = {"set_id": row["id"]}
        if connection.execute(queries("sets")["go_on"], asked).fetchone() is None:
            raise PermanentError("Nothing waits for that set.")
        detail = {"set": row["stem"]}
        note(connection, Event.SET_NOT_WAITED_FOR, row["user_id"], None, detail)
    console.say("the chunks that waited continue with the parts that are here")


def _list(ledger: Ledger, user: str | None, *, json: bool) -> None:
    rows = ledger.rows("sets", "recent_sets", user=user, n=50)
    found = [set_lines.line_of(ledger, row) for row in rows]
    if json:
        console.as_json(found)
        return
    set_lines.show_list(found)


def _one(ledger: Ledger, name: str, user: str | None) -> DictRow:
    rows = ledger.rows("sets", "one_set", stem=name, user=user)
    if not rows:
        raise PermanentError("There is no such set; see: datapunk sets")
    if len(rows) > 1:
        raise PermanentError("Several users have a set of that name; say --user.")
    return rows[0]
