"""The meaning of a GeoJSON feature (RFC 7946): a position, a place, or a way.

There is no standard for times: `timestamp`, `time`, `datetime`, `recorded_at`, `fixTime`, `tst` or
`times` among the properties are read, and a `when` that is ISO 8601 (Freika/dawarich,
`imports/field_aliases.rb`), and for shapes `coordTimes` and `coordinateProperties.times` (mapbox
and placemark/togeojson), which have a time for each position. Texts are ISO 8601, numbers seconds
since 1970, or milliseconds if seconds would be after the year 5000. Every other property is kept.

Source: `docs/reference/exports/tracks.md`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.services.tracks import gps_tracks
from pipeline.values import coordinates, timestamps
from pipeline.values.fields import joined, non_empty
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
    """Yield the outcomes of one feature."""
    geometry, properties = feature.get("geometry"), feature.get("properties") or {}
    name, written = _written(properties)
    if geometry is None:  # "unlocated" (RFC 7946, 3.2)
        if _name(properties) is None:
            raise BadValue(Reason.MISSING_FIELD, "the feature has neither a geometry nor a name")
        yield _record(feature, source, None, (), None if isinstance(written, list) else written)
        return
    where = _coordinates(geometry)
    if geometry["type"] == "Point":
        if written is None or isinstance(written, list):
            yield _record(feature, source, where, (), None)
        else:
            yield position(feature, source, where, written, name)
        return
    positions, times = list(_positions(where)), list(_flat(_times_of_each(properties)))
    if not positions:
        raise BadValue(Reason.BAD_SHAPE, "the shape has no positions")
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


def _written(properties: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the name and the value of the first time among the properties."""
    found = next(
        ((name, properties[name]) for name in _TIMES if properties.get(name) is not None), None
    )
    if (
        found is None
        and isinstance(when := properties.get("when"), str)
        and _known(when, read=True)
    ):
        return "when", when
    return found or ("", None)


def _times_of_each(properties: Mapping[str, Any]) -> list[Any]:
    """Return the times of the positions of a shape, nested like its coordinates."""
    inner = properties.get("coordinateProperties")
    if isinstance(inner, dict) and isinstance(inner.get("times"), list):
        return list(inner["times"])
    return next((value for n in _OF_EACH if isinstance(value := properties.get(n), list)), [])


def _flat(value: list[Any]) -> Iterator[Any]:
    for one in value:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _positions(where: Any) -> Iterator[Any]:
    """Yield the positions of a shape, in order; invalid ones remain, and are rejected later."""
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


def _degrees(where: Any) -> tuple[float, float]:
    """Return latitude and longitude of a position, which has the longitude first.

    Texts are numbers, too (Freika/dawarich). Raises `BadValue`.
    """
    if not isinstance(where, list) or len(where) < 2:
        raise BadValue(Reason.BAD_SHAPE, "the position is not a pair of numbers")
    return gps_tracks.position(where[1], where[0])


def _altitude(where: Any, odd: dict[str, Any]) -> float | None:
    up = where[2] if isinstance(where, list) and len(where) > 2 else None
    return gps_tracks.measure(up, "altitude_of_coordinates", odd)


def position(
    feature: Mapping[str, Any], source: str, where: Any, written: Any, named: str, *whose: str
) -> Point:
    """Return a feature that was at a place at a time, which the property `named` states."""
    latitude, longitude = _degrees(where)
    time, odd = _time(written), dict[str, Any]()
    altitude = _altitude(where, odd)
    properties: dict[str, Any] = dict(feature.get("properties") or {})
    properties.pop(named, None)
    accuracy = _taken(properties, _ACCURACIES, 0.0, odd)
    if altitude is None:
        altitude = _taken(properties, _ALTITUDES, -math.inf, odd)
    if isinstance(properties.get("flags"), list | str):  # the lake's has another meaning
        properties["flags_of_maker"] = properties.pop("flags")
    for name, value in _foreign(feature):
        properties.setdefault(name, value)
    return Point(
        source=source,
        identity=(time.text, *map(str, where), *whose),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        accuracy_m=accuracy,
        metadata=joined(properties, odd),
    )


