"""Foursquare and Swarm: `checkins<N>.json`, an object with `items`.

`id`, `createdAt` and `venue` are verified; a venue's `name` and `id` are used if they are texts.
`createdAt` is seconds if it is a number, else ISO 8601.

Source: `docs/reference/exports/tracks.md#other-apps`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import StableNames, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "foursquare.checkins"
_NEEDED = frozenset({"id", "createdAt", "venue"})
_NAMES = StableNames()


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one check-in, identified by its id."""
    fields: dict[str, Any] = item.value
    written, venue = fields.get("createdAt"), fields["venue"]
    place = {k: v for k in ("name", "id") if isinstance(v := venue.get(k), str) and v}
    if not place:
        raise BadValue(Reason.MISSING_FIELD, "the venue has neither a name nor an id")
    details = {_NAMES[k]: v for k, v in fields.items() if k not in _NEEDED}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLACE_VISIT,
        identity=("checkin", text(fields, "id")),
        time=timestamps.or_unread(written, _moment),
        title=place.get("name"),
        metadata={"place": place, "venue": venue, **({"details": details} if details else {})},
    )


def _moment(written: Any) -> Instant:
    number = isinstance(written, int | float)
    return timestamps.epoch(written, "s") if number else timestamps.iso(written)


def _looks_like(head: Head) -> bool:
    found = peek.first_objects(head, "items")
    return any(item.keys() >= _NEEDED for item in found)


FORMAT = Format(
    name=_NAME,
    title="Check-ins of Foursquare and Swarm",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="items"),
    record=to_record,
    hints=(r"(.+/)?checkins\d*\.json",),
    products=("Foursquare", "Swarm"),
    record_types=(RecordType.PLACE_VISIT,),
)
