"""A conversation of Signal Desktop saved as JSON by sigtop: an array of its messages.

They have the form of Signal Desktop's database: `sent_at` in milliseconds, `type` incoming or
outgoing, people as numbers or ids. Its id identifies a message. Source: tbvdm/sigtop, issue 85; the
names are those of Signal Desktop's `MessageAttributesType`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "signal.desktop", "signal.desktop"
_DIRECTIONS = {"incoming": "in", "outgoing": "out"}
_CALL = "call-history"
_TAKEN = frozenset(
    {"id", "body", "sent_at", "conversationId", "attachments", "reactions", "recipients"}
    | {"source", "sourceServiceId", "sourceUuid", "deletedForEveryone"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message, a call, or a change that the app notes."""
    fields: dict[str, Any] = item.value
    number, sent = messaging.key(fields, "id"), as_written(fields, "sent_at")
    kind, chat = optional_text(fields, "type") or "", str(fields.get("conversationId") or "")
    direction = _DIRECTIONS.get(kind)
    metadata = {
        "sender": _sender(fields, direction),
        "recipients": [
            messaging.person(None, one) for one in fields.get("recipients") or () if one
        ],
        "conversation": chat,
        "conversation_title": PurePosixPath(member.path).stem,
        "message_id": number,
        "direction": direction,
        "attachments": [_file(one) for one in fields.get("attachments") or ()],
        "reactions": [_reaction(one) for one in fields.get("reactions") or ()],
        "deleted": fields.get("deletedForEveryone"),
        **messaging.rest(fields, _TAKEN),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_type(kind, direction),
        identity=(_SERVICE, number),
        time=timestamps.epoch_or_unread(sent, "ms"),
        content=optional_text(fields, "body") or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(_SERVICE, chat) if chat else (),
        mutable=True,
    )


def _type(kind: str, direction: str | None) -> RecordType:
    if kind == _CALL:
        return RecordType.CALL
    return RecordType.ACTIVITY if direction is None else RecordType.MESSAGE


def _sender(fields: Mapping[str, Any], direction: str | None) -> dict[str, Any] | None:
    service = fields.get("sourceServiceId") or fields.get("sourceUuid")
    phone = optional_text(fields, "source")
    who = non_empty({"handle": str(service) if service else None, "phone": phone})
    return {**who, **non_empty({"self": direction == "out"})} if who else None


def _file(value: Mapping[str, Any]) -> dict[str, Any]:
    path = optional_text(value, "path")
    name = value.get("fileName") or (path or "unnamed").rsplit("/", 1)[-1]
    found = {"name": name, "media_type": value.get("contentType"), "size": value.get("size")}
    return non_empty({**found, "path": path})


def _reaction(value: Mapping[str, Any]) -> dict[str, Any]:
    person = messaging.person(None, value.get("fromId"))
    return non_empty({"reaction": value.get("emoji"), "person": person})


def _looks_like(head: Head) -> int:
    return 2 * any(map(_is_message, peek.first_items(head, "", 10)))


def _is_message(item: Any) -> bool:
    return isinstance(item, dict) and {"id", "type", "sent_at", "conversationId"} <= item.keys()


FORMAT = Format(
    name=_NAME,
    title="Signal Desktop: a conversation saved by sigtop",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Signal Desktop", "sigtop"),
    record_types=(RecordType.MESSAGE, RecordType.ACTIVITY, RecordType.CALL),
)
