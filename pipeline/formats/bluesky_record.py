"""Bluesky: an unpacked repository, `<account>/<collection>/<key>.json`, one record a file.

`goat repo unpack` of bluesky-social/indigo writes these from the CAR file that the app exports. The
CAR file itself is read by `bluesky.repository`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services import bluesky
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record

_NAME = "bluesky.record"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the record; its path gives its address."""
    fields: dict[str, Any] = item.value
    path = PurePosixPath(member.path.rsplit("!/", 1)[-1])
    account = path.parent.parent.name
    address = f"at://{account}/{path.parent.name}/{path.stem}"
    return bluesky.record(_NAME, address, fields)


def _looks_like(head: Head) -> int:
    return 2 * ("$type" in peek.top_keys(head))


FORMAT = Format(
    name=_NAME,
    title="A record of Bluesky (repository, unpacked)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?(app|chat)\.bsky\.[\w.]+/[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    products=("Bluesky",),
    record_types=bluesky.RECORD_TYPES,
)
