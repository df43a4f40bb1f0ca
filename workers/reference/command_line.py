"""The tables of `docs/reference/command-line.md`, made from the commands themselves.

`make docs` writes them there, and a test compares the page with them.
"""

from __future__ import annotations

from collections.abc import Iterator

from click import Command, Parameter
from typer.core import TyperArgument, TyperGroup

from workers.cli import lazy


def table() -> str:
    """Return a section for each verb: what it does, its arguments and its options."""
    return "\n".join(line for name, verb in lazy.loaded().items() for line in _verb(name, verb))


def _verb(name: str, verb: Command) -> Iterator[str]:
    """Yield the section of a verb, and those of its sub-verbs."""
    yield f"## {name}\n" if " " not in name else f"### {name}\n"
    yield " ".join((verb.help or "").replace("\b", "").split()) + "\n"
    if isinstance(verb, TyperGroup):
        for sub, command in verb.commands.items():
            yield from _verb(f"{name} {sub}", command)
        return
    yield f"    datapunk {' '.join([name, *_arguments(verb)])}\n"
    shown = [_row(option) for option in verb.params if not isinstance(option, TyperArgument)]
    if shown:
        yield "\n".join(["| option | meaning |", "|---|---|", *shown, ""])


def _arguments(verb: Command) -> Iterator[str]:
    """Yield the arguments of a verb as its help shows them: optional ones in brackets."""
    for argument in verb.params:
        if isinstance(argument, TyperArgument):
            name = argument.metavar or (argument.name or "").upper()
            yield name if argument.required else f"[{name}]"


def _row(option: Parameter) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    text = " ".join((getattr(option, "help", None) or "").split()).replace("|", r"\|")
    return f"| {names} | {text} |"
