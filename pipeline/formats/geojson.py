"""Any GeoJSON (RFC 7946) `FeatureCollection`: points and lines, with times or without.

There is no standard for times: `timestamp`, `time` or `times` among the properties are read
(reference 17), texts as ISO 8601 and numbers as seconds since 1970. Known products' GeoJSON is
their formats' matter; this one claims what no product does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import peek, places, timestamps, tracks
from pipeline.format import Format, Rank
from pipeline.readers.json_items import JsonItems
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, Point, RawRecord, Record, Rejection
from schemas.vocabulary import RecordType

_NAME = "geojson"
_TIMES = ("timestamp", "time", "times")


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """A point with a time is a position, without one a place; a line is a way, then its points."""
    feature: dict[str, Any] = item.value
    geometry, said = feature.get("geometry"), feature.get("properties") or {}
    if geometry is None:
        raise BadValue(Reason.MISSING_FIELD, "a feature without a geometry")
    where = geometry["coordinates"]
    written = next((said[name] for name in _TIMES if said.get(name) is not None), None)
    if geometry["type"] == "Point":
        yield _position(where, written) if written is not None else _record(feature, where, None)
    elif geometry["type"] == "LineString" and isinstance(written, list):
        yield _record(feature, where[0], written)
        yield from _way(where, written)
    else:
        yield _record(feature, _first(where), None)


def _way(line: list[Any], times: list[Any]) -> Iterator[Outcome]:
    if len(line) != len(times):
        raise BadValue(Reason.BAD_SHAPE, "a line with more times than positions, or fewer")
    for where, written in zip(line, times, strict=True):
        try:
            yield _position(where, written)
        except BadValue as bad:
            yield Rejection(reason=bad.reason, detail=bad.detail)


def _first(where: Any) -> Any:
    """The first position of any shape."""
    while isinstance(where, list) and where and isinstance(where[0], list):
        where = where[0]
    return where


def _time(written: Any) -> Instant:
    return timestamps.iso(written) if isinstance(written, str) else timestamps.epoch(written, "s")


def _place(where: Any) -> tuple[float, float, float | None]:
    """Latitude, longitude and altitude of a position, which has the longitude first."""
    if not isinstance(where, list) or len(where) < 2:
        raise BadValue(Reason.BAD_SHAPE, "a position that is no pair of numbers")
    up = where[2] if len(where) > 2 else None
    return *places.wgs84(where[1], where[0]), None if up is None else float(up)


def _position(where: Any, written: Any) -> Point:
    latitude, longitude, altitude = _place(where)
    time = _time(written)
    return Point(
        source=_NAME,
        identity=(time.text, *map(str, where)),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
    )


def _record(feature: Mapping[str, Any], where: Any, times: list[Any] | None) -> Record:
    latitude, longitude, _ = _place(where)
    said = feature.get("properties") or {}
    name = next((v for k in ("name", "title") if isinstance(v := said.get(k), str) and v), None)
    start, end = (_time(times[0]), _time(times[-1])) if times else (None, None)
    place = {"name": name, "latitude": latitude, "longitude": longitude}
    details = {key: value for key, value in said.items() if key not in _TIMES}
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.TRIP if times else RecordType.PLACE,
        identity=(name or "", *map(str, where), start.text if start else ""),
        time=start,
        title=name,
        metadata={
            "place": {key: value for key, value in place.items() if value is not None},
            "shape": feature["geometry"]["type"],
            **tracks.lasting(start, end),
            **({"details": details} if details else {}),
        },
    )


def _looks_like(head: Head) -> bool:
    return any(
        isinstance(item, dict) and item.get("type") == "Feature" and "geometry" in item
        for item in peek.first_items(head, "features")
    )


FORMAT = Format(
    name=_NAME,
    title="Places and ways of any GeoJSON",
    version=1,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(geojson|json)",),
    looks_like=_looks_like,
    reader=JsonItems(path="features"),
    record=to_outcomes,
    rank=Rank.SYNTAX,
    hints=(r"(.+/)?[^/]+\.geojson",),
    record_types=(RecordType.PLACE, RecordType.TRIP),
)
