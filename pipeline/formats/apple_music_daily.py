"""Apple Media Services: `Apple Music - Play History Daily Tracks.csv`.

How often each track was played on a day. Single plays are in another file and are other records.

Source: `docs/reference/exports/apple.md#media-services`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import generic_rows, tables
from pipeline.values import timestamps
from pipeline.values.fields import joined, text, whole
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "apple.music_daily"
_NEEDED = frozenset({"Date Played", "Hours", "Track Description", "Play Count"})

_TAKEN = frozenset({"Date Played", "Track Description", "Play Count", "Hours"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one track on one day; the count grows until the day is over."""
    row: dict[str, str] = item.value
    day, what = text(row, "Date Played"), text(row, "Track Description")
    odd: dict[str, Any] = {}
    plays = whole(row.get("Play Count"), "play_count", odd)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=(day, row["Hours"], what, *generic_rows.undated_key(day, row)),
        time=timestamps.or_unread(day),
        title=what,
        metadata=joined(
            {
                **({} if plays is None else {"plays": plays}),
                "hours": row["Hours"],
                **tables.rest(row, _TAKEN),
            },
            odd,
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return tables.columns(head) >= _NEEDED


FORMAT = Format(
    name=_NAME,
    title="Daily tracks on Apple Music",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?Apple Music - Play History Daily Tracks\.csv",),
    products=("Apple Media Services",),
    locales=("en",),
    record_types=(RecordType.SUMMARY,),
)
