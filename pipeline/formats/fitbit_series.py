"""Fitbit's archive: `Global Export Data/<metric>-<date>.json`, an array of `{dateTime, value}`.

The value is a number, mostly as text, or an object of numbers (`bpm` with its `confidence`, the
minutes in zones). The file's name gives the metric. Only verified units are named; distance and
altitude have none. A resting heart rate of 0 means that there is none (see
`pipeline.services.tracks.fitbit` for the source).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.tracks import fitbit
from pipeline.values.fields import joined, measure, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Metric, RawRecord
from schemas.vocabulary import MetricName

_NAME = "fitbit.series"
_FIELDS = frozenset({"dateTime", "value"})
_FILE = re.compile(r"(?P<metric>[a-z0-9_]+)-\d{4}-\d\d-\d\d", re.ASCII)
_KNOWN = {
    "steps": (MetricName.STEPS, "count"),
    "calories": (MetricName.ENERGY, "kcal"),
    "heart_rate.bpm": (MetricName.HEART_RATE, "bpm"),
    "resting_heart_rate.value": ("fitbit.resting_heart_rate", "bpm"),
}
#: Keys of details, which are not values.
_DETAILS = frozenset({"date", "confidence", "error"})


def to_metrics(item: RawRecord, member: Member) -> Iterator[Metric]:
    """Yield the numbers of one moment or day."""
    fields: dict[str, Any] = item.value
    written = text(fields, "dateTime")
    time = fitbit.time(written)
    found = _FILE.fullmatch(PurePosixPath(member.path).stem)
    metric = found["metric"] if found else PurePosixPath(member.path).stem
    value = fields["value"]
    odd: dict[str, Any] = {}
    details = dict(_details(value)) if isinstance(value, dict) else {}
    numbers = list(_numbers(metric, value, odd))
    if not numbers:
        raise BadValue(Reason.BAD_NUMBER, "'value' holds no number")
    for name, number in numbers:
        lake_name, unit = _KNOWN.get(name, (f"fitbit.{name}", "min" if "minutes" in name else ""))
        yield Metric(
            source=_NAME,
            identity=("fitbit", written, str(number)),
            time=time,
            name=lake_name,
            value=number,
            unit=unit,
            metadata=joined(details, odd),
        )


def _details(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what accompanies the numbers: known details, and texts that are not numbers."""
    for key, inner in value.items():
        if key in _DETAILS or _is_word(inner):
            yield key, inner
        elif isinstance(inner, dict):
            yield from _details(inner)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and not any(map(str.isdigit, value))


def _numbers(name: str, value: Any, odd: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield each number with its name: the metric's, and the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _DETAILS and not _is_word(inner):
                yield from _numbers(f"{name}.{key}", inner, odd)
        return
    number = measure(value, name, odd, comma=True)
    if number == 0 and name == "resting_heart_rate.value":
        raise BadValue(Reason.BAD_NUMBER, "no resting heart rate was measured")
    if number is not None:
        yield name, number


def _looks_like(head: Head) -> int:
    found = peek.first_items(head, "")
    return 2 * any(
        isinstance(item, dict) and item.keys() >= _FIELDS and fitbit.is_time(item["dateTime"])
        for item in found
    )


FORMAT = Format(
    name=_NAME,
    title="Measurements of Fitbit",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_metrics,
    embed=False,
    products=("Fitbit", "Google Takeout: Fitbit"),
    fields=_FIELDS,
)
