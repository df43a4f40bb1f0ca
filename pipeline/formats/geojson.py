"""Any GeoJSON (RFC 7946) `FeatureCollection`: points and lines, with times or without.

`pipeline.services.tracks.geojson` reads the features. Known products have formats of their own;
this one takes all other GeoJSON.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.contract import Format, Rank
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.tracks import geojson
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord
from schemas.vocabulary import RecordType

_NAME = "geojson"


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a position for a dated point, a place for another, a way and its points for a line."""
    return geojson.meaning(item.value, _NAME)


def _looks_like(head: Head) -> int:
    """Rank above the catch-all for an object with one list, which recognises it too."""
    return 2 * any(
        item.get("type") == "Feature" and "geometry" in item
        for item in peek.first_objects(head, "features")
    )


FORMAT = Format(
    name=_NAME,
    title="Places and ways of any GeoJSON",
    version=4,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(geojson|json)",),
    looks_like=_looks_like,
    reader=JsonItems(path="features"),
    record=to_outcomes,
    tried=("Freika/dawarich",),
    rank=Rank.SYNTAX,
    hints=(r"(.+/)?[^/]+\.geojson",),
    record_types=(RecordType.PLACE, RecordType.TRIP),
)
