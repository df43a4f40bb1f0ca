"""Google Timeline as Android exports it from the phone (since 2025): `Timeline.json`.

The name is in the phone's language (`Zeitleiste.json`, `タイムライン.json`), so the file is known
by its keys: `semanticSegments`, `rawSignals`, `userLocationProfile`.

Source: `docs/reference/exports/google-timeline.md#android`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services.google import timeline as google_timeline
from pipeline.values import timestamps
from pipeline.values.fields import as_written, joined, measure, non_empty, optional_text, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Outcome, Point, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.timeline_android"
_SEGMENTS, _SIGNALS = "semanticSegments", "rawSignals"
_PLACES = "userLocationProfile.frequentPlaces"
_KEYS = frozenset({_SEGMENTS, _SIGNALS, "userLocationProfile"})


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a segment of a day, a signal, or a frequently visited place."""
    fields: dict[str, Any] = item.value
    if item.around["path"] == _SEGMENTS:
        yield from google_timeline.segment(fields, _NAME)
    elif item.around["path"] == _PLACES:
        yield _frequent(fields)
    else:
        yield _signal(fields)


def _signal(fields: dict[str, Any]) -> Outcome:
    """Return what a sensor recorded: a position, the phone's motion, or the networks around it."""
    if position := fields.get("position"):
        return _position(position)
    if doing := fields.get("activityRecord"):
        likely = doing.get("probableActivities") or ()
        return _activity("activity record", as_written(doing, "timestamp"), {"activities": likely})
    if scan := fields.get("wifiScan"):
        seen = scan.get("devicesRecords") or ()
        return _activity("Wi-Fi scan", as_written(scan, "deliveryTime"), {"devices": seen})
    raise BadValue(Reason.BAD_SHAPE, "the kind of the signal is unknown")


def _position(fields: dict[str, Any]) -> Point:
    latitude, longitude = google_timeline.degrees(fields["LatLng"])
    moment = timestamps.iso(text(fields, "timestamp"))
    odd: dict[str, Any] = {}
    speed = measure(fields.get("speedMetersPerSecond"), "speed_meters_per_second", odd)
    return Point(
        source=_NAME,
        identity=(moment.text, text(fields, "LatLng"), "", ""),
        time=moment,
        latitude=latitude,
        longitude=longitude,
        altitude_m=measure(fields.get("altitudeMeters"), "altitude_meters", odd),
        accuracy_m=measure(fields.get("accuracyMeters"), "accuracy_meters", odd),
        metadata=joined(non_empty({"source": fields.get("source"), "speed_mps": speed}), odd),
    )


def _activity(title: str, written: str, metadata: dict[str, Any]) -> Record:
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(title, written),
        time=timestamps.or_unread(written),
        title=title,
        metadata=metadata,
    )


def _frequent(fields: dict[str, Any]) -> Record:
    """Return a frequent place; its label (home, work) is a guess or the owner's."""
    own_id, odd = text(fields, "placeId"), dict[str, Any]()
    where = google_timeline.located(fields["placeLocation"], "place", odd)
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.PLACE,
        identity=(own_id,),
        title=optional_text(fields, "label"),
        metadata=joined({"place": {"id": own_id, **where}}, odd),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    keys = peek.top_keys(head)
    return 2 * (not _KEYS.isdisjoint(keys))


FORMAT = Format(
    name=_NAME,
    title="Google Timeline, exported from an Android phone",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=(_SEGMENTS, _SIGNALS, _PLACES)),
    record=to_records,
    embed=False,
    products=("Google Maps Timeline (Android)",),
    tried=("Freika/dawarich",),
    vintages=("Timeline.json (since 2025)",),
    record_types=(
        *(RecordType.PLACE_VISIT, RecordType.TRIP, RecordType.ACTIVITY),
        RecordType.PLACE,
    ),
    fields=frozenset(
        {"startTime", "endTime", "startTimeTimezoneUtcOffsetMinutes", "visit", "activity"}
        | {"endTimeTimezoneUtcOffsetMinutes", "timelinePath", "timelineMemory", "position"}
        | {"activityRecord", "wifiScan", "placeId", "placeLocation", "label"}
    ),
)
