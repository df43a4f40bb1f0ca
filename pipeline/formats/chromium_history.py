"""Chrome, Edge, Brave and related browsers: the database `History`.

`visits.visit_time` and `visit_duration` count microseconds, the first since 1601.

Source: `docs/reference/exports/browsers.md#history-databases`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.sqlite_tables import SqliteTable
from pipeline.services import browser
from pipeline.values import timestamps
from pipeline.values.fields import as_written, joined, measure
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "chromium.history"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one visit."""
    row: dict[str, Any] = item.value
    when, lasted = row.get("visit_time"), row.get("visit_duration")
    odd: dict[str, Any] = {}
    micros = measure(lasted, "visit_duration", odd)
    metadata = {
        "transition": row.get("transition"),
        "duration_s": micros / 1_000_000 if micros and micros > 0 else None,
    }
    time = timestamps.epoch_or_unread(when, "webkit")
    return browser.visit(
        _NAME, item.around["urls"], time, as_written(row, "visit_time"), joined(metadata, odd)
    )


def _looks_like(head: Head) -> bool:
    return browser.holds(head, "visits", "urls")


FORMAT = Format(
    name=_NAME,
    title="Visited pages from Chrome, Edge, Brave (History)",
    version=3,
    data_type=DataType.BROWSER,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=SqliteTable(table="visits", joins=(("url", "urls"),)),
    record=to_record,
    products=("Chrome", "Edge", "Brave", "Chromium"),
    tried=("purarue/browserexport",),
    record_types=(RecordType.VISIT,),
    unread="its downloads and words of search are not read; bookmarks are in the file Bookmarks",
)
