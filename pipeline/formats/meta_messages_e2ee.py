"""Messenger's end-to-end encrypted chats, a zip of its own: one file a thread.

`participants` are texts, names are in camel case, and texts are valid UTF-8.

Source: `docs/reference/exports/meta.md#facebook`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging, meta
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "meta.messages_e2ee", "meta.e2ee"
_FIELDS = frozenset({"senderName", "timestamp", "text", "type", "media", "reactions", "isUnsent"})
_TAKEN = _FIELDS - {"type"}


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a message; before the first, the thread."""
    around = item.around
    thread = str(around.get("threadName") or "")
    if around["first"]:
        people = [{"name": str(one)} for one in around.get("participants") or ()]
        yield Record(
            data_type=DataType.ACTIVITY,
            source=_NAME,
            record_type=RecordType.CONVERSATION,
            identity=(_SERVICE, thread),
            title=thread or None,
            metadata={"conversation": thread, "participants": people},
            mutable=True,
        )
    yield messaging.attempt(partial(_message, thread, item.value))


def _message(thread: str, fields: Mapping[str, Any]) -> Record:
    sent, sender = as_written(fields, "timestamp"), text(fields, "senderName")
    words = optional_text(fields, "text") or ""
    media = [meta.medium(one) for one in fields.get("media") or ()]
    metadata = {
        "sender": {"name": sender},
        "conversation": thread,
        "attachments": media,
        "reactions": fields.get("reactions"),
        "deleted": fields.get("isUnsent"),
        **messaging.rest(fields, _TAKEN),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(_SERVICE, thread, sender, sent, words or (media[0]["name"] if media else "")),
        time=timestamps.epoch_or_unread(sent, "ms"),
        content=words or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(_SERVICE, thread),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    items = peek.first_objects(head, "messages")
    return 2 * any({"senderName", "timestamp"} <= item.keys() for item in items)


FORMAT = Format(
    name=_NAME,
    title="Messenger: end-to-end encrypted chats",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("messages",)),
    record=to_records,
    products=("Facebook Messenger",),
    record_types=(RecordType.MESSAGE, RecordType.CONVERSATION),
    fields=_FIELDS,
)
