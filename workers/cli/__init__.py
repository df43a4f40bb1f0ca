"""The command `datapunk`: one file for each group of verbs."""

from __future__ import annotations

import logging
import sys
from typing import Any

import psycopg
import redis
import structlog
import typer
from kombu.exceptions import OperationalError
from psycopg_pool import PoolTimeout
from typer.core import TyperGroup

from schemas.errors import ConfigurationError, DatapunkError, ServiceDown, TransientError
from workers.cli import console

_HELP = """Datapunk Lake: drop a personal data export, get every record of it as rows, with a
receipt that accounts for all of them."""
_EPILOG = """Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 records quarantined (with
--strict), 69 a service is down, 130 interrupted. Data goes to standard output, all else to
standard error."""

_DOWN = (psycopg.OperationalError, PoolTimeout, redis.RedisError, OperationalError)


class Verbs(TyperGroup):
    """Turns the errors that we expect into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; what it raises becomes `typer.Exit`."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            code = console.INTERRUPTED
        except (DatapunkError, *_DOWN) as error:
            code = report(error)
        raise typer.Exit(code)


def report(error: Exception) -> int:
    """Say what went wrong and what to do; the exit code for it."""
    if isinstance(error, ConfigurationError):
        console.say(f"datapunk: {error}")
        return console.USAGE
    if isinstance(error, ServiceDown):
        console.say(f"datapunk: {error}")
        return console.DOWN
    if isinstance(error, (TransientError, *_DOWN)):
        # The text of a driver's error may hold a URL with its password.
        what = str(error) if isinstance(error, TransientError) else type(error).__name__
        console.say(f"datapunk: a service is down ({what}); start it with: datapunk up")
        return console.DOWN
    console.say(f"datapunk: {error}")
    return console.FAILED


def _app() -> typer.Typer:
    # Imported here, so that a verb's file may use this package's helpers.
    from workers.cli import (  # noqa: PLC0415
        add,
        database,
        demo,
        formats,
        jobs,
        people,
        processes,
        quality,
        quarantine,
        search,
        services,
        sets,
        stats,
        status,
    )

    made = typer.Typer(
        cls=Verbs,
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    verbs = (
        services,
        add,
        status,
        jobs,
        sets,
        processes,
        formats,
        people,
        search,
        stats,
        quality,
        demo,
    )
    for group in verbs:
        group.register(made)
    made.add_typer(quarantine.app, name="quarantine")
    made.add_typer(database.app, name="db")
    return made


app = _app()


def _narrate() -> None:
    """Warnings of the rooms below go to standard error, which structlog would not choose."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # A pool that can't connect says so with the address; our own line says it better.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


def main() -> None:
    """The entry point of the command."""
    _narrate()
    app(prog_name="datapunk")
