"""Telegram's `result.json`: all chats of an account, or one chat alone.

Times are local text beside Unix seconds (missing in older exports). `text` is a text or an array of
texts and objects. A chat without a name is one with a deleted account, or the saved messages. Only
a full export names the owner. The names of replies, media, places, actions, contacts, sessions,
pictures and stories are from the program that writes the file: Telegram Desktop,
`export_output_json.cpp`. Chats that the owner has left are in a list of their own, and a chat
without messages is a chat, too. The list `other_data` is not read. Since 2026 a message with
headings, lists or tables has `rich_message` with blocks in the place of `text`
(mlomb/chat-analytics, issue 142).

Source: `docs/reference/exports/telegram.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import coordinates, open_zones, timestamps
from pipeline.values.fields import as_written, joined, non_empty, optional_text, unusable, whole
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Outcome, RawRecord, Record, Related
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "telegram.chat", "telegram"
_ALONE = "messages"
_ALL, _LEFT = "chats.list[].messages", "left_chats.list[].messages"
_OWNER, _CONTACTS, _FREQUENT = "personal_information{}", "contacts.list", "frequent_contacts.list"
_SESSIONS, _WEB_SESSIONS = "sessions.list", "web_sessions.list"
_PICTURES, _STORIES = "profile_pictures", "stories"
_TAKEN = frozenset(
    {"id", "type", "date", "date_unixtime", "from", "from_id", "text", "text_entities", "edited"}
    | {"edited_unixtime", "reply_to_message_id", "photo", "file", "mime_type"}
    | {"photo_file_size", "file_name", "file_size", "location_information", "reactions"}
)
#: Fields with a file of a message, and the fields of its size and its name. Photos have no name.
_FILES = (("photo", "photo_file_size", ""), ("file", "file_size", "file_name"))
_CALLS = frozenset({"phone_call", "group_call"})
#: A year in seconds.
_LONGEST_CALL = 31_536_000
_LINKS = frozenset({"link", "text_link"})
#: All that Telegram Desktop writes into a message, a contact, a session and others that are read.
_FIELDS = frozenset(
    {"id", "type", "date", "date_unixtime", "edited", "edited_unixtime", "from"}
    | {"from_id", "actor", "actor_id", "action", "text", "text_entities", "author"}
    | {"forwarded_from", "saved_from", "reply_to_message_id", "reply_to_peer_id"}
    | {"via_bot", "photo", "width", "height", "file", "thumbnail", "media_type"}
    | {"sticker_emoji", "performer", "title", "mime_type", "duration_seconds"}
    | {"self_destruct_period_seconds", "contact_information", "contact_vcard"}
    | {"location_information", "live_location_period_seconds", "place_name", "address"}
    | {"game_title", "game_description", "game_link", "invoice_information", "poll"}
    | {"rich_message", "members", "inviter", "message_id", "game_message_id", "score", "amount"}
    | {"currency", "invoice_message_id", "recurring", "discard_reason"}
    | {"information_text", "reason_app_id", "reason_app_name", "reason_domain", "values"}
    | {"to", "to_id", "distance", "duration", "period", "schedule_date", "emoticon"}
    | {"cost", "months", "new_title", "new_icon_emoji_id", "button_id", "peer_id"}
    | {"user_id", "first_name", "last_name", "phone_number", "last_active"}
    | {"last_active_unixtime", "last_ip", "last_country", "last_region"}
    | {"application_name", "application_version", "device_model", "platform"}
    | {"system_version", "created", "created_unixtime"}
    | {"reactions", "inline_bot_buttons", "file_name", "file_size", "photo_file_size"}
    | {"thumbnail_file_size", "contact_vcard_file_size", "media_spoiler"}
    | {"giveaway_information", "giveaway_results", "paid_stars_amount"}
    | {"username", "bio", "category", "name", "rating", "bot_username", "domain_name", "browser"}
    | {"expires", "expires_unixtime", "pinned", "media"}
)


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a message, and before the first of a chat the chat itself; or an entry of another list.

    For an empty list the item is the list.
    """
    make = _LISTS.get(item.around["path"])
    if make is None and item.around["first"]:
        yield _conversation(item.around)
    if item.value == []:
        return
    yield (
        make(item.value) if make else messaging.attempt(partial(_message, item.value, item.around))
    )


