"""The command `datapunk`: one file for each group of verbs, in `verbs`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from schemas.errors import DatapunkError
from workers.cli import console, usage, version
from workers.cli.lazy import LazyVerbs

_HELP = """Datapunk Lake: drop a personal data export, get every record of it as rows, with a
receipt that accounts for all of them."""
_EPILOG = (
    "Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 records quarantined (with --strict), "
    "69 a service is down, 130 interrupted. Data goes to standard output, all else to standard "
    "error."
)
#: Under this name a context has whether its errors are printed as JSON.
_JSON = "workers.cli.json"


class Verbs(LazyVerbs):
    """Turns expected errors into one line and an exit code; with `--json`, the line is JSON."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the options before a verb, and note whether the whole line asks for JSON."""
        json = usage.json_wanted(args)
        with _reported(json=json):
            context = super().make_context(info_name, args, parent=parent, **extra)
        context.meta[_JSON] = json
        return context

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; an error becomes `typer.Exit`."""
        with _reported(json=ctx.meta[_JSON]):
            return super().invoke(ctx)


@contextmanager
def _reported(*, json: bool) -> Iterator[None]:
    """Print an expected error, and end with its exit code; others are raised."""
    try:
        yield
    except KeyboardInterrupt:
        code = console.INTERRUPTED
    except (typer.Exit, BrokenPipeError, usage.NoArgsIsHelpError):
        raise  # BrokenPipeError: the program that reads the output has ended
    except usage.UsageError as error:
        code = console.USAGE
        console.failed(usage.sentence(error), code, json=json)
    except Exception as error:
        # Imported here: clients of services take longer to import than most verbs to run.
        from workers.cli import failures  # noqa: PLC0415

        if not isinstance(error, (DatapunkError, OSError, *failures.DOWN)):
            raise
        code = failures.report(error, json=json)
    else:
        return
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
