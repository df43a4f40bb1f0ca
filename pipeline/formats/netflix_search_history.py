"""Netflix: `CONTENT_INTERACTION/SearchHistory.csv`.

A row without a query is an action on the results of a search.

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

_NAME = "netflix.search_history"
_NAMES = {
    "Query Typed": "query",
    "Displayed Name": "displayed_name",
    "Action": "action",
    "Section": "section",
    "Device": "device",
}
_TAKEN = frozenset({"Profile Name", "Utc Timestamp", *_NAMES})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one search, or one step of it."""
    row: dict[str, str] = item.value
    when = text(row, "Utc Timestamp")
    values = tables.renamed(row, _NAMES)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SEARCH if "query" in values else RecordType.ACTIVITY,
        identity=(when, *(row.get(name, "") for name in ("Profile Name", *_NAMES))),
        time=timestamps.or_unread(when, tables.in_utc),
        title=values.get("query") or values.get("displayed_name"),
        metadata=netflix.profile(row) | values | tables.rest(row, _TAKEN),
    )


FORMAT = Format(
    name=_NAME,
    title="Searches on Netflix",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=netflix.with_columns("Query Typed", "Displayed Name", "Utc Timestamp"),
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?SearchHistory\.csv",),
    products=(netflix.PRODUCT,),
    locales=("en",),
    record_types=(RecordType.ACTIVITY, RecordType.SEARCH),
)
