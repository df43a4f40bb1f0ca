"""Chrome's search engines: `Chrome/SearchEngines.json` of Takeout.

`{"Search Engines": [{short_name, keyword, url, date_created, last_modified, …}]}`, times in
microseconds since 1601, 0 for none.

Source: `docs/reference/exports/browsers.md#chrome-in-takeout`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import instants, timestamps
from pipeline.values.fields import optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.chrome_search_engines"
_KEY = "Search Engines"
_TAKEN = frozenset({"short_name", "date_created", "last_modified"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one search engine, identified by its keyword and its address."""
    fields: dict[str, Any] = item.value
    changed = _time(fields, "last_modified")
    metadata = {name: value for name, value in fields.items() if name not in _TAKEN}
    if changed is not None and changed.flag == instants.UNREAD:
        metadata["updated_at"] = changed.text
    elif changed is not None and changed.at is not None:
        metadata["updated_at"] = changed.at.isoformat()
    return Record(
        data_type=DataType.BROWSER,
        source=_NAME,
        record_type=RecordType.SETTING,
        identity=(_KEY, text(fields, "keyword"), text(fields, "url")),
        time=_time(fields, "date_created"),
        title=optional_text(fields, "short_name"),
        metadata=metadata,
        mutable=True,
    )


def _time(fields: dict[str, Any], name: str) -> Instant | None:
    value = fields.get(name)
    return timestamps.epoch_or_unread(value, "webkit") if value not in (None, 0, "0", "") else None


def _looks_like(head: Head) -> bool:
    return any({"keyword", "url"} <= item.keys() for item in peek.first_objects(head, _KEY))


FORMAT = Format(
    name=_NAME,
    title="Chrome's search engines (Takeout)",
    version=2,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path=_KEY),
    record=to_record,
    products=("Google Takeout: Chrome",),
    record_types=(RecordType.SETTING,),
)
