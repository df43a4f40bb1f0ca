"""Tracks of every make: the positions, and the track as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pipeline.syntax.xml_tree import Element
from pipeline.values import coordinates, fields, open_zones, timestamps
from schemas.records import Instant

#: Flags: the times of a track do not rise; it ended before it began and has no length; the
#: positions of a line have no times.
UNORDERED = "times_unordered"
CONTRADICTED = "ends_before_start"
UNDATED = "positions_undated"

_NOT_A_TIME = frozenset({"", "null", "none", "nan"})


def number(written: str | None, name: str) -> float | None:
    """Read as `fields.number`, with a comma as the decimal point.

    A number of a track has no groups of digits.
    """
    return fields.number(written, name, comma=True)


def measure(written: str | None, name: str, odd: dict[str, Any]) -> float | None:
    """Read as `fields.measure`, with the commas of `number`."""
    return fields.measure(written, name, odd, comma=True)


def position(north: str | None, east: str | None) -> tuple[float, float]:
    """Read as `coordinates.pair`, with the commas of `number`."""
    return coordinates.pair(number(north, "latitude"), number(east, "longitude"))


def time(written: str | None) -> Instant | None:
    """Read a time of a track; None for none or the word `null`.

    An unreadable time is flagged. Raises `BadValue(BAD_TIME)` for a date that does not exist.
    """
    if written is None or written.casefold() in _NOT_A_TIME:
        return None
    return timestamps.of_position(written)


def when(written: str | None) -> Instant | None:
    """Read as `time`, for more than a position: a date that does not exist is unread, too."""
    if written is None or written.casefold() in _NOT_A_TIME:
        return None
    return timestamps.or_unread(written)


def extremes(moments: Iterable[Instant | None]) -> tuple[Instant | None, Instant | None]:
    """Return the earliest and the latest of the times that can be read, else None."""
    known = [(at, m) for m in moments if m is not None and (at := _settled(m)) is not None]
    if not known:
        return None, None
    return min(known, key=lambda k: k[0])[1], max(known, key=lambda k: k[0])[1]


def lasting(start: Instant | None, end: Instant | None) -> dict[str, Any]:
    """Return `ended_at` and `duration_s` from `start` to `end`, as far as known.

    An end before the start gives no duration, and a flag. An unreadable end is its text.
    """
    ended = _settled(end)
    if ended is None:
        unread = open_zones.utc_text(end) if end is not None else None
        return {"ended_at": unread} if unread else {}
    metadata: dict[str, Any] = {"ended_at": ended.isoformat()}
    began = _settled(start)
    if began is not None and began > ended:
        metadata["flags"] = [CONTRADICTED]
    elif began is not None:
        metadata["duration_s"] = (ended - began).total_seconds()
    return metadata


def _settled(moment: Instant | None) -> datetime | None:
    return open_zones.resolve(moment).at if moment is not None else None


def leaves(element: Element, taken: frozenset[str]) -> dict[str, Any]:
    """Return the texts and attributes within an element, under their own names.

    Those of one name are a list. `taken` are children that are read elsewhere.
    """
    values: dict[str, Any] = {}
    for child in element.children:
        if child.tag in taken:
            continue
        if child.children or child.attributes:
            for inner in child.walk():
                _note(values, inner)
        elif text := child.text.strip():
            _add(values, child.tag, text)
    return values


def _note(values: dict[str, Any], element: Element) -> None:
    if text := element.text.strip():
        _add(values, element.tag, text)
    for name, value in element.attributes.items():
        if value and not name.startswith(("xmlns", "xsi:")):
            _add(values, f"{element.tag}_{name.rpartition(':')[2]}", value)


def _add(values: dict[str, Any], name: str, text: str) -> None:
    before = values.get(name)
    if before is None:
        values[name] = text
    elif isinstance(before, list):
        before.append(text)
    else:
        values[name] = [before, text]
