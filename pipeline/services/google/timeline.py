"""What the forms of Google's Timeline share: places, times, and segments of a day.

On-device exports write coordinates as text: `"50.05°, 14.34°"`, sometimes without degree signs, or
`"geo:50.05,14.34"`; iOS writes every number as text.

Source: `docs/reference/exports/google-timeline.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from pipeline.services import generic_rows
from pipeline.values import coordinates, open_zones, timestamps
from pipeline.values.fields import joined, measure, non_empty, number, optional_text, whole
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, Point, Record, Rejection
from schemas.vocabulary import RecordType


def degrees(written: Any) -> tuple[float, float]:
    """Read latitude and longitude of a text.

    Raises `BadValue`: BAD_SHAPE, BAD_NUMBER or BAD_PLACE.
    """
    if not isinstance(written, str):
        raise BadValue(Reason.BAD_SHAPE, "the point is not a text")
    return coordinates.degrees(written)


def e7(fields: Mapping[str, Any], north: str, east: str) -> tuple[float, float]:
    """Return the position of E7 coordinates. Raises `BadValue`, as `coordinates.wgs84` does."""
    return coordinates.wgs84(coordinates.e7(fields[north]), coordinates.e7(fields[east]))


def sound(make: Callable[[Any], Point], given: Iterable[Any]) -> Iterator[Point | Rejection]:
    """Yield a point for each value; an invalid one affects neither the others nor their record."""
    for one in given:
        try:
            yield make(one)
        except BadValue as bad:
            yield Rejection(reason=bad.reason, detail=bad.detail)
        except (KeyError, TypeError, AttributeError):
            yield Rejection(reason=Reason.BAD_SHAPE, detail="a point of the path is none")


def segment(fields: Mapping[str, Any], source: str) -> Iterator[Outcome]:
    """Yield the records of an on-device segment: a visit, a trip, a path or a memory."""
    start = timestamps.or_unread(fields.get("startTime"))
    if not any(map(fields.get, ("visit", "activity", "timelinePath", "timelineMemory"))):
        raise BadValue(Reason.BAD_SHAPE, "the segment is of an unknown kind or empty")
    times = {"ended_at": _ended(fields)}
    if visit := fields.get("visit"):
        yield _visit(visit, start, times, source)
    if activity := fields.get("activity"):
        yield _trip(activity, start, times, source)
    if memory := fields.get("timelineMemory"):
        yield _memory(memory, start, times, source)
    yield from sound(lambda p: _path_point(p, start, source), fields.get("timelinePath") or ())


def _ended(fields: Mapping[str, Any]) -> str | None:
    written = optional_text(fields, "endTime")
    return open_zones.utc_text(timestamps.or_unread(written)) if written else None


def _visit(visit: Mapping[str, Any], start: Instant, times: dict[str, Any], source: str) -> Record:
    """Return a stay. Google guesses the kind of place anew for each export: it is not identity."""
    best = visit.get("topCandidate") or {}
    place_id = optional_text(best, "placeId") or optional_text(best, "placeID") or ""
    odd: dict[str, Any] = {}
    where = located(best.get("placeLocation"), "place", odd)
    level = str(visit.get("hierarchyLevel") or "0")
    place = non_empty({"id": place_id, **where}) or {
        "name": str(best.get("semanticType") or "UNKNOWN")
    }
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.PLACE_VISIT,
        identity=(start.text, place_id, level, *generic_rows.undated_key(start.text, visit)),
        time=start,
        metadata=joined(
            non_empty(
                {
                    "place": place,
                    **times,
                    "semantic_type": best.get("semanticType"),
                    "probability": measure(visit.get("probability"), "probability", odd),
                    "candidate_probability": _likely(best, "candidate_probability", odd),
                    "hierarchy_level": whole(level, "hierarchy_level", odd),
                }
            ),
            odd,
        ),
    )


def _likely(candidate: Mapping[str, Any], name: str, odd: dict[str, Any]) -> float | None:
    return measure(candidate.get("probability"), name, odd)


def located(value: Any, name: str, odd: dict[str, Any]) -> dict[str, float]:
    """Return the position of a text, or of `{latLng: text}`; empty without one."""
    written = value.get("latLng") if isinstance(value, dict) else value
    return coordinates.or_noted(lambda: degrees(written), written, name, odd) if written else {}


def _trip(
    activity: Mapping[str, Any], start: Instant, times: dict[str, Any], source: str
) -> Record:
    """Return a trip from place to place, by a means that Google guesses anew for each export."""
    best = activity.get("topCandidate") or {}
    kind = str(best.get("type") or "unknown")
    odd: dict[str, Any] = {}
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.TRIP,
        identity=(start.text, *generic_rows.undated_key(start.text, activity)),
        time=start,
        title=kind.replace("_", " ").lower(),
        metadata=joined(
            non_empty(
                {
                    "from_place": located(activity.get("start"), "from_place", odd),
                    "to_place": located(activity.get("end"), "to_place", odd),
                    **times,
                    "distance_m": measure(activity.get("distanceMeters"), "distance_meters", odd),
                    "activity_type": kind,
                    "probability": _likely(best, "probability", odd),
                    "trip_probability": _likely(activity, "trip_probability", odd),
                    "parking": activity.get("parking"),
                }
            ),
            odd,
        ),
    )


def _memory(
    memory: Mapping[str, Any], start: Instant, times: dict[str, Any], source: str
) -> Record:
    """Return a journey as Timeline remembers it, unchanged."""
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.ACTIVITY,
        identity=("memory", start.text, *generic_rows.undated_key(start.text, memory)),
        time=start,
        title="journey",
        metadata=non_empty({**times, "memory": dict(memory)}),
    )


def _path_point(value: Mapping[str, Any], start: Instant, source: str) -> Point:
    """Return a point with a time of its own, or minutes after the segment's start."""
    latitude, longitude = degrees(value["point"])
    if "time" in value:
        moment = timestamps.iso(value["time"])
    else:
        moment = _after(start, value["durationMinutesOffsetFromStartTime"])
    return Point(
        source=source,
        identity=(moment.text, value["point"], "", ""),
        time=moment,
        latitude=latitude,
        longitude=longitude,
        metadata={"kind": "path"},
    )


def _after(start: Instant, minutes: Any) -> Instant:
    length = number(minutes, "durationMinutesOffsetFromStartTime")
    if length is None or start.at is None or not 0 <= length < 1_000_000:
        raise BadValue(Reason.BAD_TIME, "the minutes of a point are not a number")
    later = start.at + timedelta(minutes=length)
    return msgspec.structs.replace(start, at=later, text=f"{start.text} +{minutes} min")
