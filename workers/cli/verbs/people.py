"""`people`: the people in the records of a user, and everything with one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from schemas.errors import PermanentError
from workers.cli import connect, console
from workers.cli.options import Json, User
from workers.cli.zone import day_in, note, of_user
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
    """List the people in the records; with WHO, that person's records, latest first, with text.

    The numbers and addresses that a contact gives together are one person.
    """
    settings = load()
    with connect.services(settings) as lake:
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
    elif who is not None:
        _records(found, of_user(settings))
    else:
        columns = list(found[0]) if found else []
        rows = [list(row.values()) for row in found]
        console.table(columns, rows, "No record names a person.")


def _records(found: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    """Print the records of a person: what each is, the person's part in it, and its text."""
    for row in found:
        day = day_in(row["at"], zone) or "undated"
        title = console.cell(row["title"])
        line = f"{row['id']:>8}  {day:<10}  {row['record_type']:<12}  {row['roles']:<10}  {title}"
        console.data(line.rstrip())
        text = " ".join((row["content"] or "").split())
        if text and text != title:
            console.data(f"          {text}")
    if any(row["at"] for row in found):
        console.say(note(zone))
