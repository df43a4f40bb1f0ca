"""Google Location History: `Timeline Edits.json` of Takeout, positions that a device sent.

`{timelineEdits: [{deviceId, rawSignal: {signal: {position}}}]}`; other kinds of edit are not
verified. The same position in `Records.json` is the same point.

Source: `docs/reference/exports/google-timeline.md#edits-and-settings`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.google import timeline as google_timeline
from pipeline.values import timestamps
from pipeline.values.fields import joined, measure, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Point, RawRecord

_NAME = "google.timeline_edits"


def to_point(item: RawRecord, member: Member) -> Point:
    """Return one position of one device."""
    fields: dict[str, Any] = item.value
    position = ((fields.get("rawSignal") or {}).get("signal") or {}).get("position")
    if not position:
        raise BadValue(Reason.BAD_SHAPE, "the kind of the edit is unknown")
    where, device = position["point"], str(fields.get("deviceId", ""))
    moment = timestamps.iso(text(position, "timestamp"))
    latitude, longitude = google_timeline.e7(where, "latE7", "lngE7")
    odd: dict[str, Any] = {}
    accuracy_mm = measure(position.get("accuracyMm"), "accuracy_mm", odd)
    return Point(
        source=_NAME,
        identity=(moment.text, str(where["latE7"]), str(where["lngE7"]), device),
        time=moment,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=None if accuracy_mm is None else accuracy_mm / 1000,
        metadata=joined({"device_tag": device}, odd),
    )


def _looks_like(head: Head) -> int:
    items = peek.first_objects(head, "timelineEdits")
    return 2 * any("deviceId" in item for item in items)


FORMAT = Format(
    name=_NAME,
    title="Timeline edits of Google Location History (Takeout)",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="timelineEdits"),
    record=to_point,
    embed=False,
    products=("Google Takeout: Location History",),
    tried=("Freika/dawarich",),
    vintages=("Timeline Edits.json (since 2024)",),
    fields=frozenset({"deviceId", "rawSignal"}),
)
