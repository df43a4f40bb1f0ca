"""A day of a Slack channel: `<channel name or id>/YYYY-MM-DD.json`, an array.

Channel and `ts` identify a message; `ts` is Unix seconds with six decimals and stays text. A reply
in a thread has the `ts` of the thread's first message as `thread_ts`. The contents of files,
reactions, blocks and a bot's message are from Slack's own reference of its file object, Block Kit
and message events.

The words of a message are its `text`; if that is empty they are in its blocks, and a bot's in its
attachments. Special characters and mentions are those of Slack's "Formatting text": `&lt;`,
`<@U1>`.

Source: `docs/reference/exports/slack.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows, messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text
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
    """Return one message. Texts, reactions and counts of replies change."""
    fields: dict[str, Any] = item.value
    channel, ts = _channel(member.path), as_written(fields, "ts")
    thread = optional_text(fields, "thread_ts")
    answers = thread is not None and thread != ts
    words, links, named = _plain(_words(fields))
    metadata = {
        "sender": messaging.person(optional_text(fields, "username"), _author(fields)),
        "links": links,
        "people": [{"handle": handle} for handle in named],
        "conversation": channel,
        "conversation_title": channel,
        "message_id": ts,
        "in_reply_to": thread if answers else None,
        "attachments": [_file(one) for one in fields.get("files") or ()],
        **_metadata(fields),
    }
    related: tuple[Related, ...] = messaging.in_conversation(_SERVICE, channel)
    if answers:
        related += messaging.reply_to(_SERVICE, channel, str(thread))
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(_SERVICE, channel, ts, *generic_rows.undated_key(ts, fields)),
        time=timestamps.epoch_or_unread(ts, "s"),
        content=words or None,
        metadata=non_empty(metadata),
        related=related,
        mutable=True,
    )


def _channel(path: str) -> str:
    """Return the channel: each channel is a folder of days."""
    folder = PurePosixPath(path.rsplit("!/", 1)[-1]).parent.name
    if not folder:
        raise BadValue(Reason.BAD_SHAPE, "the file is not in a channel's folder")
    return folder


def _words(fields: Mapping[str, Any]) -> str:
    """Return the words of a message in Slack's notation, without previews of its links."""
    texts = [optional_text(fields, "text") or _blocks(fields.get("blocks"))]
    texts += [
        _attachment(one)
        for one in fields.get("attachments") or ()
        if isinstance(one, dict) and not one.keys() & {"from_url", "original_url"}
    ]
    return "\n".join(filter(None, texts))


def _attachment(value: Mapping[str, Any]) -> str:
    parts = [value.get(name) for name in ("pretext", "title", "text")]
    fields = value.get("fields") or ()
    parts += [messaging.spoken(one.get(name)) for one in fields for name in ("title", "value")]
    parts.append(_blocks(value.get("blocks")))
    joined_parts = "\n".join(part for part in parts if isinstance(part, str) and part)
    return joined_parts or str(value.get("fallback") or "")


def _blocks(value: Any, level: int = 0) -> str:
    """Return the words of blocks: those of one section or header are a line."""
    if isinstance(value, list) and level < _DEEPEST:
        inline = all(isinstance(one, dict) and one.get("type") in _INLINE for one in value)
        return ("" if inline else "\n").join(filter(None, (_blocks(one, level) for one in value)))
    if not isinstance(value, dict) or level >= _DEEPEST:
        return ""
    if value.get("type") in _INLINE:
        return _element(value)
    parts = [value.get(name) for name in ("title", "text", "fields", "elements", "alt_text")]
    texts = [one if isinstance(one, str) else _blocks(one, level + 1) for one in parts]
    return "\n".join(filter(None, texts))


def _element(value: Mapping[str, Any]) -> str:
    """Return a piece of a line of rich text in the notation of a message's `text`."""
    kind, text_of = value["type"], value.get("text")
    if kind in _REFERENCES:
        sign, name = _REFERENCES[kind]
        return f"<{sign}{value.get(name) or ''}>"
    if kind == "link":
        return f"<{value.get('url') or ''}|{text_of}>" if text_of else f"<{value.get('url') or ''}>"
    return f":{value.get('name')}:" if kind == "emoji" else _escaped(str(text_of or ""))


def _escaped(text_of: str) -> str:
    return text_of.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(words: str) -> tuple[str, list[str], list[str]]:
    """Return the words as a reader sees them, their links, and the people that they mention."""
    links: list[str] = []
    named: list[str] = []

    def shown(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if target[:1] in "@#!":
            if target[0] == "@":
                named.append(target[1:])
            sign = "@" if target[0] == "!" else target[0]
            return label if label[:1] == sign else f"{sign}{label or target[1:]}"
        links.append(unescape(target))
        return f"{label} ({target})" if label and label != target else target

    text_of = unescape(_MARKED.sub(shown, words))
    return text_of, list(dict.fromkeys(links)), list(dict.fromkeys(named))


_MARKED = re.compile(r"<([@#!][^<>\n]+|[a-z]+:[^<>\n]+)>")
#: Pieces of a line of rich text that mention somebody, by their marks and fields.
_REFERENCES = {
    "user": ("@", "user_id"),
    "channel": ("#", "channel_id"),
    "usergroup": ("!subteam^", "usergroup_id"),
    "broadcast": ("!", "range"),
}
_INLINE = frozenset({"text", "link", "emoji", "date", "color", *_REFERENCES})
_DEEPEST = 40


def _author(fields: dict[str, Any]) -> str | None:
    return optional_text(fields, "user") or optional_text(fields, "bot_id")


def _file(value: dict[str, Any]) -> dict[str, Any]:
    name, kind = value.get("name") or value.get("title"), value.get("mimetype")
    found = {"name": name or value.get("id"), "media_type": kind, "size": value.get("size")}
    return non_empty({**found, "url": value.get("url_private")})


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the other fields. Slack's `attachments` are previews of links and get another name."""
    metadata = messaging.rest(fields, _TAKEN)
    metadata["previews"] = metadata.pop("exported_attachments", None)
    given = metadata.pop("exported_reactions", None) or ()
    metadata["reactions"] = [
        non_empty({"reaction": one.get("name"), "person": messaging.person(None, user)})
        for one in given
        for user in one.get("users") or (None,)
    ]
    metadata["reaction_counts"] = {
        one["name"]: one["count"]
        for one in given
        if "count" in one and one.get("name") and one["count"] != len(one.get("users") or ())
    }
    return metadata


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
    version=3,
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
