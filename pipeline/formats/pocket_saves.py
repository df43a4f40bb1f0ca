"""Pocket's CSV: `title,url,time_added,tags,status`, tags separated by `|`.

Source: `docs/reference/exports/phones-and-apps.md#read-later-and-music`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.values import timestamps
from pipeline.values.fields import text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "pocket.saves"
_COLUMNS = frozenset({"title", "url", "time_added", "tags", "status"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one page; its tags and whether it was read change."""
    row: dict[str, str] = item.value
    url, added = text(row, "url"), text(row, "time_added")
    labels = [tag for tag in row.get("tags", "").split("|") if tag]
    metadata: dict[str, Any] = {"url": url, "status": row.get("status"), "labels": labels}
    return Record(
        data_type=DataType.BROWSER,
        source=_NAME,
        record_type=RecordType.BOOKMARK,
        identity=(url, added),
        time=timestamps.epoch_or_unread(added, "s"),
        title=row.get("title") or None,
        metadata={name: value for name, value in metadata.items() if value},
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return tables.columns(head) >= _COLUMNS


FORMAT = Format(
    name=_NAME,
    title="Pages saved in Pocket",
    version=2,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Pocket",),
    record_types=(RecordType.BOOKMARK,),
    fields=_COLUMNS,
)
