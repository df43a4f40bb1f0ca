"""Safari's export (18.2 and later, iOS and macOS): `History.json`, the visited pages.

`metadata` states that Safari wrote the file and that it is history; `history` has an entry for each
page and moment: microseconds since 1970, how often the page was opened, and redirects to or from
it. Names of the files are localised, and profiles have their own. Source: Apple's documentation,
"Importing data exported from Safari" (Safari Services).
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import browser
from pipeline.values import open_zones, timestamps
from pipeline.values.fields import as_written
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "safari.export"
_NEEDED = frozenset({"url", "time_usec"})
#: `visits_count` in the documentation, `visit_count` in the files.
_COUNTS = ("visit_count", "visits_count")
_METADATA = ("destination_url", "source_url", "latest_visit_was_load_failure", *_COUNTS)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the latest visit of a page, as far as Safari distinguishes visits."""
    fields: dict[str, Any] = item.value
    when = as_written(fields, "time_usec")
    time = timestamps.epoch_or_unread(when, "us")
    metadata: dict[str, Any] = {"title": fields.get("title")}
    metadata |= {name: fields.get(name) for name in _METADATA}
    metadata["latest_visit_was_http_get"] = fields.get("latest_visit_was_http_get")
    for end in ("destination", "source"):
        metadata[f"{end}_at"] = _moment(fields.get(f"{end}_time_usec"))
    return browser.visit(_NAME, fields, time, when, metadata)


def _moment(number: object) -> str | None:
    if type(number) is not int:
        return None
    return open_zones.utc_text(timestamps.epoch(number, "us"))


def _looks_like(head: Head) -> int:
    found = peek.first_objects(head, "history")
    keys = peek.top_keys(head)
    shaped = any(one.keys() >= _NEEDED for one in found)
    return 2 * (shaped and "metadata" in keys)


FORMAT = Format(
    name=_NAME,
    title="Visited pages from Safari's export (History.json)",
    version=3,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="history"),
    record=to_record,
    hints=(r"(.+/)?History[^/]*\.json",),
    products=("Safari",),
    record_types=(RecordType.VISIT,),
    fields=_NEEDED
    | {
        "title",
        *_METADATA,
        "destination_time_usec",
        "source_time_usec",
        "latest_visit_was_http_get",
    },
)
