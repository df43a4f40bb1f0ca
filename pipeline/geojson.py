"""What a GeoJSON feature means (RFC 7946): a position, a place, or a way.

There is no standard for times: `timestamp`, `time`, `datetime`, `recorded_at`, `fixTime`, `tst` or
`times` among the properties are read, and a `when` that is ISO 8601 (reference 17;
Freika/dawarich, `imports/field_aliases.rb`), and of shapes `coordTimes` and
`coordinateProperties.times` (mapbox and placemark/togeojson), which have a time for each position.
Texts are ISO 8601, numbers seconds since 1970, or milliseconds where seconds would be after the
year 5000. Every other property is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import places, timestamps, tracks
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, Point, Record, Rejection
from schemas.vocabulary import RecordType

_TIMES = ("timestamp", "time", "times", "datetime", "recorded_at", "fixTime", "tst")
_OF_EACH = ("coordTimes", "times", "timestamp", "time")
_ACCURACIES = ("horizontal_accuracy", "accuracy", "acc")
_ALTITUDES = ("altitude", "alt", "ele", "elevation")
_MILLISECONDS_FROM = 100_000_000_000


def meaning(feature: Mapping[str, Any], source: str) -> Iterator[Outcome]:
    """The outcomes of one feature."""
    geometry, said = feature.get("geometry"), feature.get("properties") or {}
    name, written = _written(said)
    if geometry is None:  # "unlocated" (RFC 7946, 3.2)
        if _name(said) is None:
            raise BadValue(Reason.MISSING_FIELD, "a feature without a geometry and without a name")
        yield _record(feature, source, None, (), None if isinstance(written, list) else written)
        return
    where = _coordinates(geometry)
    if geometry["type"] == "Point":
        if written is None or isinstance(written, list):
            yield _record(feature, source, where, (), None)
        else:
            yield position(feature, source, where, written, name)
        return
    positions, times = list(_positions(where)), list(_flat(_times_of_each(said)))
    if not positions:
        raise BadValue(Reason.BAD_SHAPE, "a shape without positions")
    if times and len(times) == len(positions):
        yield _record(feature, source, positions[0], tuple(times), None)
        yield from _way(positions, times, source)
    else:
        scalar = None if isinstance(written, list) else written
        yield _record(feature, source, positions[0], (), scalar, undated=bool(times))


def _coordinates(geometry: Mapping[str, Any]) -> Any:
    if geometry["type"] == "GeometryCollection":
        return [_coordinates(one) for one in geometry["geometries"]]
    return geometry["coordinates"]


def _written(said: Mapping[str, Any]) -> tuple[str, Any]:
    """The first time among the properties, and its name."""
    found = next(((name, said[name]) for name in _TIMES if said.get(name) is not None), None)
    if found is None and isinstance(when := said.get("when"), str) and _known(when, read=True):
        return "when", when
    return found or ("", None)


def _times_of_each(said: Mapping[str, Any]) -> list[Any]:
    """A time for each position of a shape, as deep as its coordinates."""
    inner = said.get("coordinateProperties")
    if isinstance(inner, dict) and isinstance(inner.get("times"), list):
        return list(inner["times"])
    return next((value for n in _OF_EACH if isinstance(value := said.get(n), list)), [])


def _flat(value: list[Any]) -> Iterator[Any]:
    for one in value:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _positions(where: Any) -> Iterator[Any]:
    """The positions of a shape, in order; what is none stays one, for a complaint."""
    if isinstance(where, list) and where and isinstance(where[0], list):
        for one in where:
            yield from _positions(one)
    elif where != []:
        yield where


def _way(line: list[Any], times: list[Any], source: str) -> Iterator[Outcome]:
    for where, written in zip(line, times, strict=True):
        try:
            yield position({}, source, where, written, "")
        except BadValue as bad:
            yield Rejection(reason=bad.reason, detail=bad.detail)


def _time(written: Any) -> Instant:
    if isinstance(written, str):
        return timestamps.of_position(written)
    large = isinstance(written, int | float) and abs(written) >= _MILLISECONDS_FROM
    return timestamps.epoch(written, "ms" if large else "s")


def _place(where: Any) -> tuple[float, float, float | None]:
    """Latitude, longitude and altitude of a position, which has the longitude first."""
    if not isinstance(where, list) or len(where) < 2:
        raise BadValue(Reason.BAD_SHAPE, "a position that is no pair of numbers")
    north, east = _degrees(where[1]), _degrees(where[0])
    up = _degrees(where[2]) if len(where) > 2 else None
    return *places.wgs84(north, east), None if up is None else float(up)


def _degrees(value: Any) -> Any:
    """A number, or the text of one, which some write (Freika/dawarich)."""
    return tracks.number(value, "coordinates") if isinstance(value, str) else value


def position(
    feature: Mapping[str, Any], source: str, where: Any, written: Any, named: str, *whose: str
) -> Point:
    """A feature that was somewhere at a time, which stood under `named`."""
    latitude, longitude, altitude = _place(where)
    time = _time(written)
    said: dict[str, Any] = dict(feature.get("properties") or {})
    said.pop(named, None)
    accuracy = _taken(said, _ACCURACIES, 0.0)
    if altitude is None:
        altitude = _taken(said, _ALTITUDES, -math.inf)
    if isinstance(said.get("flags"), list | str):  # ours has another meaning
        said["flags_of_maker"] = said.pop("flags")
    for name, value in _foreign(feature):
        said.setdefault(name, value)
    return Point(
        source=source,
        identity=(time.text, *map(str, where), *whose),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        accuracy_m=accuracy,
        metadata=said,
    )


def _foreign(feature: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The members of a feature that are not its own: an id, a box, a maker's (RFC 7946, 6.1)."""
    known = ("type", "geometry", "properties")
    return ((name, value) for name, value in feature.items() if name not in known)


