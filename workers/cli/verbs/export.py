"""`export`: documents or positions out of the lake, in a form that other programs read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import typer

from schemas.errors import PermanentError
from schemas.progress import Event
from sql import answers
from sql.answers import Chosen
from workers.cli import connect, console
from workers.cli.options import Source, Type, User
from workers.cli.verbs.answers import chosen_by
from workers.cli.writers import gpx, ics, lines, mails, parquet
from workers.cli.writers.rows import Rows
from workers.cli.zone import From, To, of_user
from workers.settings import load


class Form(StrEnum):
    """What `export` writes."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    GPX = "gpx"
    ICS = "ics"
    MBOX = "mbox"


Writer = Callable[[Rows], Iterator[str]]
_WRITERS: dict[Form, Writer] = {
    Form.JSONL: lines.jsonl,
    Form.CSV: lines.csv_lines,
    Form.GPX: gpx.gpx,
    Form.ICS: ics.ics,
}
#: What a form holds that is not printed on a terminal, and the name of a file for it.
_NOT_PRINTED = {
    Form.MBOX: ("Mails are", "mails.mbox"),
    Form.PARQUET: ("Parquet is", "documents.parquet"),
}


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(export)


def export(
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = Form.JSONL,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; else standard output.")
    ] = None,
    user: User = None,
    after: From = None,
    before: To = None,
    kind: Type = None,
    source: Source = None,
) -> None:
    """Write documents as JSON, CSV, Parquet or iCalendar, mails as mbox, positions as GPX."""
    settings = load()
    chosen = chosen_by(of_user(settings), after, before, _kind(form, kind), source)
    if form in _NOT_PRINTED and output is None and sys.stdout.isatty():
        what, name = _NOT_PRINTED[form]
        raise PermanentError(f"{what} not printed on a terminal; name a file: -o {name}")
    with connect.services(settings) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        lake.ledger.event(Event.EXPORTED, user_id=owner, form=form)
        with _opened(output) as out:
            out.writelines(_written(lake, owner, form, chosen))
    if output is not None:
        console.say(f"Written: {output} ({console.size(output.stat().st_size)})")


def _kind(form: Form, kind: str | None) -> str | None:
    """Return the type that a form implies, or the given one."""
    if form is Form.GPX and kind is not None:
        raise typer.BadParameter("GPX holds recorded positions, which have no type")
    return "event" if form is Form.ICS and kind is None else kind


def _written(lake: connect.Services, owner: UUID, form: Form, chosen: Chosen) -> Iterator[bytes]:
    """Return what is written, piece by piece."""
    if form is Form.MBOX:
        return mails.entries(lake, owner, chosen)
    if form is Form.PARQUET:
        return parquet.parquet(answers.documents(lake.reader, owner, chosen))
    read = answers.track if form is Form.GPX else answers.documents
    texts = _WRITERS[form](read(lake.reader, owner, chosen))
    return (text.encode("utf-8", "backslashreplace") for text in texts)


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    """Open what is written to. A file appears under its name when it is whole.

    Raises `PermanentError` if it exists.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    if path.exists():
        raise PermanentError(f"{path} exists; name another file.")
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as out:
            part.chmod(0o600)
            yield out
        os.link(part, path)  # never over a file that came meanwhile
    finally:
        part.unlink(missing_ok=True)
