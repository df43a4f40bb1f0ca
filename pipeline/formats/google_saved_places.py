"""Google Maps in Takeout: `Maps (your places)/Saved Places.json`, GeoJSON.

`{Title, Published, "Google Maps URL", Location{Address, "Business Name", "Country Code"}}`. It is
not verified whether newer files use the lower-case spelling of `Reviews.json`, so both are read.
Coordinates 0, 0 mean none; the link of a pin may have them.

Source: `docs/reference/exports/google-services.md#maps`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.services.google import places as google_places
from pipeline.services.google import takeout
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.saved_places"
_URLS = frozenset({"Google Maps URL", "google_maps_url"})
_READ = _URLS | {"Title", "Published", "date", "location", "Location"}
_RATED = frozenset({"Star Rating", "five_star_rating_published"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one saved place, identified by its address on Maps."""
    fields: dict[str, Any] = item.value
    properties = fields["properties"]
    place, url = google_places.of_feature(fields), google_places.url_of(fields)
    if "latitude" not in place:
        place |= google_places.in_url(url or "")
    if not place and not url:
        raise BadValue(Reason.MISSING_FIELD, "the entry has neither a place nor its URL")
    written = optional_text(properties, "Published") or optional_text(properties, "date")
    title = optional_text(properties, "Title") or place.get("name")
    return Record(
        data_type=DataType.LOCATION,
        source=_NAME,
        record_type=RecordType.PLACE,
        identity=(url,) if url else ("", written or "", title or ""),
        time=takeout.moment(written) if written else None,
        title=title,
        metadata=non_empty(
            {
                "place": place,
                "url": url,
                "country": google_places.country_of(fields),
                **messaging.rest(properties, _READ),
            }
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * any(map(_is_place, peek.first_items(head, "features", 10)))


def _is_place(item: Any) -> bool:
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(properties, dict) or not properties.keys().isdisjoint(_RATED):
        return False
    return not properties.keys().isdisjoint(_URLS)


FORMAT = Format(
    name=_NAME,
    title="Saved places of Google Maps (Takeout)",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(geo)?json",),
    looks_like=_looks_like,
    reader=JsonItems(path="features"),
    record=to_record,
    products=("Google Takeout: Maps (your places)",),
    vintages=("Title and Published", "names in small letters"),
    record_types=(RecordType.PLACE,),
    fields=frozenset({"geometry", "properties", "type"}),
)
