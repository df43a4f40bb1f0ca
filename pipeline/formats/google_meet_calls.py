"""Google Meet in Takeout: `Google Meet/Call history/Call history.csv`.

Start and length, or start and end with `(UTC)` in their names; the length is in seconds, as a clock
or in words.

Source: `docs/reference/exports/google-services.md#meet`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.services.google import takeout
from pipeline.values import durations, instants, open_zones, timestamps
from pipeline.values.fields import joined, non_empty
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.meet_calls"
_STARTS = ("Start Time", "Start time (UTC)")
_HOSTS = ("Organizer Email", "Organiser")
_LENGTH, _END = "Duration (seconds)", "End time (UTC)"
_TAKEN = frozenset(
    {"Conference ID", "Meeting Code", "Device Type", _LENGTH, _END, *_STARTS, *_HOSTS}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one call."""
    row: dict[str, str] = item.value
    written = tables.cells(row, *_STARTS)
    read = tables.in_utc if row.get(_STARTS[1]) else takeout.moment
    started = timestamps.or_unread(written, read)
    odd: dict[str, Any] = {}
    host = tables.cells(row, *_HOSTS)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CALL,
        identity=(row["Conference ID"], written),
        time=started,
        title=tables.cells(row, "Meeting Code") or None,
        metadata=joined(
            non_empty(
                {
                    "conference": row["Conference ID"],
                    "conversation": row.get("Meeting Code"),
                    "organizer": {"address" if "@" in host else "name": host} if host else None,
                    "device": row.get("Device Type"),
                    **_end(row, started, odd),
                    **tables.rest(row, _TAKEN),
                }
            ),
            odd,
        ),
    )


def _end(row: dict[str, str], started: Instant, odd: dict[str, Any]) -> dict[str, Any]:
    """Return the duration, as written or computed from the end."""
    if length := tables.cells(row, _LENGTH):
        return {"duration_s": durations.or_noted(durations.spoken, length, "duration", odd)}
    if not (written := tables.cells(row, _END)):
        return {}
    ended = timestamps.or_unread(written, tables.in_utc)
    if ended.flag == instants.UNREAD:
        return {"ended_at": written}
    if ended.at is None or started.at is None:
        return {}
    length_s = (ended.at - started.at).total_seconds()
    return {"ended_at": open_zones.utc_text(ended), "duration_s": length_s}


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    named = {"Conference ID", "Meeting Code"} <= columns
    return 2 * (named and not columns.isdisjoint(_STARTS))


FORMAT = Format(
    name=_NAME,
    title="Calls of Google Meet (Takeout)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Google Takeout: Google Meet",),
    locales=("en",),
    vintages=("with a length", "with an end in UTC"),
    record_types=(RecordType.CALL,),
)
