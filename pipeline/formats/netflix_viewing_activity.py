"""Netflix: `CONTENT_INTERACTION/ViewingActivity.csv`, what was watched.

`Start Time` is in UTC. Bookmarks give how far it was watched; they change and are not identity.

Source: `docs/reference/exports/netflix.md`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import netflix, tables
from pipeline.values import durations, timestamps
from pipeline.values.fields import joined, text
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "netflix.viewing_activity"
_NAMES = {
    "Profile Name": "profile",
    "Attributes": "attributes",
    "Supplemental Video Type": "supplemental_video_type",
    "Device Type": "device",
    "Bookmark": "bookmark",
    "Latest Bookmark": "latest_bookmark",
    "Country": "country",
}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one play, also of a trailer."""
    row: dict[str, str] = item.value
    started, title = text(row, "Start Time"), text(row, "Title")
    time = timestamps.or_unread(started, tables.in_utc)
    odd: dict[str, Any] = {}
    lasted = durations.or_noted(durations.clock, row.get("Duration"), "duration", odd)
    played: dict[str, Any] = {} if lasted is None else {"played_s": lasted}
    if time.at and lasted is not None:
        played["ended_at"] = (time.at + timedelta(seconds=lasted)).isoformat()
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(text(row, "Profile Name"), started, title, row.get("Device Type", "")),
        time=time,
        title=title,
        metadata=joined({**tables.renamed(row, _NAMES), **played}, odd),
    )


FORMAT = Format(
    name=_NAME,
    title="What was watched on Netflix",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=netflix.with_columns("Profile Name", "Start Time", "Duration", "Title"),
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?ViewingActivity\.csv",),
    products=(netflix.PRODUCT,),
    locales=("en",),
    record_types=(RecordType.PLAY,),
    fields=frozenset({*_NAMES, "Start Time", "Duration", "Title"}),
    repeats=True,
)
