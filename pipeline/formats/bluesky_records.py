"""Bluesky: the answer of `com.atproto.repo.listRecords`, an object with an array `records`.

`{uri, cid, value}` each; tools that save an account write it. Source: the lexicon
`com.atproto.repo.listRecords` of bluesky-social/atproto.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import bluesky
from pipeline.values.fields import text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record

_NAME = "bluesky.records"
_NEEDED = frozenset({"uri", "value"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one record, identified by its address."""
    fields: dict[str, Any] = item.value
    return bluesky.record(_NAME, text(fields, "uri"), fields["value"])


def _looks_like(head: Head) -> int:
    return 2 * any(
        one.keys() >= _NEEDED and str(one["uri"]).startswith("at://")
        for one in peek.first_objects(head, "records")
    )


FORMAT = Format(
    name=_NAME,
    title="Records of Bluesky (listRecords)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="records"),
    record=to_record,
    products=("Bluesky",),
    record_types=bluesky.RECORD_TYPES,
    fields=_NEEDED | {"cid"},
)
