"""Firefox: `places.sqlite`. `visit_date` counts microseconds since 1970 (reference 20)."""

from __future__ import annotations

from typing import Any

from pipeline import browser_visits, timestamps
from pipeline.fields import as_written
from pipeline.format import Format
from pipeline.readers.sqlite_tables import SqliteTable
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "firefox.places"
_VISITS, _PAGES = "moz_historyvisits", "moz_places"


def to_record(item: RawRecord, member: Member) -> Record:
    """One visit."""
    row: dict[str, Any] = item.value
    when = row.get("visit_date")
    said = {"visit_type": row.get("visit_type")}
    time = timestamps.epoch_or_unread(when, "us")
    return browser_visits.visit(
        _NAME, item.around[_PAGES], time, as_written(row, "visit_date"), said
    )


def _looks_like(head: Head) -> bool:
    return browser_visits.holds(head, _VISITS, _PAGES)


FORMAT = Format(
    name=_NAME,
    title="Visited pages from Firefox (places.sqlite)",
    version=2,
    data_type=DataType.BROWSER,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=SqliteTable(table=_VISITS, joins=(("place_id", _PAGES),)),
    record=to_record,
    products=("Firefox",),
    record_types=(RecordType.VISIT,),
    unread="its bookmarks are not read: drop a backup of them from Firefox's library (.json)",
)
