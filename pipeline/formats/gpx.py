"""GPX 1.0 and 1.1: tracks, waypoints and routes of any device.

A track's points become positions, and the track one record: a workout if it states its `type`, else
a trip. Waypoints are places, a route is a plan. Planned tracks have no times. Times are in UTC (GPX
1.1); a time whose text names no zone is flagged. A track runs from its earliest to its latest time,
in any order of its points.

Source: `docs/reference/exports/tracks.md`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.xml.elements import XmlElements
from pipeline.services.tracks import gps_tracks
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.values import coordinates
from pipeline.values.fields import joined, non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Outcome, Point, RawRecord, Record, ZoneSource
from schemas.vocabulary import RecordType

_NAME = "gpx"
_POINT_TAKEN = frozenset({"ele", "time"})
_TAKEN = frozenset({"name", "type", "desc", "trkseg", "rtept", "time", "ele"})


def to_outcomes(item: RawRecord, member: Member) -> Outcome | tuple[()]:
    """Return the outcome of one element, chosen by its name."""
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
    odd: dict[str, Any] = {}
    altitude = gps_tracks.measure(element.text_at("ele"), "ele", odd)
    return Point(
        source=_NAME,
        identity=(time.text if time else "", north, east),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        metadata=joined(gps_tracks.leaves(element, _POINT_TAKEN), odd),
    )


def _position(element: Element) -> tuple[float, float]:
    return gps_tracks.position(element.attributes.get("lat"), element.attributes.get("lon"))


def _time(element: Element | None) -> Instant | None:
    return _moment(element.text_at("time")) if element is not None else None


def _moment(written: str | None) -> Instant | None:
    return _in_utc(gps_tracks.time(written))


def _in_utc(moment: Instant | None) -> Instant | None:
    if moment is None or moment.flag != "zone_assumed":
        return moment
    # GPX 1.1 has no zone but UTC, so no other zone may replace it.
    return msgspec.structs.replace(moment, zone=ZoneSource.ASSUMED)


def _details(element: Element) -> dict[str, Any]:
    """Return other values, under the device's own names."""
    leaves = gps_tracks.leaves(element, _TAKEN)
    return {"details": leaves} if leaves else {}


def _place(element: Element) -> Record:
    """Return a waypoint, also if its position cannot be read."""
    odd: dict[str, Any] = {}
    name, time = element.text_at("name"), _in_utc(gps_tracks.when(element.text_at("time")))
    north, east = element.attributes.get("lat", ""), element.attributes.get("lon", "")
    content = element.text_at("desc") or element.text_at("cmt")
    placed = _placed(element, "place", odd)
    place = {"name": name if name or placed else content, **placed}
    altitude = gps_tracks.measure(element.text_at("ele"), "ele", odd)
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.PLACE,
        identity=("wpt", north, east, name or "", time.text if time else ""),
        time=time,
        title=name,
        content=content,
        metadata=joined(
            {
                **non_empty({"place": non_empty(place)}),
                **_details(element),
                **({} if altitude is None else {"altitude_m": altitude}),
            },
            odd,
        ),
    )


def _placed(element: Element, name: str, odd: dict[str, Any]) -> dict[str, float]:
    written = {n: element.attributes[n] for n in ("lat", "lon") if n in element.attributes}
    return coordinates.or_noted(lambda: _position(element), written, name, odd)


def _track(element: Element, item: RawRecord) -> Record:
    """Return a track, identified by its first point, since names and ends change."""
    element.children.extend(item.around.get("tail", ()))
    first: Element | None = item.around["first"]
    written = first.text_at("time") if first is not None else None
    start, end = gps_tracks.extremes(map(_known, item.around["texts"]))
    name, kind = element.text_at("name"), element.text_at("type")
    where = (first.attributes.get("lat", ""), first.attributes.get("lon", "")) if first else ()
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT if kind else RecordType.TRIP,
        identity=("trk", written or name or "", *where),
        time=start,
        title=name,
        content=element.text_at("desc") or element.text_at("cmt"),
        metadata={
            **_details(element),
            **({"activity": kind} if kind else {}),
            **gps_tracks.lasting(start, end),
            "points": item.around["items"],
            **({} if item.around["in_order"] else {"flags": [gps_tracks.UNORDERED]}),
        },
    )


def _known(written: str) -> Instant | None:
    """Return a time of one of a track's points, or None if invalid; the point itself reports it."""
    try:
        return _moment(written)
    except BadValue:
        return None


def _route(element: Element) -> Record:
    """Return a planned route."""
    name = element.text_at("name")
    stops = list(map(_stop, element.all("rtept")))
    placed = [f"{s['latitude']},{s['longitude']}" for s in stops if "latitude" in s]
    ends = (*placed[:1], *placed[-1:])
    odd = {} if len(placed) == len(stops) else {"flags": [coordinates.UNUSABLE]}
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.TRIP,
        identity=("rte", name or "", *ends),
        title=name,
        content=element.text_at("desc") or element.text_at("cmt"),
        metadata={"status": "planned", "stops": stops, **_details(element), **odd},
    )


def _stop(element: Element) -> dict[str, Any]:
    metadata = {name: text for name in ("name", "desc", "time") if (text := element.text_at(name))}
    odd: dict[str, Any] = {}
    return joined({**metadata, **_placed(element, "position", odd)}, odd)


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "gpx"


FORMAT = Format(
    name=_NAME,
    title="Tracks and places in GPX",
    version=5,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(gpx|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("trkpt", "wpt", "rte"), heads=("trk",), ordered_by="time"),
    record=to_outcomes,
    products=("Any GPS device or app", "Apple Health (workout-routes)", "Strava"),
    tried=("dogsheep/healthkit-to-sqlite", "Freika/dawarich", "tkrajina/gpxpy"),
    vintages=("GPX 1.0", "GPX 1.1"),
    record_types=(RecordType.PLACE, RecordType.TRIP, RecordType.WORKOUT),
    sample="invented and real",
)
