"""Positions in WGS 84 degrees, checked for their range and never guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.values import fields
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.vocabulary import KEYS, Shape

#: Flag of a record whose exported coordinates are nowhere on Earth; they are left out.
UNUSABLE = "place_unusable"
_COORDINATES = frozenset({"latitude", "longitude"})
_PLACES = tuple(name for name, shape in KEYS.items() if shape is Shape.PLACE)
_PLACED = _COORDINATES.union(_PLACES)


def e7(value: int | str) -> float:
    """Return the degrees of an E7 coordinate: an integer, or its text, of 1e-7 degrees.

    Raises `BadValue(BAD_NUMBER)` for anything but a number. `wgs84` checks the range.
    """
    if type(value) is int and value.bit_length() < 64:
        return value / 1e7
    found = fields.finite(value)
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "the E7 coordinate is not a number")
    return found / 1e7


def pair(north: Any, east: Any) -> tuple[float, float]:
    """Read a pair as `wgs84` does, from numbers or their texts.

    Raises `BadValue`; MISSING_FIELD for half a pair.
    """
    latitude, longitude = fields.number(north, "latitude"), fields.number(east, "longitude")
    if latitude is None or longitude is None:
        raise BadValue(Reason.MISSING_FIELD, "no latitude or no longitude")
    return wgs84(latitude, longitude)


def given(north: Any, east: Any) -> dict[str, Any]:
    """Return a record's coordinates as numbers where possible, else as they are written.

    `without_unusable` sorts out the latter. Returns nothing where one of the two is missing.
    """
    if north is None or east is None:
        return {}
    latitude, longitude = fields.finite(north), fields.finite(east)
    return {
        "latitude": north if latitude is None else latitude,
        "longitude": east if longitude is None else longitude,
    }


def or_noted(
    read: Callable[[], tuple[float, float]], written: Any, name: str, odd: dict[str, Any]
) -> dict[str, float]:
    """Return the position from `read` for a record, or nothing where `read` refuses it.

    A refused position goes into `odd` as `written`, flagged `place_unusable`.
    """
    try:
        latitude, longitude = read()
    except BadValue:
        fields.unusable(written, name, odd, UNUSABLE)
        return {}
    return {"latitude": latitude, "longitude": longitude}


def wgs84(latitude: Any, longitude: Any) -> tuple[float, float]:
    """Return the pair as floats if it is on Earth: -90 to 90 and -180 to 180, ends included.

    Raises `BadValue`: BAD_NUMBER for NaN, infinity and anything but a number, BAD_PLACE outside the
    range. Latitudes of 91 occur in Google's `otherCandidateLocations`. The pair 0, 0 passes; its
    meaning of "none" is handled elsewhere: for points by `screen`, for records by
    `without_unusable`.
    """
    if isinstance(latitude, bool) or isinstance(longitude, bool):
        raise BadValue(Reason.BAD_NUMBER, "latitude or longitude is not a number")
    try:
        if -90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0:
            return float(latitude), float(longitude)
        finite = math.isfinite(latitude) and math.isfinite(longitude)
    except (TypeError, OverflowError):
        finite = False
    if not finite:
        raise BadValue(Reason.BAD_NUMBER, "latitude or longitude is not a finite number")
    raise BadValue(Reason.BAD_PLACE, "latitude or longitude is off the globe")


def without_unusable(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a record's metadata without unusable coordinates; the same object if all are good.

    0, 0 means that no position is known: exports write it for "none"
    (`docs/reference/exports/traps.md#coordinates-0-0`). Other coordinates that are off the globe or
    not numbers move to `exported_place` as they are written, under the flag `place_unusable`. The
    other fields of the place stay.
    """
    if _PLACED.isdisjoint(metadata):
        return metadata
    doubts = {name: doubt for name in _PLACES if (doubt := _doubt(metadata.get(name)))}
    own = _doubt(metadata)
    if not doubts and not own:
        return metadata
    odd: dict[str, Any] = {}
    cleaned = _without_doubt(metadata, own, odd) if own else dict(metadata)
    for name, doubt in doubts.items():
        unusable: dict[str, Any] = {}
        cleaned[name] = _without_doubt(cleaned[name], doubt, unusable)
        if not cleaned[name]:
            del cleaned[name]
        if unusable:
            fields.unusable(_coordinates(metadata[name]), name, odd, UNUSABLE)
    return fields.joined(cleaned, odd)


