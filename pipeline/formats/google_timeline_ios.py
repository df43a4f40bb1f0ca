"""Google Timeline as iOS exports it from the phone: `location-history.json`.

An array of segments in which every number is a text and coordinates are `geo:50.05,14.34`; paths
follow the visits, with minutes after their start.

Source: `docs/reference/exports/google-timeline.md#ios`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.google import timeline as google_timeline
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord
from schemas.vocabulary import RecordType

_NAME = "google.timeline_ios"
_KINDS = frozenset({"visit", "activity", "timelinePath", "timelineMemory"})


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a visit, a trip, the points of a path, or a memory."""
    return google_timeline.segment(item.value, _NAME)


def _looks_like(head: Head) -> int:
    return 2 * (peek.is_json_array(head) and any(map(_is_segment, peek.first_items(head, "", 5))))


def _is_segment(item: Any) -> bool:
    if not isinstance(item, dict) or not {"startTime", "endTime"} <= item.keys():
        return False
    return any(isinstance(item.get(kind), dict | list) for kind in _KINDS)


FORMAT = Format(
    name=_NAME,
    title="Google Timeline, exported from an iPhone",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_records,
    embed=False,
    products=("Google Maps Timeline (iOS)",),
    tried=("Freika/dawarich",),
    vintages=("location-history.json (since 2024)",),
    record_types=(RecordType.PLACE_VISIT, RecordType.TRIP, RecordType.ACTIVITY),
    fields=frozenset({"startTime", "endTime", *_KINDS}),
)
