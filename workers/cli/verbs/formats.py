"""`formats`: which files can be read, in which forms, and into which records."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from schemas.errors import PermanentError
from workers.cli import console, nearest
from workers.cli.options import Json
from workers.reference import format_table, takeout_coverage


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(formats)


def formats(
    word: Annotated[
        str | None, typer.Argument(help="Only formats whose facts hold this text.")
    ] = None,
    takeout: Annotated[
        bool, typer.Option("--takeout", help="What becomes of each product of Google Takeout.")
    ] = False,
    json: Json = False,
) -> None:
    """List every format with its products, languages, years and record types."""
    if takeout:
        _takeout(word, json=json)
        return
    found = [e for e in format_table.entries() if word is None or _mentions(e, word)]
    if not found and word is not None:
        near = nearest.nearest(word, nearest.sources())
        hint = f"; did you mean {near}?" if near else "; see: datapunk formats"
        raise PermanentError(f"No format mentions {word!r}{hint}")
    if json:
        console.as_json(msgspec.to_builtins(found))
        return
    for entry in found:
        console.block(f"{entry.name} v{entry.version}  {entry.title}", _lines(entry))
    console.say(f"{len(found)} formats")


def _takeout(word: str | None, *, json: bool) -> None:
    found = [line for line in takeout_coverage.lines() if word is None or _mentions(line, word)]
    if json:
        console.as_json(msgspec.to_builtins(found))
        return
    rows = [
        (
            line.product,
            f"{line.data_set} ({line.written})",
            line.becomes,
            ", ".join(line.by),
            line.why,
        )
        for line in found
    ]
    console.table(("product", "data set", "becomes", "by", "why"), rows)


def _mentions(entry: msgspec.Struct, word: str) -> bool:
    return word.casefold() in msgspec.json.encode(entry).decode().casefold()


def _lines(entry: format_table.Entry) -> dict[str, str]:
    return {
        "products": ", ".join(entry.products) or entry.claims,
        "vintages": "; ".join(entry.vintages),
        "languages": ", ".join(entry.locales) or "any",
        "becomes": ", ".join(entry.becomes) or entry.data_type,
        "sample": entry.sample,
        "tried with": ", ".join(entry.tried) or "no",
    }
