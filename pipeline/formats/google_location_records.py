"""Google Location History, the raw positions: `Records.json` of Takeout.

One object with a `locations` array. Vintages seen: `Location History.json` and
`LocationHistory.json` with `timestampMs` (text) until about 2021, `Records.json` with `timestamp`
(RFC 3339) since; the folder became `Location History (Timeline)` in 2024 and is localised, so the
file is known by its structure. Entries that hold only a Wi-Fi scan have no position. Old files have
negative coordinates as unsigned 32-bit numbers (-70 is 3,594,967,296): they are repaired and get
the flag `coordinates_overflowed`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import coordinates, timestamps
from pipeline.values.fields import StableNames, joined, measure
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Point, RawRecord

_NAME = "google.location_records"
#: Fields that have a field of their own in a `Point`.
_TAKEN = frozenset(
    {"latitudeE7", "longitudeE7", "altitude", "accuracy", "timestamp", "timestampMs"}
)
_TIMES = ("timestamp", "timestampMs")
#: The other fields; `platformType` was `platform` in older files.
_NAMES = StableNames(
    verticalAccuracy="vertical_accuracy_m",
    velocity="speed_mps",
    heading="heading_deg",
    platformType="platform",
)


def to_point(item: RawRecord, member: Member) -> Point:
    """Return one position.

    Two devices may report the same place at once, so the device is identity.
    """
    fields: dict[str, Any] = item.value
    east, north = fields["longitudeE7"], fields["latitudeE7"]
    odd: dict[str, Any] = {}
    latitude, longitude = _position(north, east, odd)
    if "timestamp" in fields:
        time = timestamps.iso(fields["timestamp"])
    else:
        time = timestamps.epoch(fields["timestampMs"], "ms")
    return Point(
        source=_NAME,
        identity=(time.text, str(north), str(east), str(fields.get("deviceTag", ""))),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=measure(fields.get("altitude"), "altitude", odd),
        accuracy_m=measure(fields.get("accuracy"), "accuracy", odd),
        metadata=joined({_NAMES[k]: v for k, v in fields.items() if k not in _TAKEN}, odd),
    )


_OVERFLOWED = "coordinates_overflowed"


def _position(north: Any, east: Any, odd: dict[str, Any]) -> tuple[float, float]:
    try:
        return coordinates.wgs84(coordinates.e7(north), coordinates.e7(east))
    except BadValue:
        signed = (_signed(north), _signed(east))
        if signed == (north, east):
            raise
    odd["flags"] = [_OVERFLOWED]
    return coordinates.wgs84(coordinates.e7(signed[0]), coordinates.e7(signed[1]))


def _signed(e7: Any) -> Any:
    """Return the signed value of a coordinate over 214 degrees, read from the same 32 bits."""
    return e7 - 2**32 if type(e7) is int and 2**31 <= e7 < 2**32 + 2**31 else e7


def _looks_like(head: Head) -> bool:
    """Recognise one entry with a position; the first entries may be without."""
    return any(
        "latitudeE7" in item and not item.keys().isdisjoint(_TIMES)
        for item in peek.first_objects(head, "locations", 20)
    )


FORMAT = Format(
    name=_NAME,
    title="Positions of Google Location History (Takeout)",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="locations"),
    record=to_point,
    embed=False,
    products=("Google Takeout: Location History",),
    tried=("Freika/dawarich", "purarue/google_takeout_parser", "tajtiattila/track"),
    vintages=("Location History.json, timestampMs (to 2021)", "Records.json, timestamp (to 2024)"),
)
