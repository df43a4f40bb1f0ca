"""The verbs of `datapunk`: each verb's module, which is imported when it runs, and its help.

No module is imported to print the help of `datapunk`, or to complete a word: all of them take over
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


#: The verbs as `datapunk --help` lists them, by panel.
PANELS: dict[str, tuple[Verb, ...]] = {
    "For you": (
        Verb(
            "demo",
            "demo",
            "Import a small invented export and print its receipt; a second run finds a duplicate.",
        ),
        Verb("add", "add", "Import files and folders. They are copied; yours stay where they are."),
        Verb("search", "search", "Find documents by words, by meaning, or by both at once."),
        Verb("similar", "search", "Find documents whose meaning is like that of one document."),
        Verb(
            "show",
            "answers",
            "Show one document: its text, its people, its relations and where it came from.",
        ),
        Verb(
            "day",
            "answers",
            "List everything of one day in order, with positions and measured values by the hour.",
        ),
        Verb(
            "where",
            "answers",
            "Say where you were: on a day by the hour, or at a time by what is known around it.",
        ),
        Verb(
            "count",
            "answers",
            "Count documents by artist, place, person, type, month and the like.",
        ),
        Verb(
            "people",
            "people",
            "List the people in the records; with WHO, that person's records, latest first, "
            "with text.",
        ),
        Verb(
            "stats",
            "stats",
            "Count what the lake holds: by day, source and type, people, places, and gaps.",
        ),
        Verb(
            "compare",
            "answers",
            "Compare two imports: what a later export has more, and what it has no longer.",
        ),
        Verb(
            "export",
            "export",
            "Write documents as JSON, CSV, Parquet or iCalendar, mails as mbox, positions as GPX.",
        ),
        Verb(
            "formats",
            "formats",
            "List every format with its products, languages, years and record types.",
        ),
    ),
    "Follow your imports": (
        Verb(
            "status", "status", "Show what runs, what waits, what failed and why.", only_asks=True
        ),
        Verb("jobs", "status", "List every job, the latest first.", only_asks=True),
        Verb(
            "receipt",
            "jobs",
            "Show where every file and every record of a job ended.",
            only_asks=True,
        ),
        Verb(
            "sets",
            "sets",
            "List exports in parts and what is missing; with a name, show its receipt.",
            only_asks=True,
        ),
        Verb(
            "verify",
            "jobs",
            "Prove what the receipts say: count the sources again, and the rows. "
            "Exit code 1 if not.",
        ),
        Verb(
            "quality",
            "quality",
            "Show the scores of a job and its files, what they count, and earlier scores.",
        ),
        Verb("events", "jobs", "Show the audit trail: who did what, and when."),
    ),
    "Change what was imported": (
        Verb(
            "retry",
            "jobs",
            "Continue a job that failed, was rejected or cancelled, "
            "from the stage where it stopped.",
        ),
        Verb(
            "cancel",
            "jobs",
            "Stop a job. Loaded rows stay; this and the receipt print their number.",
        ),
        Verb(
            "rollback",
            "jobs",
            "Roll back what a job loaded. Records that another job also had become that job's.",
        ),
        Verb(
            "reparse",
            "reparse",
            "Read originals again by a format's present version; change only rows that differ.",
        ),
        Verb("quarantine", "quarantine", "Inspect and mend quarantined records."),
        Verb("privacy", "privacy", "Check and apply the policy of personal data."),
        Verb(
            "embed",
            "embed",
            "Embed what lacks a model's vectors; without --model, those of the configured tiers.",
        ),
    ),
    "Look after the lake": (
        Verb(
            "up",
            "services",
            "Start the servers, workers, reconciler, watcher and Flower, and wait until they run.",
        ),
        Verb("down", "services", "Stop everything that `up` started."),
        Verb(
            "doctor",
            "services",
            "Check everything that an import needs, and say what to do about what is missing.",
        ),
        Verb(
            "notify",
            "notify",
            "List who gets messages about imports, and what was not delivered; `--test` sends one.",
        ),
        Verb("db", "database", "Migrate the database."),
        Verb(
            "systemd",
            "systemd",
            "Print a systemd unit that starts the lake with the machine and stops it with it.",
        ),
    ),
    "For machines": (
        Verb("watch", "processes", "Import files that are dropped into staging/<user>/."),
        Verb("worker", "processes", "Run a Celery worker in this process."),
        Verb(
            "reconcile",
            "processes",
            "Send lost work again, dead-letter what can't be done, remove leftovers.",
        ),
        Verb(
            "flower",
            "processes",
            "Run Flower on 127.0.0.1, behind a password that only this user can read.",
        ),
    ),
}
VERBS = tuple(verb for verbs in PANELS.values() for verb in verbs)
_PANEL_OF = {verb: panel for panel, verbs in PANELS.items() for verb in verbs}


class UnloadedVerb(TyperCommand):
    """A verb whose module is not imported yet: enough to list it."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb.name, help=verb.help, rich_help_panel=_PANEL_OF[verb])
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
