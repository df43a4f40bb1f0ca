"""Claude's `conversations.json`: an array of conversations with their messages.

`text` may hold placeholders for content that it cannot show, so the text blocks of `content` come
first. If the export names the last message shown, messages on other branches have the flag
`other_branch`. An artifact is whole or in pieces in the assistant's input to the tool of that name,
and a voice note is a block of its own (Superkikim/nexus-ai-chat-importer, issue 73): their texts
belong to the message. Token budgets and results of tools are left out.

Source: `docs/reference/exports/ai-chats.md#claude`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Record, Related
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "claude.conversations", "claude"
_SPOKEN = frozenset({"text", "voice_note"})
_FIELDS = frozenset(
    {"uuid", "name", "summary", "created_at", "updated_at", "account", "project", "project_uuid"}
    | {"current_leaf_message_uuid", "chat_messages"}
)


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the conversation, then its messages."""
    fields: dict[str, Any] = item.value
    number = messaging.key(fields, "uuid")
    yield _conversation(number, fields)
    messages = {messaging.key(one, "uuid"): one for one in fields["chat_messages"]}
    shown = _shown(messages, fields.get("current_leaf_message_uuid"))
    for name, message in messages.items():
        seen = not shown or name in shown
        yield messaging.attempt(partial(_message, number, name, message, shown=seen))


def _conversation(number: str, fields: Mapping[str, Any]) -> Record:
    title = optional_text(fields, "name") or None
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, number),
        time=timestamps.or_unread(fields.get("created_at")),
        title=title,
        content=optional_text(fields, "summary") or None,
        metadata=non_empty(
            {
                "conversation": number,
                "conversation_title": title,
                "updated_at": fields.get("updated_at"),
                "project": fields.get("project") or fields.get("project_uuid"),
            }
        ),
        mutable=True,
    )


def _shown(messages: Mapping[str, Mapping[str, Any]], name: str | None) -> set[str]:
    """Return the path from the last message shown to the first; empty if it is not known."""
    seen: set[str] = set()
    while name is not None and name in messages and name not in seen:
        seen.add(name)
        name = messages[name].get("parent_message_uuid")
    return seen


def _message(conversation: str, name: str, fields: Mapping[str, Any], *, shown: bool) -> Record:
    role, blocks = text(fields, "sender"), fields.get("content") or ()
    parent = optional_text(fields, "parent_message_uuid")
    files = [*(fields.get("attachments") or ()), *(fields.get("files") or ())]
    artifacts = [one for block in blocks if (one := _artifact(block))]
    metadata = {
        "sender": {"handle": role},
        "direction": "out" if role == "human" else "in",
        "conversation": conversation,
        "message_id": name,
        "in_reply_to": parent,
        "attachments": [one for value in files if (one := _file(value))],
        "thinking": [one["thinking"] for one in blocks if one.get("thinking")],
        "artifacts": artifacts,
        "tools": [one["name"] for one in blocks if one.get("type") == "tool_use"],
        "tool_calls": [dict(one) for one in blocks if _is_of_a_tool(one)],
        "flags": [] if shown else ["other_branch"],
    }
    related: tuple[Related, ...] = messaging.in_conversation(_SERVICE, conversation)
    if parent:
        related += messaging.reply_to(_SERVICE, conversation, parent)
    texts = [one["text"] for one in blocks if one.get("type") in _SPOKEN and one.get("text")]
    texts += ["\n".join(one[n] for n in ("title", "text") if n in one) for one in artifacts]
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(_SERVICE, conversation, name),
        time=timestamps.or_unread(fields.get("created_at")),
        content="\n\n".join(texts) or optional_text(fields, "text") or None,
        metadata=non_empty(metadata),
        related=related,
        mutable=True,
    )


def _artifact(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an artifact that a block creates or changes: its title, its kind, the new text."""
    if block.get("type") != "tool_use" or block.get("name") != "artifacts":
        return None
    given = block.get("input") or {}
    words = given.get("content") or given.get("new_str")
    details = {name: given.get(name) for name in ("id", "title", "type", "language", "command")}
    return non_empty({**details, "text": words}) if words else None


def _is_of_a_tool(block: Mapping[str, Any]) -> bool:
    """Return whether a block is a tool's input or output; artifacts are not."""
    kind = block.get("type")
    return kind == "tool_result" or (kind == "tool_use" and _artifact(block) is None)


def _file(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a file; some have the text that was extracted from it."""
    name = value.get("file_name")
    if not name:
        return None
    details = {"size": value.get("file_size"), "media_type": value.get("file_type")}
    return non_empty({"name": name, **details, "text": value.get("extracted_content")})


def _looks_like(head: Head) -> int:
    """Recognise the keys of the first conversation, which may be longer than the head."""
    return 2 * ({"uuid", "chat_messages"} <= set(peek.item_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="Claude: conversations",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_records,
    hints=(r"(.+/)?conversations\.json",),
    products=("Claude",),
    vintages=("text only", "with content blocks", "with artifacts and voice notes"),
    record_types=(RecordType.CONVERSATION, RecordType.MESSAGE),
    fields=_FIELDS,
)
