"""Polarsteps: `trip/<slug>/locations.json`, positions.

`time` is in seconds, or in ISO 8601 (Freika/dawarich,
`spec/fixtures/files/polarsteps/locations.json`).

Source: `docs/reference/exports/tracks.md#other-apps`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import coordinates, timestamps
from schemas.files import Head, Member
from schemas.records import DataType, Point, RawRecord

_NAME = "polarsteps.locations"
_FIELDS = frozenset({"lat", "lon", "time"})


def to_point(item: RawRecord, member: Member) -> Point:
    """Return one position."""
    fields: dict[str, Any] = item.value
    latitude, longitude = coordinates.pair(fields["lat"], fields["lon"])
    written = fields["time"]
    as_text = isinstance(written, str) and "-" in written[1:]
    time = timestamps.of_position(written) if as_text else timestamps.epoch(written, "s")
    return Point(
        source=_NAME,
        identity=(time.text, str(fields["lat"]), str(fields["lon"])),
        time=time,
        latitude=latitude,
        longitude=longitude,
        metadata={key: value for key, value in fields.items() if key not in _FIELDS},
    )


def _looks_like(head: Head) -> bool:
    found = peek.first_objects(head, "locations")
    return any(item.keys() >= _FIELDS for item in found)


FORMAT = Format(
    name=_NAME,
    title="Positions of a Polarsteps trip",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="locations"),
    record=to_point,
    hints=(r"(.+/)?trip/[^/]+/locations\.json",),
    products=("Polarsteps",),
    tried=("Freika/dawarich",),
    fields=_FIELDS,
)
