"""What bookmarks of any browser share: the time of adding, and the walk through folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.values import instants, timestamps
from pipeline.values.timestamps import Unit
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Record
from schemas.vocabulary import RecordType

#: Numbers up to a length, and their unit. Each length holds the years 2001 to 2100 in one unit
#: only: 16 digits of microseconds last to 2286, and microseconds since 1601 have had 17 since 1917.
_UNITS: tuple[tuple[int, Unit], ...] = ((11, "s"), (14, "ms"), (16, "us"), (18, "webkit"))
_NUMBER = re.compile(r"([+-]?)(\d{1,30})(?:\.\d*)?", re.ASCII)
#: The maximum number of nested folders in a link's metadata.
DEPTH = 100


def added(written: str) -> Instant | None:
    """Return the moment of an `ADD_DATE`: usually seconds, or another program's unit.

    Google Bookmarks wrote microseconds, others milliseconds, or Chromium's microseconds since 1601.
    Return None if it is blank or 0; an unreadable time is flagged, and the bookmark remains.
    """
    text = written.strip()
    if not text.strip("0."):
        return None
    found = _NUMBER.fullmatch(text)
    try:
        if found is None:
            return timestamps.iso(text)
        digits = len(found[2].lstrip("0"))
        unit: Unit = next((unit for most, unit in _UNITS if digits <= most), "ns")
        return timestamps.epoch(text, unit)
    except BadValue:
        return instants.unread(written)


def moment(written: str, unit: Unit) -> Instant | None:
    """Return the moment of a number in a known unit; None for an empty text or zero."""
    if not written.strip("0"):
        return None
    try:
        return timestamps.epoch(written, unit)
    except BadValue:
        return instants.unread(written)


def record(
    source: str,
    url: Any,
    *,
    identity: tuple[str, ...],
    time: Instant | None,
    texts: tuple[Any, Any],
    folders: Iterable[str],
    metadata: dict[str, Any],
) -> Record:
    """Return one bookmark, identified by its address and time of adding.

    Title and folder may change.

    `texts` are its title and its note, None if there is none.
    """
    if not isinstance(url, str) or not url:
        raise BadValue(Reason.MISSING_FIELD, "the link has no address")
    title, note = texts
    inside = [name for name in folders if name][:DEPTH]
    values = {"url": url, "folders": inside, "list": inside[-1] if inside else None, **metadata}
    return Record(
        data_type=DataType.BROWSER,
        source=source,
        record_type=RecordType.BOOKMARK,
        identity=identity,
        time=time,
        title=title.strip() or None if isinstance(title, str) else None,
        content=note.strip() or None if isinstance(note, str) else None,
        metadata={name: value for name, value in values.items() if value},
        mutable=True,
    )


def identity(node: dict[str, Any], *fallback: Any) -> tuple[str, ...]:
    """Return the identity of a bookmark in a tree: its `guid`, or without one the `fallback`."""
    guid = node.get("guid")
    return ("guid", guid) if isinstance(guid, str) and guid else tuple(map(str, fallback))


def walk(
    roots: Iterable[dict[str, Any]], name: str
) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Yield each leaf of a tree of `children`, with the folders around it.

    `name` is the key of a folder's name. The tree is walked without recursion, in its order.
    """
    waiting: list[tuple[Any, tuple[str, ...]]] = []
    waiting.extend((root, ()) for root in reversed(tuple(roots)))
    while waiting:
        node, folders = waiting.pop()
        if not isinstance(node, dict):
            raise BadValue(Reason.BAD_SHAPE, "a bookmark is not an object")
        children = node.get("children")
        if not isinstance(children, list):
            yield node, folders
            continue
        title = node.get(name)
        inside = (*folders, title) if isinstance(title, str) and title else folders
        waiting.extend((child, inside[:DEPTH]) for child in reversed(children))
