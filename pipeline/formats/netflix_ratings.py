"""Netflix: `CONTENT_INTERACTION/Ratings.csv`, thumbs.

Source: `docs/reference/exports/netflix.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import netflix, tables
from pipeline.values import timestamps
from pipeline.values.fields import text
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "netflix.ratings"

_TAKEN = frozenset({"Profile Name", "Title Name", "Thumbs Value", "Event Utc Ts"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one rating; the meaning of the values is not verified, so they are kept unchanged."""
    row: dict[str, str] = item.value
    when, title = text(row, "Event Utc Ts"), text(row, "Title Name")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.VOTE,
        identity=(text(row, "Profile Name"), when, title),
        time=timestamps.or_unread(when, tables.in_utc),
        title=title,
        metadata=netflix.profile(row)
        | {
            **tables.renamed(row, {"Thumbs Value": "thumbs"}),
            **tables.rest(row, _TAKEN),
        },
    )


FORMAT = Format(
    name=_NAME,
    title="Ratings on Netflix",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=netflix.with_columns("Profile Name", "Title Name", "Thumbs Value", "Event Utc Ts"),
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?Ratings\.csv",),
    products=(netflix.PRODUCT,),
    locales=("en",),
    record_types=(RecordType.VOTE,),
)
