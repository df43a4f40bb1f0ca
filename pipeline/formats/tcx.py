"""TCX, Garmin's Training Center XML: workouts of watches, and `Fit/Activities` of Takeout.

Sport and `Id` (the start) identify an `Activity`; each `Lap` has totals; a `Trackpoint` is a
position, measurements or both: without a position, each number of it is a metric. An activity has
its notes and its device after its laps, a lap its averages after its track. An activity lasts from
its `Id`, or an earlier point, to its latest point; without points, its laps give its duration.
Courses are `tcx.courses`, since they are only planned. A point without a time, or with an
unreadable one, is undated.

Source: `docs/reference/exports/google-fit.md` and `docs/reference/exports/tracks.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.xml.elements import XmlElements
from pipeline.services.tracks import gps_tracks
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.values.fields import joined
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Metric, Outcome, Point, RawRecord, Record, Rejection
from schemas.vocabulary import MetricName, RecordType

_NAME = "tcx"
_PLACED = frozenset({"Time", "Position", "AltitudeMeters", "HeartRateBpm"})
_OF_ACTIVITY = frozenset({"Id", "Notes"})
#: Numbers of a trackpoint as metrics: under the lake's names, or the element's.
_METRICS = {
    "Cadence": (MetricName.CADENCE, "1/min"),
    "RunCadence": (MetricName.CADENCE, "1/min"),
    "Watts": (MetricName.POWER, "W"),
    "Speed": (MetricName.SPEED, "m/s"),
    "AltitudeMeters": ("tcx.altitude", "m"),
    "DistanceMeters": ("tcx.distance_so_far", "m"),
}


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the outcomes of one element, chosen by its name."""
    element: Element = item.value
    match element.tag:
        case "Trackpoint":
            return _trackpoint(element)
        case "Lap":
            return iter((_lap(element, item),))
        case _:
            return iter((_workout(element, item),))


def _trackpoint(element: Element) -> Iterator[Outcome]:
    time = _time(element)
    where = element.first("Position")
    placed = where is not None and where.text_at("LatitudeDegrees") is not None
    if where is not None and placed:
        yield _point(element, where, time)
    if rate := element.text_at("HeartRateBpm", "Value"):
        yield _metric(MetricName.HEART_RATE, rate, "bpm", time)
    if not placed:
        yield from _measures(element, time)


def _time(element: Element) -> Instant | None:
    return gps_tracks.time(element.text_at("Time"))


def _text(time: Instant | None) -> str:
    return time.text if time is not None else ""


def _metric(name: str, written: str, unit: str, time: Instant | None) -> Outcome:
    try:
        value = gps_tracks.number(written, str(name))
    except BadValue as bad:
        return Rejection(reason=bad.reason, detail=bad.detail)
    return Metric(
        source=_NAME,
        identity=(_text(time), written),
        time=time,
        name=name,
        value=value or 0.0,
        unit=unit,
    )


def _measures(element: Element, time: Instant | None) -> Iterator[Outcome]:
    """Yield the other numbers of a trackpoint without a position; the first has the words, too."""
    values = gps_tracks.leaves(element, frozenset({"Time", "Position", "HeartRateBpm"}))
    words = {name: text for name, text in values.items() if name not in _METRICS}
    for name, (lake_name, unit) in _METRICS.items():
        if isinstance(written := values.get(name), str):
            found = _metric(lake_name, written, unit, time)
            if words and isinstance(found, Metric):
                found, words = msgspec.structs.replace(found, metadata=words), {}
            yield found


def _point(element: Element, where: Element, time: Instant | None) -> Outcome:
    north, east = where.text_at("LatitudeDegrees"), where.text_at("LongitudeDegrees")
    try:
        latitude, longitude = gps_tracks.position(north, east)
    except BadValue as bad:
        return Rejection(reason=bad.reason, detail=bad.detail)
    odd: dict[str, Any] = {}
    altitude = gps_tracks.measure(element.text_at("AltitudeMeters"), "AltitudeMeters", odd)
    return Point(
        source=_NAME,
        identity=(_text(time), north or "", east or ""),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        metadata=joined(gps_tracks.leaves(element, _PLACED), odd),
    )


def _workout(element: Element, item: RawRecord) -> Record:
    sport, written = element.attributes.get("Sport"), element.text_at("Id") or ""
    began = gps_tracks.when(written)
    start, end = gps_tracks.extremes((began, *map(_known, item.around["texts"])))
    element.children.extend(item.around.get("tail", ()))
    device, details = element.text_at("Creator", "Name"), gps_tracks.leaves(element, _OF_ACTIVITY)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("Activity", written),
        time=began or start,
        title=sport,
        content="\n".join(filter(None, map(Element.text_at, _every(element, "Notes")))) or None,
        metadata={
            **({"device": device} if device else {}),
            **({"details": details} if details else {}),
            "points": item.around["items"],
            **(gps_tracks.lasting(start, end) if item.around["items"] else {}),
            **({} if item.around["in_order"] else {"flags": [gps_tracks.UNORDERED]}),
        },
    )


def _every(element: Element, name: str) -> list[Element]:
    """Return all elements of a name: an activity may have notes before and after its laps."""
    return [child for child in element.children if child.tag == name]


def _known(written: str) -> Instant | None:
    """Return a time of one of the trackpoints, or None if invalid; the point itself reports it."""
    try:
        return gps_tracks.time(written)
    except BadValue:
        return None


def _lap(element: Element, item: RawRecord) -> Record:
    element.children.extend(item.around.get("tail", ()))
    written = element.attributes["StartTime"]
    odd: dict[str, Any] = {}
    lasted = gps_tracks.measure(element.text_at("TotalTimeSeconds"), "TotalTimeSeconds", odd)
    far = gps_tracks.measure(element.text_at("DistanceMeters"), "DistanceMeters", odd)
    metadata = {"duration_s": lasted, "distance_m": far, "details": _totals(element)}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("Lap", written),
        time=gps_tracks.when(written),
        title="Lap",
        content=element.text_at("Notes"),
        metadata=joined(
            {name: value for name, value in metadata.items() if value is not None}, odd
        ),
    )


def _totals(lap: Element) -> dict[str, Any]:
    """Return the lap's sums by the element's name; deeper ones by the names there."""
    totals: dict[str, Any] = {
        child.tag: text
        for child in lap.children
        if child.tag != "Notes" and (text := child.text_at() or child.text_at("Value"))
    }
    return {**gps_tracks.leaves(lap, frozenset(totals) | {"Notes"}), **totals}


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    if root is None or root.tag != "TrainingCenterDatabase":
        return False
    return next((n for n in root.following if n in ("Activity", "Course")), "") != "Course"


FORMAT = Format(
    name=_NAME,
    title="Workouts in TCX (Garmin Training Center)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(tcx|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("Trackpoint",), heads=("Activity", "Lap"), ordered_by="Time"),
    record=to_outcomes,
    products=("Garmin", "Google Takeout: Fit", "Strava"),
    tried=("Freika/dawarich", "vkurup/python-tcxparser"),
    record_types=(RecordType.SUMMARY, RecordType.WORKOUT),
)
