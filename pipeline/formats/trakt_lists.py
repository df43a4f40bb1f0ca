"""Trakt's export: ratings, and entries of the watchlist, of lists and of the collection.

An array of entries with `rated_at` and `rating` (1 to 10), with `listed_at`, or with
`collected_at`; names of the files vary, so the entry decides. Source: the documentation of Trakt's
API (`/sync/ratings`, `/sync/watchlist`, `/sync/collection`), which the export repeats.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging, trakt
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "trakt.lists"
_TIMES = ("rated_at", "listed_at", "collected_at")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one rating, or one entry of a list."""
    fields: dict[str, Any] = item.value
    likely = "rated_at" if "rating" in fields else "listed_at"
    when = next((name for name in _TIMES if name in fields), likely)
    rated = when == "rated_at"
    written = optional_text(fields, when)
    title, details = trakt.thing(fields)
    listed = PurePosixPath(member.path).stem
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.REVIEW if rated else RecordType.LIST_ITEM,
        identity=(when if rated else listed, written or "", _ids(fields), title or ""),
        time=timestamps.or_unread(written),
        title=title,
        content=optional_text(fields, "notes") or None,
        metadata=non_empty(
            {
                **details,
                "list": None if rated else listed,
                "rating_max": 10 if "rating" in fields else None,
                **messaging.rest(fields, {"type", "notes", *_TIMES, *trakt.KINDS}),
            }
        ),
        mutable=True,
    )


def _ids(fields: dict[str, Any]) -> str:
    """Return what identifies the entry's film, show or episode: Trakt's own numbers."""
    things = ((kind, fields.get(kind)) for kind in trakt.KINDS)
    numbers = ((kind, (one.get("ids") or {}).get("trakt")) for kind, one in things if one)
    return " ".join(f"{kind} {number}" for kind, number in numbers if number is not None)


def _looks_like(head: Head) -> int:
    return 2 * any(
        not one.keys().isdisjoint(_TIMES)
        and any(isinstance(one.get(kind), dict) and "ids" in one[kind] for kind in trakt.KINDS)
        for one in peek.first_objects(head)
    )


FORMAT = Format(
    name=_NAME,
    title="Ratings and lists on Trakt",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Trakt",),
    record_types=(RecordType.REVIEW, RecordType.LIST_ITEM),
)
