"""Calendars in iCalendar: Takeout's `Calendar/<name>.ics`, and any other `.ics` file.

RFC 5545 with `X-WR-CALNAME` and `X-WR-TIMEZONE`. An event is its UID, and the
RECURRENCE-ID where it overrides one date of a series; `name(1).ics` repeats the UIDs, and DTSTAMP
is the day of the export, so neither makes a new version. In real data one event in 30 has no
DTEND, one in 25 is a whole day, some have thousands of attendees.

Source: `docs/reference/exports/calendars-and-contacts.md#calendar`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta, tzinfo
from pathlib import PurePosixPath
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.documents import text_of
from pipeline.readers.ics import Ics
from pipeline.recognition import peek
from pipeline.services import attachments
from pipeline.syntax.content_lines import Component, Line, pieces
from pipeline.text import cleaning
from pipeline.values import coordinates, durations, open_zones, time_zones, timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import Blob, DataType, Instant, RawRecord, Record, Related, ZoneSource
from schemas.vocabulary import RecordType, Relation

_NAME = "calendar.ics"
#: Flag of an event whose duration cannot be read; the metadata keeps its text.
_BAD_DURATION = "bad_duration"
_TYPES = {
    "VEVENT": RecordType.EVENT,
    "VTODO": RecordType.TASK,
    "VJOURNAL": RecordType.NOTE,
}
#: The times that can date the record, best first.
_DATED_BY = {
    "VEVENT": ("DTSTART",),
    "VTODO": ("CREATED", "LAST-MODIFIED", "DTSTART"),
    "VJOURNAL": ("CREATED", "LAST-MODIFIED", "DTSTART"),
}
#: Above this number the people of an event are counted, not listed.
_PEOPLE = 1_000
_COPY = re.compile(r"\(\d+\)$")
_DATE_ONLY = re.compile(r"\d{8}", re.ASCII)
_TEXTS = {
    "LOCATION": "location",
    "URL": "url",
    "TRANSP": "transparency",
    "CLASS": "visibility",
    "PRIORITY": "priority",
    "PERCENT-COMPLETE": "percent_complete",
    "GEO": "geo",
    "X-GOOGLE-CONFERENCE": "conference",
}
_RECURRENCE = ("RRULE", "RDATE", "EXDATE", "EXRULE")


#: Properties that have a field of their own, or that say nothing about the event.
_TAKEN = frozenset(
    {"DESCRIPTION", "COMMENT", "CATEGORIES", "ATTENDEE", "ATTACH", "RELATED-TO", *_RECURRENCE}
    | {"X-ALT-DESC", "STYLED-DESCRIPTION", "DTSTAMP", "X-LIC-ERROR", "X-MOZ-LASTACK"}
)
#: Properties that an event has once.
_ONCE = frozenset(
    {"UID", "SUMMARY", "DTSTART", "DTEND", "DURATION", "DUE", "CREATED", "LAST-MODIFIED"}
    | {"COMPLETED", "STATUS", "ORGANIZER", "RECURRENCE-ID", *_TEXTS}
)
_PAGES = ("X-ALT-DESC", "STYLED-DESCRIPTION")


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield one event, task or journal entry, then the files embedded in it."""
    found: Component = item.value
    if found.name not in _TYPES:
        raise BadValue(Reason.BAD_SHAPE, "the component is not an event, task or journal entry")
    times = _Times(found, item.around)
    identity = _identity(found)
    kind, time = _TYPES[found.name], times.first(*_DATED_BY[found.name])
    files = [blob for n, line in enumerate(found.every("ATTACH"), 1) if (blob := _file(line, n))]
    yield Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=kind,
        identity=identity,
        time=time,
        title=found.text("SUMMARY"),
        content=_content(found),
        metadata=_metadata(found, times, _calendar(item, member)),
        related=tuple(_related(found, identity)),
        mutable=True,
    )
    owner = Related(Relation.ATTACHMENT_OF, kind, identity)
    for ordinal, blob in enumerate(files, 1):
        read = text_of.extract_text(blob.data or b"", blob.media_type)
        metadata = {**read.metadata, "flags": list(read.flags)} if read.flags else read.metadata
        yield attachments.record(
            _NAME, blob, ordinal, owner, time, content=read.text or None, metadata=metadata
        )


def _content(found: Component) -> str | None:
    """Return the description, which may exist only as HTML, and the comments."""
    page = next((line.text for line in found.every(*_PAGES) if line.text.strip()), "")
    description = found.texts("DESCRIPTION") or (cleaning.html_to_text(page) if page else None)
    return "\n\n".join(filter(None, (description, found.texts("COMMENT")))) or None


