"""A channel whose messages a Discord export has: `messages/c<id>/channel.json`.

Source: `docs/reference/exports/discord.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services import discord, messaging
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "discord.channel"
_TAKEN = frozenset({"id", "name", "guild", "recipients"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the conversation; in direct messages `recipients` are the numbers of the people."""
    fields: dict[str, Any] = item.value
    number, name = messaging.key(fields, "id"), optional_text(fields, "name")
    people = [messaging.person(None, one) for one in fields.get("recipients") or () if one]
    metadata = {
        "conversation": number,
        "conversation_title": name,
        "participants": people,
        "server": (fields.get("guild") or {}).get("name"),
        **messaging.rest(fields, _TAKEN),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(discord.SERVICE, number),
        title=name,
        metadata=non_empty(metadata),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    keys = set(peek.top_keys(head))
    inside = discord.channel_of(head.path)
    return 2 if {"id", "type"} <= keys and inside and len(head.data) == head.size else 0


FORMAT = Format(
    name=_NAME,
    title="Discord: channels",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?c?\d{10,20}/channel\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    products=("Discord",),
    record_types=(RecordType.CONVERSATION,),
    fields=frozenset({"id", "type", "name", "guild", "recipients"}),
)
