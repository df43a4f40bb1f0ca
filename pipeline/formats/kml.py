"""KML: placemarks of Google Earth, My Maps and many trackers; a KMZ is a zip of it.

A placemark is a place, unless it has a time span (then it is a visit, or a trip if its shape is a
line) or is a `gx:Track` (in KML 2.3 a `Track`), whose `when`s and `coord`s are positions. It runs
from its earliest to its latest time. One without a shape is a place without a position, with its
other values, such as an address. Coordinates are longitude, latitude, altitude; a shape of more
than one position is kept as GeoJSON's `geometry` (RFC 7946), in the same order. A track is one
placemark, so the reader's limit bounds it.

Source: `docs/reference/exports/tracks.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from pipeline.contract import Format
from pipeline.readers.xml.elements import XmlElements
from pipeline.services.tracks import gps_tracks
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.text import cleaning
from pipeline.values import coordinates
from pipeline.values.fields import joined, non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, Point, RawRecord, Record, Rejection
from schemas.vocabulary import RecordType

_NAME = "kml"
_SHAPES = ("Point", "LineString", "LinearRing", "Polygon", "Track", "Model")
#: Shapes of one position.
_SINGLE = ("Point", "Model")
#: Named elements that a folder may hold.
_NAMED = ("Document", "NetworkLink", "GroundOverlay", "ScreenOverlay", "PhotoOverlay", "Tour")


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the placemark, then the positions of its track."""
    placemark: Element = item.value
    shapes = [one for one in _outlines(placemark) if any(_written(one)) or one.first("when")]
    tracked = [shape for shape in shapes if shape.tag == "Track"]
    start, end = _span(placemark, tracked)
    only = shapes[0].tag if shapes and not tracked else None
    fixed = start is not None and end is None and only == "Point"
    named = placemark.text_at("name") is not None
    inside = _inside(item.around.get("folders", ()))
    if fixed and start is not None and not (named and not _where(_coordinates(shapes[0]), {})[0]):
        metadata = {} if named else {**_unnamed(placemark), **inside}
        yield _position(start.text, _coordinates(shapes[0]), metadata)
    if named or end is not None or start is None:
        yield _record(placemark, shapes, (start, end), inside)
    for track in tracked:
        yield from _positions(track)


def _inside(folders: Sequence[str]) -> dict[str, Any]:
    """Return the folders that a placemark is in."""
    return {"folders": list(folders), "list": folders[-1]} if folders else {}


def _outlines(placemark: Element) -> Iterator[Element]:
    """Yield the shapes of a placemark, including those without a position."""
    return (element for element in placemark.walk() if element.tag in _SHAPES)


def _span(placemark: Element, tracked: list[Element]) -> tuple[Instant | None, Instant | None]:
    """Return when it began and ended, as stated, else by its track."""
    begin = placemark.text_at("TimeSpan", "begin") or placemark.text_at("TimeStamp", "when")
    end = placemark.text_at("TimeSpan", "end")
    if begin is None and tracked:
        return gps_tracks.extremes(map(_known, (w for track in tracked for w in track.all("when"))))
    return gps_tracks.when(begin), gps_tracks.when(end)


def _known(when: Element) -> Instant | None:
    try:
        return gps_tracks.time(when.text.strip())
    except BadValue:
        return None


def _coordinates(shape: Element) -> str:
    """Return the first position of a shape, as written."""
    for written in _written(shape):
        return written
    raise BadValue(Reason.MISSING_FIELD, "no field 'coordinates'")


def _written(shape: Element) -> Iterator[str]:
    """Yield the positions of a shape, as written."""
    for element in shape.walk():
        if element.tag == "coordinates":
            yield from _tuples(element.text)
        elif element.tag == "coord" and element.text.strip():
            yield _of_track(element)
        elif element.tag == "Location":  # of a model
            parts = (element.text_at(name) or "" for name in ("longitude", "latitude", "altitude"))
            yield ",".join(parts)


_AROUND_COMMAS = re.compile(r"\s*,\s*")


def _tuples(text: str) -> list[str]:
    """Return the positions separated by blanks; some writers put blanks after the commas, too."""
    found = text.split()
    if all("," in one.strip(",") for one in found):
        return found
    return _AROUND_COMMAS.sub(",", text).split()


def _of_track(coord: Element) -> str:
    return ",".join(coord.text.split())


