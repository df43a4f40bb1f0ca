"""A plaintext backup of Signal: `main.jsonl`, each line one frame.

`account`, `recipient` (a person, a group, the owner), `chat` and `chatItem` are understood; other
frames are skipped. A `chatItem` is a message of one of several kinds, a call, a deleted message, or
a note of the app. Earlier wordings of an edited message are its `revisions`. Ids are the backup's
own; chat, author and time of sending identify a message. Files are beside it under the hash of
their content. The frames' names, and the two halves of a person's name, are from Signal's own
`backup.proto` (libsignal).

Source: `docs/reference/exports/signal.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from pipeline.contract import Format
from pipeline.readers.json.ndjson import Ndjson
from pipeline.recognition import peek
from pipeline.services import generic_rows, messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "signal.backup", "signal"
#: Every kind of frame, and the keys of the line before the first frame.
_FRAMES = frozenset(
    {"account", "recipient", "chat", "chatItem", "stickerPack", "adHocCall"}
    | {"notificationProfile", "chatFolder", "version", "backupTimeMs"}
    | {"mediaRootBackupKey", "currentAppVersion", "firstAppVersion", "debugInfo"}
)


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield the records of a frame; none for the account and for unknown frames."""
    frame: dict[str, Any] = item.value
    if "chatItem" in frame:
        yield _message(frame["chatItem"])
    elif "recipient" in frame:
        yield from _recipient(frame["recipient"])
    elif "chat" in frame:
        yield _chat(frame["chat"])


def _message(fields: dict[str, Any]) -> Record:
    chat, author = messaging.key(fields, "chatId"), messaging.key(fields, "authorId")
    sent = as_written(fields, "dateSent")
    kind = next((name for name in _KINDS if isinstance(fields.get(name), dict)), "")
    item_fields = fields.get(kind) or {}
    direction = "out" if "outgoing" in fields else "in" if "incoming" in fields else None
    metadata = {
        "sender": non_empty({"handle": author, "self": direction == "out"}),
        "conversation": chat,
        "direction": direction,
        "attachments": _files(item_fields),
        "quotes": "quote" in item_fields,
        "kind": kind if kind != "standardMessage" else None,
        "deleted": kind in _DELETED,
        "reactions": [_reaction(one) for one in item_fields.get("reactions") or ()],
        "links": [one["url"] for one in item_fields.get("linkPreview") or () if one.get("url")],
        "people": [_contact(one) for one in _contacts(item_fields)],
        "earlier": [earlier for one in fields.get("revisions") or () if (earlier := _earlier(one))],
        **messaging.rest(fields, (*_TAKEN, kind)),
        **messaging.rest(item_fields, _READ),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_type(kind, item_fields),
        identity=(_SERVICE, chat, author, sent, *generic_rows.undated_key(sent, fields)),
        time=timestamps.epoch_or_unread(sent, "ms"),
        title=_call(item_fields) if _type(kind, item_fields) == RecordType.CALL else None,
        content=_words(item_fields) or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(_SERVICE, chat)
        + _replies(chat, item_fields.get("quote")),
    )


#: Kinds of chat items, and which of these are messages (libsignal, `backup.proto`).
_MESSAGES = (
    *("standardMessage", "contactMessage", "stickerMessage", "viewOnceMessage", "poll"),
    *("directStoryReplyMessage", "paymentNotification", "giftBadge"),
)
_DELETED = ("remoteDeletedMessage", "adminDeletedMessage")
_KINDS = (*_MESSAGES, *_DELETED, "updateMessage")
_CALLS = ("individualCall", "groupCall")
_TAKEN = ("chatId", "authorId", "dateSent", "outgoing", "incoming", "directionless", "revisions")
_READ = ("text", "attachments", "attachment", "reactions", "contact", "sticker")


def _type(kind: str, item: dict[str, Any]) -> RecordType:
    if kind in _MESSAGES or kind in _DELETED:
        return RecordType.MESSAGE
    return RecordType.CALL if any(name in item for name in _CALLS) else RecordType.ACTIVITY


def _words(item: dict[str, Any]) -> str:
    """Return the words of a message of any kind."""
    parts = [
        _body(item),
        optional_text(item, "question"),
        *(optional_text(one, "option") for one in item.get("options") or ()),
        *(_name(one) for one in _contacts(item)),
        optional_text(item.get("sticker") or {}, "emoji"),
        optional_text(item, "emoji"),
        *(
            optional_text(one, name)
            for one in item.get("linkPreview") or ()
            for name in ("title", "description")
        ),
    ]
    return "\n".join(filter(None, parts))


