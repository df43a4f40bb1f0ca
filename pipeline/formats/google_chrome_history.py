"""Chrome's synced history in Takeout: `Chrome/BrowserHistory.json`, renamed `History.json`.

Renamed between October 2023 and September 2024; in German `Verlauf.json`. One object whose key
`Browser History` is never localised. Newer files also hold `Typed Url`, `Session` and `Shared Tab
Group`, perhaps before it; their fields are not verified, so they are not read and stay in the
original. `time_usec` counts microseconds since 1970; 0 is "unknown".

Source: `docs/reference/exports/browsers.md#chrome-in-takeout`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import as_written, optional_text, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.chrome_history"
_KEY = "Browser History"
_OTHER_KEYS = frozenset({"Typed Url", "Session", "Shared Tab Group"})
_TAKEN = frozenset({"title", "time_usec"})
_UNKNOWN = ("0", "")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one visit. Titles change between exports; the moment and the address do not."""
    fields: dict[str, Any] = item.value
    when, url = as_written(fields, "time_usec"), text(fields, "url")
    if not url:
        raise BadValue(Reason.MISSING_FIELD, "'url' is empty")
    return Record(
        data_type=DataType.BROWSER,
        source=_NAME,
        record_type=RecordType.VISIT,
        identity=(when, url),
        time=None if when in _UNKNOWN else timestamps.epoch_or_unread(fields["time_usec"], "us"),
        title=optional_text(fields, "title"),
        metadata={k: v for k, v in fields.items() if k not in _TAKEN},
    )


def _looks_like(head: Head) -> bool:
    keys = peek.top_keys(head)
    return _KEY in keys or not _OTHER_KEYS.isdisjoint(keys)


FORMAT = Format(
    name=_NAME,
    title="Visited pages from Chrome (Takeout)",
    version=2,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?(Browser ?History|History|Verlauf)\.json", r"(.+/)?Chrome/[^/]+\.json"),
    looks_like=_looks_like,
    reader=JsonItems(path=_KEY),
    record=to_record,
    products=("Google Takeout: Chrome",),
    tried=("purarue/google_takeout_parser",),
    vintages=(
        "BrowserHistory.json (to 2023)",
        "History.json (since 2024); Typed Url, Session and Shared Tab Group are not read",
    ),
    record_types=(RecordType.VISIT,),
    fields=frozenset(
        {"title", "url", "time_usec", "page_transition", "page_transition_qualifier", "client_id"}
        | {"favicon_url", "ptoken"}
    ),
)
