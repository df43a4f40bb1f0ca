"""Google Chat in Takeout: `Google Chat/Groups/<DM or Space> <id>/messages.json`.

Dates are prose in the account's language, with U+202F before AM and PM in newer files and day first
in older ones. A deleted message has a `deleted_date` and may lack text and `created_date`. A
message without a readable time is undated; the text of an unreadable time is kept, with the flag
`time_unread`.

Source: `docs/reference/exports/google-services.md#chat`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.services.google import chat as google_chat
from pipeline.services.google import takeout
from pipeline.values import open_zones
from pipeline.values.fields import non_empty, optional_text, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "google.chat_messages"
_PROSE = re.compile(r"(?:[^\W\d]+,\s)?(?P<date>.+?)\sat\s(?P<clock>.+)")
_DATES = ("created_date", "deleted_date")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message, or the deletion that is left of one."""
    fields: dict[str, Any] = item.value
    written = next(
        (text_of_date for name in _DATES if (text_of_date := optional_text(fields, name))), None
    )
    named = optional_text(fields, "message_id") or ""
    if written is None and not named:
        raise BadValue(Reason.MISSING_FIELD, "no field 'created_date'")
    group = google_chat.group_of(member.path) or named.partition("/")[0]
    sender = takeout.person(fields.get("creator") or {})
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(named,) if named else (group, written or "", sender.get("address", "")),
        time=_instant(written) if written else None,
        content=optional_text(fields, "text"),
        metadata=non_empty({"sender": sender, "conversation": group, **_metadata(fields)}),
        related=_related(group) + _quoted(fields),
        mutable=True,
    )


def _instant(written: str) -> Instant:
    """Read a time in the layouts of My Activity, with or without the word before the clock."""
    found = _PROSE.fullmatch(written)
    plain = f"{found['date']}, {found['clock']}" if found else written
    return msgspec.structs.replace(takeout.moment(plain), text=written)


_FIELDS = frozenset(
    {"creator", "created_date", "text", "attached_files", "annotations", "reactions"}
    | {"topic_id", "message_id", "deleted_date", "message_state", "deletion_metadata"}
    | {"quoted_message_metadata", "updated_date"}
)
#: Fields that the text itself shows, or that are read.
_SHOWN = frozenset({"start_index", "length", "url_metadata", "format_metadata"})


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    deleted = optional_text(fields, "deleted_date")
    updated = optional_text(fields, "updated_date")
    quoted = fields.get("quoted_message_metadata") or {}
    notes = [_rest(one) for one in fields.get("annotations") or ()]
    return {
        "edited_at": open_zones.utc_text(_instant(updated)) if updated else None,
        "in_reply_to": optional_text(quoted, "message_id"),
        "quoted": optional_text(quoted, "text"),
        "annotations": [note for note in notes if note],
        **messaging.rest(fields, _FIELDS),
        "message_id": optional_text(fields, "message_id"),
        "topic": optional_text(fields, "topic_id"),
        "attachments": [_attachment(one) for one in fields.get("attached_files") or ()],
        "links": [url for one in fields.get("annotations") or () for url in _links(one)],
        "link_titles": [
            str(title)
            for one in fields.get("annotations") or ()
            if (title := (one.get("url_metadata") or {}).get("title"))
        ],
        "reactions": [one for each in fields.get("reactions") or () for one in _reactions(each)],
        "deleted": deleted is not None or fields.get("message_state") == "DELETED",
        "deleted_date": deleted,
        "message_state": fields.get("message_state"),
        "deletion": fields.get("deletion_metadata"),
    }


def _rest(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return an annotation's other values: calls, tasks, files of Drive, mentioned people."""
    return {name: value for name, value in annotation.items() if name not in _SHOWN and value}


def _quoted(fields: dict[str, Any]) -> tuple[Related, ...]:
    number = optional_text(fields.get("quoted_message_metadata") or {}, "message_id")
    return (Related(Relation.REPLY_TO, RecordType.MESSAGE, (number,)),) if number else ()


def _attachment(value: dict[str, Any]) -> dict[str, Any]:
    exported = text(value, "export_name")
    return {"name": optional_text(value, "original_name") or exported, "path": exported}


def _links(annotation: dict[str, Any]) -> Iterator[str]:
    """Yield the addresses in an annotation.

    `url_metadata.url` wraps a text under names that change.
    """
    found = (annotation.get("url_metadata") or {}).get("url") or {}
    texts = found.values() if isinstance(found, dict) else (found,)
    yield from (one for one in texts if str(one).startswith(("http://", "https://")))


def _reactions(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    sign = optional_text(value.get("emoji") or {}, "unicode")
    for address in value.get("reactor_emails") or ("",):
        person = {"address": address.lower()} if address else None
        yield non_empty({"reaction": sign, "person": person})


def _related(group: str) -> tuple[Related, ...]:
    if not group:
        return ()
    return (Related(Relation.IN_CONVERSATION, RecordType.CONVERSATION, (group,)),)


def _looks_like(head: Head) -> int:
    return 2 * any(map(_is_message, peek.first_items(head, "messages", 10)))


def _is_message(item: Any) -> bool:
    if not isinstance(item, dict) or item.keys().isdisjoint({"message_id", "topic_id"}):
        return False
    return not item.keys().isdisjoint(_DATES) and isinstance(item.get("creator", {}), dict)


FORMAT = Format(
    name=_NAME,
    title="Messages of Google Chat (Takeout)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="messages"),
    record=to_record,
    hints=(r"(.+/)?Google Chat/.+/messages\.json",),
    products=("Google Takeout: Google Chat",),
    vintages=("day first, 24 hours (2021)", "month first, AM and PM"),
    record_types=(RecordType.MESSAGE,),
    fields=_FIELDS,
)
