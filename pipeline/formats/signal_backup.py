"""A plaintext backup of Signal: `main.jsonl`, each line one frame.

`account`, `recipient` (a person, a group, the owner), `chat` and `chatItem` are understood; other
frames are passed over. A `chatItem` is a message of one of several kinds, a call, a message that
was deleted, or something that the app notes. Earlier wordings of an edited message are its
`revisions`. Ids are the backup's own, and a message is who its chat, author and moment
of sending say. Files lie beside it under the hash of their content. The frames' names, and the two
halves of a person's name, are from Signal's own `backup.proto` (libsignal).

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
from pipeline.values.fields import as_written, kept, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
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
    chat, author = messaging.key(fields, "chatId"), messaging.key(fields, "authorId")
    sent = as_written(fields, "dateSent")
    kind = next((name for name in _KINDS if isinstance(fields.get(name), dict)), "")
    said = fields.get(kind) or {}
    direction = "out" if "outgoing" in fields else "in" if "incoming" in fields else None
    metadata = {
        "sender": kept({"handle": author, "self": direction == "out"}),
        "conversation": chat,
        "direction": direction,
        "attachments": _files(said),
        "quotes": "quote" in said,
        "kind": kind if kind != "standardMessage" else None,
        "deleted": kind in _DELETED,
        "reactions": [_reaction(one) for one in said.get("reactions") or ()],
        "links": [one["url"] for one in said.get("linkPreview") or () if one.get("url")],
        "people": [_contact(one) for one in _contacts(said)],
        "earlier": [earlier for one in fields.get("revisions") or () if (earlier := _earlier(one))],
        **messaging.rest(fields, (*_TAKEN, kind)),
        **messaging.rest(said, _SAID),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_type(kind, said),
        identity=(_SERVICE, chat, author, sent, *generic_rows.apart(sent, fields)),
        time=timestamps.epoch_or_unread(sent, "ms"),
        title=_call(said) if _type(kind, said) == RecordType.CALL else None,
        content=_words(said) or None,
        metadata=kept(metadata),
        related=messaging.in_conversation(_SERVICE, chat) + _replies(chat, said.get("quote")),
    )


#: What a chat item is, and which of these are messages (libsignal, `backup.proto`).
_MESSAGES = (
    *("standardMessage", "contactMessage", "stickerMessage", "viewOnceMessage", "poll"),
    *("directStoryReplyMessage", "paymentNotification", "giftBadge"),
)
_DELETED = ("remoteDeletedMessage", "adminDeletedMessage")
_KINDS = (*_MESSAGES, *_DELETED, "updateMessage")
_CALLS = ("individualCall", "groupCall")
_TAKEN = ("chatId", "authorId", "dateSent", "outgoing", "incoming", "directionless", "revisions")
_SAID = ("text", "attachments", "attachment", "reactions", "contact", "sticker")


def _type(kind: str, said: dict[str, Any]) -> RecordType:
    if kind in _MESSAGES or kind in _DELETED:
        return RecordType.MESSAGE
    return RecordType.CALL if any(name in said for name in _CALLS) else RecordType.ACTIVITY


def _words(said: dict[str, Any]) -> str:
    """What a message says, in whatever kind it stands."""
    parts = [
        _body(said),
        optional_text(said, "question"),
        *(optional_text(one, "option") for one in said.get("options") or ()),
        *(_name(one) for one in _contacts(said)),
        optional_text(said.get("sticker") or {}, "emoji"),
        optional_text(said, "emoji"),
        *(
            optional_text(one, name)
            for one in said.get("linkPreview") or ()
            for name in ("title", "description")
        ),
    ]
    return "\n".join(filter(None, parts))


def _body(said: dict[str, Any]) -> str | None:
    """A reply to a story wraps its text once more."""
    inner = (said.get("textReply") or said).get("text") or {}
    return inner if isinstance(inner, str) else optional_text(inner, "body")


def _contacts(said: dict[str, Any]) -> list[dict[str, Any]]:
    """One contact, or in older backups a list of one."""
    found = said.get("contact") or ()
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
    return kept({**who, "shared": messaging.rest(contact, ("name",))})


def _reaction(value: dict[str, Any]) -> dict[str, Any]:
    person = messaging.person(None, value.get("authorId"))
    said = {"reaction": value.get("emoji"), "person": person, "sent": value.get("sentTimestamp")}
    return kept(said)


def _earlier(revision: dict[str, Any]) -> dict[str, Any]:
    """An earlier wording, and when it was sent, in milliseconds."""
    said: dict[str, Any] = next(
        (revision[kind] for kind in _KINDS if isinstance(revision.get(kind), dict)), {}
    )
    return kept({"text": _words(said), "sent": revision.get("dateSent")})


def _call(said: dict[str, Any]) -> str:
    """What kind of call, and what became of it: `Audio call, missed`."""
    call: dict[str, Any] = next(
        (said[name] for name in _CALLS if isinstance(said.get(name), dict)), {}
    )
    kind = "Group call" if "groupCall" in said else str(call.get("type") or "call")
    parts = (kind.replace("_", " ").capitalize(), str(call.get("state") or "").lower())
    return ", ".join(part.replace("_", " ") for part in parts if part)


def _replies(chat: str, quote: Any) -> tuple[Related, ...]:
    """The message that is quoted; none where it is no longer known when that was sent."""
    if not isinstance(quote, dict) or not quote.get("targetSentTimestamp"):
        return ()
    return messaging.reply_to(
        _SERVICE, chat, messaging.key(quote, "authorId"), str(quote["targetSentTimestamp"])
    )


def _files(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Files of a message; a message to be seen once has one, a sticker is one."""
    found = [*(said.get("attachments") or ()), said.get("attachment")]
    sticker = (said.get("sticker") or {}).get("data")
    pointer = {"pointer": sticker} if sticker else None
    return [_file(one) for one in (*found, pointer) if isinstance(one, dict)]


def _file(value: dict[str, Any]) -> dict[str, Any]:
    """Files without a name are known by their digest."""
    pointer = value.get("pointer") or {}
    place = pointer.get("locatorInfo") or {}
    digest = place.get("plaintextHash") or pointer.get("digest")
    size = pointer.get("size") or place.get("size")
    name = pointer.get("fileName") or digest or "unnamed"
    found = {"name": name, "media_type": pointer.get("contentType"), "size": size}
    return kept({**found, "digest": digest})


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
        metadata={"people": [kept(who)]},
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
    """Two frames of Signal's, one of which no other line of JSON looks like."""
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