def _body(item: dict[str, Any]) -> str | None:
    """Return the text, which a reply to a story wraps once more."""
    inner = (item.get("textReply") or item).get("text") or {}
    return inner if isinstance(inner, str) else optional_text(inner, "body")


def _contacts(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one contact, or in older backups a list of one."""
    found = item.get("contact") or ()
    return [found] if isinstance(found, dict) else [one for one in found if isinstance(one, dict)]


def _name(contact: dict[str, Any]) -> str:
    name = contact.get("name") or {}
    parts = ("prefix", "givenName", "middleName", "familyName", "suffix")
    given = " ".join(filter(None, (optional_text(name, part) for part in parts)))
    return given or optional_text(name, "nickname") or optional_text(contact, "organization") or ""


def _contact(contact: dict[str, Any]) -> dict[str, Any]:
    phones, mails = contact.get("number") or (), contact.get("email") or ()
    who = {
        "name": _name(contact) or "unnamed",
        "phone": next((optional_text(one, "value") for one in phones), None),
        "address": next((optional_text(one, "value") for one in mails), None),
    }
    return non_empty({**who, "shared": messaging.rest(contact, ("name",))})


def _reaction(value: dict[str, Any]) -> dict[str, Any]:
    person = messaging.person(None, value.get("authorId"))
    reaction = {
        "reaction": value.get("emoji"),
        "person": person,
        "sent": value.get("sentTimestamp"),
    }
    return non_empty(reaction)


def _earlier(revision: dict[str, Any]) -> dict[str, Any]:
    """Return an earlier wording, and when it was sent, in milliseconds."""
    item: dict[str, Any] = next(
        (revision[kind] for kind in _KINDS if isinstance(revision.get(kind), dict)), {}
    )
    return non_empty({"text": _words(item), "sent": revision.get("dateSent")})


def _call(item: dict[str, Any]) -> str:
    """Return the kind of call and its result: `Audio call, missed`."""
    call: dict[str, Any] = next(
        (item[name] for name in _CALLS if isinstance(item.get(name), dict)), {}
    )
    kind = "Group call" if "groupCall" in item else str(call.get("type") or "call")
    parts = (kind.replace("_", " ").capitalize(), str(call.get("state") or "").lower())
    return ", ".join(part.replace("_", " ") for part in parts if part)


def _replies(chat: str, quote: Any) -> tuple[Related, ...]:
    """Return the quoted message; none if the backup no longer has its time of sending."""
    if not isinstance(quote, dict) or not quote.get("targetSentTimestamp"):
        return ()
    return messaging.reply_to(
        _SERVICE, chat, messaging.key(quote, "authorId"), str(quote["targetSentTimestamp"])
    )


def _files(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the files of a message; a view-once message has one, a sticker is one."""
    found = [*(item.get("attachments") or ()), item.get("attachment")]
    sticker = (item.get("sticker") or {}).get("data")
    pointer = {"pointer": sticker} if sticker else None
    return [_file(one) for one in (*found, pointer) if isinstance(one, dict)]


def _file(value: dict[str, Any]) -> dict[str, Any]:
    """Return a file; a file without a name is identified by its digest."""
    pointer = value.get("pointer") or {}
    place = pointer.get("locatorInfo") or {}
    digest = place.get("plaintextHash") or pointer.get("digest")
    size = pointer.get("size") or place.get("size")
    name = pointer.get("fileName") or digest or "unnamed"
    found = {"name": name, "media_type": pointer.get("contentType"), "size": size}
    return non_empty({**found, "digest": digest})


def _recipient(fields: dict[str, Any]) -> Iterator[Record]:
    number, contact = messaging.key(fields, "id"), fields.get("contact")
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
        metadata={"people": [non_empty(who)]},
        mutable=True,
    )


def _chat(fields: dict[str, Any]) -> Record:
    number, recipient = messaging.key(fields, "id"), messaging.key(fields, "recipientId")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, number),
        metadata={
            "conversation": number,
            "participants": [{"handle": recipient}],
            **messaging.rest(fields, ("id", "recipientId")),
        },
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    """Recognise two frames of Signal, one of which no other line of JSON looks like."""
    frames = [frame for line in peek.lines(head, 50) if (frame := _frame(line))]
    return 2 * any("recipient" in frame or "chatItem" in frame for frame in frames)


def _frame(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    inner = value.get("recipient") or value.get("chatItem") or {}
    known = {"contact", "group", "self", "chatId"}
    return value if isinstance(inner, dict) and not inner.keys().isdisjoint(known) else None


FORMAT = Format(
    name=_NAME,
    title="Signal: plaintext backup",
    version=3,
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
        RecordType.CALL,
        RecordType.CONVERSATION,
        RecordType.CONTACT,
    ),
    fields=_FRAMES,
)
