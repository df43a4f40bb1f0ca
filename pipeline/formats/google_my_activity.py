"""Google My Activity in JSON: `My Activity/<product>/MyActivity.json` of Takeout.

Folder, file name and titles are in the account's language (`Meine Aktivitäten`), and YouTube's
`watch-history.json` has the same shape, so the file is known by its structure: an array of
objects with a `title`, an RFC 3339 `time` and `products`. `header` is missing on some rows from
before 2021; `details` named `From Google Ads` mark an advertisement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline import peek, timestamps
from pipeline.fields import StableNames, optional_text, text
from pipeline.format import Format
from pipeline.readers.json_items import JsonItems
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.my_activity"
_AD = "From Google Ads"
_TAKEN = frozenset({"title", "time"})
_NAMES = StableNames(titleUrl="url", locationInfos="locations")


def to_record(item: RawRecord, member: Member) -> Record:
    """One activity. Its title and address tell apart what happened in one millisecond."""
    fields: dict[str, Any] = item.value
    # YouTube's rows from before 2017 hold title and time in a `snippet`.
    core = fields.get("snippet") or fields
    title = text(core, "title")
    time = timestamps.iso(text(core, "time" if core is fields else "publishedAt"))
    header = optional_text(fields, "header") or ""
    address = optional_text(fields, "titleUrl") or ""
    metadata = {_NAMES[k]: v for k, v in fields.items() if k not in _TAKEN}
    if any(detail.get("name") == _AD for detail in fields.get("details") or ()):
        metadata["advertisement"] = True
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(header, title, time.text, address),
        time=time,
        title=title,
        content="\n".join((title, *_lines(fields))),
        metadata=metadata,
    )


def _lines(fields: dict[str, Any]) -> Iterator[str]:
    """What the page shows below the title. Exports of about 2018 hold empty subtitles."""
    if description := optional_text(fields, "description"):
        yield description
    for subtitle in fields.get("subtitles") or ():
        if name := optional_text(subtitle, "name"):
            yield name


def _looks_like(head: Head) -> bool:
    return peek.is_json_array(head) and any(map(_is_activity, peek.first_items(head, "", 10)))


def _is_activity(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("products"), list):
        return False
    return isinstance(item.get("title"), str) and str(item.get("time"))[10:11] == "T"


FORMAT = Format(
    name=_NAME,
    title="Google My Activity in JSON (Takeout)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Google Takeout: My Activity", "Google Takeout: YouTube"),
    vintages=("YouTube rows with a snippet (to 2017)", "rows without a header (to 2021)"),
    record_types=(RecordType.ACTIVITY,),
)
