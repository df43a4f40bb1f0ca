"""The verbs of `datapunk`: the module of each, which is imported when the verb runs, and its help.

To print the help of `datapunk`, or to complete a word, no module is imported: all of them take over
a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

_MODULES = "workers.cli.verbs"


class Verb(NamedTuple):
    """A verb, or a group of verbs, with the first line of its help.

    One that `only_asks` runs nothing that warns, and loads no more than its questions need.
    """

    name: str
    module: str
    help: str
    only_asks: bool = False


VERBS = (
    Verb(
        "up",
        "services",
        "Start the servers, workers, reconciler, watcher and Flower, and wait until they run.",
    ),
    Verb("down", "services", "Stop everything that `up` started."),
    Verb(
        "doctor",
        "services",
        "Look at everything that an import needs, and say what to do about what is missing.",
    ),
    Verb("add", "add", "Take files in. They are copied; yours stay where they are."),
    Verb("status", "status", "What runs, what waits, what failed and why.", only_asks=True),
    Verb("jobs", "status", "Every job, the latest first.", only_asks=True),
    Verb("receipt", "jobs", "Where every file and every record of a job ended.", only_asks=True),
    Verb(
        "verify",
        "jobs",
        "Prove what the receipts say: count the sources again, and the rows. Exit code 1 if not.",
    ),
    Verb("events", "jobs", "Who did what, and when: the audit trail."),
    Verb(
        "retry",
        "jobs",
        "Go on with a job that failed, was rejected or cancelled, from the stage where it did.",
    ),
    Verb(
        "cancel",
        "jobs",
        "Stop a job. Loaded rows stay; this and the receipt print their number.",
    ),
    Verb(
        "rollback",
        "jobs",
        "Take back what a job loaded. What another job also had stays, and is that job's then.",
    ),
    Verb(
        "sets",
        "sets",
        "Exports in parts: what is here, what is missing. With a name, its receipt.",
        only_asks=True,
    ),
    Verb(
        "reparse",
        "reparse",
        "Read originals again by a format as it is now, and change only the rows that differ.",
    ),
    Verb("watch", "processes", "Take in what is dropped into staging/<user>/."),
    Verb("worker", "processes", "Run a Celery worker in this process."),
    Verb(
        "reconcile",
        "processes",
        "Send again what was lost, give up what can't be done, sweep what is left.",
    ),
    Verb(
        "flower",
        "processes",
        "Run Flower on 127.0.0.1, behind a password that only this user can read.",
    ),
    Verb(
        "formats",
        "formats",
        "Every format that is known: its products, languages, years and record types.",
    ),
    Verb(
        "people",
        "people",
        "List the people in the records; with WHO, the records of that person, latest first.",
    ),
    Verb("search", "search", "Find documents by words, by meaning, or by both at once."),
    Verb("similar", "search", "Documents that say something like what one document says."),
    Verb(
        "embed",
        "embed",
        "Embed what lacks a model's vectors; without --model, those of the configured tiers.",
    ),
    Verb(
        "stats",
        "stats",
        "What the lake holds: by day, source and type, who and where, and where nothing is.",
    ),
    Verb(
        "quality",
        "quality",
        "Scores of a job and its files, what they are made of, and what they were before.",
    ),
    Verb(
        "demo",
        "demo",
        "Import a small invented export and print its receipt; a second run finds a duplicate.",
    ),
    Verb("quarantine", "quarantine", "Records that were set aside."),
    Verb("db", "database", "Migrations of the database."),
    Verb("privacy", "privacy", "What is done with personal data."),
)


class UnloadedVerb(TyperCommand):
    """A verb whose module is not imported yet: enough to list it."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb.name, help=verb.help)
        self._verb = verb

    @property
    def only_asks(self) -> bool:
        """Whether the verb runs nothing that warns."""
        return self._verb.only_asks

    def load(self) -> Any:
        """Return the verb itself, or the group of verbs."""
        module = import_module(f"{_MODULES}.{self._verb.module}")
        if hasattr(module, "app"):
            group = typer.main.get_group(module.app)
            group.name = self._verb.name
            return group
        verbs = typer.Typer()
        module.register(verbs)
        return typer.main.get_group(verbs).commands[self._verb.name]


def loaded() -> dict[str, Any]:
    """Return every verb and group of verbs by name, each loaded."""
    return {verb.name: UnloadedVerb(verb).load() for verb in VERBS}


class LazyVerbs(TyperGroup):
    """A group that lists `VERBS` and imports the module of the one that runs."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {verb.name: UnloadedVerb(verb) for verb in VERBS}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the loaded command and what is left of the arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if not isinstance(command, UnloadedVerb):
            return name, command, rest
        if ctx.obj is not None and not command.only_asks:
            ctx.obj()  # what a process of its own prepares for warnings
        return name, command.load(), rest
