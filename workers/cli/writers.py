"""Writers of `export`: rows as JSON lines, CSV, GPX or iCalendar, mails as entries of an mbox."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

Rows = Iterable[Mapping[str, Any]]

#: A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    "id", "at", "record_type", "data_type", "source", "title", "content", "language", "latitude",
    "longitude", "job", "metadata",
)  # fmt: skip
#: The length before a mail of `.emlx`.
_LENGTH = re.compile(rb"[ \t]*(\d{1,10})[ \t]*\r?\n")
_FROM, _ANY_FROM = re.compile(rb"(?m)^(From )"), re.compile(rb"(?m)^(>*From )")
_NEVER = datetime.fromtimestamp(0, UTC)
#: The formats whose items are mails as they were sent.
MAILS = frozenset(("mail.eml", "mail.emlx", "mail.mbox"))
#: Octets of a line of iCalendar, without its end (RFC 5545, 3.1).
_LINE = 75


def jsonl(rows: Rows) -> Iterator[str]:
    """Yield one JSON object a line."""
    for row in rows:
        yield msgspec.json.encode(row, enc_hook=str).decode() + "\n"


def csv_lines(rows: Rows) -> Iterator[str]:
    """Yield a header and one line a row.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    yield _csv(_COLUMNS)
    for row in rows:
        yield _csv([_csv_cell(row[name]) for name in _COLUMNS])


def _csv(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _csv_cell(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return msgspec.json.encode(value, enc_hook=str).decode()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def gpx(rows: Rows) -> Iterator[str]:
    """Yield a GPX 1.1 document with one track of the positions.

    Source: topografix.com/GPX/1/1. A position has `latitude` and `longitude` in degrees, `at`, and
    `altitude_m` or None.
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<gpx version="1.1" creator="Datapunk Lake" xmlns="http://www.topografix.com/GPX/1/1">\n'
    yield "<trk><trkseg>\n"
    for row in rows:
        height = "" if row["altitude_m"] is None else f"<ele>{row['altitude_m']}</ele>"
        ends = f"lat={quoteattr(str(row['latitude']))} lon={quoteattr(str(row['longitude']))}"
        yield f"<trkpt {ends}>{height}<time>{escape(_utc(row['at'], '%Y-%m-%dT%H:%M:%SZ'))}</time>"
        yield "</trkpt>\n"
    yield "</trkseg></trk>\n</gpx>\n"


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
    yield f"DTSTAMP:{_utc(row['at'])}"
    if metadata.get("all_day"):
        yield f"DTSTART;VALUE=DATE:{_utc(row['at'], '%Y%m%d')}"
    else:
        yield f"DTSTART:{_utc(row['at'])}"
        if end := _end(metadata):
            yield f"DTEND:{_utc(end)}"
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


def _utc(at: datetime, form: str = "%Y%m%dT%H%M%SZ") -> str:
    return at.astimezone(UTC).strftime(form)


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


def mbox_entry(source: str, raw: bytes, at: datetime | None) -> bytes:
    """Return an entry of an mbox in the form mboxrd: a separator, the mail, an empty line.

    `raw` is the item of one of the formats in `MAILS`, and `at` the mail's time. Source: RFC 4155,
    and qmail's mbox(5) for `>` before each line of `>`s and `From `. An item of an mbox has that
    already; only a bare `From ` is escaped there, which other mboxes allow.
    """
    mail, escaped = raw, _ANY_FROM
    if source == "mail.mbox":
        _, _, mail = raw.partition(b"\n")  # the separator: one file keeps to one form of it
        escaped = _FROM
        if mail.endswith((b"\n\n", b"\n\r\n")):
            mail = mail[:-1].removesuffix(b"\r")
    elif source == "mail.emlx" and (line := _LENGTH.match(raw)):
        mail = raw[line.end() :][: int(line[1])]
    if not mail.endswith(b"\n"):
        mail += b"\n"
    separator = f"From MAILER-DAEMON {(at or _NEVER).astimezone(UTC).ctime()}\n"
    return separator.encode("ascii") + escaped.sub(rb">\1", mail) + b"\n"
