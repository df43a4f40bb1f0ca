"""A channel saved by DiscordChatExporter as JSON: `<server> - <channel> [<id>].json`.

`{guild, channel, dateRange, exportedAt, messages: [...], messageCount}`. The messages are those of
all people, with the same numbers as in Discord's own export, so that a message in both is one
record. Source: Tyrrrz/DiscordChatExporter, `JsonMessageWriter.cs`; mlomb/chat-analytics,
`pipeline/parse/parsers/Discord.d.ts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import discord, messaging
from pipeline.values import open_zones, timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Record, Related
from schemas.vocabulary import RecordType

_NAME = "discord.exporter"
_TAKEN = frozenset(
    {"id", "timestamp", "timestampEdited", "content", "author", "attachments", "reactions"}
    | {"mentions", "reference", "callEndedTimestamp"}
)
_FIELDS = _TAKEN | frozenset(
    {"type", "isPinned", "embeds", "stickers", "inlineEmojis", "interaction", "forwardedMessage"}
    | {"poll"}
)
#: Types of messages that people write; Discord writes the others.
_WRITTEN = frozenset({"Default", "Reply", "ChatInputCommand", "ThreadStarterMessage"})


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a message; before the first, the channel."""
    if item.around["first"] and isinstance(item.around.get("channel"), dict):
        yield messaging.attempt(partial(_channel, item.around))
    yield messaging.attempt(partial(_message, item.value, item.around))


def _channel(around: Mapping[str, Any]) -> Record:
    fields = around["channel"]
    number, name = messaging.key(fields, "id"), optional_text(fields, "name")
    metadata = {
        "conversation": number,
        "conversation_title": name,
        "participants": [],
        "server": _server(around),
        "topic": optional_text(fields, "topic"),
        **messaging.rest(fields, ("id", "name", "topic")),
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


def _server(around: Mapping[str, Any]) -> str | None:
    return optional_text(around.get("guild") or {}, "name")


def _message(fields: dict[str, Any], around: Mapping[str, Any]) -> Record:
    number, channel = messaging.key(fields, "id"), around.get("channel") or {}
    chat = str(channel.get("id") or "")
    ended = optional_text(fields, "callEndedTimestamp")
    reference = fields.get("reference") or {}
    reply = reference.get("messageId")
    metadata = {
        "sender": _person(fields.get("author") or {}),
        "conversation": chat,
        "conversation_title": optional_text(channel, "name"),
        "server": _server(around),
        "message_id": number,
        "in_reply_to": None if reply is None else str(reply),
        "attachments": [_file(one) for one in fields.get("attachments") or ()],
        "reactions": [one for each in fields.get("reactions") or () for one in _reactions(each)],
        "people": [person for one in fields.get("mentions") or () if (person := _person(one))],
        "edited_at": optional_text(fields, "timestampEdited"),
        "ended_at": open_zones.utc_text(timestamps.or_unread(ended)) if ended else None,
        **messaging.rest(fields, _TAKEN),
    }
    related: tuple[Related, ...] = messaging.in_conversation(discord.SERVICE, chat) if chat else ()
    if reply is not None:
        related += messaging.reply_to(discord.SERVICE, str(reply))
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_type(optional_text(fields, "type")),
        identity=(discord.SERVICE, number),
        time=timestamps.or_unread(fields.get("timestamp")),
        content=_words(fields) or None,
        metadata=non_empty(metadata),
        related=related,
        mutable=True,
    )


def _type(kind: str | None) -> RecordType:
    if kind == "Call":
        return RecordType.CALL
    return RecordType.MESSAGE if kind is None or kind in _WRITTEN else RecordType.ACTIVITY


def _words(fields: Mapping[str, Any]) -> str:
    """Return the written text; without one, what was forwarded, asked or embedded."""
    forwarded = fields.get("forwardedMessage") or {}
    written = (
        optional_text(fields, "content")
        or optional_text(forwarded, "content")
        or messaging.spoken(fields.get("poll"))
    )
    if written:
        return written
    names = ("title", "description")
    found = [messaging.spoken(one.get(name)) for one in _embeds(fields) for name in names]
    return "\n".join(filter(None, found))


def _embeds(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (one for one in fields.get("embeds") or () if isinstance(one, dict))


def _person(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a person by the current name if there is one; the number stays."""
    name = optional_text(value, "nickname") or optional_text(value, "name")
    person = messaging.person(name, value.get("id"))
    return {**person, "bot": True} if person and value.get("isBot") is True else person


def _file(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file. If the exporter saved it too, its address is a path beside the export."""
    where = str(value.get("url") or "")
    place = "url" if where.startswith(("http://", "https://")) else "path"
    name = value.get("fileName") or where.rsplit("/", 1)[-1] or "unnamed"
    return non_empty({"name": name, place: where, "size": value.get("fileSizeBytes")})


def _reactions(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield reactions: with the people in newer files, with their number in older ones."""
    sign = optional_text(value.get("emoji") or {}, "name")
    users = value.get("users")
    if users and len(users) == value.get("count", len(users)):
        yield from (non_empty({"reaction": sign, "person": _person(one)}) for one in users)
    else:
        yield non_empty({"reaction": sign, "count": value.get("count")})


def _looks_like(head: Head) -> int:
    """Recognise the objects before the messages; the first message may be larger than the head."""
    return 2 * ({"guild", "channel", "messages"} <= set(peek.top_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="Discord: a channel saved by DiscordChatExporter",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("messages",)),
    record=to_records,
    products=("DiscordChatExporter",),
    tried=("mlomb/chat-analytics",),
    vintages=("without stickers", "with users of reactions"),
    record_types=(
        RecordType.MESSAGE,
        RecordType.ACTIVITY,
        RecordType.CALL,
        RecordType.CONVERSATION,
    ),
    fields=_FIELDS,
)
