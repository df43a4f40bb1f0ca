"""`quarantine list | show`: records that could not be taken, each user's read as that user."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from psycopg.rows import DictRow

from schemas.errors import PermanentError
from workers.cli import connect, console
from workers.settings import load

app: typer.Typer = typer.Typer(help="Records that were set aside.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SHOWN_BYTES = 4_096


@app.command("list")
def listing(
    job: Annotated[str | None, typer.Option(help="Only of this job.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this code.")] = None,
    user: Annotated[str | None, typer.Option(help="Only of this user.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="At most so many a user.")] = 100,
    json: Json = False,
) -> None:
    """What was set aside and why; no content."""
    with connect.services(load()) as lake:
        job_id = connect.find_job(lake.ledger, job)["id"] if job else None
        found: list[dict[str, Any]] = []
        for owner in _users(lake, user):
            asked = {"job_id": job_id, "code": code, "n": number}
            rows = lake.reader.rows(owner["user_id"], "jobs", "quarantine_list", **asked)
            found += [{"user": owner["name"], **row} for row in rows]
    if json:
        console.as_json(found)
        return
    names = ("id", "user", "code", "path", "locator", "stage", "detail", "status")
    lines = [(*(row[n] for n in names), console.size(row["raw_bytes"])) for row in found]
    console.table((*names, "size"), lines)


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="A number from `quarantine list`.")],
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the content; recorded.")] = False,
    json: Json = False,
) -> None:
    """One record that was set aside. Its content is masked, but for --reveal."""
    with connect.services(load()) as lake:
        row = _one(lake, number)
        if reveal:  # on record before anything is seen
            lake.ledger.event(
                "revealed", user_id=row["user_id"], job_id=row["job_id"], quarantine=number
            )
    raw: bytes = row.pop("raw")
    text = raw[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    row["content"] = text if reveal else masked(text)
    row["raw_bytes"] = len(raw)
    if json:
        console.as_json(row)
    else:
        _show(row)


def _users(lake: connect.Services, name: str | None) -> list[DictRow]:
    rows = lake.ledger.rows("jobs", "users")
    return [row for row in rows if name in (None, row["name"])]


def _one(lake: connect.Services, number: int) -> DictRow:
    """The record, as its own user: nobody else sees it."""
    for owner in _users(lake, None):
        rows = lake.reader.rows(owner["user_id"], "jobs", "quarantine_one", id=number)
        if rows:
            return rows[0]
    raise PermanentError("There is no such record; see: datapunk quarantine list")


def masked(text: str) -> str:
    """The shape of a text without what it says: letters as x, digits as 9."""
    return "".join("9" if c.isdigit() else "x" if c.isalnum() else c for c in text)


def _show(row: dict[str, Any]) -> None:
    for name in ("id", "job_id", "path", "locator", "stage", "code", "detail", "status"):
        console.data(f"{name:9} {row[name]}")
    console.data("")
    console.data(row["content"])
    if row["raw_bytes"] > _SHOWN_BYTES:
        console.say(f"… the first {_SHOWN_BYTES} of {row['raw_bytes']} bytes")
