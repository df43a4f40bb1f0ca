"""A plaintext backup of Signal: `main.jsonl`, each line one frame (reference 10).

`account`, `recipient` (a person, a group, the owner), `chat` and `chatItem` are understood; other
frames are passed over. Ids are the backup's own, and a message is who its chat, author and moment
of sending say. Files lie beside it under the hash of their content. The frames' names, and the two
halves of a person's name, are from Signal's own `backup.proto` (libsignal).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from pipeline import chats, peek, timestamps
from pipeline.fields import optional_text
from pipeline.format import Format
from pipeline.readers.ndjson import Ndjson
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "signal.backup", "signal"
#: Every kind of frame, and what the line before the first frame says.
_FRAMES = frozenset(
    {"account", "recipient", "chat", "chatItem", "stickerPack", "adHocCall"}
    | {"notificationProfile", "chatFolder", "version", "backupTimeMs"}
    | {"mediaRootBackupKey", "currentAppVersion", "firstAppVersion", "debugInfo"}
)


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """What a frame says; nothing for the account and for frames that are not known."""
    frame: dict[str, Any] = item.value
    if "chatItem" in frame:
        yield _message(frame["chatItem"])
    elif "recipient" in frame:
        yield from _recipient(frame["recipient"])
    elif "chat" in frame:
        yield _chat(frame["chat"])


def _message(fields: dict[str, Any]) -> Record:
    chat, author = chats.key(fields, "chatId"), chats.key(fields, "authorId")
    sent, said = chats.key(fields, "dateSent"), fields.get("standardMessage")
    files = [_file(one) for one in (said or {}).get("attachments") or ()]
    direction = "out" if "outgoing" in fields else "in" if "incoming" in fields else None
    metadata = {
        "sender": chats.kept({"handle": author, "self": direction == "out"}),
        "conversation": chat,
        "direction": direction,
        "attachments": files,
        "quotes": "quote" in (said or {}),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY if said is None else RecordType.MESSAGE,
        identity=(_SERVICE, chat, author, sent),
        time=timestamps.epoch(sent, "ms"),
        content=optional_text((said or {}).get("text") or {}, "body"),
        metadata=chats.kept(metadata),
        related=chats.in_conversation(_SERVICE, chat),
    )


def _file(value: dict[str, Any]) -> dict[str, Any]:
    """Files without a name are known by their digest."""
    pointer = value.get("pointer") or {}
    place = pointer.get("locatorInfo") or {}
    digest = place.get("plaintextHash") or pointer.get("digest")
    size = pointer.get("size") or place.get("size")
    name = pointer.get("fileName") or digest or "unnamed"
    found = {"name": name, "media_type": pointer.get("contentType"), "size": size}
    return chats.kept({**found, "digest": digest})


def _recipient(fields: dict[str, Any]) -> Iterator[Record]:
    number, contact = chats.key(fields, "id"), fields.get("contact")
    if contact is not None or "self" in fields:
        yield _person(number, contact or {}, is_self="self" in fields)
    elif title := _title(fields.get("group") or {}):
        yield Record(
            data_type=DataType.ACTIVITY,
            source=_NAME,
            record_type=RecordType.CONVERSATION,
            identity=(_SERVICE, "group", number),
            title=title,
            metadata={"participants": [], "conversation_title": title, "recipient": number},
            mutable=True,
        )


def _title(group: dict[str, Any]) -> str | None:
    return optional_text((group.get("snapshot") or {}).get("title") or {}, "title")


def _person(number: str, contact: dict[str, Any], *, is_self: bool) -> Record:
    names = (contact.get("profileGivenName"), contact.get("profileFamilyName"))
    name = " ".join(filter(None, names)) or contact.get("profileName")
    phone = contact.get("e164")
    who = {"handle": number, "name": name, "phone": str(phone) if phone else None, "self": is_self}
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.CONTACT,
        identity=(_SERVICE, str(contact.get("aci") or number)),
        title=name,
        metadata={"people": [chats.kept(who)]},
        mutable=True,
    )


def _chat(fields: dict[str, Any]) -> Record:
    number, recipient = chats.key(fields, "id"), chats.key(fields, "recipientId")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, number),
        metadata={
            "conversation": number,
            "participants": [{"handle": recipient}],
            **chats.rest(fields, ("id", "recipientId")),
        },
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    """Two frames of Signal's, one of which no other line of JSON looks like."""
    frames = [frame for line in peek.lines(head, 50) if (frame := _frame(line))]
    return 2 * any("recipient" in frame or "chatItem" in frame for frame in frames)


def _frame(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict) or len(value) != 1:
        return None
    inner = value.get("recipient") or value.get("chatItem") or {}
    known = {"contact", "group", "self", "chatId"}
    return value if isinstance(inner, dict) and not inner.keys().isdisjoint(known) else None


FORMAT = Format(
    name=_NAME,
    title="Signal: plaintext backup",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.jsonl",),
    looks_like=_looks_like,
    reader=Ndjson(),
    record=to_records,
    hints=(r"(.+/)?main\.jsonl",),
    products=("Signal",),
    record_types=(
        RecordType.MESSAGE,
        RecordType.ACTIVITY,
        RecordType.CONVERSATION,
        RecordType.CONTACT,
    ),
    fields=_FRAMES,
)
