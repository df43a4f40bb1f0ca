"""Google My Activity in JSON: `My Activity/<product>/MyActivity.json` of Takeout.

Folder, file name and titles are in the account's language (`Meine Aktivitäten`), and YouTube's
`watch-history.json` has the same shape, so the file is known by its structure: an array of
objects with a `title`, an RFC 3339 `time` and `products`. `header` is missing on some rows from
before 2021; YouTube's rows from before 2017 hold title and time in a `snippet`.

Source: `docs/reference/exports/google-my-activity.md#json`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.google import my_activity
from pipeline.values import timestamps
from pipeline.values.fields import StableNames, optional_text, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record

_NAME = "google.my_activity"
_CORE = frozenset(
    {"header", "title", "titleUrl", "description", "time", "products", "subtitles", "details"}
)
_KNOWN = _CORE | {"locationInfos", "activityControls", "snippet", "kind"}
_NAMES = StableNames(locationInfos="locations")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one activity; `pipeline.services.google.my_activity` determines its kind."""
    fields: dict[str, Any] = item.value
    core = fields.get("snippet") or fields
    entry = my_activity.Entry(
        title=text(core, "title"),
        time=timestamps.or_unread(core.get("time" if core is fields else "publishedAt")),
        header=optional_text(fields, "header") or "",
        url=optional_text(fields, "titleUrl") or "",
        description=optional_text(fields, "description") or "",
        products=_texts(fields.get("products") or []),
        subtitles=_objects(fields.get("subtitles") or []),
        details=_objects(fields.get("details") or []),
        more={_NAMES[k]: v for k, v in fields.items() if k not in _CORE},
    )
    return my_activity.record(entry, _NAME)


def _texts(values: list[Any]) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise BadValue(Reason.BAD_SHAPE, "'products' holds something other than texts")
    return values


def _objects(values: list[Any]) -> list[dict[str, Any]]:
    """Return the named lines of an entry, without the empty ones of about 2018."""
    for value in values:
        optional_text(value, "name")
    return [value for value in values if value]


def _looks_like(head: Head) -> bool:
    return peek.is_json_array(head) and any(map(_is_activity, peek.first_items(head, "", 10)))


def _is_activity(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    if isinstance(snippet := item.get("snippet"), dict):
        # The items of old playlists and subscriptions have one too, besides what they belong to.
        bare = "contentDetails" not in item and "resourceId" not in snippet
        return bare and {"title", "publishedAt"} <= snippet.keys()
    known = isinstance(item.get("products"), list) and isinstance(item.get("title"), str)
    return known and isinstance(item.get("time"), str)


FORMAT = Format(
    name=_NAME,
    title="Google My Activity in JSON (Takeout)",
    version=5,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?MyActivity\.json",),
    products=("Google Takeout: My Activity", "Google Takeout: YouTube"),
    tried=("purarue/google_takeout_parser",),
    vintages=(
        "YouTube rows with a snippet (to 2017)",
        "empty subtitles (about 2018)",
        "rows without a header (to 2021)",
    ),
    record_types=my_activity.RECORD_TYPES,
    fields=_KNOWN,
)
