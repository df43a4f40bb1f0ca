"""Mastodon's archive: `outbox.json`, an ActivityStreams collection of the account's activities.

`Create` holds a whole `Note` (or a `Question`, a poll) in HTML; `Announce` is a boost of another
account's post, by its address. Media are beside it under the path in their `url`. Source:
ActivityStreams 2.0 (W3C) and Mastodon's `app/services/backup_service.rb` and
`app/serializers/activitypub/note_serializer.rb`, which write the file.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.text import cleaning as texts
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mastodon.outbox"
_ARRAY = "orderedItems"
_ACTIVITY = frozenset({"@context", "id", "type", "actor", "published", "to", "cc", "object"})
_SIGNED = frozenset({"signature"})
_NOTE = frozenset(
    {"@context", "id", "type", "summary", "inReplyTo", "published", "url", "attributedTo"}
    | {"to", "cc", "content", "name", "attachment", "tag", "updated", "replies", "inReplyToAtomUri"}
    | {"atomUri", "contentMap", "likes", "shares", "signature"}
)
_PUBLIC = ("https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return a post, or a boost."""
    activity: dict[str, Any] = item.value
    inner = activity["object"]
    return _post(activity, inner) if isinstance(inner, dict) else _boost(activity, inner)


def _post(activity: dict[str, Any], note: dict[str, Any]) -> Record:
    address = text(note, "id")
    answered = optional_text(note, "inReplyTo")
    html = optional_text(note, "content")
    published = optional_text(note if "published" in note else activity, "published")
    metadata = {
        "author": _account(note.get("attributedTo") or activity.get("actor")),
        "url": note.get("url") or address,
        "summary": note.get("summary"),
        "in_reply_to": answered,
        "updated_at": note.get("updated"),
        "attachments": [_file(one) for one in note.get("attachment") or ()],
        "kind": note.get("type") if note.get("type") != "Note" else None,
        **_audience(note if "to" in note else activity),
        **_tags(note.get("tag")),
        **messaging.rest(note, _NOTE),
        **_others(activity),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.POST,
        identity=(address,),
        time=timestamps.or_unread(published),
        title=optional_text(note, "name"),
        content=(texts.html_to_text(html) or None) if html else None,
        language=_language(note),
        metadata=non_empty(metadata),
        related=messaging.reply_to(answered, kind=RecordType.POST) if answered else (),
        mutable=True,
    )


def _boost(activity: dict[str, Any], what: object) -> Record:
    published = optional_text(activity, "published")
    metadata = {
        "author": _account(activity.get("actor")),
        "url": what if isinstance(what, str) else None,
        "repost": True,
        "kind": activity.get("type") if activity.get("type") != "Announce" else None,
        **_audience(activity),
        **_others(activity),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.POST,
        identity=(text(activity, "id"),),
        time=timestamps.or_unread(published),
        metadata=non_empty(metadata),
    )


def _others(activity: dict[str, Any]) -> dict[str, Any]:
    return messaging.rest(activity, _ACTIVITY | _SIGNED)


def _account(address: object) -> dict[str, Any] | None:
    return {"handle": address, "self": True} if isinstance(address, str) and address else None


def _audience(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the audience, from the addresses of the post, and these addresses."""
    to, cc = _texts(fields.get("to")), _texts(fields.get("cc"))
    if not to and not cc:
        return {}
    if any(one in _PUBLIC for one in to):
        seen = "public"
    elif any(one in _PUBLIC for one in cc):
        seen = "unlisted"
    else:
        seen = "private" if any(one.endswith("/followers") for one in to) else "direct"
    return {"visibility": seen, "addressed_to": to, "copied_to": cc}


def _texts(value: object) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, str) and one]


def _tags(tags: object) -> dict[str, Any]:
    """Return hashtags as labels, mentions as people, and other tags (emoji) by name."""
    labels, people, others = [], [], []
    found: list[Any] = tags if isinstance(tags, list) else [tags] if tags else []
    for tag in found:
        kind = tag.get("type") if isinstance(tag, dict) else None
        name = tag.get("name") if isinstance(tag, dict) else None
        if not isinstance(name, str):
            others.append(str(tag))
        elif kind == "Hashtag":
            labels.append(name.lstrip("#"))
        elif kind == "Mention":
            people.append(non_empty({"name": name, "handle": tag.get("href")}))
        else:
            others.append(name)
    return {"labels": labels, "people": people, "emoji": others}


def _file(one: dict[str, Any]) -> dict[str, Any]:
    url = text(one, "url")
    found = {
        "name": url.rsplit("/", 1)[-1] or url,
        "media_type": one.get("mediaType"),
        "path": url.lstrip("/") if "://" not in url else None,
        "url": url if "://" in url else None,
        "description": one.get("name"),
        "width": one.get("width"),
        "height": one.get("height"),
    }
    return non_empty(found)


def _language(note: dict[str, Any]) -> str | None:
    """Return the language of the only text, if the note states it."""
    texts = note.get("contentMap")
    return next(iter(texts)) if isinstance(texts, dict) and len(texts) == 1 else None


def _looks_like(head: Head) -> int:
    found = peek.first_objects(head, _ARRAY)
    shaped = any(one.keys() >= {"id", "type", "actor", "object"} for one in found)
    return 2 * shaped


FORMAT = Format(
    name=_NAME,
    title="Posts and boosts on Mastodon (outbox.json)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path=_ARRAY),
    record=to_record,
    hints=(r"(.+/)?outbox\.json",),
    products=("Mastodon",),
    record_types=(RecordType.POST,),
)
