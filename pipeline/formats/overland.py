"""Overland (iOS, Android): batches of positions as it posts them, `{"locations": [Feature]}`.

A feature has its time, accuracies, speed in m/s, battery and motion among its properties, and -1
for an unknown measure; one without a geometry is an event of the app, such as `will_terminate`.
Source: aaronpk/Overland-iOS, README ("API"); Freika/dawarich,
`spec/fixtures/files/overland/geodata.json`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.tracks import geojson
from pipeline.values.fields import as_written, optional_text, text
from pipeline.values.timestamps import or_unread
from schemas.files import Head, Member
from schemas.records import DataType, Point, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "overland"
_TIME = "timestamp"


def to_outcome(item: RawRecord, member: Member) -> Point | Record:
    """Return a position of a device, or an event of the app."""
    feature: dict[str, Any] = item.value
    properties = feature["properties"]
    device = optional_text(properties, "device_id") or ""
    geometry = feature.get("geometry")
    if geometry is None:
        return _event(properties, device, as_written(properties, _TIME))
    written = text(properties, _TIME)
    return geojson.position(feature, _NAME, geometry["coordinates"], written, _TIME, device)


def _event(properties: dict[str, Any], device: str, written: str) -> Record:
    action = optional_text(properties, "action") or "event"
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(action, written, device),
        time=or_unread(written),
        title=action,
        metadata={"details": {name: value for name, value in properties.items() if name != _TIME}},
    )


def _looks_like(head: Head) -> int:
    found = peek.first_items(head, "locations", 5)
    return 2 * any(map(_is_feature, found))


def _is_feature(item: Any) -> bool:
    properties = item.get("properties") if isinstance(item, dict) else None
    return isinstance(properties, dict) and item.get("type") == "Feature" and _TIME in properties


FORMAT = Format(
    name=_NAME,
    title="Positions of Overland",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="locations"),
    record=to_outcome,
    embed=False,
    products=("Overland",),
    tried=("Freika/dawarich",),
    record_types=(RecordType.ACTIVITY,),
    fields=frozenset({"type", "geometry", "properties"}),
)
