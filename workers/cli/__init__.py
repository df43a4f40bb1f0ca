"""The command `datapunk`: one file for each group of verbs, in `verbs`."""

from __future__ import annotations

import logging
import sys
from typing import Any

import typer

from schemas.errors import DatapunkError
from workers.cli import console, version
from workers.cli.lazy import LazyVerbs

_HELP = """Datapunk Lake: drop a personal data export, get every record of it as rows, with a
receipt that accounts for all of them."""
_EPILOG = """Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 records quarantined (with
--strict), 69 a service is down, 130 interrupted. Data goes to standard output, all else to
standard error."""


class Verbs(LazyVerbs):
    """Turns expected errors into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; an error becomes `typer.Exit`."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            code = console.INTERRUPTED
        except (typer.Exit, BrokenPipeError):
            raise  # BrokenPipeError: the program that reads the output has ended
        except Exception as error:
            # Imported here: clients of services take longer to import than most verbs to run.
            from workers.cli import failures  # noqa: PLC0415

            if not isinstance(error, (DatapunkError, OSError, *failures.DOWN)):
                raise
            code = failures.report(error)
        raise typer.Exit(code)


def _app() -> typer.Typer:
    command = typer.Typer(
        cls=Verbs,
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    version.register(command)
    return command


app = _app()


def _narrate() -> None:
    """Send warnings of other packages to standard error, which structlog would not choose."""
    import structlog  # noqa: PLC0415 - only verbs that change something run what warns

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main() -> None:
    """Run the command."""
    # A pool's report on a failed connection holds the address; the command's own line is better.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    app(prog_name="datapunk", obj=_narrate)
