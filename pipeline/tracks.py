"""Tracks of every make: positions on the way, and the way as a whole."""

from __future__ import annotations

import math
from typing import Any

from pipeline import places, timestamps
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant


def number(written: str | None, name: str) -> float | None:
    """A finite number from its text, None for none. Raises `BadValue(BAD_NUMBER)`."""
    if written is None:
        return None
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadValue(Reason.BAD_NUMBER, f"{name!r} is not a finite number")
    return value


def position(north: str | None, east: str | None) -> tuple[float, float]:
    """Latitude and longitude in degrees from their texts. Raises `BadValue`: MISSING_FIELD,
    BAD_NUMBER, BAD_PLACE."""
    latitude, longitude = number(north, "latitude"), number(east, "longitude")
    if latitude is None or longitude is None:
        raise BadValue(Reason.MISSING_FIELD, "no latitude or no longitude")
    return places.wgs84(latitude, longitude)


def lasting(start: Instant | None, end: Instant | None) -> dict[str, Any]:
    """`ended_at` and `duration_s` of what went on from `start` to `end`, as far as known."""
    ended = timestamps.settled(end).at if end is not None else None
    if ended is None:
        return {}
    said: dict[str, Any] = {"ended_at": ended.isoformat()}
    began = timestamps.settled(start).at if start is not None else None
    if began is not None:
        said["duration_s"] = (ended - began).total_seconds()
    return said