def _identity(found: Component) -> tuple[str, ...]:
    """Return UID and RECURRENCE-ID.

    Without a UID, which RFC 5545 requires, return the start and the summary, or the description if
    there is no summary.
    """
    if uid := found.text("UID"):
        return (uid, _written(found.first("RECURRENCE-ID")))
    start, words = _written(found.first("DTSTART")), found.text("SUMMARY")
    words = words or found.text("DESCRIPTION") or ""
    if not (start or words):
        raise BadValue(Reason.MISSING_FIELD, "no UID, and no DTSTART or SUMMARY in its place")
    return ("", start, words)


def _written(line: Line | None) -> str:
    return line.value.strip() if line else ""


def _calendar(item: RawRecord, member: Member) -> str:
    """Return the calendar's own name, else the name of its file."""
    named: str | None = item.around.get("calendar")
    return named or _COPY.sub("", PurePosixPath(member.path).stem)


class _Times:
    """The times of a component, in the zones of its calendar."""

    def __init__(self, found: Component, around: Any) -> None:
        self._found, self._around = found, around
        self.flags: set[str] = set()

    def first(self, *names: str) -> Instant | None:
        """Return the first of these times that exists."""
        line = next((line for name in names if (line := self._found.first(name))), None)
        return timestamps.or_unread(line.value, lambda _: self._instant(line)) if line else None

    def text(self, name: str) -> str | None:
        """Return a time in RFC 3339, a date as a date; None, with a flag, if it cannot be read."""
        line = self._found.first(name)
        if line is None:
            return None
        if _DATE_ONLY.fullmatch(day := line.value.strip()):
            return f"{day[:4]}-{day[4:6]}-{day[6:]}"
        try:
            return open_zones.utc_text(self._instant(line))
        except BadValue:
            self.flags.add(f"bad_{name.lower().replace('-', '_')}")
            return None

    def _instant(self, line: Line) -> Instant:
        written = timestamps.iso(line.value)
        named, source = line.param("TZID"), ZoneSource.EXPLICIT
        if not named and "T" in line.value:
            named, source = self._around.get("time_zone"), ZoneSource.FILE
        if not named or written.offset is not None:
            return written
        if zone := self._zone(named):
            return open_zones.in_zone(written, zone, source)
        # Another zone, such as the calendar's or the owner's, would only look right.
        self.flags.add("zone_unknown")
        return msgspec.structs.replace(written, flag="zone_unknown", zone=ZoneSource.ASSUMED)

    def _zone(self, name: str) -> tzinfo | None:
        rules = self._around.get("zones", {}).get(name)
        defined = time_zones.defined(rules) if rules else None
        return time_zones.named(name) or defined or time_zones.likely(name)

    def length(self) -> float | None:
        """Return DURATION in seconds."""
        line = self._found.first("DURATION")
        try:
            return durations.iso(line.value) if line else None
        except BadValue:
            self.flags.add(_BAD_DURATION)
            return None


def _metadata(found: Component, times: _Times, calendar: str) -> dict[str, Any]:
    start, geo = found.first("DTSTART"), dict[str, Any]()
    metadata = {
        **_people(found),
        **_ending(found, times),
        "all_day": bool(start and _DATE_ONLY.fullmatch(start.value.strip())),
        "time_zone": start.param("TZID") if start else None,
        "list" if found.name == "VTODO" else "calendar": calendar,
        "status": (found.text("STATUS") or "").lower(),
        "labels": [
            label for line in found.every("CATEGORIES") for label in pieces(line.value, ",")
        ],
        "created_at": times.text("CREATED"),
        "updated_at": times.text("LAST-MODIFIED"),
        "completed_at": times.text("COMPLETED"),
        "due": times.text("DUE"),
        "recurrence": [f"{line.name}:{line.value}" for line in found.every(*_RECURRENCE)],
        "recurrence_id": _written(found.first("RECURRENCE-ID")),
        "reminders": [_written(a.first("TRIGGER")) for a in found.parts if a.name == "VALARM"],
        "place": _place(found, geo),
        "attachments": [_attachment(line, n) for n, line in enumerate(found.every("ATTACH"), 1)],
        **{lake_name: found.text(name) for name, lake_name in _TEXTS.items()},
        "properties": found.rest(_TAKEN, _ONCE),
        "unread_lines": found.odd,
    }
    odd = {"odd_lines"} if found.odd or found.first("X-LIC-ERROR") else set()
    if _BAD_DURATION in times.flags:
        metadata["duration"] = found.text("DURATION")
    metadata["flags"] = sorted(times.flags | odd | set(geo.get("flags", ())))
    return {name: value for name, value in metadata.items() if value}