def _without_doubt(place: Mapping[str, Any], doubt: str, odd: dict[str, Any]) -> dict[str, Any]:
    """Return the object without coordinates; unusable ones go into `odd`."""
    if doubt == UNUSABLE:
        for name, value in _coordinates(place).items():
            fields.unusable(value, name, odd, UNUSABLE)
    return {name: value for name, value in place.items() if name not in _COORDINATES}


def _coordinates(place: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in place.items() if name in _COORDINATES}


def _doubt(place: Any) -> str | None:
    """Return the objection to an object's coordinates: "none" for 0, 0, or `place_unusable`."""
    if not isinstance(place, dict) or _COORDINATES.isdisjoint(place):
        return None
    try:
        return None if any(wgs84(place.get("latitude"), place.get("longitude"))) else "none"
    except BadValue:
        return UNUSABLE


_DEGREES = r"[+-]?\d{1,9}(?:\.\d+)?"
_PAIR = re.compile(rf"(?P<north>{_DEGREES})\s*°?\s*[,;]\s*(?P<east>{_DEGREES})\s*°?", re.ASCII)
_GEO = re.compile(
    rf"geo:\s*(?P<north>{_DEGREES})\s*,\s*(?P<east>{_DEGREES})(?:,(?P<up>{_DEGREES}))?"
    r"(?:;crs=(?P<crs>[a-z0-9-]+))?(?:;u=\d+(?:\.\d+)?)?(?:;(?!crs=|u=)[a-z0-9-]+(?:=[^;\s]*)?)*",
    re.ASCII | re.IGNORECASE,
)


def degrees(text: str) -> tuple[float, float]:
    """Return latitude and longitude of a pair of degrees or a `geo:` URI (RFC 5870).

    A pair is `50.05°, 14.34°` or iCalendar's `50.05;14.34` (RFC 5545, 3.8.1.6). The altitude and
    the uncertainty of a URI are ignored. Raises `BadValue`, as `wgs84` does; BAD_NUMBER for another
    text, a decimal comma among them, and BAD_PLACE for a URI in another system than WGS 84.
    """
    written = text.strip()
    found = _GEO.fullmatch(written) or _PAIR.fullmatch(written)
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "a point is not a pair of degrees")
    if (found.groupdict().get("crs") or "wgs84").lower() != "wgs84":
        raise BadValue(Reason.BAD_PLACE, "a point in another system than WGS 84")
    return wgs84(float(found["north"]), float(found["east"]))


_ISO_6709 = re.compile(
    r"(?P<north>[+-]\d{2}(?:[0-5]\d){0,2}(?:\.\d+)?)"
    r"(?P<east>[+-]\d{3}(?:[0-5]\d){0,2}(?:\.\d+)?)"
    r"(?P<up>[+-]\d{1,9}(?:\.\d+)?)?(?:CRS(?P<crs>[^/]{1,30}))?/?",
    re.ASCII,
)
_WGS_84 = re.compile(r"(?:EPSG[:_])?(?:WGS[_ ]?84|4326|4979)", re.IGNORECASE)


def iso6709(text: str) -> tuple[float, float, float | None]:
    """Return latitude and longitude in degrees, and the altitude in metres, if there is one.

    The text is as `+52.5200+013.4050+34/`: degrees, degrees and minutes, or degrees, minutes and
    seconds; the number of digits decides (ISO 6709, annex H). Raises `BadValue`, as `wgs84` does,
    BAD_NUMBER for another text, and BAD_PLACE for one in another system than WGS 84.
    """
    found = _ISO_6709.fullmatch(text.strip("\0 "))
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "the place is not in ISO 6709")
    if found["crs"] and not _WGS_84.fullmatch(found["crs"]):
        raise BadValue(Reason.BAD_PLACE, "a point in another system than WGS 84")
    latitude, longitude = wgs84(_sexagesimal(found["north"], 2), _sexagesimal(found["east"], 3))
    return latitude, longitude, float(found["up"]) if found["up"] else None


def _sexagesimal(text: str, digits: int) -> float:
    """Return degrees from a sign, `digits` digits of degrees, and digits of minutes and seconds."""
    whole, _, fraction = text[1:].partition(".")
    parts = [whole[:digits], *(whole[n : n + 2] for n in range(digits, len(whole), 2))]
    parts[-1] += f".{fraction or 0}"
    value = sum(float(part) / float(60**n) for n, part in enumerate(parts))
    return round(-value if text[0] == "-" else value, 7)
