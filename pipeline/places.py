"""Where something was: WGS 84 degrees, range-checked and never guessed."""

from __future__ import annotations

import math

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
