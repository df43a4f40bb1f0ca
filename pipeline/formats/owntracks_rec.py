"""OwnTracks Recorder: `<ISO Z>\\t* <padding>\\t{json}` a line in `.rec` files (reference 17).

Tabs have sometimes become spaces. Only `_type: location` is a position; `tst` is in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from pipeline import peek, places, timestamps
from pipeline.fields import optional_number
from pipeline.format import Format
from pipeline.readers.lines import Lines
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Point, RawRecord

_NAME = "owntracks.rec"
_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\s+(\S+)\s*(\{.*\})")
_TAKEN = frozenset({"_type", "tst", "lat", "lon", "acc", "alt"})
_NAMES = {"vel": "speed_kmh", "vac": "vertical_accuracy_m", "batt": "battery", "SSID": "ssid"}


def to_points(item: RawRecord, member: Member) -> Iterator[Point]:
    """A position; other kinds of line (`lwt`, `waypoint`) hold none."""
    found = _LINE.fullmatch(item.value)
    if found is None:
        raise BadValue(Reason.BAD_SYNTAX, "not a time, a kind and a JSON object")
    try:
        fields: dict[str, Any] = orjson.loads(found[3])
    except orjson.JSONDecodeError:
        fields = {}
    if not fields:
        raise BadValue(Reason.BAD_SYNTAX, "no sound JSON object at the end of the line")
    if fields.get("_type") == "location":
        yield _point(fields)


def _point(fields: dict[str, Any]) -> Point:
    latitude, longitude = places.wgs84(fields["lat"], fields["lon"])
    time = timestamps.epoch(fields["tst"], "s")
    who = str(fields.get("topic") or fields.get("tid") or "")
    return Point(
        source=_NAME,
        identity=(time.text, str(fields["lat"]), str(fields["lon"]), who),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=optional_number(fields, "alt"),
        accuracy_m=optional_number(fields, "acc"),
        metadata={_NAMES.get(k, k): v for k, v in fields.items() if k not in _TAKEN},
    )


def _looks_like(head: Head) -> bool:
    lines = [line.decode("utf-8", "replace") for line in peek.lines(head, 3)]
    return any(map(_LINE.fullmatch, lines))


FORMAT = Format(
    name=_NAME,
    title="Positions of OwnTracks Recorder (.rec)",
    version=1,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(rec|txt)",),
    looks_like=_looks_like,
    reader=Lines(),
    record=to_points,
    products=("OwnTracks",),
)
