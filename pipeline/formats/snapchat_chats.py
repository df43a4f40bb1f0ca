"""Snapchat's `chat_history.json` and `snap_history.json`: an object of arrays of messages.

In older exports the arrays are lists of messages `From` and `To` others; the other person is the
conversation. Since 2023 each array is a conversation under its name, `From` is the author of a
message, also the owner, and `IsSender` marks the owner; the words are under `Content`, and
`Created(microseconds)` holds milliseconds (public parsers).

Source: `docs/reference/exports/snapchat.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging, snapchat
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "snapchat.chats"
_TAKEN = frozenset({"From", "To", "Created", "Text"})
_OWN = ("IsSender", "isSender")
_EXACT = "Created(microseconds)"
_SINCE_2023 = frozenset(
    {"From", "Created", "Content", "Conversation Title", "Media IDs", _EXACT, *_OWN}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message. Its array is a list of the export, or a conversation."""
    fields: dict[str, Any] = item.value
    if not fields.keys().isdisjoint(_OWN):
        return _in_conversation(fields, item.around["keys"][0])
    sender, recipient = optional_text(fields, "From"), optional_text(fields, "To")
    other = sender or recipient
    if not other:
        raise BadValue(Reason.MISSING_FIELD, "the message has neither 'From' nor 'To'")
    created, words = as_written(fields, "Created"), optional_text(fields, "Text") or ""
    kind = optional_text(fields, "Media Type") or ""
    way = "in" if sender else "out"
    metadata = {
        "sender": messaging.person(None, sender),
        "recipients": [{"handle": recipient}] if recipient else [],
        "conversation": other,
        "direction": way,
        "list": item.around["keys"][0],
        **messaging.rest(fields, _TAKEN),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(snapchat.SERVICE, way, other, created, kind, words),
        time=timestamps.or_unread(created, snapchat.moment),
        content=words or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(snapchat.SERVICE, other),
    )


def _in_conversation(fields: dict[str, Any], named: str) -> Record:
    """Return one message of an export since 2023.

    Only its contents distinguish two of one moment.
    """
    sender, words = messaging.key(fields, "From"), optional_text(fields, "Content") or ""
    kind, created = optional_text(fields, "Media Type") or "", as_written(fields, "Created")
    title, media = optional_text(fields, "Conversation Title"), as_written(fields, "Media IDs")
    own = any(fields.get(name) is True for name in _OWN)
    metadata = {
        "sender": {"handle": sender, **({"self": True} if own else {})},
        "conversation": named,
        "conversation_title": title,
        "direction": "out" if own else "in",
        "attachments": [{"name": one} for one in map(str.strip, media.split("|")) if one],
        **messaging.rest(fields, _SINCE_2023),
    }
    contents = (as_written(fields, _EXACT) or created, kind, words, media)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(snapchat.SERVICE, "conversation", named, sender, *contents),
        time=timestamps.or_unread(created or as_written(fields, _EXACT), snapchat.moment),
        content=words or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(snapchat.SERVICE, named),
    )


def _looks_like(head: Head) -> int:
    return 2 * any(
        isinstance(item, dict)
        and {"Media Type", "Created"} <= item.keys()
        and not item.keys().isdisjoint({"From", "To"})
        for key in peek.top_keys(head)[:5]
        for item in peek.first_items(head, key, 3)
    )


FORMAT = Format(
    name=_NAME,
    title="Snapchat: chats",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("*",)),
    record=to_record,
    hints=(r"(.+/)?(chat|snap)_history\.json",),
    products=("Snapchat",),
    vintages=("lists of what came and went (to 2023)", "an array for each conversation"),
    record_types=(RecordType.MESSAGE,),
    fields=_TAKEN | _SINCE_2023 | {"Media Type", "IsSaved"},
)
