"""Google Location History: `Semantic Location History/<year>/<year>_<MONTH>.json` of Takeout.

`{timelineObjects: [{placeVisit}

{activitySegment}]}` (to 2024). Times are RFC 3339, milliseconds or seconds. A place may lack an id,
or be missing; then the first other candidate replaces it, with the flag `place_guessed`. The ends
of a segment may be `{}`, latitudes of 91 occur among the other candidates, and Google guesses the
kind of place anew for each export.

Source: `docs/reference/exports/google-timeline.md#semantic`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows
from pipeline.services.google.timeline import e7, sound
from pipeline.values import coordinates, open_zones, timestamps
from pipeline.values.fields import joined, measure, non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, Point, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.location_semantic"
_KINDS = frozenset({"placeVisit", "activitySegment"})
_DEGREES, _CENTER = ("latitudeE7", "longitudeE7"), ("centerLatE7", "centerLngE7")
_DETAILS = {
    "placeConfidence": "place_confidence",
    "visitConfidence": "probability",
    "editConfirmationStatus": "edit_status",
    "placeVisitType": "visit_type",
    "placeVisitImportance": "importance",
}


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a visit with the visits within it, or a trip with the points of its path."""
    fields: dict[str, Any] = item.value
    if visit := fields.get("placeVisit"):
        yield _visit(visit)
        for child in visit.get("childVisits") or ():
            yield _visit(child)
    elif trip := fields.get("activitySegment"):
        start = _instant(trip["duration"], "start")
        yield _trip(trip, start)
        path = (trip.get("simplifiedRawPath") or {}).get("points") or ()
        yield from sound(_path_point, path)
    else:
        raise BadValue(Reason.BAD_SHAPE, "the object is neither a visit nor a trip")


def _instant(fields: dict[str, Any], name: str) -> Instant:
    """Read `startTimestamp` as text or as seconds, or `startTimestampMs`."""
    written = fields.get(f"{name}Timestamp")
    if written is None:
        return timestamps.epoch_or_unread(fields.get(f"{name}TimestampMs"), "ms")
    if isinstance(written, str) and not written.isdecimal():
        return timestamps.or_unread(written)
    return timestamps.epoch_or_unread(written, "s")


def _ended(fields: dict[str, Any]) -> str | None:
    if {"endTimestamp", "endTimestampMs"}.isdisjoint(fields):
        return None
    return open_zones.utc_text(_instant(fields, "end"))


def _visit(visit: dict[str, Any]) -> Record:
    """Return a stay, identified by its start and the place's id, or its position if it has none."""
    candidates = visit.get("otherCandidateLocations") or ()
    where: dict[str, Any] = visit.get("location") or next(iter(candidates), {})
    start = _instant(visit["duration"], "start")
    name, own_id = optional_text(where, "name"), optional_text(where, "placeId")
    odd: dict[str, Any] = {}
    place = non_empty(
        {
            "name": name,
            "address": optional_text(where, "address"),
            "id": own_id,
            **(_position(where, "place", odd) or _position(visit, "center", odd, _CENTER)),
        }
    )
    position = ",".join(str(where[n]) for n in ("latitudeE7", "longitudeE7") if n in where)
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.PLACE_VISIT,
        identity=(start.text, own_id or position, *generic_rows.undated_key(start.text, visit)),
        time=start,
        title=name,
        metadata=joined(
            non_empty(
                {
                    "place": place or {"name": str(where.get("semanticType") or "UNKNOWN")},
                    "ended_at": _ended(visit["duration"]),
                    "semantic_type": where.get("semanticType"),
                    "other_candidates": len(candidates),
                    "location_confidence": where.get("locationConfidence"),
                    "flags": None if visit.get("location") else ["place_guessed"],
                    **{lake_name: visit.get(name) for name, lake_name in _DETAILS.items()},
                }
            ),
            odd,
        ),
    )


def _trip(trip: dict[str, Any], start: Instant) -> Record:
    """Return a trip from place to place; the means of transport is a guess."""
    kind = str(trip.get("activityType") or "UNKNOWN")
    odd: dict[str, Any] = {}
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.TRIP,
        identity=(start.text, *generic_rows.undated_key(start.text, trip)),
        time=start,
        title=kind.replace("_", " ").lower(),
        metadata=joined(
            non_empty(
                {
                    "from_place": _end_of(trip.get("startLocation") or {}, "from_place", odd),
                    "to_place": _end_of(trip.get("endLocation") or {}, "to_place", odd),
                    "ended_at": _ended(trip["duration"]),
                    "distance_m": measure(trip.get("distance"), "distance", odd),
                    "activity_type": kind,
                    "confidence": trip.get("confidence"),
                    "activities": trip.get("activities"),
                    "waypoints": (trip.get("waypointPath") or {}).get("waypoints"),
                    "transit": trip.get("transitPath"),
                    "parking": trip.get("parkingEvent"),
                    "edit_status": trip.get("editConfirmationStatus"),
                }
            ),
            odd,
        ),
    )


def _position(
    where: dict[str, Any], name: str, odd: dict[str, Any], names: tuple[str, str] = _DEGREES
) -> dict[str, float]:
    """Return the place's degrees, if it has any."""
    written = {n: where[n] for n in names if where.get(n) is not None}
    if len(written) < len(names):
        return {}
    return coordinates.or_noted(lambda: e7(where, *names), written, name, odd)


def _end_of(where: dict[str, Any], named: str, odd: dict[str, Any]) -> dict[str, Any]:
    position = _position(where, named, odd)
    name, own_id = optional_text(where, "name"), optional_text(where, "placeId")
    return non_empty({"name": name, "id": own_id, **position})


def _path_point(value: dict[str, Any]) -> Point:
    north, east = value["latE7"], value["lngE7"]
    if "timestamp" in value:
        moment = timestamps.iso(value["timestamp"])
    else:
        moment = timestamps.epoch(value["timestampMs"], "ms")
    latitude, longitude = e7(value, "latE7", "lngE7")
    odd: dict[str, Any] = {}
    return Point(
        source=_NAME,
        identity=(moment.text, str(north), str(east), ""),
        time=moment,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=measure(value.get("accuracyMeters"), "accuracy_meters", odd),
        metadata=joined({"kind": "path"}, odd),
    )


def _looks_like(head: Head) -> int:
    """Recognise the key, since the first object may be longer than the head."""
    if "timelineObjects" not in peek.top_keys(head):
        return 0
    items = peek.first_items(head, "timelineObjects", 3)
    known = any(isinstance(item, dict) and not _KINDS.isdisjoint(item) for item in items)
    return 2 * (known or (not items and any(k.encode() in head.data for k in _KINDS)))


FORMAT = Format(
    name=_NAME,
    title="Visits and ways of Google Location History (Takeout)",
    version=4,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="timelineObjects"),
    record=to_records,
    embed=False,
    products=("Google Takeout: Location History",),
    tried=("Freika/dawarich", "purarue/google_takeout_parser"),
    vintages=("startTimestampMs (to 2021)", "startTimestamp (to 2024)"),
    record_types=(RecordType.PLACE_VISIT, RecordType.TRIP),
    fields=_KINDS,
)
