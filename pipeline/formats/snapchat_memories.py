"""Snapchat's `memories_history.json`: saved photos and videos.

Their links are signed for one export and not permanent, so only the number distinguishes two of one
kind, second and place.

Source: `docs/reference/exports/snapchat.md`.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows, snapchat
from pipeline.values import coordinates, timestamps
from pipeline.values.fields import as_written, non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "snapchat.memories"
_KEY = "Saved Media"
_FIELDS = frozenset({"Date", "Media Type", "Location", "Download Link", "Media Download Url"})
_PLACE = re.compile(r"Latitude, Longitude: (-?\d+(?:\.\d+)?), (-?\d+(?:\.\d+)?)")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one photo or video."""
    fields: dict[str, Any] = item.value
    date, kind = as_written(fields, "Date"), optional_text(fields, "Media Type") or ""
    where = optional_text(fields, "Location") or ""
    url = optional_text(fields, "Media Download Url") or optional_text(fields, "Download Link")
    return Record(
        data_type=DataType.MEDIA,
        source=_NAME,
        record_type=RecordType.MEDIUM,
        identity=(
            snapchat.SERVICE,
            "memory",
            date,
            kind,
            where,
            *generic_rows.undated_key(date, fields),
        ),
        time=timestamps.or_unread(date, snapchat.moment),
        metadata=non_empty({"kind": kind.lower(), "place": _place(where), "url": url}),
    )


def _place(where: str) -> dict[str, Any] | None:
    found = _PLACE.fullmatch(where)
    if found is None:
        return None
    return coordinates.given(found[1], found[2])


def _looks_like(head: Head) -> int:
    items = peek.first_objects(head, _KEY)
    return 2 * any({"Date", "Media Type"} <= item.keys() for item in items)


FORMAT = Format(
    name=_NAME,
    title="Snapchat: memories",
    version=3,
    data_type=DataType.MEDIA,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path=_KEY),
    record=to_record,
    embed=False,
    hints=(r"(.+/)?memories_history\.json",),
    products=("Snapchat",),
    record_types=(RecordType.MEDIUM,),
    fields=_FIELDS,
    repeats=True,
)
