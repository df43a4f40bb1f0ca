"""What bookmarks of any browser share: when one was added, and how a tree of folders is walked."""

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

#: Numbers up to a length, and the unit of those: each holds the years 2001 to 2100 and no other
#: does, since 16 digits of microseconds last to 2286 and those since 1601 have had 17 since 1917.
_UNITS: tuple[tuple[int, Unit], ...] = ((11, "s"), (14, "ms"), (16, "us"), (18, "webkit"))
_NUMBER = re.compile(r"([+-]?)(\d{1,30})(?:\.\d*)?", re.ASCII)
#: The most nested folders that are kept of a link.
DEPTH = 100


def added(written: str) -> Instant | None:
    """The moment of an `ADD_DATE`: seconds as is usual, or what other programs count in.

    Google Bookmarks wrote microseconds, others milliseconds, or Chromium's microseconds since
    1601. None where it says nothing; what can't be read is flagged, and costs no bookmark.
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
    """The moment of a number in a known unit; None for an empty text or zero."""
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
    said: dict[str, Any],
) -> Record:
    """One bookmark: its address and when it was added; title and folder may change.

    `texts` are its title and its note, None where there is none.
    """
    if not isinstance(url, str) or not url:
        raise BadValue(Reason.MISSING_FIELD, "the link has no address")
    title, note = texts
    inside = [name for name in folders if name][:DEPTH]
    kept = {"url": url, "folders": inside, "list": inside[-1] if inside else None, **said}
    return Record(
        data_type=DataType.BROWSER,
        source=source,
        record_type=RecordType.BOOKMARK,
        identity=identity,
        time=time,
        title=title.strip() or None if isinstance(title, str) else None,
        content=note.strip() or None if isinstance(note, str) else None,
        metadata={name: value for name, value in kept.items() if value},
        mutable=True,
    )


def identity(node: dict[str, Any], *told: Any) -> tuple[str, ...]:
    """The identity of a bookmark in a tree: its `guid`, or without one the texts in `told`."""
    guid = node.get("guid")
    return ("guid", guid) if isinstance(guid, str) and guid else tuple(map(str, told))


def walk(
    roots: Iterable[dict[str, Any]], name: str
) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Each object of a tree of `children` that has none, with the folders around it.

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