def _place(written: str, odd: dict[str, Any]) -> tuple[float, float, float | None]:
    """Return latitude, longitude and altitude. Raises `BadValue`."""
    east, _, behind = written.partition(",")
    north, *up = behind.split(",")
    latitude, longitude = gps_tracks.position(north, east)
    return latitude, longitude, gps_tracks.measure(up[0], "altitude", odd) if any(up) else None


def _point(written: str, time: Instant | None, metadata: dict[str, Any]) -> Point:
    odd: dict[str, Any] = {}
    latitude, longitude, altitude = _place(written, odd)
    return Point(
        source=_NAME,
        identity=(time.text if time else "", written),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        metadata=joined(metadata, odd),
    )


def _unnamed(placemark: Element) -> dict[str, Any]:
    """Return the metadata of a position without a name."""
    description = placemark.text_at("description")
    text = {"description": cleaning.html_to_text(description)} if description else {}
    return {**text, **_extended(placemark)}


def _record(
    placemark: Element,
    shapes: list[Element],
    span: tuple[Instant | None, Instant | None],
    inside: dict[str, Any],
) -> Record:
    start, end = span
    shape = shapes[0] if shapes else None
    name, written = placemark.text_at("name"), _coordinates(shape) if shape else ""
    odd: dict[str, Any] = {}
    where, altitude = _where(written, odd) if shape else ({}, None)
    address = placemark.text_at("address")
    place = {"name": name, "address": address, **where}
    description = placemark.text_at("description")
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=_type(next(_outlines(placemark), None), start, end),
        identity=(name or "", written or address or description or "", *_ends(shapes, start, end)),
        time=start,
        title=name,
        content=cleaning.html_to_text(description) if description else None,
        metadata=joined(
            {
                **non_empty({"place": non_empty(place)}),
                **({"shape": shape.tag} if shape else {}),
                **({"altitude_m": altitude} if altitude else {}),  # 0 is written for none
                **inside,
                **_form(shapes),
                **_details(placemark),
                **_models(shapes),
                **_lasting(start, end, shapes),
            },
            odd,
        ),
    )


def _where(written: str, odd: dict[str, Any]) -> tuple[dict[str, float], float | None]:
    """Return the position of a shape and its altitude, as far as they are valid."""
    found = coordinates.or_noted(lambda: _place(written, odd)[:2], written, "place", odd)
    return found, _place(written, {})[2] if found else None


#: Elements read elsewhere, or that say only how to draw a map.
_TAKEN = frozenset(
    {*_SHAPES, "MultiGeometry", "MultiTrack", "ExtendedData", "name", "description", "address"}
    | {"TimeSpan", "TimeStamp", "styleUrl", "Style", "StyleMap", "visibility", "open", "Region"}
    | {"LookAt", "Camera", "balloonVisibility", "Icon"}
)


def _details(placemark: Element) -> dict[str, Any]:
    """Return the other values."""
    details = {**gps_tracks.leaves(placemark, _TAKEN), **_extended(placemark).get("details", {})}
    return {"details": details} if details else {}


def _models(shapes: list[Element]) -> dict[str, Any]:
    """Return the files of models, as a KMZ names them."""
    names = (shape.text_at("Link", "href") for shape in shapes if shape.tag == "Model")
    files = [{"name": name} for name in names if name]
    return {"attachments": files} if files else {}


def _ends(shapes: list[Element], start: Instant | None, end: Instant | None) -> tuple[str, str]:
    """Return the texts of its times: of a track the first and the last, as written."""
    times = [w for s in shapes for when in s.all("when") if (w := _known(when)) is not None]
    read = [when.text for when in times if when.at is not None]
    if read and start is not None and end is not None and {start.text, end.text} <= set(read):
        return read[0], read[-1]
    return start.text if start else "", end.text if end else ""


def _lasting(start: Instant | None, end: Instant | None, shapes: list[Element]) -> dict[str, Any]:
    lasting = gps_tracks.lasting(start, end)
    flags = set(lasting.get("flags", ()))
    for shape in shapes:
        times = [when for w in shape.all("when") if (when := _known(w)) is not None]
        moments = [when.at for when in times if when.at is not None]
        if moments != sorted(moments):
            flags.add(gps_tracks.UNORDERED)
        if shape.tag == "Track" and not times:
            flags.add(gps_tracks.UNDATED)
        if len(_line(shape)) < sum(1 for _ in _written(shape)):
            flags.add(coordinates.UNUSABLE)
    return {**lasting, "flags": sorted(flags)} if flags else lasting


