"""`demo`: the whole way once, with a small invented export."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec
import typer

from sql.vectors import Backlog
from workers import intake
from workers.adapters.embedding_models import tiers
from workers.cli import connect, console, receipts, sample, waiting
from workers.cli.options import Json
from workers.cli.verbs import search
from workers.cli.verbs.services import bring_up
from workers.cli.zone import of_user
from workers.embedded import program_states, supervisor
from workers.settings import Settings, load

_USER = "demo"
#: Searched for in the sample by its meaning: the sample has none of its words.
_SOUGHT = "groceries to buy"
_EMBEDDED_S = 300.0


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(demo)


def demo(json: Json = False) -> None:
    """Import a small invented export and print its receipt; a second run finds a duplicate.

    Starts what does not run, and stops it again.
    """
    settings = load()
    with _running(settings), connect.services(settings) as lake:
        (receipt,) = waiting.until_ended(lake, [_take_in(settings)])
        user_id = connect.find_user(lake.ledger, _USER)["user_id"]
        _until_embedded(settings, lake, user_id)
        found = search.by_meaning(lake, user_id, _SOUGHT)
    if json:
        console.as_json(msgspec.to_builtins(receipt))
    else:
        receipts.show(receipt)
        console.data("")
        console.data(
            f"$ datapunk search {_SOUGHT!r} --mode semantic -n 3   # no word of it is there"
        )
        search.show(found, of_user(settings))
        for line in next_steps(receipt.job, settings):
            console.data(line)
    if code := waiting.exit_code([receipt], strict=False):
        raise typer.Exit(code)


def next_steps(job: UUID, settings: Settings) -> tuple[str, ...]:
    """Return what to do after the demo, as lines with commands that work where it ran."""
    run = _command()
    runs = bool(program_states.state(settings))
    return (
        "",
        "next:",
        f"look      {run + ' up; ' if not runs else ''}{run} receipt {str(job)[:8]}",
        f"search    {run} search beans --user {_USER}",
        f"stop      {run} down",
    )


def _command() -> str:
    """Return how `datapunk` is called here: its name, or the path where it is not on PATH."""
    called = Path(sys.argv[0])
    named = called.name == "datapunk" and shutil.which("datapunk") is None
    return str(called) if named else "datapunk"


@contextmanager
def _running(settings: Settings) -> Iterator[None]:
    """Run everything for as long as the block runs; leave what ran before running."""
    ran = bool(program_states.state(settings))
    bring_up(settings)
    try:
        yield
    finally:
        if not ran:
            supervisor.down(settings, say=console.say)


def _until_embedded(settings: Settings, lake: connect.Services, user_id: UUID) -> None:
    """Wait for the vectors of the best model, which no import waits for; not for ever."""
    backlog, end = Backlog(lake.reader, user_id), time.monotonic() + _EMBEDDED_S
    while backlog.left(tiers(settings)[-1]).waiting and time.monotonic() < end:
        time.sleep(0.2)


def _take_in(settings: Settings) -> UUID:
    with TemporaryDirectory(prefix="datapunk-") as folder:
        file = sample.write(Path(folder) / sample.NAME)
        with connect.runtime(settings) as run:
            return intake.take_in(
                run.ledger, run.folders, file, _USER, move=False, options=run.options
            )
