"""`stats`: the contents of the lake, by day, source and type, with small plots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
import typer

from pipeline.services.google import fit
from sql.analytics import Day, Measured, Named, Statistics, Total, statistics
from workers.cli import connect, console
from workers.cli.options import Json, User
from workers.cli.zone import day_of
from workers.settings import load

_SPARKS = "▁▂▃▄▅▆▇█"
_BAR = 20
#: Bars of a terminal's width.
_WIDTH = 72


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(stats)


def stats(
    user: User = None,
    after: Annotated[str | None, typer.Option("--from", help="Not before this day (UTC).")] = None,
    before: Annotated[
        str | None, typer.Option("--to", help="Until this day, which counts.")
    ] = None,
    number: Annotated[int, typer.Option("-n", min=1, max=1000, help="Lines of each table.")] = 10,
    json: Json = False,
) -> None:
    """Count what the lake holds: by day, source and type, people, places, and gaps."""
    first = None if after is None else day_of(after)
    last = None if before is None else day_of(before)
    with connect.services(load()) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        found = statistics(lake.reader, owner, after=first, before=last, top=number + 1)
    found = msgspec.structs.replace(found, metrics=[*counted_once(found.metrics)])
    if json:
        console.as_json(_first_of_each(found, number))
    else:
        _show(found, number)


def _first_of_each(found: Statistics, number: int) -> Statistics:
    """Return the statistics with up to `number` names of each kind."""
    names = ("people", "places", "domains", "gaps")
    return msgspec.structs.replace(found, **{n: getattr(found, n)[:number] for n in names})


def counted_once(metrics: Iterable[Measured]) -> Iterator[Measured]:
    """Yield the metrics; single streams of Google Fit with the metric that its merged ones are.

    Fit's merged streams hold the measurements of the others, under the vocabulary's names.
    """
    metrics = list(metrics)
    merged = {metric.name for metric in metrics}
    for metric in metrics:
        name = str(fit.KNOWN[metric.name][0]) if metric.name in fit.KNOWN else None
        yield msgspec.structs.replace(metric, counted_in=name if name in merged else None)


def _show(found: Statistics, number: int) -> None:
    span = f" from {found.days[0].day} to {found.days[-1].day}" if found.days else ""
    console.data(f"{found.records} records{span}; {found.undated} of the lake have no time")
    if found.days:
        console.data(spark(by_span(found.days, _WIDTH)))
        most = max(found.days, key=lambda each: each.records)
        console.data(f"records over time; the most on one day: {most.records}, on {most.day}")
    _totals("source", found.sources, number)
    _totals("type", found.types, number)
    for what, named in (
        ("person", found.people), ("place", found.places), ("site", found.domains)
    ):  # fmt: skip
        _named(what, named, number)
    _measured([metric for metric in found.metrics if metric.counted_in is None], number)
    rows = [(gap.first, gap.last, gap.days) for gap in found.gaps]
    _table(("no record from", "to", "days"), rows, number)
    if found.days:
        console.say("days are in UTC, in which they are counted as records load")
    if not found.up_to_date:
        console.say("Something came in that is not counted yet; try again in a minute.")


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], number: int) -> None:
    """Print up to `number` rows, and that there are more."""
    if rows:
        console.data("")
        console.table(columns, rows[:number])
    if len(rows) > number:
        console.say(f"{columns[0]}: these are the first {number}; see more with -n.")


def _totals(what: str, totals: Sequence[Total], number: int) -> None:
    most = max((each.records for each in totals), default=0)
    rows = [(t.name, t.records, bar(t.records, most), t.first, t.last) for t in totals]
    _table((what, "records", "share", "first", "last"), rows, number)


def _named(what: str, named: Sequence[Named], number: int) -> None:
    most = max((each.records for each in named), default=0)
    rows = [(n.value, n.name, n.records, bar(n.records, most), n.last) for n in named]
    _table((what, "name", "records", "share", "last"), rows, number)


def _measured(metrics: Sequence[Measured], number: int) -> None:
    rows = [
        (_label(m.name), m.samples, f"{m.mean:.6g}", f"{m.least:.6g}", f"{m.greatest:.6g}", m.unit)
        for m in metrics
    ]
    _table(("measured", "samples", "mean", "least", "greatest", "unit"), rows, number)


def _label(metric: str) -> str:
    """Return the name of a metric; of a single stream of Google Fit, that of what it measures."""
    name = fit.KNOWN[metric][0] if metric in fit.KNOWN else metric
    return name.replace("_", " ")


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