def _form(shapes: list[Element]) -> dict[str, Any]:
    """Return all positions of the shapes, except those that are points of the lake."""
    polygons = (shape for shape in shapes if shape.tag == "Polygon")
    within = {id(ring) for polygon in polygons for ring in polygon.walk() if ring is not polygon}
    outer = (shape for shape in shapes if id(shape) not in within)
    forms = [form for shape in outer if (form := _geometry(shape)) is not None]
    if not forms or (len(forms) == 1 and forms[0]["type"] == "Point"):
        return {}
    if len(forms) == 1:
        return {"geometry": forms[0]}
    return {"geometry": {"type": "GeometryCollection", "geometries": forms}}


def _geometry(shape: Element) -> dict[str, Any] | None:
    """Return a shape in GeoJSON; None for no shape, and for a track of dated positions."""
    if shape.tag == "Polygon":
        rings = [_line(ring) for ring in shape.walk() if ring.tag == "LinearRing"]
        return {"type": "Polygon", "coordinates": rings}
    if shape.tag == "Track" and any(when.text.strip() for when in shape.all("when")):
        return None
    line = _line(shape)
    if shape.tag in _SINGLE:
        return {"type": "Point", "coordinates": line[0]} if line else None
    return {"type": "LineString", "coordinates": line} if line else None


def _line(shape: Element) -> list[list[float]]:
    """Return the positions of a line, without invalid ones."""
    found = []
    for written in _written(shape):
        with suppress(BadValue):
            latitude, longitude, altitude = _place(written, {})
            found.append([longitude, latitude, *([] if altitude is None else [altitude])])
    return found


def _type(shape: Element | None, start: Instant | None, end: Instant | None) -> RecordType:
    """Return the record type of a placemark, from its shape and its times."""
    if shape and shape.tag in ("LineString", "Track") and (end is not None or start is not None):
        return RecordType.TRIP
    return RecordType.PLACE_VISIT if end is not None else RecordType.PLACE


def _extended(placemark: Element) -> dict[str, Any]:
    """Return `ExtendedData`: pairs under the maker's own names."""
    found = placemark.first("ExtendedData")
    pairs = found.walk() if found else ()
    pairs_by_name = {
        e.attributes.get("name", ""): e.text_at("value") or e.text.strip() for e in pairs
    }
    pairs_by_name = {name: value for name, value in pairs_by_name.items() if name and value}
    return {"details": pairs_by_name} if pairs_by_name else {}


def _positions(track: Element) -> Iterator[Outcome]:
    """Yield each `when` with its `coord`; a blank one means no fix (OGC 12-007r2)."""
    times = [when.text.strip() for when in track.all("when")]
    coords = [_of_track(coord) for coord in track.all("coord")]
    if not any(times):
        return  # the placemark has them, undated
    if len(times) != len(coords):
        detail = "a track with more times than positions, or fewer"
        yield Rejection(reason=Reason.BAD_SHAPE, detail=detail)
        return
    measured = _measured(track, len(times))
    for nth, (when, written) in enumerate(zip(times, coords, strict=True)):
        if written:
            metadata = {name: values[nth] for name, values in measured.items() if values[nth]}
            yield _position(when, written, metadata)


def _measured(track: Element, many: int) -> dict[str, list[str]]:
    """Return the measurements at each position of a track, such as heart rates."""
    arrays = (element for element in track.walk() if element.tag == "SimpleArrayData")
    found = {one.attributes.get("name", ""): one for one in arrays}
    values = {name: [v.text.strip() for v in one.all("value")] for name, one in found.items()}
    return {name: row for name, row in values.items() if name and len(row) == many}


def _position(when: str, written: str, metadata: dict[str, Any]) -> Outcome:
    try:
        return _point(written, gps_tracks.time(when), metadata)
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
    version=4,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(kml|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("Placemark",), folders=("Folder",), named=_NAMED),
    record=to_outcomes,
    products=("Google Earth", "Google Takeout: My Maps", "Any GPS app"),
    tried=("cleder/fastkml", "Freika/dawarich"),
    vintages=("KML 2.2", "gx:Track", "KML 2.3"),
    record_types=(RecordType.PLACE, RecordType.PLACE_VISIT, RecordType.TRIP),
)
