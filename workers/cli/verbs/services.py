"""`up`, `down` and `doctor`."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from workers import setting_places, wiring
from workers.adapters import presidio
from workers.cli import console, doctor
from workers.cli.options import Json
from workers.embedded import lakes, supervisor
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
    """Start everything, with the migrations after the servers; return False if all ran already.

    The lake is the one that commands in other folders work on from then on.
    """
    presidio.names(settings)  # a missing package ends `up`, instead of a worker again and again
    _say_which(settings)
    started = supervisor.up(
        settings, migrate=lambda: migrate(settings), say=console.say, again=again
    )
    if not again:  # that is the lake's own restart, and not the user's choice
        setting_places.remember(settings.place)
    return started


def _say_which(settings: Settings) -> None:
    """Print which lake it is where that is not plain: no setting names it, and it is not here."""
    place = settings.place
    if place.hint:
        console.say(f"{place.hint}; this is a new one: {place.data}")
    elif place.remembered:
        console.say(f"lake: {place.data}, the one that was started last")
        console.say("to make one in this folder: DATAPUNK_DATA_DIR=data datapunk up")


def migrate(settings: Settings) -> None:
    """Apply pending migrations and print them."""
    for name in wiring.migrate(settings):
        console.say(f"migrated: {name}")


def up(again: Again = False) -> None:
    """Start the servers, workers, reconciler, watcher and Flower, and wait until they run."""
    settings = load()
    bring_up(settings, again=again)
    console.say(f"drop exports into {settings.folders.staging}/<user>/")
    console.say("or run: datapunk add FILE --user USER")


def down() -> None:
    """Stop everything that `up` started."""
    settings = load()
    if settings.place.remembered:
        console.say(f"lake: {settings.data_dir}, the one that was started last")
    if not supervisor.down(settings, say=console.say):
        console.say(f"nothing was running in {settings.data_dir}.{lakes.elsewhere(settings)}")


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