def _chat(around: Mapping[str, Any]) -> str:
    """Return a chat's identity: its number, or its name if it has none."""
    return str(around.get("id") or around.get("name") or "")


def _conversation(around: Mapping[str, Any]) -> Record:
    chat, name = _chat(around), around.get("name")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, chat),
        title=name,
        metadata=non_empty(
            {
                "conversation": chat,
                "conversation_title": name,
                "kind": around.get("type"),
                "left": around["path"] == _LEFT,
            }
        ),
        mutable=True,
    )


def _message(fields: dict[str, Any], around: Mapping[str, Any]) -> Record:
    chat, number = _chat(around), messaging.key(fields, "id")
    content, links = _text_and_links(fields.get("text"))
    content = content or messaging.spoken(fields.get("rich_message"))
    reply, time = fields.get("reply_to_message_id"), _instant(fields)
    odd: dict[str, Any] = {}
    reactions = [one for each in fields.get("reactions") or () for one in _reactions(each, odd)]
    metadata = {
        "sender": _sender(fields, around),
        "conversation": chat,
        "conversation_title": around.get("name"),
        "message_id": number,
        "in_reply_to": None if reply is None else str(reply),
        "links": links,
        "attachments": _files(fields),
        "media_omitted": any(_is_note(fields.get(place)) for place, _, _ in _FILES),
        "reactions": reactions,
        **_lasting(fields, time, odd),
        "edited_at": optional_text(fields, "edited"),
        "exported_message_id": fields.get("message_id"),
        "place": _place(fields.get("location_information")),
    }
    replies: tuple[Related, ...] = (
        () if reply is None else messaging.reply_to(_SERVICE, chat, str(reply))
    )
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_type(fields),
        identity=(_SERVICE, chat, number),
        time=time,
        content=content or None,
        metadata=joined(
            {**messaging.rest(fields, _TAKEN | {"message_id"}), **non_empty(metadata)}, odd
        ),
        related=messaging.in_conversation(_SERVICE, chat) + replies,
        mutable=True,
    )


def _type(fields: Mapping[str, Any]) -> RecordType:
    if fields.get("type") != "service":
        return RecordType.MESSAGE
    return RecordType.CALL if fields.get("action") in _CALLS else RecordType.ACTIVITY


def _lasting(fields: Mapping[str, Any], began: Instant, odd: dict[str, Any]) -> dict[str, Any]:
    """Return the duration of a call, and when it ended."""
    length = fields.get("duration_seconds", fields.get("duration"))
    if fields.get("action") not in _CALLS:
        return {}
    seconds = whole(length, "duration_seconds", odd)
    if seconds is None or seconds > _LONGEST_CALL:
        unusable(length, "duration_seconds", odd)
        return {}
    if began.at is None:
        return {"duration_s": seconds}
    ended = Instant(began.at + timedelta(seconds=seconds), "")
    return {"duration_s": seconds, "ended_at": open_zones.utc_text(ended)}


