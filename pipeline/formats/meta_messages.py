"""Messenger and Instagram: `messages/inbox/<thread>/message_<n>.json`.

One thread, newest first; large ones are cut into numbered files. Texts are UTF-8 written as
latin-1. A message has no id: thread, sender, milliseconds and words identify it. The first exports
of 2018 have seconds under `timestamp`, and people as texts.

Source: `docs/reference/exports/meta.md#facebook` and `docs/reference/exports/meta.md#instagram`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging, meta
from pipeline.text.cleaning import mend_meta
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "meta.messages", "meta"
#: All files of a thread but the first.
_LATER = re.compile(r"message_(?!1\.)\d+\.json$", re.IGNORECASE)
_FILES = ("photos", "videos", "gifs", "audio_files", "files")
_TAKEN = frozenset(
    {
        "sender_name",
        "timestamp_ms",
        "timestamp",
        "content",
        "sticker",
        "share",
        "reactions",
        "is_unsent",
    }
    | set(_FILES)
)


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a message; before the first of a thread's first file, the thread."""
    thread = _thread(item.around)
    identity_or_people = thread or _people(item.around)
    if item.around["first"] and identity_or_people and not _LATER.search(member.path):
        yield _conversation(thread, mend_meta(dict(item.around)))
    fields = mend_meta(item.value)
    yield messaging.attempt(partial(_message, thread, item.value, fields, item.around))


def _thread(around: Mapping[str, Any]) -> str:
    return str(around.get("thread_path") or around.get("title") or "")


def _conversation(thread: str, around: Mapping[str, Any]) -> Record:
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, thread),
        title=around.get("title"),
        metadata=non_empty(
            {
                "conversation": thread,
                "conversation_title": around.get("title"),
                "participants": _people(around),
                "is_still_participant": around.get("is_still_participant"),
            }
        ),
        mutable=True,
    )


def _people(around: Mapping[str, Any]) -> list[dict[str, Any]]:
    people = around.get("participants") or ()
    names = (one.get("name") if isinstance(one, dict) else one for one in people)
    return [{"name": name} for name in names if isinstance(name, str) and name]


def _message(
    thread: str, raw: Mapping[str, Any], fields: Mapping[str, Any], around: Mapping[str, Any]
) -> Record:
    sent = as_written(raw, "timestamp_ms")
    unit: timestamps.Unit = "ms"
    if not sent:
        sent, unit = as_written(raw, "timestamp"), "s"
    media = [one for name in _FILES for one in fields.get(name) or ()]
    share = fields.get("share") or {}
    if sticker := fields.get("sticker"):
        media.append(sticker)
    metadata = {
        "sender": {"name": text(fields, "sender_name")},
        "conversation": thread,
        "conversation_title": mend_meta(around.get("title")),
        "attachments": [meta.medium(one) for one in media],
        "links": [share["link"]] if share.get("link") else [],
        "share_text": share.get("share_text"),
        "share_owner": share.get("original_content_owner"),
        "reactions": [_reaction(one) for one in fields.get("reactions") or ()],
        "deleted": fields.get("is_unsent"),
        **messaging.rest(fields, _TAKEN),
    }
    words = optional_text(raw, "content")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(_SERVICE, thread, text(raw, "sender_name"), sent, words or meta.shown(raw)),
        time=timestamps.epoch_or_unread(sent, unit),
        content=optional_text(fields, "content") or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(_SERVICE, thread),
        mutable=True,
    )


def _reaction(value: Mapping[str, Any]) -> dict[str, Any]:
    person = messaging.person(optional_text(value, "actor"))
    return non_empty({"reaction": value.get("reaction"), "person": person})


def _looks_like(head: Head) -> int:
    items = peek.first_objects(head, "messages")
    return 2 * any(
        "sender_name" in item and not item.keys().isdisjoint({"timestamp_ms", "timestamp"})
        for item in items
    )


FORMAT = Format(
    name=_NAME,
    title="Messenger and Instagram: messages",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("messages",)),
    record=to_records,
    hints=(r"(.+/)?messages/.+/message_\d+\.json",),
    products=("Facebook Messenger", "Instagram"),
    tried=("joweich/chat-miner", "mlomb/chat-analytics"),
    vintages=(
        "messages/<thread>, in seconds (2018)",
        "messages/inbox (to 2023)",
        "your_…_activity/messages/inbox (since 2024)",
    ),
    record_types=(RecordType.MESSAGE, RecordType.CONVERSATION),
    fields=_TAKEN | {"type"},
)
