"""TCX, Garmin's Training Center XML: workouts of watches, and `Fit/Activities` of Takeout
(reference 2.15, 17).

An `Activity` is known by its sport and `Id` (its start); each `Lap` has totals; a `Trackpoint` is
a position, a heart rate or both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline import timestamps, tracks, xml_tree
from pipeline.format import Format
from pipeline.readers.xml_elements import XmlElements
from pipeline.xml_tree import Element
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Metric, Outcome, Point, RawRecord, Record
from schemas.vocabulary import MetricName, RecordType

_NAME = "tcx"
_PLACED = frozenset({"Time", "Position", "AltitudeMeters", "HeartRateBpm"})


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """What one element means, by its name."""
    element: Element = item.value
    match element.tag:
        case "Trackpoint":
            return _trackpoint(element)
        case "Lap":
            return iter((_lap(element),))
        case _:
            return iter((_workout(element, item),))


def _trackpoint(element: Element) -> Iterator[Outcome]:
    time = _time(element)
    where, rate = element.first("Position"), element.said("HeartRateBpm", "Value")
    if where is not None:
        yield _point(element, where, time)
    beats = tracks.number(rate, "HeartRateBpm")
    if rate is not None and beats is not None:
        yield Metric(
            source=_NAME,
            identity=(time.text, rate),
            time=time,
            name=MetricName.HEART_RATE,
            value=beats,
            unit="bpm",
        )


def _time(element: Element) -> Instant:
    return timestamps.iso(element.said("Time") or "")


def _point(element: Element, where: Element, time: Instant) -> Point:
    north, east = where.said("LatitudeDegrees"), where.said("LongitudeDegrees")
    latitude, longitude = tracks.position(north, east)
    return Point(
        source=_NAME,
        identity=(time.text, north or "", east or ""),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=tracks.number(element.said("AltitudeMeters"), "AltitudeMeters"),
        metadata=_leaves(element),
    )


def _leaves(element: Element) -> dict[str, Any]:
    inner = (e for child in element.children if child.tag not in _PLACED for e in child.walk())
    return {e.tag: text for e in inner if not e.children and (text := e.text.strip())}


def _workout(element: Element, item: RawRecord) -> Record:
    last: Element | None = item.around["last"]
    sport, written = element.attributes.get("Sport"), element.said("Id") or ""
    start = timestamps.iso(written)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("Activity", written),
        time=start,
        title=sport,
        metadata={
            "points": item.around["items"],
            **tracks.lasting(start, _time(last) if last is not None else None),
        },
    )


def _lap(element: Element) -> Record:
    written = element.attributes["StartTime"]
    lasted = tracks.number(element.said("TotalTimeSeconds"), "TotalTimeSeconds")
    far = tracks.number(element.said("DistanceMeters"), "DistanceMeters")
    said = {"duration_s": lasted, "distance_m": far, "details": _totals(element)}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("Lap", written),
        time=timestamps.iso(written),
        title="Lap",
        metadata={name: value for name, value in said.items() if value is not None},
    )


def _totals(lap: Element) -> dict[str, str]:
    said = {child.tag: child.said() or child.said("Value") for child in lap.children}
    return {name: value for name, value in said.items() if value}


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "TrainingCenterDatabase"


FORMAT = Format(
    name=_NAME,
    title="Workouts in TCX (Garmin Training Center)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(tcx|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("Trackpoint",), heads=("Activity", "Lap")),
    record=to_outcomes,
    products=("Garmin", "Google Takeout: Fit", "Strava"),
    record_types=(RecordType.SUMMARY, RecordType.WORKOUT),
)
