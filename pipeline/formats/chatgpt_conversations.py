"""ChatGPT's `conversations.json`: an array, or one under `conversations`.

A conversation is a graph of messages. The path from `current_node` to the root is what its owner
sees; other branches are earlier wordings, which have the flag `other_branch`. Nodes may have no
message, or an empty one. Text is in `parts`, `text`, `result` or `content`, depending on the
content's type.

Source: `docs/reference/exports/ai-chats.md#chatgpt`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Outcome, RawRecord, Record, Rejection, Related
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "chatgpt.conversations", "chatgpt"
_PATHS = ("", "conversations")
#: Keys of DeepSeek's export, whose graph is like this one and whose messages are not.
_OTHERS = frozenset({"inserted_at", "updated_at"})
_HIDDEN = "is_visually_hidden_from_conversation"


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the conversation, then its messages in the order of the file."""
    fields: dict[str, Any] = item.value
    number = messaging.key(fields, "id" if fields.get("id") else "conversation_id")
    yield _conversation(number, fields)
    nodes: dict[str, dict[str, Any]] = fields["mapping"]
    shown = set(_way(nodes, fields.get("current_node")))
    for name, node in nodes.items():
        if isinstance(node, dict) and node.get("message"):
            seen = not shown or name in shown
            found = messaging.attempt(partial(_message, number, name, nodes, shown=seen))
            if isinstance(found, Rejection) or found.content or "attachments" in found.metadata:
                yield found


def _conversation(number: str, fields: Mapping[str, Any]) -> Record:
    title = optional_text(fields, "title")
    taken = ("id", "conversation_id", "title", "create_time", "mapping", "current_node")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, number),
        time=_moment(fields),
        title=title,
        metadata={
            "conversation": number,
            **non_empty({"conversation_title": title}),
            **messaging.rest(fields, taken),
        },
        mutable=True,
    )


def _way(nodes: Mapping[str, Mapping[str, Any]], name: str | None) -> Iterator[str]:
    """Yield the names from a node up to the root; a cycle ends it."""
    seen: set[str] = set()
    while name is not None and name in nodes and name not in seen:
        seen.add(name)
        yield name
        name = nodes[name].get("parent")


def _message(
    conversation: str,
    name: str,
    nodes: Mapping[str, Mapping[str, Any]],
    *,
    shown: bool,
) -> Record:
    message: Mapping[str, Any] = nodes[name]["message"]
    author, meta = message.get("author") or {}, message.get("metadata") or {}
    content = message.get("content") or {}
    role = str(author.get("role") or "")
    above = _way(nodes, nodes[name].get("parent"))
    before = next((one for one in above if nodes[one].get("message") and one != name), None)
    flags = [] if shown else ["other_branch"]
    flags += ["hidden"] if meta.get(_HIDDEN) else []
    metadata = {
        "sender": {"handle": role, **non_empty({"name": author.get("name")})},
        "direction": "out" if role == "user" else "in",
        "conversation": conversation,
        "message_id": name,
        "in_reply_to": before,
        "model": meta.get("model_slug"),
        "content_type": content.get("content_type"),
        "attachments": _files(message),
        "links": [url] if isinstance(url := content.get("url"), str) and url else [],
        "flags": flags,
    }
    related: tuple[Related, ...] = messaging.in_conversation(_SERVICE, conversation)
    if before:
        related += messaging.reply_to(_SERVICE, conversation, before)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(_SERVICE, conversation, name),
        time=_moment(message),
        content=_words(message) or None,
        metadata=non_empty(metadata),
        related=related,
        mutable=True,
    )


def _moment(fields: Mapping[str, Any]) -> Instant | None:
    created = fields.get("create_time")
    return timestamps.epoch_or_unread(created, "s") if created else None


def _words(message: Mapping[str, Any]) -> str:
    content = message.get("content") or {}
    if thoughts := content.get("thoughts"):
        steps = ((one.get("summary"), one.get("content")) for one in thoughts)
        return "\n\n".join("\n".join(str(text) for text in one if text) for one in steps)
    parts = content.get("parts")
    if parts is None:
        parts = [content.get(name) for name in _TEXTS]
    texts = [one if isinstance(one, str) else _spoken(one) for one in parts]
    return "\n".join(text for text in texts if text)


#: Keys of texts by the type of the content: code and its output, pages that were read, a user's
#: description of themselves and how they want to be answered.
_TEXTS = ("title", "text", "result", "content", "user_profile", "user_instructions")


def _spoken(part: Any) -> str:
    """Return the text of a part that is an object, if it has one (a transcript)."""
    found = part.get("text") if isinstance(part, dict) else None
    return found if isinstance(found, str) else ""


def _files(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attachments, and the assets among the parts (`file-service://`, `sediment://`)."""
    given = (message.get("metadata") or {}).get("attachments") or ()
    found = [
        non_empty({"name": one.get("name") or one.get("id"), "size": one.get("size")})
        for one in given
    ]
    for part in (message.get("content") or {}).get("parts") or ():
        if isinstance(part, dict) and isinstance(part.get("asset_pointer"), str):
            pointer = part["asset_pointer"]
            details = {
                "name": pointer.partition("://")[2],
                "url": pointer,
                "size": part.get("size_bytes"),
                "width": part.get("width"),
                "height": part.get("height"),
            }
            found.append(non_empty(details))
    return [one for one in found if one.get("name")]


def _looks_like(head: Head) -> int:
    """Recognise the keys of the first conversation, which may be longer than the head."""
    for path in _PATHS:
        keys = set(peek.item_keys(head, path))
        own = not keys.isdisjoint({"create_time", "current_node"})
        if "mapping" in keys and (own or ("title" in keys and _OTHERS.isdisjoint(keys))):
            return 2
    return 0


FORMAT = Format(
    name=_NAME,
    title="ChatGPT: conversations",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=_PATHS),
    record=to_records,
    hints=(r"(.+/)?conversations(-\d+)?\.json",),
    products=("ChatGPT",),
    vintages=("an array", "under conversations"),
    record_types=(RecordType.CONVERSATION, RecordType.MESSAGE),
)
