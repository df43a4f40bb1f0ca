"""Snapchat's `friends.json`: lists of people by their relation to the owner.

Source: `docs/reference/exports/snapchat.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging, snapchat
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "snapchat.friends"
_FIELDS = frozenset(
    {"Username", "Display Name", "Creation Timestamp", "Last Modified Timestamp", "Source"}
)
_KNOWN = frozenset({"Username", "Creation Timestamp"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one person on one of the lists. Display names change."""
    fields: dict[str, Any] = item.value
    handle, name = messaging.key(fields, "Username"), optional_text(fields, "Display Name")
    listed = item.around["keys"][0]
    created = fields.get("Creation Timestamp")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONNECTION,
        identity=(snapchat.SERVICE, listed, handle),
        time=timestamps.or_unread(created, snapchat.moment) if created else None,
        title=name or handle,
        metadata=non_empty(
            {
                "people": [non_empty({"handle": handle, "name": name})],
                "status": listed,
                "updated_at": optional_text(fields, "Last Modified Timestamp"),
                "via": fields.get("Source"),
            }
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    for key in peek.top_keys(head)[:5]:
        items = peek.first_objects(head, key, 3)
        if any(item.keys() >= _KNOWN for item in items):
            return 2
    return 0


FORMAT = Format(
    name=_NAME,
    title="Snapchat: friends and other people",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("*",)),
    record=to_record,
    hints=(r"(.+/)?friends\.json",),
    products=("Snapchat",),
    record_types=(RecordType.CONNECTION,),
    fields=_FIELDS,
)
