"""Aggregates that follow the lake's rows, and the queries that read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from psycopg import sql

from sql.connection import Connection
from sql.queries import queries
from sql.store import Hold, Lake

_ANALYTICS = queries("analytics")

#: The tables that are rebuilt for the touched days of a series.
_REBUILT = {
    "documents": ("documents", "entities", "domains"),
    "locations": ("locations",),
    "metrics": ("metrics",),
}
#: The length of a partition.
_MONTH = timedelta(days=31)


def count_some(lake: Lake, user_id: UUID, n: int) -> int | None:
    """Count up to `n` touched days of a user again, in one transaction.

    Return how many it took, and None where none waits.

    A touched day is counted from its rows, never added to, so that it is exact after a rollback
    too. Rows of a series are added to their hours as they load: none may load while these are
    counted.
    """
    asked: dict[str, Any] = {"user_id": user_id, "n": n}
    found = lake.rows(user_id, "analytics", "series_to_count", **asked)
    if not found:
        return None
    series = found[0]["series"]
    with lake.as_user(user_id, hold=None if series == "documents" else Hold.ALONE) as connection:
        connection.execute(_ANALYTICS["hold_counts"], asked)
        taken = connection.execute(_ANALYTICS["take_days"], {**asked, "series": series}).fetchall()
        for run in _runs([row["day"] for row in taken]):
            _count(connection, user_id, series, run)
    return len(taken)


def _runs(days: list[date]) -> list[list[date]]:
    """Return ordered days in runs: more than a month lies between two of them."""
    runs = [days[:1]] if days else []
    for before, day in pairwise(days):
        if day - before > _MONTH:
            runs.append([])
        runs[-1].append(day)
    return runs


def _count(connection: Connection, user_id: UUID, series: str, days: list[date]) -> None:
    """Count days again; the months from the first to the last are read."""
    asked: dict[str, Any] = {"user_id": user_id, "days": days}
    asked["first"], asked["past"] = _start(min(days)), _start(max(days) + timedelta(days=1))
    for table in _REBUILT[series]:
        connection.execute(_ANALYTICS[f"forget_{table}"], asked)
        connection.execute(_ANALYTICS[f"count_{table}"], asked)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one name (a source, a type), and from when to when; `days` have some."""

    name: str
    records: int
    first: date | None
    last: date | None
    days: int


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A person, place or site, and how many records mention it."""

    value: str
    name: str | None
    records: int
    first: date | None
    last: date | None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A measured value over time, in its own unit."""

    name: str
    unit: str
    samples: int
    total: float
    mean: float
    least: float
    greatest: float
    first: date
    last: date
    counted_in: str | None = None
    """The metric that counts the same: a sum of the two would count it twice."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Days without a record, both ends included."""

    first: date
    last: date
    days: int


class Day(msgspec.Struct, frozen=True):
    """The number of records of a day."""

    day: date
    records: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the lake holds of a user. `undated` records are in no range of days."""

    records: int
    undated: int
    up_to_date: bool
    days: list[Day]
    sources: list[Total]
    types: list[Total]
    people: list[Named]
    places: list[Named]
    domains: list[Named]
    metrics: list[Measured]
    gaps: list[Gap]


def statistics(
    lake: Lake,
    user_id: UUID,
    *,
    after: date | None = None,
    before: date | None = None,
    top: int = 10,
    least_gap: int = 7,
) -> Statistics:
    """Return what the lake holds of a user from `after` to `before`, both days included.

    `top` is how many names of each kind are returned, and gaps have at least `least_gap` days.
    """
    span: dict[str, Any] = {"after": after, "before": before}
    with lake.as_user(user_id) as connection:

        def ask(name: str, **more: Any) -> list[dict[str, Any]]:
            return connection.execute(_ANALYTICS[name], {**span, **more}).fetchall()

        def named(what: str) -> list[Named]:
            return msgspec.convert(ask("top", what=what, n=top), list[Named])

        sources = _totals(connection, "source", span)
        return Statistics(
            records=sum(each.records for each in sources),
            undated=ask("undated")[0]["records"],
            up_to_date=not ask("to_be_counted", user_id=user_id)[0]["waits"],
            days=[Day(row["day"], row["records"]) for row in ask("per_day")],
            sources=sources,
            types=_totals(connection, "record_type", span),
            people=named("person"),
            places=named("place"),
            domains=named("domain"),
            metrics=msgspec.convert(ask("metrics"), list[Measured]),
            gaps=msgspec.convert(ask("gaps", least=least_gap, n=top), list[Gap]),
        )


def _totals(connection: Connection, column: str, span: dict[str, Any]) -> list[Total]:
    query = sql.SQL(_ANALYTICS["totals"]).format(column=sql.Identifier(column))
    return msgspec.convert(connection.execute(query, span).fetchall(), list[Total])
