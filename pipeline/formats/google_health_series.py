"""Google Health (Fitbit) in Takeout: `Physical Activity_GoogleData/heart_rate_2026-09-12.csv`.

A row is a moment and one or more numbers, whose columns name their units, and, in newer exports,
the device or app that measured them. The file's name gives the metric. A column with words other
than the metric and a unit has a metric name of its own, which does not depend on other columns.
`Global Export Data` (`fitbit.series`) has the same steps and heart rates, so those here have other
names and no sum counts them twice; weight is not duplicated there. Rows without a number (heart
rate zones) are activities. Sources: gauthier-se/verve, the sample archive of its connector
`googlehealth`; kev-m/FitOut, `importers/heart_rate.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import generic_rows, tables
from pipeline.values import timestamps
from pipeline.values.fields import finite, joined, measure
from schemas.files import Head, Member
from schemas.records import DataType, Metric, Outcome, RawRecord, Record
from schemas.vocabulary import MetricName, RecordType

_NAME = "google.health_series"
_TIME, _DEVICE = "timestamp", "data source"
_DATED = re.compile(r"_\d{4}-\d\d-\d\d$", re.ASCII)
#: Units by the words of columns; the first match applies.
_UNITS = {
    "beats per minute": "bpm",
    "milliseconds": "ms",
    "percentage": "%",
    "celsius": "°C",
    "grams": "g",
    "millimeters": "mm",
    "kcal": "kcal",
    "steps": "count",
    "distance": "m",
}
_GRAMS = "weight grams"
#: Words of a column that name a unit, and not what is measured.
_OF_A_UNIT = re.compile(
    r"\b(?:(?:beats|breaths) per minute|total minutes|percentage|celsius|grams|milliseconds|"
    r"seconds|minutes|kcal|milliliters|millimeters|score)\b"
)


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the numbers of one moment, or an activity if it has none."""
    row: dict[str, str] = item.value
    written = tables.cells(row, _TIME)
    family = _DATED.sub("", PurePosixPath(member.path).stem)
    device = tables.cells(row, _DEVICE)
    odd: dict[str, Any] = {}
    numbers = {
        column: number
        for column, cell in row.items()
        if column not in (_TIME, _DEVICE) and (number := _number(column, cell, odd)) is not None
    }
    details = joined(tables.rest(row, frozenset({_TIME, _DEVICE, *numbers})), odd)
    time = timestamps.of_position(written) if numbers else timestamps.or_unread(written)
    for column, number in numbers.items():
        name, value, unit = _measure(family, column, number)
        yield Metric(
            source=_NAME,
            identity=("google health", written, device, row[column]),
            time=time,
            name=name,
            value=value,
            unit=unit,
            metadata=({"device": device} if device else {}) | details,
        )
    if not numbers:
        yield Record(
            data_type=DataType.ACTIVITY,
            source=_NAME,
            record_type=RecordType.ACTIVITY,
            identity=("google health", family, *generic_rows.undated_key("", row)),
            time=time,
            title=family.replace("_", " "),
            metadata=joined(tables.rest(row, frozenset({_TIME})), odd),
        )


def _measure(family: str, column: str, number: float) -> tuple[str, float, str]:
    """Return the name of a number, and the number in its unit."""
    if column == _GRAMS:
        return MetricName.WEIGHT, number / 1000, "kg"
    unit = next((unit for word, unit in _UNITS.items() if word in column), "")
    name = f"google_health.{family}"
    words = set(_OF_A_UNIT.sub(" ", column).split())
    return (
        (name if words <= set(family.split("_")) else f"{name}.{tables.snake(column)}"),
        number,
        unit,
    )


def _number(column: str, cell: str, odd: dict[str, Any]) -> float | None:
    """Return the number of a cell; in a column with a unit, other texts are flagged."""
    if any(word in column for word in _UNITS):
        return measure(cell.strip(), tables.snake(column), odd, comma=True)
    return finite(cell, comma=True)


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    return 2 * (len(columns) > 1 and _TIME in columns)


FORMAT = Format(
    name=_NAME,
    title="Measurements of Google Health (Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+_GoogleData/(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_outcomes,
    embed=False,
    products=("Google Takeout: Fitbit", "Google Takeout: Google Health"),
    vintages=("without the device (2024)", "with data source (since 2026)"),
    record_types=(RecordType.ACTIVITY,),
    repeats=True,
)
