"""Where something was: WGS 84 degrees, range-checked and never guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.values import fields
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.vocabulary import KEYS, Shape

#: Flag of a record whose export gave it coordinates that are nowhere on Earth; they are left out.
UNUSABLE = "place_unusable"
_COORDINATES = frozenset({"latitude", "longitude"})
_PLACES = tuple(name for name, shape in KEYS.items() if shape is Shape.PLACE)
_PLACED = _COORDINATES.union(_PLACES)


def e7(value: int | str) -> float:
    """Degrees of an E7 coordinate: an integer, or its text, of ten-millionths of a degree.

    Raises `BadValue(BAD_NUMBER)` for what is no number. The range is `wgs84`'s matter.
    """
    if type(value) is int and value.bit_length() < 64:
        return value / 1e7
    found = fields.finite(value)
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "the E7 coordinate is not a number")
    return found / 1e7


def pair(north: Any, east: Any) -> tuple[float, float]:
    """As `wgs84`, of numbers or their texts. Raises `BadValue`, MISSING_FIELD for half a pair."""
    latitude, longitude = fields.number(north, "latitude"), fields.number(east, "longitude")
    if latitude is None or longitude is None:
        raise BadValue(Reason.MISSING_FIELD, "no latitude or no longitude")
    return wgs84(latitude, longitude)


def given(north: Any, east: Any) -> dict[str, Any]:
    """A record's coordinates, as numbers where they are such, else as they are written, which is
    for `settled` to sort; nothing where one is missing."""
    if north is None or east is None:
        return {}
    latitude, longitude = fields.finite(north), fields.finite(east)
    return {
        "latitude": north if latitude is None else latitude,
        "longitude": east if longitude is None else longitude,
    }


def told(
    read: Callable[[], tuple[float, float]], written: Any, name: str, odd: dict[str, Any]
) -> dict[str, float]:
    """The position that `read` gives, for a record, which is kept without: then what is written
    goes into `odd`, flagged `place_unusable`."""
    try:
        latitude, longitude = read()
    except BadValue:
        fields.unusable(written, name, odd, UNUSABLE)
        return {}
    return {"latitude": latitude, "longitude": longitude}


def wgs84(latitude: Any, longitude: Any) -> tuple[float, float]:
    """The pair as floats, if they are degrees on Earth: -90 to 90 and -180 to 180, ends included.

    Raises `BadValue`: BAD_NUMBER for NaN, infinity and what is no number, BAD_PLACE outside the
    range. Latitudes of 91 occur in Google's `otherCandidateLocations`. The pair 0, 0 passes: that
    it means "none" is settled once, for points by `screen` and for records by `settled`.
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


def settled(metadata: dict[str, Any]) -> dict[str, Any]:
    """A record's metadata with no coordinates but such as are a place; the same object if all are.

    0, 0 means that none are known: nobody was in that spot of the Gulf of Guinea, and exports
    write it for "none" (`docs/reference/exports/traps.md#coordinates-0-0`). Others that are off
    the globe, or are no numbers, stand apart as they are written (`exported_place`), under the flag
    `place_unusable`. What else is said of the place stays.
    """
    if _PLACED.isdisjoint(metadata):
        return metadata
    doubts = {name: doubt for name in _PLACES if (doubt := _doubt(metadata.get(name)))}
    own = _doubt(metadata)
    if not doubts and not own:
        return metadata
    odd: dict[str, Any] = {}
    kept = _without_doubt(metadata, own, odd) if own else dict(metadata)
    for name, doubt in doubts.items():
        apart: dict[str, Any] = {}
        kept[name] = _without_doubt(kept[name], doubt, apart)
        if not kept[name]:
            del kept[name]
        if apart:
            fields.unusable(_coordinates(metadata[name]), name, odd, UNUSABLE)
    return fields.joined(kept, odd)


def _without_doubt(place: Mapping[str, Any], doubt: str, odd: dict[str, Any]) -> dict[str, Any]:
    """The object without coordinates; what is none goes into `odd`."""
    if doubt == UNUSABLE:
        for name, value in _coordinates(place).items():
            fields.unusable(value, name, odd, UNUSABLE)
    return {name: value for name, value in place.items() if name not in _COORDINATES}


def _coordinates(place: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in place.items() if name in _COORDINATES}


def _doubt(place: Any) -> str | None:
    """What speaks against an object's coordinates: that they are "none" of 0, 0, or no place."""
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
    """Latitude and longitude of `50.05°, 14.34°`, of iCalendar's `50.05;14.34` (RFC 5545, 3.8.1.6)
    and of a `geo:` URI (RFC 5870), whose altitude and uncertainty are passed over.

    Raises `BadValue`, as `wgs84` does; BAD_NUMBER for another text, a decimal comma among them,
    and BAD_PLACE for a URI in another system than WGS 84.
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
    """Latitude and longitude in degrees, and metres above the sea if said: `+52.5200+013.4050+34/`.

    Degrees, degrees and minutes, or those and seconds, told by how many digits there are (ISO
    6709, annex H). Raises `BadValue`, as `wgs84` does, BAD_NUMBER for another text, and BAD_PLACE
    for one in another system than WGS 84.
    """
    found = _ISO_6709.fullmatch(text.strip("\0 "))
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "the place is not in ISO 6709")
    if found["crs"] and not _WGS_84.fullmatch(found["crs"]):
        raise BadValue(Reason.BAD_PLACE, "a point in another system than WGS 84")
    latitude, longitude = wgs84(_sexagesimal(found["north"], 2), _sexagesimal(found["east"], 3))
    return latitude, longitude, float(found["up"]) if found["up"] else None


def _sexagesimal(text: str, digits: int) -> float:
    """Degrees of a sign and `digits` digits of degrees, with digits of minutes and seconds."""
    whole, _, fraction = text[1:].partition(".")
    parts = [whole[:digits], *(whole[n : n + 2] for n in range(digits, len(whole), 2))]
    parts[-1] += f".{fraction or 0}"
    value = sum(float(part) / float(60**n) for n, part in enumerate(parts))
    return round(-value if text[0] == "-" else value, 7)