def _foreign(feature: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a feature's members outside of the standard (RFC 7946, 6.1): an id, a box, others."""
    known = ("type", "geometry", "properties")
    return ((name, value) for name, value in feature.items() if name not in known)


def _taken(
    properties: dict[str, Any], names: tuple[str, ...], least: float, odd: dict[str, Any]
) -> float | None:
    """Remove and return the first of some properties that is a number of at least `least`."""
    for name in names:
        value = gps_tracks.measure(properties.get(name), name, odd)
        if value is not None and value >= least:
            properties.pop(name)
            return value
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
    """Return a place, or with `times` a way; `scalar` is one time for the whole."""
    odd: dict[str, Any] = {}
    degrees = coordinates.or_noted(lambda: _degrees(where), where, "place", odd)
    altitude = _altitude(where, odd)
    properties = feature.get("properties") or {}
    name = _name(properties)
    moments = [moment for written in times if (moment := _known(written)) is not None]
    start, end = gps_tracks.extremes(moments)
    first = moments[0].text if moments else ""
    place = {"name": name, **degrees}
    geometry = feature.get("geometry")
    lasting = gps_tracks.lasting(start, end)
    flags = [*lasting.pop("flags", []), *_flags(moments, undated=undated)]
    details = _details(feature, properties, scalar, dated=bool(times))
    single = geometry is None or geometry["type"] == "Point"
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.TRIP if times else RecordType.PLACE,
        identity=(name or "", *map(str, _parts(where)), first),
        time=start if times or scalar is None else timestamps.or_unread(scalar, _time),
        title=name,
        metadata=joined(
            {
                **non_empty({"place": non_empty(place)}),
                **({"shape": geometry["type"]} if geometry else {}),
                **({} if altitude is None else {"altitude_m": altitude}),
                **lasting,
                **({} if times or single else {"geometry": geometry}),
                **({"details": details} if details else {}),
                **({"flags": flags} if flags else {}),
            },
            odd,
        ),
    )


def _flags(moments: Sequence[Instant], *, undated: bool) -> list[str]:
    """Return flags for times that are missing or do not rise."""
    missing = [gps_tracks.UNDATED] if undated else []
    at = [moment.at for moment in moments if moment.at]
    return missing if at == sorted(at) else [*missing, gps_tracks.UNORDERED]


def _parts(where: Any) -> list[Any]:
    """Return the numbers of a position, or the value in its place."""
    if isinstance(where, list):
        return where
    return [] if where is None else [where]


def _name(properties: Mapping[str, Any]) -> str | None:
    return next(
        (v for k in ("name", "title") if isinstance(v := properties.get(k), str) and v), None
    )


def _known(written: Any, *, read: bool = False) -> Instant | None:
    """Return a time of a shape; details or the position keep an invalid one.

    With `read` return only times that could be read.
    """
    try:
        moment = None if written is None else _time(written)
    except BadValue:
        return None
    return None if read and moment is not None and moment.at is None else moment


def _details(
    feature: Mapping[str, Any], properties: Mapping[str, Any], scalar: Any, *, dated: bool
) -> dict[str, Any]:
    """Return other properties, with the times that neither the record nor its positions use."""
    used: set[str] = set()
    if scalar is not None and _known(scalar) is not None:
        used.add(_written(properties)[0])
    if dated:
        used |= {name for name in _OF_EACH if isinstance(properties.get(name), list)}
        inner = properties.get("coordinateProperties")
        if isinstance(inner, dict) and inner.keys() == {"times"}:
            used.add("coordinateProperties")
    return dict(_foreign(feature)) | {
        name: value for name, value in properties.items() if name not in used
    }
