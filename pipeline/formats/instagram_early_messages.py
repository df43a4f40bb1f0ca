"""Instagram's `messages.json` of 2018 to 2020: an array of `{participants, conversation}`.

A thread has no id, so its participants identify it. Its messages are newest first, and have a time
and a sender each. Contents other than text (a heart, a shared post, a story) have fields of their
own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import generic_rows, messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "instagram.early_messages", "instagram"
_TAKEN = frozenset({"sender", "created_at", "text", "heart", "likes"})
#: Fields that distinguish messages without words.
_SHARED = frozenset(
    {"media", "media_owner", "media_share_caption", "media_share_url", "story_share"}
    | {"story_share_type", "animated_media_images", "voice_media", "link", "location", "user"}
    | {"mentioned_username", "profile_share_username", "profile_share_name", "video_call_action"}
)

#: Names, messages, and a moment. Other files may have an array with these names.
_THREAD = (
    re.compile(rb'"participants"\s*:\s*\[\s*"'),
    re.compile(rb'"conversation"\s*:\s*\[\s*\{\s*"'),
    re.compile(rb'"created_at"\s*:\s*"\d{4}-'),
)


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a message; before the first of a thread, the thread."""
    people = [str(one) for one in item.around.get("participants") or ()]
    thread = ", ".join(sorted(people))
    if item.around["first"] and people:
        yield Record(
            data_type=DataType.ACTIVITY,
            source=_NAME,
            record_type=RecordType.CONVERSATION,
            identity=(_SERVICE, thread),
            title=thread,
            metadata={
                "conversation": thread,
                "participants": [{"handle": one} for one in people],
            },
        )
    yield messaging.attempt(partial(_message, thread, item.value))


def _message(thread: str, fields: Mapping[str, Any]) -> Record:
    sent, sender = as_written(fields, "created_at"), text(fields, "sender")
    words = optional_text(fields, "text") or optional_text(fields, "heart") or ""
    shared = {name: fields[name] for name in sorted(_SHARED & fields.keys())}
    metadata = {
        "sender": {"handle": sender},
        "conversation": thread,
        "reactions": [_like(one) for one in fields.get("likes") or ()],
        **messaging.rest(fields, _TAKEN),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(
            _SERVICE,
            thread,
            sender,
            sent,
            words,
            *generic_rows.undated_key(sent if words else "", shared),
        ),
        time=timestamps.or_unread(sent),
        content=words or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(_SERVICE, thread),
    )


def _like(value: Mapping[str, Any]) -> dict[str, Any]:
    person = messaging.person(handle=optional_text(value, "username"))
    return non_empty({"reaction": "like", "person": person, "at": value.get("date")})


def _looks_like(head: Head) -> int:
    if not peek.is_json_array(head):
        return 0
    keys = set(peek.item_keys(head))
    return 2 * (
        keys >= {"participants", "conversation"} and all(p.search(head.data) for p in _THREAD)
    )


FORMAT = Format(
    name=_NAME,
    title="Instagram, 2018 to 2020: messages",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("[].conversation",)),
    record=to_records,
    hints=(r"(.+/)?messages\.json",),
    products=("Instagram",),
    record_types=(RecordType.MESSAGE, RecordType.CONVERSATION),
    fields=_TAKEN | _SHARED,
)
