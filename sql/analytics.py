"""Aggregates that follow the lake's rows, and the queries that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
#: The queue of records whose `same_as` came or went. It is taken with the days of documents.
_SAME_AS = "same_as"
#: Such records a transaction.
_RECORDS = 10_000
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
    of_documents = series in ("documents", _SAME_AS)
    hold = Hold.SHARED if of_documents else Hold.ALONE
    with lake.as_user(user_id, hold=hold) as connection:
        connection.execute(_ANALYTICS["hold_counts"], asked)
        series = "documents" if of_documents else series
        taken = connection.execute(_ANALYTICS["take_days"], {**asked, "series": series}).fetchall()
        days = {row["day"] for row in taken}
        if of_documents:
            days |= _choose_counted(connection, user_id, days)
        for run in _runs(sorted(days)):
            _count(connection, user_id, series, run)
    return len(days)


def _choose_counted(connection: Connection, user_id: UUID, days: set[date]) -> set[date]:
    """Choose which of the records that are the same is counted, where that may have changed.

    That is on these days, and where a relation came or went. Returns the days of all records that
    are joined to these: they may be other days.
    """

    def ask(name: str, **more: Any) -> list[dict[str, Any]]:
        # A plan of before the relations came would read all of them for each record.
        query = connection.execute(_ANALYTICS[name], {"user_id": user_id, **more}, prepare=False)
        return query.fetchall() if query.description else []

    found = [*ask("take_records", n=_RECORDS), *ask("same_on", days=list(days))]
    if not found:
        return set()
    same = ask("same_records", keys=list({row["record_key"] for row in found}))
    keys, instead = [row["record_key"] for row in same], counted_as(same)
    ask("count_as", keys=keys, counted=[instead.get(key) for key in keys])
    return {row["day"] for row in ask("days_of", keys=keys)}


def counted_as(same: Sequence[Mapping[str, Any]]) -> dict[UUID, UUID]:
    """Return, for each record that is not counted, the record that is counted instead.

    `same` has records with those that each leads to and is led to from. Of those that are joined,
    over any number of steps, the first by `_by_preference` is counted.
    """
    joined = {row["record_key"]: (*row["leads_to"], *row["led_from"]) for row in same}
    counted: dict[UUID, UUID] = {}
    for row in _by_preference(same):
        first, ahead = row["record_key"], [row["record_key"]]
        while ahead:
            key = ahead.pop()
            if key in joined and key not in counted:
                counted[key] = first
                ahead.extend(joined[key])
    return {key: first for key, first in counted.items() if key != first}


def _by_preference(same: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return records in the order in which they are counted before others that are the same.

    First come those with a time; then those that are no part of another record, as a mail within a
    mail is; then those that no other record says it is the same as, unless they say so too, since
    the other knows more. The source decides the rest, so that it is the same one for all photos,
    and then the key.
    """
    there = {row["record_key"] for row in same}

    def last(row: Mapping[str, Any]) -> tuple[bool, bool, bool]:
        by_others = there.intersection(row["led_from"]) - {row["record_key"], *row["leads_to"]}
        return not row["dated"], bool(row["part_of"]), bool(by_others)

    by_key = sorted(same, key=lambda row: str(row["record_key"]))
    by_source = sorted(by_key, key=lambda row: str(row["source"]), reverse=True)
    return sorted(by_source, key=last)


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
