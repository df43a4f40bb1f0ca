"""Safari: `History.db`. `visit_time` counts seconds since 2001, with a fraction.

Source: `docs/reference/exports/browsers.md#history-databases`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.sqlite_tables import SqliteTable
from pipeline.services import browser
from pipeline.values import timestamps
from pipeline.values.fields import as_written
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "safari.history"
_VISITS, _PAGES = "history_visits", "history_items"
#: 2001-01-01 in Unix seconds, the epoch of Apple's clocks.
_COCOA = 978_307_200


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one visit."""
    row: dict[str, Any] = item.value
    when = row.get("visit_time")
    time = timestamps.or_unread(when, _moment)
    metadata = {"title": row.get("title")}
    return browser.visit(_NAME, item.around[_PAGES], time, as_written(row, "visit_time"), metadata)


def _moment(when: Any) -> Instant:
    if type(when) is not float and type(when) is not int:
        raise BadValue(Reason.BAD_TIME, "the time is not a number")
    return msgspec.structs.replace(timestamps.epoch(when + _COCOA, "s"), text=str(when))


def _looks_like(head: Head) -> bool:
    return browser.holds(head, _VISITS, _PAGES)


FORMAT = Format(
    name=_NAME,
    title="Visited pages from Safari (History.db)",
    version=2,
    data_type=DataType.BROWSER,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=SqliteTable(table=_VISITS, joins=(("history_item", _PAGES),)),
    record=to_record,
    products=("Safari",),
    tried=("purarue/browserexport",),
    record_types=(RecordType.VISIT,),
)
