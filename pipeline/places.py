"""Where something was: WGS 84 degrees, range-checked and never guessed."""

from __future__ import annotations

import math
import re

from schemas.errors import BadValue
from schemas.reasons import Reason


def e7(value: int | str) -> float:
    """Degrees of an E7 coordinate: an integer, or its text, of ten-millionths of a degree.

    Raises `BadValue(BAD_NUMBER)` for what is no number. The range is `wgs84`'s matter.
    """
    if type(value) is int and value.bit_length() < 64:
        return value / 1e7
    try:
        degrees = _number(value) / 1e7
    except (TypeError, ValueError, OverflowError):
        degrees = math.nan
    if not math.isfinite(degrees):
        raise BadValue(Reason.BAD_NUMBER, "the E7 coordinate is not a number")
    return degrees


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    return float(value)


def wgs84(latitude: float, longitude: float) -> tuple[float, float]:
    """The pair as floats, if they are degrees on Earth: -90 to 90 and -180 to 180, ends included.

    Raises `BadValue`: BAD_NUMBER for NaN, infinity and what is no number, BAD_PLACE outside the
    range. Latitudes of 91 occur in Google's `otherCandidateLocations`. What 0, 0 means ("none"
    in several exports) is for the format to say.
    """
    try:
        if -90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0:
            return float(latitude), float(longitude)
        finite = math.isfinite(latitude) and math.isfinite(longitude)
    except (TypeError, OverflowError):
        finite = False
    if not finite:
        raise BadValue(Reason.BAD_NUMBER, "latitude or longitude is not a finite number")
    raise BadValue(Reason.BAD_PLACE, "latitude or longitude is off the globe")


_ISO_6709 = re.compile(
    r"(?P<north>[+-]\d{2}(?:\d\d){0,2}(?:\.\d+)?)(?P<east>[+-]\d{3}(?:\d\d){0,2}(?:\.\d+)?)"
    r"(?P<up>[+-]\d+(?:\.\d+)?)?(?:CRS[^/]{1,30})?/?",
    re.ASCII,
)


def iso6709(text: str) -> tuple[float, float, float | None]:
    """Latitude and longitude in degrees, and metres above the sea if said: `+52.5200+013.4050+34/`.

    Degrees, degrees and minutes, or those and seconds, told by how many digits there are (ISO
    6709, annex H). Raises `BadValue`, as `wgs84` does, and BAD_NUMBER for another text.
    """
    found = _ISO_6709.fullmatch(text.strip("\0 "))
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "the place is not in ISO 6709")
    latitude, longitude = wgs84(_sexagesimal(found["north"], 2), _sexagesimal(found["east"], 3))
    return latitude, longitude, float(found["up"]) if found["up"] else None


def _sexagesimal(text: str, digits: int) -> float:
    """Degrees of a sign and so many digits of degrees, with digits of minutes and seconds."""
    whole, _, fraction = text[1:].partition(".")
    parts = [whole[:digits], *(whole[n : n + 2] for n in range(digits, len(whole), 2))]
    parts[-1] += f".{fraction or 0}"
    value = sum(float(part) / float(60**n) for n, part in enumerate(parts))
    return round(-value if text[0] == "-" else value, 7)
