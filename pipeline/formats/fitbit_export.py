"""Fitbit's export as a table: `fitbit_export_20160806.csv`, several tables below each other.

Each has a line with its name (`Body`, `Foods`, `Activities`, `Sleep`, `Food Log 20190701`), a line
of columns, its rows in quotes, and a blank line. Days are ISO or, in other accounts, day first;
numbers have commas between thousands. Weights and distances are in the units of the account, which
the file does not name. Sources: sleepdiary/core, `src/Fitbit` (sleep); PhilippImhof/FromSamToGarm#1
and the help of Garmin Connect, which imports such files (activities). Only the name of a food log
is sourced: its rows are kept unchanged.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.blocks import Blocks
from pipeline.recognition import peek
from pipeline.services import tables
from pipeline.services.tracks import gps_tracks
from pipeline.values import timestamps
from pipeline.values.fields import joined, measure, non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Metric, Outcome, RawRecord, Record, ZoneSource
from schemas.vocabulary import MetricName, RecordType

_NAME = "fitbit.export"
_LOG = "food log"
_TABLE = r"(?:Body|Foods|Activities|Sleep|Food Log \d{8})"
#: A byte order mark.
_MARK = "\ufeff"
_DAY = re.compile(
    r"(?:(?P<iso>\d{4}-\d\d-\d\d)|(?P<first>\d\d)-(?P<second>\d\d)-(?P<year>\d{4}))"
    r"(?: (?P<hour>\d{1,2}):(?P<minute>\d\d) ?(?P<half>[AP]M)?)?",
    re.ASCII | re.IGNORECASE,
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_METRICS: dict[str, tuple[str, str]] = {
    "Weight": ("fitbit.weight", ""),
    "BMI": ("fitbit.bmi", ""),
    "Fat": (MetricName.BODY_FAT, "%"),
    "Calories In": ("fitbit.calories_in", "kcal"),
    "Calories Burned": (MetricName.ENERGY, "kcal"),
    "Steps": (MetricName.STEPS, "count"),
    "Distance": ("fitbit.distance", ""),
    "Floors": (MetricName.FLOORS, "count"),
    "Minutes Sedentary": ("fitbit.sedentary", "min"),
    "Minutes Lightly Active": ("fitbit.lightly_active", "min"),
    "Minutes Fairly Active": ("fitbit.fairly_active", "min"),
    "Minutes Very Active": ("fitbit.very_active", "min"),
    "Activity Calories": ("fitbit.activity_energy", "kcal"),
}
#: Measurements of the body, where 0 means that nothing was measured.
_OF_THE_BODY = frozenset({"Weight", "BMI", "Fat"})
#: Cells without a number.
_NONE = frozenset({"", "-", "--", "N/A"})
_START, _END = "Start Time", "End Time"


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a day's summary and its numbers, a night, or a line of a food log."""
    table, columns = item.around.get("table", ""), _cells(item.around.get("columns", ""))
    line, _, behind = item.value.partition("\n")
    if behind.strip():
        raise BadValue(Reason.BAD_SHAPE, "a line after a row belongs to no table")
    cells = _cells(line)
    if table.casefold().startswith(_LOG):
        yield _logged(table, columns, cells)
        return
    if any(cells[len(columns) :]):
        raise BadValue(Reason.RAGGED_ROW, "the row has more cells than its table has columns")
    row = dict(zip(columns, cells, strict=False))
    if _START in row:
        yield _night(row)
    else:
        yield from _day(table, row)


def _cells(line: str) -> list[str]:
    try:
        return [cell.strip() for row in csv.reader([line.strip()]) for cell in row]
    except csv.Error:
        raise BadValue(Reason.BAD_SHAPE, "the line is not a line of a table") from None


