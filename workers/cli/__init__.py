"""The command `datapunk`: one file for each group of verbs."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any

import psycopg
import redis
import structlog
import typer
from kombu.exceptions import OperationalError
from psycopg_pool import PoolTimeout
from typer.core import TyperGroup

from schemas.errors import ConfigurationError, DatapunkError, ServiceDown, TransientError
from workers import down
from workers.cli import console
from workers.embedded import machine
from workers.settings import load

_HELP = """Datapunk Lake: drop a personal data export, get every record of it as rows, with a
receipt that accounts for all of them."""
_EPILOG = """Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 records quarantined (with
--strict), 69 a service is down, 130 interrupted. Data goes to standard output, all else to
standard error."""

#: With less than one segment of its log Postgres does not take connections.
_FULL_MB = 16

_DOWN = (psycopg.OperationalError, PoolTimeout, redis.RedisError, OperationalError)


class Verbs(TyperGroup):
    """Turns the errors that we expect into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; what it raises becomes `typer.Exit`."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            code = console.INTERRUPTED
        except (DatapunkError, OSError, *_DOWN) as error:
            if isinstance(error, BrokenPipeError):
                raise  # the program that read our output has gone
            code = report(error)
        raise typer.Exit(code)


def report(error: Exception) -> int:
    """Say what went wrong and what to do; the exit code for it."""
    if isinstance(error, ConfigurationError):
        console.say(f"datapunk: {error}")
        return console.USAGE
    if isinstance(error, ServiceDown):
        console.say(f"datapunk: {error}{_no_room()}")
        return console.DOWN
    if isinstance(error, TransientError) and error.code:  # the disk, or the scanner
        console.say(f"datapunk: {error} Nothing is lost; try again once that is mended.")
        return console.DOWN
    if isinstance(error, (TransientError, *_DOWN)):
        console.say(f"datapunk: {_down(error)}")
        return console.DOWN
    console.say(f"datapunk: {error}")
    return console.FAILED


def _down(error: Exception) -> str:
    """Which service does not do its work, and why, as far as it can be told."""
    cause = error.__cause__ if isinstance(error, TransientError) else error
    if isinstance(cause, PoolTimeout):  # it keeps to itself why there was no connection
        with suppress(OSError, ConfigurationError):
            try:
                down.probe(load(), "ledger", "ingest", "reader")
            except ServiceDown as found:
                return str(found)
    elif isinstance(cause, psycopg.OperationalError):
        return down.why(cause)
    # The text of a driver's error may hold a URL with its password.
    what = str(error) if isinstance(error, TransientError) else type(error).__name__
    return f"a service is down ({what}); start it with: datapunk up"


def _no_room() -> str:
    """What is wrong with a service, most likely, where the disk is full."""
    with suppress(OSError, ConfigurationError):
        if machine.free_disk_mb(load().data_dir) < _FULL_MB:
            return " (the disk is full: make room, and all goes on by itself)"
    return ""


def _app() -> typer.Typer:
    # Imported here, so that a verb's file may use this package's helpers.
    from workers.cli import (  # noqa: PLC0415
        add,
        database,
        demo,
        embed,
        formats,
        jobs,
        people,
        privacy,
        processes,
        quality,
        quarantine,
        reparse,
        search,
        services,
        sets,
        stats,
        status,
        version,
    )

    made = typer.Typer(
        cls=Verbs,
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    version.register(made)
    verbs = (
        services, add, status, jobs, sets, reparse, processes, formats, people, search, embed,
        stats, quality, demo,
    )  # fmt: skip
    for group in verbs:
        group.register(made)
    made.add_typer(quarantine.app, name="quarantine")
    made.add_typer(database.app, name="db")
    made.add_typer(privacy.app, name="privacy")
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
