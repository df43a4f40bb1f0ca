"""A day of a Slack channel: `<channel name or id>/YYYY-MM-DD.json`, an array (reference 9).

A message is who its channel and `ts` say; `ts` is Unix seconds with six decimals and stays text.
Whoever answers in a thread has the `ts` of its first message as `thread_ts`. What stands in files,
reactions and a bot's message is from Slack's own reference of its file object and message events.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline import chats, peek, timestamps
from pipeline.fields import optional_text, text
from pipeline.format import Format
from pipeline.readers.json_items import JsonItems
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "slack.messages", "slack"
_TAKEN = frozenset({"type", "user", "bot_id", "text", "ts", "thread_ts", "files", "blocks"})
_FIELDS = _TAKEN | frozenset(
    {"subtype", "attachments", "reply_count", "replies", "username", "icons", "edited"}
    | {"reactions", "client_msg_id", "parent_user_id", "is_starred", "pinned_to", "team"}
    | {"app_id", "bot_profile", "channel", "channel_type", "event_ts"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """One message. Texts, reactions and counts of replies change."""
    fields: dict[str, Any] = item.value
    channel, ts = _channel(member.path), text(fields, "ts")
    thread = optional_text(fields, "thread_ts")
    answers = thread is not None and thread != ts
    metadata = {
        "sender": chats.person(optional_text(fields, "username"), _author(fields)),
        "conversation": channel,
        "conversation_title": channel,
        "message_id": ts,
        "in_reply_to": thread if answers else None,
        "attachments": [_file(one) for one in fields.get("files") or ()],
        **_metadata(fields),
    }
    related: tuple[Related, ...] = chats.in_conversation(_SERVICE, channel)
    if answers:
        related += chats.reply_to(_SERVICE, channel, str(thread))
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(_SERVICE, channel, ts),
        time=timestamps.epoch(ts, "s"),
        content=optional_text(fields, "text") or None,
        metadata=chats.kept(metadata),
        related=related,
        mutable=True,
    )


def _channel(path: str) -> str:
    """Each channel is a folder of days."""
    folder = PurePosixPath(path.rsplit("!/", 1)[-1]).parent.name
    if not folder:
        raise BadValue(Reason.BAD_SHAPE, "the file lies in no channel's folder")
    return folder


def _author(fields: dict[str, Any]) -> str | None:
    return optional_text(fields, "user") or optional_text(fields, "bot_id")


def _file(value: dict[str, Any]) -> dict[str, Any]:
    name, kind = value.get("name") or value.get("title"), value.get("mimetype")
    found = {"name": name or value.get("id"), "media_type": kind, "size": value.get("size")}
    return chats.kept({**found, "url": value.get("url_private")})


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    """Slack's own `attachments` are previews of links, so they have another name here."""
    said = chats.rest(fields, _TAKEN)
    said["previews"] = said.pop("exported_attachments", None)
    given = said.pop("exported_reactions", None) or ()
    said["reactions"] = [
        chats.kept({"reaction": one.get("name"), "person": chats.person(None, user)})
        for one in given
        for user in one.get("users") or (None,)
    ]
    return said


def _looks_like(head: Head) -> int:
    return 2 * any(map(_is_message, peek.first_items(head, "", 10)))


def _is_message(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.get("type") == "message"
        and isinstance(item.get("ts"), str)
        and not item.keys().isdisjoint({"user", "bot_id", "subtype", "text"})
    )


FORMAT = Format(
    name=_NAME,
    title="Slack: messages",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+/[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?[^/]+/\d{4}-\d\d-\d\d\.json",),
    products=("Slack",),
    record_types=(RecordType.MESSAGE,),
    fields=_FIELDS,
)
