"""Google Maps in Takeout: `Maps (your places)/Reviews.json`, GeoJSON.

New: `{date, five_star_rating_published, review_text_published, location, google_maps_url}`; old:
`{Published, "Star Rating", "Review Comment", Location}`. The questions that a review answers
(`questions`) and all other fields keep their own names.

Source: `docs/reference/exports/google-services.md#maps`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows, messaging
from pipeline.services.google import places as google_places
from pipeline.services.google import takeout
from pipeline.values.fields import as_written, joined, measure, non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.maps_reviews"
_READ = frozenset(
    {"date", "Published", "five_star_rating_published", "Star Rating", "location", "Location"}
    | {"review_text_published", "Review Comment", "google_maps_url", "Google Maps URL"}
)
_STARS = ("five_star_rating_published", "Star Rating")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one review.

    An account has one review of a place, so the place's address is identity.
    """
    fields: dict[str, Any] = item.value
    properties = fields["properties"]
    written = as_written(properties, "date") or as_written(properties, "Published")
    place, url = google_places.of_feature(fields), google_places.url_of(fields)
    name = next((name for name in _STARS if properties.get(name) is not None), _STARS[0])
    odd: dict[str, Any] = {}
    stars = measure(properties.get(name), "star_rating", odd)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.REVIEW,
        identity=(url,)
        if url
        else ("", written, place.get("name", ""), *generic_rows.undated_key(written, fields)),
        time=takeout.moment(written),
        title=place.get("name"),
        content=optional_text(properties, "review_text_published")
        or optional_text(properties, "Review Comment"),
        metadata=joined(
            non_empty(
                {
                    "rating": stars,
                    "rating_max": 5,
                    "place": place,
                    "url": url,
                    "country": google_places.country_of(fields),
                    **messaging.rest(properties, _READ),
                }
            ),
            odd,
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * any(map(_is_review, peek.first_items(head, "features", 10)))


def _is_review(item: Any) -> bool:
    properties = item.get("properties") if isinstance(item, dict) else None
    return isinstance(properties, dict) and not properties.keys().isdisjoint(_STARS)


FORMAT = Format(
    name=_NAME,
    title="Reviews on Google Maps (Takeout)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(geo)?json",),
    looks_like=_looks_like,
    reader=JsonItems(path="features"),
    record=to_record,
    products=("Google Takeout: Maps (your places)",),
    vintages=("Star Rating", "five_star_rating_published"),
    record_types=(RecordType.REVIEW,),
    fields=frozenset({"geometry", "properties", "type"}),
)
