"""`quarantine list | show | retry | discard | export | edit`: work on quarantined records.

Each user's are read and changed as that user.
"""

from __future__ import annotations

import os
import shlex
import string
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from psycopg.rows import DictRow

from schemas.errors import PermanentError
from schemas.progress import Event
from schemas.reasons import category_of
from tasks.operations import quarantine
from tasks.runtime.context import Runtime
from workers.cli import connect, console, receipts
from workers.cli.columns import Column, Shape, Whole
from workers.cli.options import Json
from workers.embedded.unprivileged import act_as_root
from workers.settings import load

app: typer.Typer = typer.Typer(help="Inspect and mend quarantined records.", no_args_is_help=True)

Code = Annotated[str | None, typer.Option("--code", help="All with this code.")]
Number = Annotated[int | None, typer.Option("--id", help="One, by its number in the list.")]
Job = Annotated[str | None, typer.Option("--job", help="All of this job.")]
User = Annotated[str | None, typer.Option("--user", help="Only of this user.")]
#: What `list` shows for each code, or for each record. Codes and ids are what other verbs take.
_OF_CODES = {
    "user": Column("user", Shape.CUT, drop=3),
    "code": Column("code"),
    "category": Column("category", drop=4),
    "records": Column("records"),
    "first_file": Column("first in", Shape.CUT, least=20),
    "first_locator": Column("at", Shape.CUT, drop=2, least=16),
    "first_detail": Column("detail", Shape.CUT, drop=1, least=22),
    "first_id": Column("id"),
}
_OF_RECORDS = {
    "id": Column("id"),
    "user": Column("user", Shape.CUT, drop=5),
    "code": Column("code"),
    "category": Column("category", drop=6),
    "path": Column("path", Shape.CUT, least=20),
    "locator": Column("at", Shape.CUT, drop=3, least=16),
    "stage": Column("stage", drop=7),
    "detail": Column("detail", Shape.CUT, drop=1, least=22),
    "status": Column("status", drop=2),
    "raw_bytes": Column("bytes", drop=4),
}
_SHOWN_BYTES = 4_096
_SHAPE = frozenset(string.punctuation + " \t\n")
_PAGE = 100


@app.command("list")
def listing(
    job: Annotated[str | None, typer.Option(help="Only of this job.")] = None,
    code: Annotated[str | None, typer.Option(help="The records with this code.")] = None,
    user: Annotated[str | None, typer.Option(help="Only of this user.")] = None,
    every: Annotated[bool, typer.Option("--all", help="The records of every code.")] = False,
    number: Annotated[int, typer.Option("-n", min=1, help="How many a user at most.")] = 100,
    json: Json = False,
) -> None:
    """List quarantined records by code; with --code or --all each record. No content."""
    single = every or code is not None
    with connect.services(load()) as lake:
        job_id = connect.find_job(lake.ledger, job)["id"] if job else None
        asked: dict[str, Any] = {"job_id": job_id}
        query = "quarantine_summary"
        if single:
            query, asked = "quarantine_list", {**asked, "code": code, "n": number}
        found = [
            {"user": owner["name"], **row}
            for owner in _users(lake, user)
            for row in receipts.quarantined(lake, owner["user_id"], query, **asked)
        ]
    if json:
        console.as_json(found)
        return
    show_list(found, single=single)


def show_list(found: Sequence[Mapping[str, Any]], *, single: bool) -> None:
    """Print a line for each record, or for each code."""
    columns = _OF_RECORDS if single else _OF_CODES
    rows = [[row[name] for name in columns] for row in found]
    console.table([*columns.values()], rows, "No such record is in quarantine.")


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="A number from `quarantine list`.")],
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the content; recorded.")] = False,
    json: Json = False,
) -> None:
    """Show one quarantined record. Its content is masked, except with --reveal."""
    with connect.services(load()) as lake:
        row = _one(lake, number)
        if reveal:  # noted before anything is shown
            lake.ledger.event(
                Event.REVEALED, user_id=row["user_id"], job_id=row["job_id"], quarantine=number
            )
    shown = _without_ids(row)
    raw: bytes = shown.pop("raw")
    head = raw[:_SHOWN_BYTES]
    shown["content"] = head.decode("utf-8", "backslashreplace") if reveal else masked(head)
    shown["raw_bytes"] = len(raw)
    if json:
        console.as_json(shown)
    else:
        _show(shown)


def _without_ids(row: DictRow) -> dict[str, Any]:
    """Return a record's facts under the names that all verbs use."""
    inner = ("user_id", "job_id", "chunk_id", "file_id")
    facts = {name: value for name, value in row.items() if name not in inner}
    named = {"job": row["job_id"], "chunk": row["chunk_id"], "category": category_of(row["code"])}
    return {**facts, **named, "mended": row["mended"] is not None}  # its bytes are content too


def _users(lake: connect.Services, name: str | None) -> list[DictRow]:
    return connect.find_users(lake.ledger, name)


def _one(lake: connect.Services, number: int) -> DictRow:
    """Return the record, as its own user: no other user sees it."""
    for owner in _users(lake, None):
        rows = lake.reader.rows(owner["user_id"], "jobs", "quarantine_one", id=number)
        if rows:
            return {**rows[0], "user": owner["name"]}
    raise PermanentError("There is no such record; see: datapunk quarantine list")


