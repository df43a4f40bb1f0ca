"""NMEA 0183, the raw sentences of GPS receivers: the positions of `RMC`.

`$GPRMC,<hhmmss.ss>,A,<ddmm.mmmm>,N,<dddmm.mmmm>,E,<knots>,<course>,<ddmmyy>,…*<checksum>`. Other
sentences repeat the position, without its day; makers' own sentences (`$P…`) are about the
receiver, except Magellan's `PMGNTRK`, a point of a track. `V` in place of `A` means no fix. Some
programs leave the checksum out.

Source: `docs/reference/exports/tracks.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import xor
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.lines import Lines
from pipeline.recognition import peek
from pipeline.services.tracks import gps_tracks
from pipeline.values import coordinates, timestamps
from pipeline.values.fields import joined, non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Point, RawRecord

_NAME = "nmea"
#: A sentence of a talker, or of a maker: `P`, three letters, and any fields.
_SENTENCE = re.compile(
    r"\$([A-Z]{2}[A-Z0-9]{3}|P[A-Z]{3}[^,*]{0,12}),([^*]*)(?:\*([0-9A-F]{2}))?", re.IGNORECASE
)
_RMC = re.compile(rb"\$(?:[A-Z]{2}RMC,[0-9.]*,[AV],|PMGNTRK,)")
_DEGREES = re.compile(r"(\d{2,3})(\d\d(?:\.\d+)?)", re.ASCII)
_DAY, _CLOCK = re.compile(r"\d{6}", re.ASCII), re.compile(r"\d{6}(?:\.\d+)?", re.ASCII)
_KNOT = 1852 / 3600


def to_points(item: RawRecord, member: Member) -> Iterator[Point]:
    """Yield the position of an RMC sentence with a fix; other sentences have none."""
    found = _SENTENCE.fullmatch(item.value)
    if found is None:
        raise BadValue(Reason.BAD_SYNTAX, "the line is not a sentence of NMEA 0183")
    if found[3] and reduce(xor, item.value[1:-3].encode()) != int(found[3], 16):
        raise BadValue(Reason.BAD_SYNTAX, "the sentence's checksum is wrong")
    name, cells = found[1].upper(), found[2].split(",")
    if name == "PMGNTRK":
        yield from _of_magellan(cells)
    elif name.endswith("RMC") and not name.startswith("P") and cells[1] == "A":
        yield _point(cells)


def _of_magellan(cells: list[str]) -> Iterator[Point]:
    """Read `lat,N,lon,E,altitude,M,hhmmss.ss,A,name,ddmmyy`, a point of a stored track."""
    north, north_side, east, east_side, height, unit, clock, status, name, day = cells[:10]
    if status != "A":
        return
    point = _point([clock, "A", north, north_side, east, east_side, "", "", day])
    odd: dict[str, Any] = {}
    altitude = gps_tracks.measure(height, "altitude", odd) if unit == "M" else None
    metadata = joined(non_empty({"name": name}), odd)
    yield msgspec.structs.replace(point, altitude_m=altitude, metadata=metadata)


def _point(cells: list[str]) -> Point:
    clock, _, north, north_side, east, east_side, knots, course, day = cells[:9]
    latitude, longitude = coordinates.wgs84(
        _degrees(north, north_side == "S"), _degrees(east, east_side == "W")
    )
    odd: dict[str, Any] = {}
    speed = gps_tracks.measure(knots, "speed", odd)
    heading = gps_tracks.measure(course, "course", odd)
    measures = {"speed_mps": speed and round(speed * _KNOT, 4), "heading_deg": heading}
    return Point(
        source=_NAME,
        identity=(day, clock, north + north_side, east + east_side),
        time=_time(day, clock),
        latitude=latitude,
        longitude=longitude,
        metadata=joined({n: value for n, value in measures.items() if value is not None}, odd),
    )


def _degrees(written: str, negative: bool) -> float:
    found = _DEGREES.fullmatch(written)
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "the position is not degrees and minutes")
    value = int(found[1]) + float(found[2]) / 60
    return round(-value if negative else value, 7)


def _time(day: str, clock: str) -> Instant:
    """Read a time; two digits of a year are of 1980 to 2079, since GPS began in 1980."""
    if not _DAY.fullmatch(day) or not _CLOCK.fullmatch(clock):
        raise BadValue(Reason.BAD_TIME, "the day or the clock is not six digits")
    year = int(day[4:]) + (1900 if int(day[4:]) >= 80 else 2000)
    text = f"{year}-{day[2:4]}-{day[:2]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"
    return msgspec.structs.replace(timestamps.iso(text), text=f"{day} {clock}")


def _looks_like(head: Head) -> bool:
    return any(map(_RMC.match, peek.lines(head, 30)))


FORMAT = Format(
    name=_NAME,
    title="Positions in NMEA 0183 ($GPRMC)",
    version=2,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(nmea|log|txt|gps)",),
    looks_like=_looks_like,
    reader=Lines(),
    record=to_points,
    products=("GPS receivers and loggers",),
)