def _taken(said: dict[str, Any], names: tuple[str, ...], least: float) -> float | None:
    """The first of some properties that is a number from `least` on, taken out of them."""
    for name in names:
        value = said.get(name)
        number = type(value) is int or type(value) is float
        if number and value is not None and math.isfinite(value) and value >= least:
            return float(said.pop(name))
    return None


def _record(
    feature: Mapping[str, Any],
    source: str,
    where: Any,
    times: tuple[Any, ...],
    scalar: Any,
    *,
    undated: bool = False,
) -> Record:
    """A place, or with `times` a way; with `scalar` what has one time as a whole. What has a name
    is kept where its position is none."""
    said = feature.get("properties") or {}
    name = _name(said)
    latitude, longitude, altitude, odd = _place_or_none(where, name)
    moments = [moment for written in times if (moment := _known(written)) is not None]
    start, end = tracks.extremes(moments)
    first = moments[0].text if moments else ""
    place = {"name": name, "latitude": latitude, "longitude": longitude}
    geometry = feature.get("geometry")
    lasting = tracks.lasting(start, end)
    flags = lasting.pop("flags", []) + ([tracks.UNDATED] if undated else [])
    flags += [places.UNUSABLE] if odd else []
    if [m.at for m in moments if m.at] != sorted(m.at for m in moments if m.at):
        flags.append(tracks.UNORDERED)
    details = _details(feature, said, scalar, dated=bool(times))
    single = geometry is None or geometry["type"] == "Point"
    if odd and single:
        details["coordinates"] = where
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.TRIP if times else RecordType.PLACE,
        identity=(name or "", *map(str, where or ()), first),
        time=start if times or scalar is None else timestamps.or_unread(scalar, _time),
        title=name,
        metadata={
            "place": {key: value for key, value in place.items() if value is not None},
            **({"shape": geometry["type"]} if geometry else {}),
            **({} if altitude is None else {"altitude_m": altitude}),
            **lasting,
            **({} if times or single else {"geometry": geometry}),
            **({"details": details} if details else {}),
            **({"flags": flags} if flags else {}),
        },
    )


def _name(said: Mapping[str, Any]) -> str | None:
    return next((v for k in ("name", "title") if isinstance(v := said.get(k), str) and v), None)


def _place_or_none(
    where: Any, name: str | None
) -> tuple[float | None, float | None, float | None, bool]:
    """As `_place`, and whether there is something in its place that is none, which what has no
    name is refused for."""
    if where is None:
        return None, None, None, False
    try:
        return *_place(where), False
    except BadValue:
        if name is None:
            raise
    return None, None, None, True


def _known(written: Any, *, read: bool = False) -> Instant | None:
    """A time of a shape; one that is none is kept with the details, or is its position's matter.
    With `read` only such as could be read."""
    try:
        moment = None if written is None else _time(written)
    except BadValue:
        return None
    return None if read and moment is not None and moment.at is None else moment


def _details(
    feature: Mapping[str, Any], said: Mapping[str, Any], scalar: Any, *, dated: bool
) -> dict[str, Any]:
    """What else is said; of the times those that are not the record's, nor its positions'."""
    told: set[str] = set()
    if scalar is not None and _known(scalar) is not None:
        told.add(_written(said)[0])
    if dated:
        told |= {name for name in _OF_EACH if isinstance(said.get(name), list)}
        inner = said.get("coordinateProperties")
        if isinstance(inner, dict) and inner.keys() == {"times"}:
            told.add("coordinateProperties")
    return dict(_foreign(feature)) | {
        name: value for name, value in said.items() if name not in told
    }
