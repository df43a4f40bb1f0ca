"""`up`, `down` and `doctor`."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from workers import wiring
from workers.adapters import presidio
from workers.cli import console, doctor
from workers.cli.options import Json
from workers.embedded import supervisor
from workers.settings import Settings, load

Again = Annotated[
    bool, typer.Option("--again", hidden=True, help="Only what `down` has not stopped since.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(up)
    app.command()(down)
    app.command("doctor")(examine)


def bring_up(settings: Settings, *, again: bool = False) -> bool:
    """Start everything, with the migrations after the servers; return False if all ran already."""
    presidio.names(settings)  # a missing package ends `up`, instead of a worker again and again
    return supervisor.up(settings, migrate=lambda: migrate(settings), say=console.say, again=again)


def migrate(settings: Settings) -> None:
    """Apply pending migrations and print them."""
    for name in wiring.migrate(settings):
        console.say(f"migrated: {name}")


def up(again: Again = False) -> None:
    """Start the servers, workers, reconciler, watcher and Flower, and wait until they run."""
    settings = load()
    bring_up(settings, again=again)
    console.say(
        f"drop exports into {settings.folders.staging}/<user>/ "
        "or run: datapunk add FILE --user USER"
    )


def down() -> None:
    """Stop everything that `up` started."""
    if not supervisor.down(load(), say=console.say):
        console.say("nothing was running")


def examine(json: Json = False) -> None:
    """Check everything that an import needs, and say what to do about what is missing."""
    checks = doctor.examine(load())
    if json:
        console.as_json([msgspec.to_builtins(check) for check in checks])
    else:
        rows = [(check.level, check.name, check.detail, check.advice) for check in checks]
        console.table(("", "what", "found", "what to do"), rows)
    if any(check.level == "fail" for check in checks):
        raise typer.Exit(console.FAILED)
