"""`--version`, an option of the command itself."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli import console


def register(app: typer.Typer) -> None:
    """Add the option of this file."""
    app.callback()(_command)


def installed_version() -> str:
    """Return the version of the package; a checkout that was never installed has none."""
    from importlib import metadata  # noqa: PLC0415 - takes longer to import than the help to print

    try:
        return metadata.version("datapunk-lake")
    except metadata.PackageNotFoundError:
        return "from a checkout"


def _print(context: typer.Context, asked: bool) -> None:
    if asked and not context.resilient_parsing:  # resilient: a shell completes
        console.data(f"datapunk {installed_version()}")
        raise typer.Exit


def _command(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Hold the options that come before a verb."""
