"""X (Twitter): `data/direct-messages.js` and `direct-messages-group.js`.

Conversations with their messages, newest first. People are numbers. Besides messages a conversation
has events of people who join or leave.

Source: `docs/reference/exports/x.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from html import unescape
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.readers.ytd import Ytd
from pipeline.services import messaging, x
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Outcome, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "x.messages"
_MESSAGE = "messageCreate"
_TAKEN = frozenset({"id", "senderId", "recipientId", "text", "mediaUrls", "urls", "createdAt"})


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a message or another event of the conversation; before the first, the conversation."""
    conversation = messaging.key(item.around, "conversationId")
    if item.around["first"]:
        yield _conversation(conversation)
    yield messaging.attempt(partial(_entry, conversation, item.value))


def _entry(conversation: str, value: Mapping[str, Any]) -> Record:
    kind, fields = next((n, one) for n, one in value.items() if isinstance(one, dict))
    if kind == _MESSAGE:
        return _message(conversation, fields)
    return _change(conversation, kind, fields)


def _conversation(number: str) -> Record:
    """Return the conversation; with two people, its id is their numbers."""
    people = number.split("-") if "-" in number else []
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(x.SERVICE, number),
        metadata=non_empty(
            {"conversation": number, "participants": [{"handle": one} for one in people]}
        ),
        mutable=True,
    )


def _message(conversation: str, fields: Mapping[str, Any]) -> Record:
    number, words = messaging.key(fields, "id"), optional_text(fields, "text")
    recipient = fields.get("recipientId")
    urls = [str(url) for url in fields.get("mediaUrls") or ()]
    metadata = {
        "sender": {"handle": messaging.key(fields, "senderId")},
        "recipients": [{"handle": str(recipient)}] if recipient else [],
        "conversation": conversation,
        "message_id": number,
        "attachments": [{"name": url.rsplit("/", 1)[-1], "url": url} for url in urls],
        "links": [one.get("expanded") or one["url"] for one in fields.get("urls") or ()],
        **messaging.rest(fields, _TAKEN),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(x.SERVICE, conversation, number),
        time=timestamps.or_unread(fields.get("createdAt")),
        content=unescape(words) if words else None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(x.SERVICE, conversation),
        mutable=True,
    )


def _change(conversation: str, kind: str, fields: Mapping[str, Any]) -> Record:
    who = str(fields.get("initiatingUserId") or "")
    when = optional_text(fields, "createdAt")
    if not who and not when:
        raise BadValue(
            Reason.MISSING_FIELD, "the event has neither 'createdAt' nor 'initiatingUserId'"
        )
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(x.SERVICE, conversation, kind, when or "", who),
        time=timestamps.or_unread(when) if when else None,
        title=kind,
        metadata={"conversation": conversation, **messaging.rest(fields, ("createdAt",))},
        related=messaging.in_conversation(x.SERVICE, conversation),
    )


def _looks_like(head: Head) -> int:
    return 2 * any(
        isinstance(item, dict) and isinstance(item.get("dmConversation"), dict)
        for item in x.first_items(head)
    ) or int(x.name_of(head) in ("direct_messages", "direct_messages_group"))


FORMAT = Format(
    name=_NAME,
    title="X (Twitter): direct messages",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=x.PATHS,
    looks_like=_looks_like,
    reader=Ytd(inner=JsonTree(paths=("[].dmConversation.messages",))),
    record=to_records,
    hints=(r"(.+/)?direct-messages(-group)?(-part\d+)?\.js",),
    products=("X (Twitter)",),
    record_types=(RecordType.MESSAGE, RecordType.ACTIVITY, RecordType.CONVERSATION),
)
