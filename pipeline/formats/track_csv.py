"""Positions in a table: columns of latitude, longitude and time.

GPSLogger writes `time,lat,lon,elevation,accuracy,bearing,speed,…`; tables for PhoneTrack of
Nextcloud have `timestamp,lat,lon,…` in seconds since 1970. Decimal commas are read where another
character parts the cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pipeline import tables, timestamps, tracks
from pipeline.fields import finite, joined
from pipeline.format import Format, Rank
from pipeline.readers.csv_rows import CsvRows
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Point, RawRecord

_NAME = "track.csv"

#: What a column is, by its name in snake case; the first that is there counts.
_COLUMNS = {
    "latitude": ("lat", "latitude"),
    "longitude": ("lon", "lng", "long", "longitude"),
    "time": ("time", "timestamp", "datetime", "date_time", "utc", "time_utc", "timestamp_ms",
             "date"),
    "altitude": ("elevation", "ele", "altitude", "alt"),
    "accuracy": ("accuracy", "acc", "horizontal_accuracy", "hacc"),
}  # fmt: skip
_LAST_SECOND = 100_000_000_000


def to_point(item: RawRecord, member: Member) -> Point:
    """One position; it is who its time and its degrees say, as they are written."""
    row: dict[str, str] = item.value
    at = _places(tuple(row))
    north, east = row[at["latitude"]].strip(), row[at["longitude"]].strip()
    latitude, longitude = tracks.position(north, east)
    time = _time(row[at["time"]].strip())
    taken, odd = frozenset(at.values()), dict[str, Any]()
    return Point(
        source=_NAME,
        identity=(time.text, north, east),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=_optional(row, at.get("altitude"), odd),
        accuracy_m=_optional(row, at.get("accuracy"), odd),
        metadata=joined(tables.rest(row, taken), odd),
    )


@lru_cache(maxsize=256)
def _places(columns: Sequence[str]) -> dict[str, str]:
    """The names of the columns that are known."""
    plain = {tables.snake(name): name for name in reversed(columns)}
    return {
        kind: next(plain[name] for name in names if name in plain)
        for kind, names in _COLUMNS.items()
        if not plain.keys().isdisjoint(names)
    }


def _optional(row: dict[str, str], name: str | None, odd: dict[str, Any]) -> float | None:
    """A number that may be missing; what is none stays among the others, flagged."""
    return tracks.measure(row[name].strip(), tables.snake(name), odd) if name else None


def _time(text: str) -> Instant:
    """ISO 8601, or seconds or milliseconds since 1970."""
    if not re.fullmatch(r"\d{9,13}(?:\.\d+)?", text, re.ASCII):
        return timestamps.iso(text) if "T" in text or " " not in text else timestamps.spaced(text)
    return timestamps.epoch(text, "ms" if float(text) > _LAST_SECOND else "s")


def _looks_like(head: Head) -> int:
    """A table may have such columns and hold words in them."""
    places = _places(tables.ordered_columns(head))
    if not {"latitude", "longitude", "time"} <= places.keys():
        return 0
    rows = tables.first_rows(head)
    cells = (row[places["latitude"]] for row in rows)
    numbers = sum(finite(cell, comma=True) is not None for cell in cells)
    return 2 * (2 * numbers >= len(rows))


FORMAT = Format(
    name=_NAME,
    title="Positions with times in a CSV table",
    version=2,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(csv|tsv|txt)",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_point,
    rank=Rank.SYNTAX,
    products=("GPSLogger", "PhoneTrack"),
    tried=("Freika/dawarich",),
)
