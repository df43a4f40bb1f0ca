"""Documents as events of iCalendar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from workers.cli.writers.rows import Rows, utc

#: Octets of a line of iCalendar, without its end (RFC 5545, 3.1).
_LINE = 75


def ics(rows: Rows) -> Iterator[str]:
    """Yield an iCalendar object with an event for each row that has a time.

    Source: RFC 5545. The id of a document is its UID, so that a second import of the file into a
    calendar replaces the events of the first.
    """
    yield from map(_folded, ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Datapunk//Lake//EN"))
    for row in rows:
        if row["at"] is not None:
            yield from map(_folded, _event(row))
    yield _folded("END:VCALENDAR")


def _event(row: Mapping[str, Any]) -> Iterator[str]:
    metadata = row["metadata"]
    yield "BEGIN:VEVENT"
    yield f"UID:{row['id']}@datapunk"
    yield f"DTSTAMP:{utc(row['at'])}"
    if metadata.get("all_day"):
        yield f"DTSTART;VALUE=DATE:{utc(row['at'], '%Y%m%d')}"
    else:
        yield f"DTSTART:{utc(row['at'])}"
        if end := _end(metadata):
            yield f"DTEND:{utc(end)}"
    texts = (
        ("SUMMARY", row["title"]),
        ("DESCRIPTION", row["content"]),
        ("LOCATION", metadata.get("location")),
    )
    for name, text in texts:
        if isinstance(text, str):
            yield f"{name}:{_text(text)}"
    yield "END:VEVENT"


def _end(metadata: Mapping[str, Any]) -> datetime | None:
    try:
        end = datetime.fromisoformat(metadata["ended_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return end if end.tzinfo else None


def _text(value: str) -> str:
    """Return a TEXT value (RFC 5545, 3.3.11); a control character has no place in one."""
    lines = "\n".join(value.splitlines())
    for sign, written in (("\\", "\\\\"), ("\n", "\\n"), (",", "\\,"), (";", "\\;")):
        lines = lines.replace(sign, written)
    return "".join(sign for sign in lines if sign >= " " or sign == "\t")


def _folded(line: str) -> str:
    """Return a content line, folded between characters (RFC 5545, 3.1)."""
    parts, room = [""], _LINE
    for sign in line:
        size = len(sign.encode("utf-8", "replace"))
        if size > room:
            parts.append(" ")
            room = _LINE - 1
        parts[-1] += sign
        room -= size
    return "\r\n".join(parts) + "\r\n"
