"""Options and arguments that many verbs share, and what a shell completes for them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any

import typer

from workers.cli import nearest

#: How long a shell waits for the database, in seconds, and how many jobs it offers.
_COMPLETE_S, _COMPLETE_JOBS = 1.0, 20


def known_type(name: str | None) -> str | None:
    """Return a record type or data type. Raises `typer.BadParameter` for any other word."""
    return _known("type", name, nearest.types())


def known_source(name: str | None) -> str | None:
    """Return a format or service. Raises `typer.BadParameter` for any other word."""
    return _known("format or service", name, nearest.sources(), "datapunk formats")


def known_format(name: str | None) -> str | None:
    """Return a format. Raises `typer.BadParameter` for any other word."""
    return _known("format", name, nearest.formats(), "datapunk formats")


def known_key(name: str | None) -> str | None:
    """Return what `count` groups by. Raises `typer.BadParameter` for any other word."""
    see = "datapunk count --help, and docs/reference/vocabulary.md"
    return _known("name", name, nearest.counted(), see)


def _known(what: str, name: str | None, known: Iterable[str], see: str = "") -> str | None:
    if name is None or name in known:
        return name
    raise typer.BadParameter(nearest.no_such(what, name, known, see))


def types(incomplete: str) -> list[str]:
    """Complete a type."""
    return [name for name in nearest.types() if name.startswith(incomplete)]


def sources(incomplete: str) -> list[str]:
    """Complete a format or service."""
    return sorted(name for name in nearest.sources() if name.startswith(incomplete))


def formats(incomplete: str) -> list[str]:
    """Complete a format."""
    return sorted(name for name in nearest.formats() if name.startswith(incomplete))


def keys(incomplete: str) -> list[str]:
    """Complete what `count` groups by."""
    return sorted(name for name in nearest.counted() if name.startswith(incomplete))


def jobs(incomplete: str) -> list[tuple[str, str]]:
    """Complete the id of one of the latest jobs; nothing where the database does not answer."""
    return [(str(row["id"]), row["source_name"]) for row in _recent(incomplete)]


def _recent(incomplete: str) -> list[dict[str, Any]]:
    with suppress(Exception):  # a shell that completes a word prints no error
        from workers import down, stores  # noqa: PLC0415 - clients of services, for jobs alone
        from workers.settings import load  # noqa: PLC0415

        settings = load()
        down.probe(settings, "ledger")  # at once, where the pool would try again
        ledger = stores.open_ledger(settings, timeout=_COMPLETE_S)
        try:
            rows = ledger.rows("jobs", "recent_jobs", user=None, n=_COMPLETE_JOBS)
        finally:
            ledger.pool.close()
        return [row for row in rows if str(row["id"]).startswith(incomplete)]
    return []


User = Annotated[str | None, typer.Option(help="The user's name; needed if there are several.")]
Type = Annotated[
    str | None,
    typer.Option(
        "--type", callback=known_type, autocompletion=types, help="A record type or data type."
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        callback=known_source,
        autocompletion=sources,
        help="A format or service: google, mail.mbox …",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
#: A job that a verb is about; and one that may be left out.
Job = Annotated[str, typer.Argument(autocompletion=jobs, help="A job, by its id or how it begins.")]
