"""TCX with `Courses` in the place of activities: ways that somebody means to take.

Garmin, Strava and makers of routes give them for a device to follow. Their points have times at
which a virtual partner would be there, so that they are no positions of anybody: a course is one
record, a planned trip with its line (GeoJSON's `geometry`, RFC 7946) and its `CoursePoint`s.
Source: TrainingCenterDatabasev2.xsd, `Course_t`; placemark/togeojson, `tcx-courses.tcx`.
"""

from __future__ import annotations

from typing import Any

from pipeline import places, tracks, xml_tree
from pipeline.format import Format
from pipeline.readers.xml_elements import XmlElements
from pipeline.xml_tree import Element
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "tcx.courses"
_TAKEN = frozenset({"Name", "Notes", "Track", "CoursePoint", "Creator"})


def to_record(item: RawRecord, member: Member) -> Record:
    """A course, by its name and its ends."""
    course: Element = item.value
    name, device = course.said("Name"), course.said("Creator", "Name")
    points = [point for track in course.all("Track") for point in track.all("Trackpoint")]
    line = [where for point in points if (where := _where(point))]
    stops = [_stop(point) for point in course.all("CoursePoint")]
    details = tracks.leaves(course, _TAKEN)
    said = {
        "geometry": {"type": "LineString", "coordinates": line} if line else None,
        "stops": stops,
        "device": device,
        "details": details,
        "flags": [places.UNUSABLE] if len(line) < sum(map(_placed, points)) else None,
    }
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.TRIP,
        identity=("Course", name or "", *(f"{e[1]},{e[0]}" for e in (*line[:1], *line[-1:]))),
        title=name,
        content=course.said("Notes"),
        metadata={"status": "planned", "points": len(points)}
        | {key: value for key, value in said.items() if value},
    )


def _placed(point: Element) -> bool:
    return point.first("Position") is not None


def _where(point: Element) -> list[float] | None:
    """A point's longitude, latitude and altitude."""
    north = point.said("Position", "LatitudeDegrees")
    try:
        latitude, longitude = tracks.position(north, point.said("Position", "LongitudeDegrees"))
    except BadValue:
        return None
    altitude = tracks.measure(point.said("AltitudeMeters"), "AltitudeMeters", {})
    return [longitude, latitude, *([] if altitude is None else [altitude])]


def _stop(point: Element) -> dict[str, Any]:
    names = {"name": "Name", "kind": "PointType", "desc": "Notes"}
    said: dict[str, Any] = {ours: text for ours, n in names.items() if (text := point.said(n))}
    if where := _where(point):
        said |= {"latitude": where[1], "longitude": where[0]}
    return said


def _looks_like(head: Head) -> int:
    root = xml_tree.root_of(head)
    if root is None or root.tag != "TrainingCenterDatabase":
        return 0
    return 2 * (next((n for n in root.following if n in ("Activity", "Course")), "") == "Course")


FORMAT = Format(
    name=_NAME,
    title="Planned courses in TCX (Garmin Training Center)",
    version=1,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(tcx|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("Course",)),
    record=to_record,
    products=("Garmin", "Strava"),
    tried=("placemark/togeojson",),
    record_types=(RecordType.TRIP,),
)
