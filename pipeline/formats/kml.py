"""KML: placemarks of Google Earth, My Maps and many trackers (reference 17); a KMZ is a zip of it.

A placemark is a place, unless it has a time span (then it was visited, or is a trip if its shape
is a line) or is a `gx:Track`, whose `when`s and `coord`s are positions. Coordinates are
longitude, latitude, altitude. A track is one placemark, and so bounded by the reader's limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pipeline import text, timestamps, tracks, xml_tree
from pipeline.format import Format
from pipeline.readers.xml_elements import XmlElements
from pipeline.xml_tree import Element
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, Point, RawRecord, Record, Rejection
from schemas.vocabulary import RecordType

_NAME = "kml"
_SHAPES = ("Point", "LineString", "LinearRing", "Polygon", "Track")


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """The placemark, then the positions of its track. One without a shape is a heading."""
    placemark: Element = item.value
    shapes = [element for element in placemark.walk() if element.tag in _SHAPES]
    if not shapes:
        return
    tracked = [shape for shape in shapes if shape.tag == "Track"]
    start, end = _span(placemark, tracked)
    if start is not None and end is None and not tracked and shapes[0].tag == "Point":
        yield _fix(shapes[0], start)
    if placemark.said("name") or end is not None or (start is None and not tracked):
        yield _record(placemark, shapes[0], start, end)
    for track in tracked:
        yield from _positions(track)


def _span(placemark: Element, tracked: list[Element]) -> tuple[Instant | None, Instant | None]:
    """When it began and ended: its own word, or else its track's."""
    begin = placemark.said("TimeSpan", "begin") or placemark.said("TimeStamp", "when")
    end = placemark.said("TimeSpan", "end")
    if begin is None and tracked:
        return _known(tracked[0], reverse=False), _known(tracked[-1], reverse=True)
    return timestamps.iso(begin) if begin else None, timestamps.iso(end) if end else None


def _known(track: Element, *, reverse: bool) -> Instant | None:
    """The first, or last, of a track's times that is one."""
    whens = list(track.all("when"))
    for when in reversed(whens) if reverse else whens:
        with suppress(BadValue):
            return timestamps.iso(when.text.strip())
    return None


def _coordinates(shape: Element) -> str:
    """The first position of a shape, as it is written."""
    for element in shape.walk():
        if element.tag in ("coordinates", "coord") and element.text.strip():
            return element.text.split()[0] if element.tag == "coordinates" else _of_track(element)
    raise BadValue(Reason.MISSING_FIELD, "no field 'coordinates'")


def _of_track(coord: Element) -> str:
    return ",".join(coord.text.split())


def _place(written: str) -> tuple[float, float, float | None]:
    """Latitude, longitude and altitude."""
    east, north, *up = written.split(",")
    return *tracks.position(north, east), tracks.number(up[0], "altitude") if any(up) else None


def _fix(shape: Element, time: Instant) -> Point:
    return _point(_coordinates(shape), time)


def _point(written: str, time: Instant) -> Point:
    latitude, longitude, altitude = _place(written)
    return Point(
        source=_NAME,
        identity=(time.text, written),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
    )


def _record(
    placemark: Element, shape: Element, start: Instant | None, end: Instant | None
) -> Record:
    name, written = placemark.said("name"), _coordinates(shape)
    latitude, longitude, _ = _place(written)
    address = placemark.said("address")
    place = {"name": name, "address": address, "latitude": latitude, "longitude": longitude}
    description = placemark.said("description")
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=_type(shape, start, end),
        identity=(name or "", written, start.text if start else "", end.text if end else ""),
        time=start,
        title=name,
        content=text.html_to_text(description) if description else None,
        metadata={
            "place": {key: value for key, value in place.items() if value is not None},
            "shape": shape.tag,
            **tracks.lasting(start, end),
            **_extended(placemark),
        },
    )


def _type(shape: Element, start: Instant | None, end: Instant | None) -> RecordType:
    line = shape.tag in ("LineString", "Track")
    if line and start is not None:
        return RecordType.TRIP
    return RecordType.PLACE_VISIT if end is not None else RecordType.PLACE


def _extended(placemark: Element) -> dict[str, Any]:
    """`ExtendedData`: pairs under names of the maker's own."""
    found = placemark.first("ExtendedData")
    pairs = found.walk() if found else ()
    said = {e.attributes.get("name", ""): e.said("value") or e.text.strip() for e in pairs}
    said = {name: value for name, value in said.items() if name and value}
    return {"details": said} if said else {}


def _positions(track: Element) -> Iterator[Outcome]:
    """Each `when` with its `coord`; a blank one means that there was no fix (OGC 12-007r2)."""
    whens = [when.text.strip() for when in track.all("when")]
    coords = [_of_track(coord) for coord in track.all("coord")]
    if len(whens) != len(coords):
        detail = "a track with more times than positions, or fewer"
        yield Rejection(reason=Reason.BAD_SHAPE, detail=detail)
        return
    for when, written in zip(whens, coords, strict=True):
        if written:
            yield _position(when, written)


def _position(when: str, written: str) -> Outcome:
    try:
        return _point(written, timestamps.iso(when))
    except BadValue as bad:
        return Rejection(reason=bad.reason, detail=bad.detail)
    except ValueError:
        return Rejection(reason=Reason.BAD_SHAPE, detail="a position of one number")


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "kml"


FORMAT = Format(
    name=_NAME,
    title="Places and tracks in KML",
    version=1,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(kml|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("Placemark",)),
    record=to_outcomes,
    products=("Google Earth", "Google Takeout: My Maps", "Any GPS app"),
    vintages=("KML 2.2", "gx:Track"),
    record_types=(RecordType.PLACE, RecordType.PLACE_VISIT, RecordType.TRIP),
)
