"""Google Play Store in Takeout: `Reviews.json`, of apps.

Source: `docs/reference/exports/google-services.md#play-store`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.services.google import play_store
from pipeline.values.fields import joined, measure, non_empty
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.play_reviews"
_KEY = "review"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one review; stars and text may change."""
    fields: dict[str, Any] = play_store.inner(item, _KEY)
    kind, title = play_store.document(fields, "document")
    odd: dict[str, Any] = {}
    stars = measure(fields.get("starRating"), "star_rating", odd)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.REVIEW,
        identity=(
            kind,
            title,
            play_store.written(fields, "creationTime"),
        ),
        time=play_store.moment(fields, "creationTime"),
        title=title or None,
        content=play_store.written(fields, "comment") or None,
        metadata=joined(
            non_empty(
                {
                    "kind": kind,
                    "rating": stars,
                    "rating_max": 5,
                    "answers": fields.get("structuredReviewResponse"),
                }
            ),
            odd,
        ),
        mutable=True,
    )


FORMAT = Format(
    name=_NAME,
    title="Reviews of apps at Google Play (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=play_store.PATHS,
    looks_like=play_store.holds(_KEY, "starRating", "creationTime"),
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?Google Play Store/Reviews\.json",),
    products=("Google Takeout: Google Play Store",),
    record_types=(RecordType.REVIEW,),
    fields=frozenset({_KEY}),
)
