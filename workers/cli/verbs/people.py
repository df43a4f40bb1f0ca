"""`people`: the people in the records of a user, and everything with one of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from schemas.errors import PermanentError
from workers.cli import connect, console
from workers.cli.options import Json, User
from workers.settings import load


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(people)


def people(
    who: Annotated[
        str | None,
        typer.Argument(help="An address, a number, a handle or a name: everything with them."),
    ] = None,
    user: User = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many lines at most.")] = 50,
    json: Json = False,
) -> None:
    """List the people in the records; with WHO, the records of that person, latest first.

    The numbers and addresses that a contact gives together are one person.
    """
    with connect.services(load()) as lake:
        owner = connect.find_user(lake.ledger, user)
        asked: dict[str, Any] = {"user_id": owner["user_id"], "n": number}
        if who is None:
            found = lake.reader.rows(owner["user_id"], "people", "people", **asked)
        else:
            found = lake.reader.rows(owner["user_id"], "people", "with_person", **asked, who=who)
    if who is not None and not found:
        raise PermanentError("Nobody of that name, address or number; see: datapunk people")
    if json:
        console.as_json(found)
    elif found:
        console.table(list(found[0]), [list(row.values()) for row in found])
