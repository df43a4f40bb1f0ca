"""Hangouts in Takeout: `Hangouts/Hangouts.json`, one object of often hundreds of MB.

`{conversations: [{conversation: {...}, events: [...]}]}`; times are microseconds as text, and
people are numbers whose names are in the conversation's `participant_data`. An event names its
conversation.

Files of 2013 to 2017 wrap each conversation once more: `{conversation_state: [{conversation_state:
{conversation: {...}, event: [...]}}]}`, and their events name no kind. Source:
AllenBurgett/hangouts_takeout_to_backupandrestore and its issue 16; purarue/google_takeout_parser,
issue 14.

Source: `docs/reference/exports/google-services.md#hangouts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "google.hangouts"
_PEOPLE = "conversations[].conversation.conversation.participant_data"
_EVENTS = "conversations[].events"
_TAKEN = frozenset({"conversation_id", "sender_id", "timestamp", "event_type", "chat_message"})
_OLD = "conversation_state[].conversation_state"
_OLD_PEOPLE, _OLD_EVENTS = f"{_OLD}.conversation.participant_data", f"{_OLD}.event"


def to_record(item: RawRecord, member: Member) -> Iterator[Record]:
    """Return a message, another event, or a person of a conversation."""
    if item.around["path"] in (_PEOPLE, _OLD_PEOPLE):
        return _person(item.value)
    return _event(item.value)


def _person(fields: dict[str, Any]) -> Iterator[Record]:
    """Yield the person of a number, the same in every conversation; nothing if it has no name."""
    number, name = _number(fields["id"]), optional_text(fields, "fallback_name")
    if name:
        yield Record(
            data_type=DataType.STRUCTURED,
            source=_NAME,
            record_type=RecordType.CONTACT,
            identity=("hangouts", number),
            title=name,
            metadata={"people": [{"name": name, "handle": number}]},
            mutable=True,
        )


def _event(fields: dict[str, Any]) -> Iterator[Record]:
    kind = optional_text(fields, "event_type") or ""
    group = text(fields["conversation_id"], "id")
    sender = _number(fields["sender_id"])
    written = as_written(fields, "timestamp")
    message = (fields.get("chat_message") or {}).get("message_content")
    content = "".join(map(_segment, (message or {}).get("segment") or ())) or None
    common = {"conversation": group, "sender": {"handle": sender}, "event_type": kind}
    attached = (message or {}).get("attachment")
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY if message is None else RecordType.MESSAGE,
        identity=(group, sender, written, kind, content or ""),
        time=timestamps.epoch_or_unread(written, "us"),
        title=kind.replace("_", " ").capitalize() if message is None else None,
        content=content,
        metadata=non_empty({**common, "attached": attached, **messaging.rest(fields, _TAKEN)}),
        related=(Related(Relation.IN_CONVERSATION, RecordType.CONVERSATION, (group,)),),
    )


def _segment(value: dict[str, Any]) -> str:
    return "\n" if value.get("type") == "LINE_BREAK" else optional_text(value, "text") or ""


def _number(value: dict[str, Any]) -> str:
    """Return the number by which the service identifies a person."""
    found = value.get("gaia_id") or value.get("chat_id")
    if not isinstance(found, str):
        raise BadValue(Reason.MISSING_FIELD, "no field 'gaia_id'")
    return found


def _looks_like(head: Head) -> int:
    """Recognise the first conversation, which the head may not hold whole."""
    if {"conversations", "conversation_state"}.isdisjoint(peek.top_keys(head)):
        return 0
    return 2 * (b'"conversation_id"' in head.data and b'"gaia_id"' in head.data)


FORMAT = Format(
    name=_NAME,
    title="Hangouts (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=(_PEOPLE, _EVENTS, _OLD_PEOPLE, _OLD_EVENTS)),
    record=to_record,
    hints=(r"(.+/)?Hangouts\.json",),
    vintages=("conversation_state (2013-2017)", "conversations (since 2017)"),
    products=("Google Takeout: Hangouts",),
    record_types=(RecordType.MESSAGE, RecordType.ACTIVITY, RecordType.CONTACT),
)
