"""Apple Media Services: `Apple Music Play Activity.csv`.

A row is an event. `PLAY_END` is a play; all other events are activities, so that no play is counted
twice. Older files have `Content Name` for song and artist.

Source: `docs/reference/exports/apple.md#media-services`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import plays, tables
from pipeline.values import instants, open_zones, timestamps
from pipeline.values.fields import joined, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "apple.music_activity"
_START, _END = "Event Start Timestamp", "Event End Timestamp"
_NEEDED = frozenset({_START, _END, "Event Type", "Play Duration Milliseconds"})
_NAMES = {
    "Song Name": "track",
    "Artist Name": "artist",
    "Event Type": "event",
    "End Reason Type": "end_reason",
    "Device Identifier": "device",
    "Offline": "offline",
    "Media Duration In Milliseconds": "media_duration_in_milliseconds",
}
_TAKEN = frozenset({*_NEEDED, *_NAMES, "Content Name"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one event, identified by its times and what was played."""
    row: dict[str, str] = item.value
    started, ended = row.get(_START, "").strip(), row.get(_END, "").strip()
    values = tables.renamed(row, _NAMES)
    title = values.get("track") or row.get("Content Name", "").strip() or None
    played = row.get("Play Duration Milliseconds", "").strip()
    odd: dict[str, Any] = {}
    lasted = plays.played_ms(played, "play_duration_milliseconds", odd)
    time = timestamps.or_unread(started or ended)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY if values.get("event") == "PLAY_END" else RecordType.ACTIVITY,
        identity=(text(row, "Event Type"), started, ended, title or "", values.get("artist", "")),
        time=time if started else plays.began(time, lasted),
        title=title,
        metadata=joined(
            {
                **values,
                **tables.rest(row, _TAKEN),
                **plays.played(lasted),
                **_end(ended),
            },
            odd,
        ),
    )


def _end(written: str) -> dict[str, str]:
    end = open_zones.resolve(timestamps.or_unread(written)) if written else None
    if end is None or end.flag == instants.UNREAD:
        return {"ended_at": written} if written else {}
    return {"ended_at": end.at.isoformat()} if end.at is not None else {}


def _looks_like(head: Head) -> bool:
    return tables.columns(head) >= _NEEDED


FORMAT = Format(
    name=_NAME,
    title="Plays on Apple Music",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?Apple Music Activity/.+", r"(.+/)?Apple Music Play Activity\.csv"),
    products=("Apple Media Services",),
    locales=("en",),
    vintages=("Content Name", "Song Name and Artist Name"),
    record_types=(RecordType.ACTIVITY, RecordType.PLAY),
    repeats=True,
)
