"""`stats`: the contents of the lake, by day, source and type, with small plots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from sql.analytics import Day, Named, Statistics, Total, statistics
from workers.cli import connect, console
from workers.cli.options import Json, User
from workers.settings import load

_SPARKS = "▁▂▃▄▅▆▇█"
_BAR = 24
#: Bars of a terminal's width.
_WIDTH = 72


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(stats)


def stats(
    user: User = None,
    after: Annotated[
        datetime | None, typer.Option("--from", help="Not before this day (UTC).")
    ] = None,
    before: Annotated[
        datetime | None, typer.Option("--to", help="Until this day, which counts.")
    ] = None,
    number: Annotated[int, typer.Option("-n", min=1, max=1000, help="Names of each kind.")] = 10,
    json: Json = False,
) -> None:
    """Count what the lake holds: by day, source and type, people, places, and gaps."""
    with connect.services(load()) as lake:
        found = statistics(
            lake.reader,
            connect.find_user(lake.ledger, user)["user_id"],
            after=after and after.date(),
            before=before and before.date(),
            top=number,
        )
    if json:
        console.as_json(msgspec.to_builtins(found, enc_hook=str))
    else:
        _show(found)


def _show(found: Statistics) -> None:
    span = f" from {found.days[0].day} to {found.days[-1].day}" if found.days else ""
    console.data(f"{found.records} records{span}; {found.undated} of the lake have no time")
    if found.days:
        console.data(spark(by_span(found.days, _WIDTH)))
    _totals("source", found.sources)
    _totals("type", found.types)
    for what, named in (
        ("person", found.people), ("place", found.places), ("site", found.domains)
    ):  # fmt: skip
        _named(what, named)
    _measured(found)
    if found.gaps:
        console.data("")
        rows = [(gap.first, gap.last, gap.days) for gap in found.gaps]
        console.table(("no record from", "to", "days"), rows)
    if found.days:
        console.say("days are in UTC, in which they are counted as records load")
    if not found.up_to_date:
        console.say("Something came in that is not counted yet; try again in a minute.")


def _totals(what: str, totals: Sequence[Total]) -> None:
    if totals:
        console.data("")
        most = max(each.records for each in totals)
        rows = [(t.name, t.records, bar(t.records, most), t.first, t.last) for t in totals]
        console.table((what, "records", "", "first", "last"), rows)


def _named(what: str, named: Sequence[Named]) -> None:
    if named:
        console.data("")
        most = max(each.records for each in named)
        rows = [(n.value, n.name, n.records, bar(n.records, most), n.last) for n in named]
        console.table((what, "name", "records", "", "last"), rows)


def _measured(found: Statistics) -> None:
    if found.metrics:
        console.data("")
        rows = [
            (m.name, m.samples, f"{m.mean:.6g}", f"{m.least:.6g}", f"{m.greatest:.6g}", m.unit)
            for m in found.metrics
        ]
        console.table(("measured", "samples", "mean", "least", "greatest", "unit"), rows)


def by_span(days: Sequence[Day], width: int) -> list[int]:
    """Count records in each of at most `width` equal spans of days, from the first to the last."""
    first, last = days[0].day, days[-1].day
    length = (last - first).days + 1
    sums = [0] * min(width, length)
    for each in days:
        sums[(each.day - first).days * len(sums) // length] += each.records
    return sums


def spark(values: Sequence[int]) -> str:
    """Return a line of bars; zero is a blank, so that a gap is visible."""
    most = max(values, default=0)
    return "".join(_SPARKS[-(-7 * v // most)] if v else " " for v in values)


def bar(value: int, most: int) -> str:
    """Return a bar of blocks, at least one for any value above zero."""
    return "█" * max(1, round(_BAR * value / most)) if value else ""
