"""GPX 1.0 and 1.1: tracks, waypoints and routes of any device (reference 17).

A track's points become positions, and the track one record: a workout if it says of what `type`
it is, else a trip. Waypoints are places, a route is a plan. Planned tracks have no times.
"""

from __future__ import annotations

from typing import Any

from pipeline import tables, tracks, xml_tree
from pipeline.format import Format
from pipeline.readers.xml_elements import XmlElements
from pipeline.xml_tree import Element
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Outcome, Point, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "gpx"
_POINT_TAKEN = frozenset({"ele", "time"})
_TAKEN = frozenset({"name", "type", "desc", "trkseg", "rtept", "time", "ele"})


def to_outcomes(item: RawRecord, member: Member) -> Outcome | tuple[()]:
    """What one element means, by its name."""
    element: Element = item.value
    match element.tag:
        case "trkpt":
            return _point(element)
        case "wpt":
            return _place(element)
        case "rte":
            return _route(element)
        case _:
            return _track(element, item) if element.children or item.around["items"] else ()


def _point(element: Element) -> Point:
    latitude, longitude = _position(element)
    time = _time(element)
    north, east = element.attributes["lat"], element.attributes["lon"]
    return Point(
        source=_NAME,
        identity=(time.text if time else "", north, east),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=tracks.number(element.said("ele"), "ele"),
        metadata=_leaves(element, _POINT_TAKEN),
    )


def _position(element: Element) -> tuple[float, float]:
    return tracks.position(element.attributes.get("lat"), element.attributes.get("lon"))


def _time(element: Element | None) -> Instant | None:
    written = element.said("time") if element is not None else None
    return tables.in_utc(written) if written else None  # GPX 1.1 has no other zone


def _leaves(element: Element, taken: frozenset[str]) -> dict[str, Any]:
    """The texts within an element, extensions and all, under their own names."""
    inner = (e for child in element.children if child.tag not in taken for e in child.walk())
    return {e.tag: text for e in inner if not e.children and (text := e.text.strip())}


def _details(element: Element) -> dict[str, Any]:
    """What else is said, under names that are the device's own."""
    leaves = _leaves(element, _TAKEN)
    return {"details": leaves} if leaves else {}


def _place(element: Element) -> Record:
    latitude, longitude = _position(element)
    name, time = element.said("name"), _time(element)
    north, east = element.attributes["lat"], element.attributes["lon"]
    place = {"name": name, "latitude": latitude, "longitude": longitude}
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.PLACE,
        identity=("wpt", north, east, name or "", time.text if time else ""),
        time=time,
        title=name,
        content=element.said("desc") or element.said("cmt"),
        metadata={
            "place": {key: value for key, value in place.items() if value is not None},
            **_altitude(element),
            **_details(element),
        },
    )


def _altitude(element: Element) -> dict[str, Any]:
    altitude = tracks.number(element.said("ele"), "ele")
    return {} if altitude is None else {"altitude_m": altitude}


def _track(element: Element, item: RawRecord) -> Record:
    """A track by its first point: names are changed, and so are ends."""
    first: Element | None = item.around["first"]
    start, end = _time(first), _time(item.around["last"])
    name, kind = element.said("name"), element.said("type")
    where = (first.attributes.get("lat", ""), first.attributes.get("lon", "")) if first else ()
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT if kind else RecordType.TRIP,
        identity=("trk", start.text if start else name or "", *where),
        time=start,
        title=name,
        content=element.said("desc") or element.said("cmt"),
        metadata={
            **_details(element),
            **({"activity": kind} if kind else {}),
            **tracks.lasting(start, end),
            "points": item.around["items"],
        },
    )


def _route(element: Element) -> Record:
    """A route to be taken, not one that was."""
    name = element.said("name")
    stops = list(map(_stop, element.all("rtept")))
    ends = [f"{s['latitude']},{s['longitude']}" for s in (*stops[:1], *stops[-1:])]
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.TRIP,
        identity=("rte", name or "", *ends),
        title=name,
        content=element.said("desc") or element.said("cmt"),
        metadata={"status": "planned", "stops": stops, **_details(element)},
    )


def _stop(element: Element) -> dict[str, Any]:
    latitude, longitude = _position(element)
    name = element.said("name")
    return {**({"name": name} if name else {}), "latitude": latitude, "longitude": longitude}


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "gpx"


FORMAT = Format(
    name=_NAME,
    title="Tracks and places in GPX",
    version=2,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(gpx|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("trkpt", "wpt", "rte"), heads=("trk",)),
    record=to_outcomes,
    products=("Any GPS device or app", "Apple Health (workout-routes)", "Strava"),
    vintages=("GPX 1.0", "GPX 1.1"),
    record_types=(RecordType.PLACE, RecordType.TRIP, RecordType.WORKOUT),
    sample="invented and real",
)
