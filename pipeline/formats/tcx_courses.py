"""TCX with `Courses` in the place of activities: planned routes.

Garmin, Strava and makers of routes export them for a device to follow. Their points have the times
of a virtual partner, so they are not positions of a person: a course is one record, a planned trip
with its line (GeoJSON's `geometry`, RFC 7946) and its `CoursePoint`s. Source:
TrainingCenterDatabasev2.xsd, `Course_t`; placemark/togeojson, `tcx-courses.tcx`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.xml.elements import XmlElements
from pipeline.services.tracks import gps_tracks
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.values import coordinates
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "tcx.courses"
_TAKEN = frozenset({"Name", "Notes", "Track", "CoursePoint", "Creator"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return a course, identified by its name and its ends."""
    course: Element = item.value
    name, device = course.text_at("Name"), course.text_at("Creator", "Name")
    points = [point for track in course.all("Track") for point in track.all("Trackpoint")]
    unread: list[dict[str, Any]] = []
    line = [where for point in points if (where := _where(point, unread))]
    stops = [_stop(point, unread) for point in course.all("CoursePoint")]
    details = gps_tracks.leaves(course, _TAKEN)
    metadata = {
        "geometry": {"type": "LineString", "coordinates": line} if line else None,
        "stops": stops,
        "device": device,
        "details": details,
        "flags": sorted({flag for odd in unread for flag in odd.pop("flags")}),
        "unread_points": unread,
    }
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.TRIP,
        identity=("Course", name or "", *(f"{e[1]},{e[0]}" for e in (*line[:1], *line[-1:]))),
        title=name,
        content=course.text_at("Notes"),
        metadata={"status": "planned", "points": len(points)}
        | {key: value for key, value in metadata.items() if value},
    )


def _where(point: Element, unread: list[dict[str, Any]]) -> list[float] | None:
    """Return a point's longitude, latitude and altitude; append invalid values to `unread`."""
    north, east = (
        point.text_at("Position", f"{name}Degrees") for name in ("Latitude", "Longitude")
    )
    written, odd = ([north, east] if north or east else None), dict[str, Any]()
    found = coordinates.or_noted(lambda: gps_tracks.position(north, east), written, "position", odd)
    altitude = gps_tracks.measure(point.text_at("AltitudeMeters"), "altitude", odd)
    if odd:
        unread.append(odd)
    if not found:
        return None
    return [found["longitude"], found["latitude"], *([] if altitude is None else [altitude])]


def _stop(point: Element, unread: list[dict[str, Any]]) -> dict[str, Any]:
    names = {"name": "Name", "kind": "PointType", "desc": "Notes"}
    stop: dict[str, Any] = {
        lake_name: text for lake_name, n in names.items() if (text := point.text_at(n))
    }
    if where := _where(point, unread):
        stop |= {"latitude": where[1], "longitude": where[0]}
    return stop


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
