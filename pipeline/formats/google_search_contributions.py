"""Search Contributions in Takeout: reviews, thumbs and lists that the owner gave to Search.

`Search Contributions/{Reviews,Thumbs,Watched,Hearts,Streaming video providers}.json`; items have
`Published` or `Updated`, the contribution and its `Search Query`. Only the file's name, in any
language, gives the list of an item.

Source: `docs/reference/exports/google-services.md#search-contributions-profile-and-the-rest`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.google import takeout
from pipeline.values.fields import joined, measure, non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.search_contributions"
_TIMES = ("Published", "Updated")
_ABOUT = ("Search Query", "Provider Name")
_REVIEW = frozenset({"Review Comment", "Review Star Rating"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one review, thumb or entry of a list."""
    fields: dict[str, Any] = item.value
    written = next((text for name in _TIMES if (text := optional_text(fields, name))), None)
    about = next((text for name in _ABOUT if (text := optional_text(fields, name))), None)
    if about is None:
        raise BadValue(Reason.MISSING_FIELD, "no field 'Search Query'")
    named = PurePosixPath(member.path).stem
    odd: dict[str, Any] = {}
    stars = measure(fields.get("Review Star Rating"), "review_star_rating", odd)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_kind(fields),
        identity=(named, about, written or ""),
        time=takeout.moment(written) if written else None,
        title=about,
        content=optional_text(fields, "Review Comment"),
        metadata=joined(
            non_empty(
                {
                    "list": named,
                    "query": optional_text(fields, "Search Query"),
                    "rating": stars,
                    "rating_max": None if stars is None else 5,
                    "thumbs": fields.get("Thumbs Rating"),
                    "provider": optional_text(fields, "Provider Name"),
                    "updated": optional_text(fields, "Updated"),
                }
            ),
            odd,
        ),
        mutable=True,
    )


def _kind(fields: dict[str, Any]) -> RecordType:
    if not fields.keys().isdisjoint(_REVIEW):
        return RecordType.REVIEW
    return RecordType.VOTE if "Thumbs Rating" in fields else RecordType.LIST_ITEM


def _looks_like(head: Head) -> int:
    return 2 * (peek.is_json_array(head) and any(map(_is_given, peek.first_items(head, "", 10))))


def _is_given(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    return not item.keys().isdisjoint(_TIMES) and not item.keys().isdisjoint(_ABOUT)


FORMAT = Format(
    name=_NAME,
    title="What was contributed to Google Search (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Google Takeout: Search Contributions",),
    record_types=(RecordType.REVIEW, RecordType.VOTE, RecordType.LIST_ITEM),
    fields=frozenset({*_TIMES, *_ABOUT, *_REVIEW, "Thumbs Rating"}),
)
