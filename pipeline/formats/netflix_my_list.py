"""Netflix: `CONTENT_INTERACTION/MyList.csv`, titles saved to watch later.

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

_NAME = "netflix.my_list"
_COLUMNS = ("Title Name", "Country", "Utc Title Add Date")
_TAKEN = frozenset({"Profile Name", *_COLUMNS})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one title on the list."""
    row: dict[str, str] = item.value
    added, title = text(row, "Utc Title Add Date"), text(row, "Title Name")
    metadata = netflix.profile(row) | tables.renamed(row, {"Country": "country"})
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(metadata.get("profile", ""), title, added),
        time=timestamps.or_unread(added, tables.in_utc),
        title=title,
        metadata={"list": "My List", **metadata, **tables.rest(row, _TAKEN)},
    )


FORMAT = Format(
    name=_NAME,
    title="My List on Netflix",
    version=2,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=netflix.with_columns(*_COLUMNS),
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?MyList\.csv",),
    products=(netflix.PRODUCT,),
    locales=("en",),
    record_types=(RecordType.LIST_ITEM,),
)
