"""Tracks of every make: positions on the way, and the way as a whole."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pipeline import places, timestamps
from pipeline.xml_tree import Element
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant

#: Flags: a measure that is no number stays as its text; the times of a track do not rise; what
#: began after it ended has no length; positions of a line have no times.
UNUSABLE = "number_unusable"
UNORDERED = "times_unordered"
CONTRADICTED = "ends_before_start"
UNDATED = "positions_undated"

_NOT_A_TIME = frozenset({"", "null", "none", "nan"})
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def number(written: str | None, name: str) -> float | None:
    """A finite number from its text, None for none. Raises `BadValue(BAD_NUMBER)`.

    A comma in the place of the point is one: a number of a track has no groups of digits.
    """
    if written is None:
        return None
    try:
        value = float(written)
    except ValueError:
        comma = _DECIMAL_COMMA.fullmatch(written.strip())
        value = float(written.replace(",", ".")) if comma else math.nan
    if not math.isfinite(value) or "_" in written:
        raise BadValue(Reason.BAD_NUMBER, f"{name!r} is not a finite number")
    return value


def measure(written: str | None, name: str, odd: dict[str, Any]) -> float | None:
    """As `number`; what is none goes into `odd` as it is written, flagged, and costs no more."""
    try:
        return number(written, name)
    except BadValue:
        odd[name] = written
        odd["flags"] = sorted({*odd.get("flags", ()), UNUSABLE})
        return None


def position(north: str | None, east: str | None) -> tuple[float, float]:
    """Latitude and longitude in degrees from their texts. Raises `BadValue`: MISSING_FIELD,
    BAD_NUMBER, BAD_PLACE."""
    latitude, longitude = number(north, "latitude"), number(east, "longitude")
    if latitude is None or longitude is None:
        raise BadValue(Reason.MISSING_FIELD, "no latitude or no longitude")
    return places.wgs84(latitude, longitude)


def time(written: str | None) -> Instant | None:
    """A time of a track, None for none or the word `null`. Raises `BadValue(BAD_TIME)` for a date
    that never was; what can't be read is flagged so."""
    if written is None or written.casefold() in _NOT_A_TIME:
        return None
    return timestamps.of_position(written)


def when(written: str | None) -> Instant | None:
    """As `time`, for what is more than a position: a date that never was is unread, too."""
    if written is None or written.casefold() in _NOT_A_TIME:
        return None
    return timestamps.or_unread(written)


def extremes(moments: Iterable[Instant | None]) -> tuple[Instant | None, Instant | None]:
    """The earliest and the latest of some times; of such as can't be read, None."""
    known = [(at, m) for m in moments if m is not None and (at := _settled(m)) is not None]
    if not known:
        return None, None
    return min(known, key=lambda k: k[0])[1], max(known, key=lambda k: k[0])[1]


def lasting(start: Instant | None, end: Instant | None) -> dict[str, Any]:
    """`ended_at` and `duration_s` of what went on from `start` to `end`, as far as known.

    What ends before it starts has no duration, and a flag. An end that can't be read is its text.
    """
    ended = _settled(end)
    if ended is None:
        unread = timestamps.utc_text(end) if end is not None else None
        return {"ended_at": unread} if unread else {}
    said: dict[str, Any] = {"ended_at": ended.isoformat()}
    began = _settled(start)
    if began is not None and began > ended:
        said["flags"] = [CONTRADICTED]
    elif began is not None:
        said["duration_s"] = (ended - began).total_seconds()
    return said


def _settled(moment: Instant | None) -> datetime | None:
    return timestamps.settled(moment).at if moment is not None else None


def leaves(element: Element, taken: frozenset[str]) -> dict[str, Any]:
    """The texts and attributes within an element, under their own names; those of one name are a
    list. `taken` are children that are told elsewhere."""
    said: dict[str, Any] = {}
    for child in element.children:
        if child.tag in taken:
            continue
        if child.children or child.attributes:
            for inner in child.walk():
                _note(said, inner)
        elif text := child.text.strip():
            _add(said, child.tag, text)
    return said


def _note(said: dict[str, Any], element: Element) -> None:
    if text := element.text.strip():
        _add(said, element.tag, text)
    for name, value in element.attributes.items():
        if value and not name.startswith(("xmlns", "xsi:")):
            _add(said, f"{element.tag}_{name.rpartition(':')[2]}", value)


def _add(said: dict[str, Any], name: str, text: str) -> None:
    before = said.get(name)
    if before is None:
        said[name] = text
    elif isinstance(before, list):
        before.append(text)
    else:
        said[name] = [before, text]