def _night(row: dict[str, str]) -> Record:
    start, ended = tables.cells(row, _START), tables.cells(row, _END)
    time = _time(start)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SLEEP,
        identity=("fitbit", "sleep", start),
        time=time,
        title="sleep",
        metadata=non_empty(
            {
                **gps_tracks.lasting(time, _time(ended) if ended else None),
                **tables.rest(row, frozenset({_START, _END})),
            }
        ),
        mutable=True,
    )


def _day(table: str, row: dict[str, str]) -> Iterator[Outcome]:
    day = tables.cells(row, "Date")
    time, odd = _time(day), dict[str, Any]()
    numbers = {name: _number(row.get(name, ""), tables.snake(name), odd) for name in _METRICS}
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("fitbit", table.casefold(), day),
        time=time,
        title=f"Fitbit {table.casefold()} {day}",
        metadata=joined(tables.rest(row, frozenset({"Date"})), odd),
        mutable=True,
    )
    for name, (lake_name, unit) in _METRICS.items():
        value = numbers[name]
        if value is not None and (value or name not in _OF_THE_BODY):
            yield Metric(
                source=_NAME,
                identity=("fitbit", day, row[name]),
                time=time,
                name=lake_name,
                value=value,
                unit=unit,
            )


def _logged(table: str, columns: list[str], cells: list[str]) -> Record:
    day = table[-8:]
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=("fitbit", table.casefold(), *cells),
        time=_time(f"{day[:4]}-{day[4:6]}-{day[6:]}"),
        title=table,
        content=", ".join(filter(None, cells)) or None,
        metadata={"cells": cells, "columns": columns},
    )


def _number(cell: str, name: str, odd: dict[str, Any]) -> float | None:
    """Return the number of a cell; None if it has none, such as `N/A`."""
    if cell.upper() in _NONE:
        return None
    return measure(
        cell.replace(",", "") if _THOUSANDS.fullmatch(cell) else cell, name, odd, comma=True
    )


def _time(written: str) -> Instant:
    """Read a day, or a day and a clock of 12 or 24 hours.

    If both numbers may be days, the day is first.
    """
    found = _DAY.fullmatch(written)
    if found is None:
        return timestamps.or_unread(written)
    day, unsure = found["iso"], False
    if day is None:
        first, second = found["first"], found["second"]
        unsure = int(first) <= 12 and int(second) <= 12 and first != second
        month, number = (first, second) if int(second) > 12 else (second, first)
        day = f"{found['year']}-{month}-{number}"
    moment = timestamps.iso(f"{day}T{_clock(found)}" if found["hour"] else day)
    if unsure:
        return Instant(moment.at, written, None, "day_first_assumed", ZoneSource.ASSUMED)
    return msgspec.structs.replace(moment, text=written)


def _clock(found: re.Match[str]) -> str:
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"].upper() == "PM")
    return f"{hour:02}:{found['minute']}"


_BEGINS = re.compile(
    rb'"?(Body|Foods|Activities|Sleep|Food Log \d{8})"?,*\r?\n'
    rb'"?(Date"?,|Start Time"?,|Meal"?,|Daily Totals)'
)


def _looks_like(head: Head) -> int:
    return 2 * (_BEGINS.match(peek.text_of(head)) is not None)


FORMAT = Format(
    name=_NAME,
    title="Days and sleep of Fitbit (exported table)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=Blocks(
        kind="fitbit",
        begin=r'(?<=\n)["\d]',
        stop=rf'(?<=\n)(?:{_MARK})?"?(?P<table>{_TABLE})"?,*\r?\n(?P<columns>[^\r\n]{{1,800}})'
        r"|(?<=\n)Daily Totals",
    ),
    record=to_outcomes,
    embed=False,
    hints=(r"(.+/)?fitbit_export_\d+\.csv",),
    products=("Fitbit",),
    repeats=True,
    vintages=("Export your account data, as CSV (2013 to 2023)",),
    record_types=(RecordType.SUMMARY, RecordType.SLEEP, RecordType.ACTIVITY),
)