def _reactions(value: Mapping[str, Any], odd: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the people that are named, and the number of others."""
    drawn = optional_text(value, "document_id")  # a file, as of a sticker
    sign = value.get("emoji") or (None if _is_note(drawn) else drawn) or value.get("type")
    people = value.get("recent") or ()
    for one in people:
        reaction = {"reaction": sign, "person": _sender(one, {}), "sent": one.get("date")}
        yield non_empty(reaction)
    if (others := (whole(value.get("count"), "reaction_count", odd) or 0) - len(people)) > 0:
        yield {"reaction": sign, "count": others}


def _instant(fields: dict[str, Any], name: str = "date") -> Instant:
    """Read the local text, with the zone if the Unix time is beside it, or the valid one."""
    unix, written = fields.get(f"{name}_unixtime"), as_written(fields, name)
    moment = timestamps.epoch_or_unread(unix, "s") if unix else None
    local = timestamps.or_unread(written)
    if moment is not None and (not written or (moment.at and local.at is None)):
        return moment
    if moment is None or moment.at is None or local.at is None:
        return local
    offset = (local.at - moment.at) // timedelta(minutes=1)
    return Instant(moment.at, local.text, offset if abs(offset) <= 14 * 60 else None)


def _sender(fields: dict[str, Any], around: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the sender; of a service message the actor.

    In old exports `from_id` is a plain number.
    """
    number = str(fields.get("from_id") or fields.get("actor_id") or "") or None
    sender = messaging.person(fields.get("from") or fields.get("actor"), number)
    owner = (around.get("personal_information") or {}).get("user_id")
    if sender and number and owner and number.removeprefix("user") == str(owner):
        sender["self"] = True
    return sender


def _text_and_links(text: Any) -> tuple[str, list[str]]:
    """Return the text of a message, and the links in it."""
    if isinstance(text, str):
        return text, []
    parts = text or ()
    words = "".join(part if isinstance(part, str) else part["text"] for part in parts)
    marked = [part for part in parts if isinstance(part, dict) and part.get("type") in _LINKS]
    return words, [part.get("href") or part["text"] for part in marked]


def _files(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the files of a message; for a file left out of the export only its kind."""
    return [
        non_empty(
            {
                "name": _file_name(path, optional_text(fields, name) or place),
                "path": None if _is_note(path) else path,
                "media_type": fields.get("mime_type"),
                "size": fields.get(size),
            }
        )
        for place, size, name in _FILES
        if (path := optional_text(fields, place))
    ]


def _file_name(path: str, known: str) -> str:
    return PurePosixPath(known if _is_note(path) else path).name or known


def _is_note(path: Any) -> bool:
    """Return whether it is a note in brackets about a missing file, in the place of a path."""
    return isinstance(path, str) and path.startswith("(")


def _place(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    return coordinates.given(found.get("latitude"), found.get("longitude"))


def _name(fields: dict[str, Any]) -> str:
    return " ".join(filter(None, (fields.get("first_name"), fields.get("last_name"))))


def _owner(fields: dict[str, Any]) -> Record:
    """Return the owner, as the account describes them."""
    number, name = messaging.key(fields, "user_id"), _name(fields)
    who = {"handle": number, "name": name, "phone": optional_text(fields, "phone_number")}
    taken = ("user_id", "first_name", "last_name", "phone_number", "bio")
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PROFILE,
        identity=(_SERVICE, "owner", number),
        title=name or None,
        content=optional_text(fields, "bio"),
        metadata={"people": [{**non_empty(who), "self": True}], **messaging.rest(fields, taken)},
        mutable=True,
    )


def _contact(fields: dict[str, Any]) -> Record:
    phone = optional_text(fields, "phone_number") or ""
    name = _name(fields)
    handle = fields.get("user_id")
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.CONTACT,
        identity=(_SERVICE, phone or name, "" if phone else str(fields.get("date", ""))),
        title=name or None,
        metadata={
            "people": [{**(messaging.person(name, handle) or {}), **non_empty({"phone": phone})}],
            **non_empty({"created_at": fields.get("date")}),
        },
        mutable=True,
    )


def _frequent(fields: dict[str, Any]) -> Record:
    """Return a frequent contact or bot of the owner; the rating changes."""
    number, category = messaging.key(fields, "id"), optional_text(fields, "category") or ""
    name = optional_text(fields, "name")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONNECTION,
        identity=(_SERVICE, "frequent", category, number),
        title=name,
        metadata={
            "people": [messaging.person(name, number)],
            "status": "frequent",
            **messaging.rest(fields, ("id", "name")),
        },
        mutable=True,
    )


def _picture(fields: dict[str, Any]) -> Record:
    return _published(fields, "profile_picture", "photo", RecordType.MEDIUM)


def _story(fields: dict[str, Any]) -> Record:
    return _published(fields, "story", "media", RecordType.POST)


def _published(fields: dict[str, Any], kind: str, place: str, record_type: RecordType) -> Record:
    """Return a picture of the owner, or a story: a file, or a note about the missing file."""
    path, dated = optional_text(fields, place), any(map(fields.get, ("date", "date_unixtime")))
    time = _instant(fields) if dated else None
    written = str(fields.get("date_unixtime") or fields.get("date") or path or "")
    name = _file_name(path, kind) if path else ""
    file = {"name": name, "path": None if _is_note(path) else path}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=record_type,
        identity=(_SERVICE, kind, written),
        time=time,
        metadata=non_empty(
            {
                "kind": kind,
                "attachments": [non_empty(file)] if path else [],
                "media_omitted": _is_note(path),
                **messaging.rest(fields, ("date", "date_unixtime", place)),
            }
        ),
        mutable=True,
    )


def _session(fields: dict[str, Any]) -> Record:
    """Return a signed-in program or page. The time of its last activity changes."""
    moment = _instant(fields, "created")
    device = optional_text(fields, "device_model") or optional_text(fields, "browser")
    site = optional_text(fields, "domain_name")
    application = optional_text(fields, "application_name") or site or ""
    taken = ("created", "created_unixtime", "device_model", "last_ip", "application_name")
    metadata = {
        "device": device,
        "ip": fields.get("last_ip"),
        "product": application,
        **messaging.rest(fields, (*taken, "domain_name", "browser")),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LOGIN,
        identity=(_SERVICE, moment.text, application, device or ""),
        time=moment,
        title=application or None,
        metadata=non_empty(metadata),
        mutable=True,
    )


#: Lists that are not messages of a chat.
_LISTS: dict[str, Callable[[dict[str, Any]], Record]] = {
    _OWNER: _owner,
    _CONTACTS: _contact,
    _FREQUENT: _frequent,
    _SESSIONS: _session,
    _WEB_SESSIONS: _session,
    _PICTURES: _picture,
    _STORIES: _story,
}


def _looks_like(head: Head) -> int:
    """Recognise `type` and `messages` of a chat alone, or the parts of a full export."""
    keys = set(peek.top_keys(head))
    if keys & {"personal_information", "chats"} and keys & {"about", "contacts", "chats"}:
        full = peek.first_items(head, _CONTACTS) or "frequent_contacts" in keys or "chats" in keys
        return 2 if full or "personal_information" in keys else 0
    items = peek.first_items(head, _ALONE)
    known = any(isinstance(item, dict) and {"id", "type", "date"} <= item.keys() for item in items)
    return 2 if known and {"type", "id", "name"} & keys else 0


FORMAT = Format(
    name=_NAME,
    title="Telegram: chats, contacts, sessions and profile",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=(_ALONE, _ALL, _LEFT, *_LISTS), empties=True),
    record=to_records,
    hints=(r"(.+/)?result\.json",),
    products=("Telegram Desktop",),
    tried=("joweich/chat-miner", "mlomb/chat-analytics"),
    vintages=("without date_unixtime, bare numbers in from_id", "with text_entities"),
    record_types=(
        RecordType.MESSAGE,
        RecordType.ACTIVITY,
        RecordType.CALL,
        RecordType.CONVERSATION,
        RecordType.CONTACT,
        RecordType.LOGIN,
        RecordType.PROFILE,
        RecordType.CONNECTION,
        RecordType.MEDIUM,
        RecordType.POST,
    ),
    fields=_FIELDS,
    unread="other_data, which says nothing of chats or people",
)