def masked(raw: bytes) -> str:
    """Return the shape of a record without its content.

    Digits become 9, everything but blanks, line ends and the punctuation of ASCII becomes x.
    """
    text = raw.decode("utf-8", "replace")
    return "".join("9" if c.isdigit() else c if c in _SHAPE else "x" for c in text)


#: The values of a record that a person copies.
_COPIED = ("job_id", "path")


def _show(row: dict[str, Any]) -> None:
    for name in (
        "id",
        "user",
        "job",
        "path",
        "locator",
        "stage",
        "code",
        "category",
        "detail",
        "status",
    ):
        console.field(name, Whole(row[name]) if name in _COPIED else f"{row[name]}")
    console.data("")
    console.data(row["content"] or "its bytes stand in the original alone")
    if row["raw_bytes"] > _SHOWN_BYTES:
        console.say(f"… the first {_SHOWN_BYTES} of {row['raw_bytes']} bytes")


# --- retry and discard -----------------------------------------------------------------------


@app.command()
def retry(
    code: Code = None, number: Number = None, job: Job = None, user: User = None, json: Json = False
) -> None:
    """Read records again by the present formats, and load the good ones, once."""
    total = quarantine.Retried()
    with connect.runtime(load()) as run:
        choice = _choice(run, code, number, job)
        for owner in _owners(run, user):
            total += quarantine.retry(run, owner["user_id"], choice)
    _say(total, json=json)


@app.command()
def discard(
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the record.")],
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete their bytes as well, for good.")
    ] = False,
    code: Code = None,
    number: Number = None,
    job: Job = None,
    user: User = None,
) -> None:
    """Discard records. They are stored, and stay in the counts as quarantined."""
    with connect.runtime(load()) as run:
        choice = _choice(run, code, number, job)
        owners = _owners(run, user)
        count = sum(
            quarantine.discard(run, owner["user_id"], choice, reason, delete=delete)
            for owner in owners
        )
    console.say(f"{count} records were discarded")


@app.command()
def edit(
    number: Annotated[int, typer.Argument(metavar="ID", help="A number from `quarantine list`.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="The new bytes; without it, $EDITOR is opened.")
    ] = None,
    json: Json = False,
) -> None:
    """Replace a record's bytes and retry it; the first bytes are stored."""
    settings = load()
    with connect.runtime(settings) as run, connect.services(settings) as lake:
        row = _one(lake, number)
        if file is None and not (row["mended"] or row["raw"]):
            raise PermanentError(
                "The privacy policy leaves its bytes only in the original; give the "
                "whole record with --file."
            )
        if file is None:
            lake.ledger.event(
                Event.REVEALED, user_id=row["user_id"], job_id=row["job_id"], quarantine=number
            )
        with act_as_root():  # the file and the editor's belong to the user
            data = file.read_bytes() if file else _edited(row["mended"] or row["raw"])
        if data is None:
            raise PermanentError("Nothing was changed.")
        found = quarantine.mend(run, row["user_id"], number, data)
    _say(found, json=json)


@app.command()
def export(code: Code = None, job: Job = None, user: User = None) -> None:
    """Print records with their bytes (base64), a JSON object a line; the audit trail notes it."""
    with connect.services(load()) as lake:
        job_id = connect.find_job(lake.ledger, job)["id"] if job else None
        for owner in _users(lake, user):
            noted = False
            for row in _exported(lake, owner, job_id=job_id, code=code):
                if not noted:  # noted before anything is shown, and only for its user
                    ids = {"user_id": owner["user_id"], "job_id": job_id}
                    lake.ledger.event(Event.EXPORTED, **ids, code=code)
                    noted = True
                sys.stdout.write(msgspec.json.encode(row, enc_hook=str).decode() + "\n")


def _choice(
    run: Runtime, code: str | None, number: int | None, job: str | None
) -> quarantine.Choice:
    if code is None and number is None and job is None:
        raise typer.BadParameter("say which records: --code, --id or --job")
    job_id = connect.find_job(run.ledger, job)["id"] if job else None
    return quarantine.Choice(id=number, job_id=job_id, code=code)


def _owners(run: Runtime, name: str | None) -> list[DictRow]:
    return connect.find_users(run.ledger, name)


def _say(found: quarantine.Retried, *, json: bool) -> None:
    if json:
        console.as_json(found)
        return
    console.data(
        f"{found.tried} tried: {found.loaded} loaded, {found.duplicate} duplicate, "
        f"{found.still_bad} still bad"
    )
    if found.waiting:
        console.say(f"{found.waiting} more belong to chunks that still run; try again later")


def _exported(lake: connect.Services, owner: DictRow, **chosen: Any) -> Iterator[dict[str, Any]]:
    after = 0
    asked = {"n": _PAGE, **chosen}
    while rows := lake.reader.rows(
        owner["user_id"], "quarantine", "export_page", after=after, **asked
    ):
        after = rows[-1]["id"]
        for row in rows:
            texts = {n: row[n] and b64encode(row[n]).decode() for n in ("raw", "mended")}
            # The bytes are as they came: no privacy policy was applied to them.
            yield {"user": owner["name"], "as_it_came": True, **row, **texts}


def _edited(raw: bytes) -> bytes | None:
    """Return the bytes after a user edited them; None if they are the same."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="datapunk.") as folder:
        path = Path(folder) / "record"
        path.write_bytes(raw)
        # A list, not a line: no shell reads any of it.
        if subprocess.run([*editor, str(path)], check=False).returncode != 0:
            raise PermanentError("The editor failed; nothing was changed.")
        data = path.read_bytes()
    return None if data == raw else data