def _place(found: Component, odd: dict[str, Any]) -> dict[str, float]:
    """Return the position that GEO or Apple's place property gives.

    A value that is not a pair of degrees is flagged; `geo` keeps its text.
    """
    apple = (found.text("X-APPLE-STRUCTURED-LOCATION") or "").removeprefix("geo:")
    written = (found.text("GEO") or apple).strip()
    return (
        coordinates.or_noted(lambda: coordinates.degrees(written), written, "geo", odd)
        if written
        else {}
    )


def _ending(found: Component, times: _Times) -> dict[str, Any]:
    """Return the stated end, or the one that the duration gives; empty if there is neither."""
    if end := times.text("DTEND"):
        return {"ended_at": end}
    start, length = times.first("DTSTART"), times.length()
    if length is None or start is None or start.at is None:
        return {}
    began = open_zones.resolve(start).at or start.at
    end_at = Instant(began + timedelta(seconds=length), "")
    return {"ended_at": open_zones.utc_text(end_at), "duration_s": length}


def _people(found: Component) -> dict[str, Any]:
    organizer = found.first("ORGANIZER")
    attendees = list(found.every("ATTENDEE"))
    people = [person for line in attendees[:_PEOPLE] if (person := _person(line))]
    return {
        "organizer": _person(organizer) if organizer else None,
        "attendees": people,
        "attendees_count": len(attendees) if len(attendees) > _PEOPLE else None,
    }


def _person(line: Line) -> dict[str, str]:
    """Return a calendar user: the address of a `mailto:`, else the URI as a handle."""
    scheme, _, rest = line.value.strip().partition(":")
    person = {"name": line.param("CN"), "answer": (line.param("PARTSTAT") or "").lower()}
    role, kind, guests = (line.param(name) or "" for name in ("ROLE", "CUTYPE", "X-NUM-GUESTS"))
    person["role"] = "" if role.upper() == "REQ-PARTICIPANT" else role.lower()
    person["kind"] = "" if kind.upper() == "INDIVIDUAL" else kind.lower()
    person["guests"] = "" if guests == "0" else guests
    if scheme.lower() == "mailto" and "@" in rest:
        person["address"] = rest.strip().lower()
    elif rest:
        person["handle"] = line.value.strip()
    known = {name: value for name, value in person.items() if value}
    return known if known.keys() & {"name", "address", "handle"} else {}


def _attachment(line: Line, ordinal: int) -> dict[str, Any]:
    blob = _file(line, ordinal)
    if blob is not None:
        return attachments.summary(blob)
    named = {"name": _file_name(line), "media_type": line.param("FMTTYPE")}
    return {k: v for k, v in {**named, "url": line.value.strip()}.items() if v}


def _file(line: Line, ordinal: int) -> Blob | None:
    """Return the file that is embedded in the calendar."""
    data = line.binary
    if data is None:
        return None
    kind = line.param("FMTTYPE") or line.media_type or ""
    fallback = "attachment" if ordinal == 1 else f"attachment-{ordinal}"
    return attachments.blob_of(data, _file_name(line) or "", kind, fallback=fallback)


def _file_name(line: Line) -> str | None:
    names = ("FILENAME", "X-FILENAME", "X-LABEL", "X-ORACLE-FILENAME")
    return next((name for one in names if (name := line.param(one))), None)


def _related(found: Component, identity: tuple[str, ...]) -> Iterator[Related]:
    """Relate an override to its series; RELATED-TO names a parent unless it says otherwise."""
    kind = _TYPES[found.name]
    if identity[0] and identity[1]:
        yield Related(Relation.PART_OF, kind, (identity[0], ""))
    for line in found.every("RELATED-TO"):
        if (line.param("RELTYPE") or "PARENT").upper() == "PARENT" and line.text.strip():
            yield Related(Relation.PART_OF, kind, (line.text.strip(), ""))


def _looks_like(head: Head) -> bool:
    start = peek.text_of(head)[:32].upper().lstrip(b"\r\n\t ")
    return start.startswith(
        (b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", b"BEGIN:VTODO", b"BEGIN:VJOURNAL")
    )


FORMAT = Format(
    name=_NAME,
    title="Events, tasks and journals of a calendar (iCalendar)",
    version=6,
    data_type=DataType.STRUCTURED,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=Ics(),
    record=to_records,
    hints=(r"(.+/)?[^/]+\.(ics|ical|ifb)",),
    products=("Google Takeout: Calendar", "iCalendar files"),
    tried=("collective/icalendar", "py-vobject/vobject"),
    vintages=("RFC 2445", "RFC 5545"),
    record_types=(RecordType.EVENT, RecordType.TASK, RecordType.NOTE, RecordType.ATTACHMENT),
    sample="invented and real",
)
