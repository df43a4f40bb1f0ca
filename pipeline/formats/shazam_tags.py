"""Shazam's CSV: a title line, then `Index,TagTime,Title,Artist,URL,TrackKey`.

Times are local and name no zone.

Source: `docs/reference/exports/phones-and-apps.md#read-later-and-music`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.values import timestamps
from pipeline.values.fields import text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "shazam.tags"
_COLUMNS = frozenset({"Index", "TagTime", "Title", "Artist", "URL", "TrackKey"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one recognised song. The index restarts with each export."""
    row: dict[str, str] = item.value
    when, title = text(row, "TagTime"), text(row, "Title")
    names = {"Title": "track", "Artist": "artist", "URL": "url", "TrackKey": "track_key"}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(when, row["TrackKey"], title),
        time=timestamps.or_unread(when),
        title=title,
        metadata=tables.renamed(row, names),
    )


def _looks_like(head: Head) -> bool:
    return tables.columns(head) >= _COLUMNS


FORMAT = Format(
    name=_NAME,
    title="Songs recognised by Shazam",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Shazam",),
    record_types=(RecordType.ACTIVITY,),
    fields=_COLUMNS,
)
