"""Snapchat's `chat_history.json`: an object of arrays of messages (reference 14).

A message came `From` another or went `To` one; that is who it was exchanged with.
"""

from __future__ import annotations

from typing import Any

from pipeline import chats, peek, snapchat, timestamps
from pipeline.fields import as_written, kept, optional_text
from pipeline.format import Format
from pipeline.readers.json_tree import JsonTree
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "snapchat.chats"
_TAKEN = frozenset({"From", "To", "Created", "Text"})


def to_record(item: RawRecord, member: Member) -> Record:
    """One message. The array that it is in is a list of the export's, or a conversation."""
    fields: dict[str, Any] = item.value
    sender, recipient = optional_text(fields, "From"), optional_text(fields, "To")
    other = sender or recipient
    if not other:
        raise BadValue(Reason.MISSING_FIELD, "neither 'From' nor 'To'")
    created, words = as_written(fields, "Created"), optional_text(fields, "Text") or ""
    kind = optional_text(fields, "Media Type") or ""
    way = "in" if sender else "out"
    metadata = {
        "sender": chats.person(None, sender),
        "recipients": [{"handle": recipient}] if recipient else [],
        "conversation": other,
        "direction": way,
        "list": item.around["keys"][0],
        **chats.rest(fields, _TAKEN),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(snapchat.SERVICE, way, other, created, kind, words),
        time=timestamps.or_unread(created, snapchat.moment),
        content=words or None,
        metadata=kept(metadata),
        related=chats.in_conversation(snapchat.SERVICE, other),
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
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("*",)),
    record=to_record,
    hints=(r"(.+/)?chat_history\.json",),
    products=("Snapchat",),
    record_types=(RecordType.MESSAGE,),
    fields=frozenset({"From", "To", "Media Type", "Created", "Text"}),
)
