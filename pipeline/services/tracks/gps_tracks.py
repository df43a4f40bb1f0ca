"""Tracks of every make: positions on the way, and the way as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pipeline.syntax.xml_tree import Element
from pipeline.values import coordinates, fields, open_zones, timestamps
from schemas.records import Instant

#: Flags: the times of a track do not rise; what began after it ended has no length; positions of a
#: line have no times.
UNORDERED = "times_unordered"
CONTRADICTED = "ends_before_start"
UNDATED = "positions_undated"

_NOT_A_TIME = frozenset({"", "null", "none", "nan"})


def number(written: str | None, name: str) -> float | None:
    """As `fields.number`. A comma in the place of the point is one: a number of a track has no
    groups of digits."""
    return fields.number(written, name, comma=True)


def measure(written: str | None, name: str, odd: dict[str, Any]) -> float | None:
    """As `fields.measure`, with the commas of `number`."""
    return fields.measure(written, name, odd, comma=True)


def position(north: str | None, east: str | None) -> tuple[float, float]:
    """As `coordinates.pair`, with the commas of `number`."""
    return coordinates.pair(number(north, "latitude"), number(east, "longitude"))


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
        unread = open_zones.utc_text(end) if end is not None else None
        return {"ended_at": unread} if unread else {}
    said: dict[str, Any] = {"ended_at": ended.isoformat()}
    began = _settled(start)
    if began is not None and began > ended:
        said["flags"] = [CONTRADICTED]
    elif began is not None:
        said["duration_s"] = (ended - began).total_seconds()
    return said


def _settled(moment: Instant | None) -> datetime | None:
    return open_zones.resolve(moment).at if moment is not None else None


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
