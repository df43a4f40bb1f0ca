"""Positions in a table: columns of latitude, longitude and time.

GPSLogger writes `time,lat,lon,elevation,accuracy,bearing,speed,…`; tables for PhoneTrack of
Nextcloud have `timestamp,lat,lon,…` in seconds since 1970. Pocket loggers separate the day from the
clock and the degrees from their side: `DATE,TIME,VALID,LATITUDE,N/S,LONGITUDE,E/W` (Qstarz),
`240501,194134,48.856330N` (Columbus), `Latitude,Longitude,…,Date,Time` (GPSBabel's unicsv). Decimal
commas are read if another character separates the cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any

import msgspec

from pipeline.contract import Format, Rank
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.services.tracks import gps_tracks
from pipeline.values import google_dates, instants, open_zones, timestamps
from pipeline.values.fields import finite, joined
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Point, RawRecord

_NAME = "track.csv"

#: Roles of columns, by their names in snake case; the first that exists counts.
_COLUMNS = {
    "latitude": ("lat", "latitude", "latitude_n_s"),
    "north_or_south": ("n_s",),
    "longitude": ("lon", "lng", "long", "longitude", "longitude_e_w"),
    "east_or_west": ("e_w",),
    "time": ("time", "timestamp", "datetime", "date_time", "utc", "time_utc", "timestamp_ms",
             "utc_time", "date_utc", "timestamp_utc", "datetime_utc", "date"),
    "day": ("date", "utc_date"),
    "altitude": ("elevation", "ele", "altitude", "alt", "height", "height_m"),
    "accuracy": ("accuracy", "acc", "horizontal_accuracy", "hacc"),
}  # fmt: skip
#: Degrees with their side.
_SIDED = re.compile(r"(\d+(?:[.,]\d+)?) ?([NSEW])", re.IGNORECASE)
_LAST_SECOND = 100_000_000_000
#: A clock without its day, and a day, with or without marks between the digits.
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[^\W\d]\S{0,9})?|\d{6}(?:\.\d+)?")
_DAY = re.compile(r"(?:19|20)?(\d\d)(\d\d)(\d\d)")


def to_point(item: RawRecord, member: Member) -> Point:
    """Return one position, identified by its time and its degrees as written."""
    row: dict[str, str] = item.value
    at = _places(tuple(row))
    north, east = row[at["latitude"]].strip(), row[at["longitude"]].strip()
    latitude, longitude = gps_tracks.position(
        _degrees(north, row, at.get("north_or_south")), _degrees(east, row, at.get("east_or_west"))
    )
    time = _time(_written(row, at))
    if "utc" in tables.snake(at["time"]).split("_"):
        time = open_zones.in_zone(time, UTC)
    taken, odd = frozenset(at.values()), dict[str, Any]()
    sides = (row[at[name]] for name in ("north_or_south", "east_or_west") if name in at)
    return Point(
        source=_NAME,
        identity=(time.text, north, east, *sides),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=_optional(row, at.get("altitude"), odd),
        accuracy_m=_optional(row, at.get("accuracy"), odd),
        metadata=joined(tables.rest(row, taken), odd),
    )


@lru_cache(maxsize=256)
def _places(columns: Sequence[str]) -> dict[str, str]:
    """Return the names of the known columns."""
    plain = {tables.snake(name): name for name in reversed(columns)}
    found = {
        kind: next(plain[name] for name in names if name in plain)
        for kind, names in _COLUMNS.items()
        if not plain.keys().isdisjoint(names)
    }
    if found.get("day") == found.get("time"):
        found.pop("day", None)
    return found


def _written(row: Mapping[str, str], at: Mapping[str, str]) -> str:
    """Return a position's time; day and clock of two columns as one text."""
    text = row[at["time"]].strip()
    day = row[at["day"]].strip() if "day" in at else ""
    return f"{day} {text}" if day and _CLOCK.fullmatch(text) else text


def _degrees(text: str, row: Mapping[str, str], side: str | None) -> str:
    """Return the text of a number of degrees, with the sign of the side after or beside it."""
    sided = _SIDED.fullmatch(text)
    number, letter = sided.groups() if sided else (text, row[side].strip() if side else "")
    return f"-{number}" if number and letter.upper() in ("S", "W") else number


def _optional(row: dict[str, str], name: str | None, odd: dict[str, Any]) -> float | None:
    """Return a number that may be missing; an invalid one is flagged, and its text kept."""
    return gps_tracks.measure(row[name].strip(), tables.snake(name), odd) if name else None


def _time(text: str) -> Instant:
    """Read ISO 8601, seconds or milliseconds since 1970, or a table's date in any language.

    A position whose time has another spelling is undated, as in other tracks. Raises
    `BadValue(BAD_TIME)` for a date that never was.
    """
    if re.fullmatch(r"\d{9,13}(?:\.\d+)?", text, re.ASCII):
        return timestamps.epoch(text, "ms" if float(text) > _LAST_SECOND else "s")
    day, _, clock = text.partition(" ")
    if (digits := _DAY.fullmatch(day)) and _CLOCK.fullmatch(clock):
        colons = clock if ":" in clock else f"{clock[:2]}:{clock[2:4]}:{clock[4:]}"
        century = day[:-6] or "20"
        same = f"{century}{digits[1]}-{digits[2]}-{digits[3]}T{colons}"
        return msgspec.structs.replace(timestamps.of_position(same), text=text)
    moment = timestamps.of_position(text)
    if moment.flag != instants.UNREAD:
        return moment
    try:
        in_prose = google_dates.activity_time(text)
    except BadValue:
        return moment
    open_zone = in_prose.flag == "zone_assumed"
    return msgspec.structs.replace(in_prose, zone=None) if open_zone else in_prose


def _looks_like(head: Head) -> int:
    """Recognise such columns with numbers; a table may have them and hold words in them."""
    places = _places(tables.ordered_columns(head))
    if not {"latitude", "longitude", "time"} <= places.keys():
        return 0
    rows = tables.first_rows(head)
    cells = [row[places["latitude"]].strip() for row in rows]
    numbers = sum(
        bool(_SIDED.fullmatch(cell)) or finite(cell, comma=True) is not None for cell in cells
    )
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
    products=("GPSLogger", "PhoneTrack", "GPSBabel", "Qstarz", "Columbus"),
    tried=("Freika/dawarich", "gpsbabel/gpsbabel"),
)
