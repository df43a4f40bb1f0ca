"""TikTok's `user_data.json` (or `user_data_tiktok.json`): lists within sections.

Sections and lists were renamed over the years (`Video Browsing History`, `Watch History`), and the
case of keys varies, so lists are known by their own names in any section. Unknown lists become
activities unchanged. Besides lists there are objects: the profile, the service's counts, settings,
and live videos that were watched, by their numbers (RLEAPP, `tikTokArchiveJson.py`). Times are UTC.

Source: `docs/reference/exports/tiktok.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "tiktok.data", "tiktok"
_CHAT = "chathistory"
_WATCHED = frozenset({"video browsing history", "watch history"})
_VIDEOS: dict[str, tuple[RecordType, dict[str, Any]]] = {
    "itemfavoritelist": (RecordType.REACTION, {"reaction": "like"}),
    "favoritevideolist": (RecordType.BOOKMARK, {}),
}
_SECTIONS = frozenset(
    {"profile and settings", "profile", "activity", "your activity", "likes and favorites"}
    | {"comment", "direct message", "direct messages", "app settings", "ads and data"}
)
#: Objects that are one record each: those called `…Map`, and these of a section.
_OBJECTS = ("*.*.*Map{}", "*.*Autofill{}", "*.*Auto Fill{}", "*.*AI-Moji{}")
_LIVE_SETTINGS = "*.*Watch Live Settings{}"
_WATCHED_LIVE = "watchlivemap"
_PEOPLE = {
    "profilemap": ("username", "displayname", "emailaddress", "telephonenumber"),
    "autofill": ("", "firstname", "email", "phonenumber"),
    "auto fill": ("", "firstname", "email", "phonenumber"),
}
_LISTS = (b'"VideoList"', b'"ItemFavoriteList"', b'"FavoriteVideoList"', b'"SearchList"')


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield one entry of a list, or an object; before the first message of a chat, the chat."""
    keys = [key.casefold() for key in item.around["keys"]]
    if not isinstance(item.value, dict):
        raise BadValue(Reason.BAD_SHAPE, "the entry is not an object")
    fields = {name.casefold(): value for name, value in item.value.items()}
    if item.around["path"].endswith("{}"):
        yield from _of_object(item.around["keys"][1], keys[-1], item.value)
    elif len(keys) > 3 and keys[2] == _CHAT:
        title = item.around["keys"][3]
        if item.around["first"]:
            yield _conversation(title)
        yield messaging.attempt(partial(_message, title, fields))
    else:
        yield _entry(keys[1], keys[-1], fields)


def _entry(group: str, name: str, fields: Mapping[str, Any]) -> Record:
    date, link = str(fields.get("date") or ""), str(fields.get("link") or fields.get("url") or "")
    kind, metadata, word = _kind(group, name, fields, link)
    content = fields.get("comment") if kind is RecordType.COMMENT else None
    others = messaging.rest(fields, ("date", "link", "url", "username", "searchterm", "comment"))
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=kind,
        identity=(_SERVICE, kind.value, name, date, link, word),
        time=_utc(date) if date else None,
        title=word if kind is RecordType.CONNECTION else None,
        content=str(content) if content else None,
        metadata=non_empty({"url": link, **metadata, **others}),
    )


def _kind(
    group: str, name: str, fields: Mapping[str, Any], link: str
) -> tuple[RecordType, dict[str, Any], str]:
    """Return the kind of an entry, the metadata of its kind, and the word that identifies it."""
    user = str(fields.get("username") or "")
    if name == "videolist" and group in _WATCHED:
        return RecordType.PLAY, {}, ""
    if name in _VIDEOS and link:
        return *_VIDEOS[name], ""
    if name == "searchlist":
        term = str(fields.get("searchterm") or "")
        return RecordType.SEARCH, {"query": term}, term
    if name == "commentslist":
        return RecordType.COMMENT, {}, str(fields.get("comment") or "")
    if user and (name == "fanslist" or group.startswith("following")):
        status = "follower" if name == "fanslist" else "following"
        return RecordType.CONNECTION, {"people": [{"handle": user}], "status": status}, user
    return RecordType.ACTIVITY, {"kind": group}, user or str(fields.get("sharedcontent") or "")


def _of_object(section: str, name: str, value: dict[str, Any]) -> Iterator[Outcome]:
    """Yield the records of an object of the account: the owner, live videos, or settings."""
    fields = {key.casefold(): inner for key, inner in value.items()}
    if name == _WATCHED_LIVE:
        for number, one in value.items():
            yield messaging.attempt(partial(_watched_live, number, one))
    elif name in _PEOPLE:
        handle, called, mail, phone = (str(fields.get(n) or "") for n in _PEOPLE[name])
        who = {"handle": handle, "name": called, "address": mail.lower(), "phone": phone}
        yield _about(RecordType.PROFILE, name, handle, section, value, who)
    elif value:
        kind = RecordType.SETTING if "setting" in section.casefold() else RecordType.SUMMARY
        yield _about(kind, name, section.casefold(), section, value, {})


def _about(
    kind: RecordType,
    name: str,
    key: str,
    section: str,
    value: dict[str, Any],
    who: dict[str, Any],
) -> Record:
    """Return a state of the account at the time of the export."""
    people = non_empty(who)
    bio = value.get("bioDescription")
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=kind,
        identity=(_SERVICE, kind.value, name, key),
        title=people.get("name") or section,
        content=bio if isinstance(bio, str) and bio else None,
        metadata={
            **non_empty({"people": [{**people, "self": True}] if people else []}),
            **messaging.rest(value, ("bioDescription",)),
        },
        mutable=True,
    )


def _watched_live(number: str, value: Any) -> Record:
    """Return a live video, with the owner's comments in it."""
    fields = {key.casefold(): inner for key, inner in value.items()}
    date, link = str(fields.get("watchtime") or ""), str(fields.get("link") or "")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(_SERVICE, RecordType.PLAY.value, _WATCHED_LIVE, number),
        time=_utc(date) if date else None,
        metadata=non_empty(
            {
                "url": link,
                "kind": "live",
                "video_id": number,
                **messaging.rest(fields, ("watchtime", "link")),
            }
        ),
    )


def _conversation(title: str) -> Record:
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, title),
        title=title,
        metadata={"conversation": title, "conversation_title": title},
        mutable=True,
    )


def _message(title: str, fields: Mapping[str, Any]) -> Record:
    date, sender = as_written(fields, "date"), messaging.key(fields, "from")
    words = str(fields.get("content") or "")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(_SERVICE, title, date, sender, words),
        time=_utc(date),
        content=words or None,
        metadata={
            "sender": {"handle": sender},
            "conversation": title,
            "conversation_title": title,
            **messaging.rest(fields, ("date", "from", "content")),
        },
        related=messaging.in_conversation(_SERVICE, title),
    )


def _utc(written: str) -> Instant:
    """Read `2024-01-02 03:04:05`, some with `UTC` after it."""
    known = written if written.endswith("UTC") else f"{written} UTC"
    return msgspec.structs.replace(timestamps.or_unread(known), text=written)


def _looks_like(head: Head) -> int:
    """Recognise section names, and a list: the first section may be longer than the head."""
    sections = _SECTIONS.intersection(key.casefold() for key in peek.top_keys(head))
    listed = any(name in head.data for name in _LISTS)
    return 2 if sections and (listed or len(sections) > 2) else 0


FORMAT = Format(
    name=_NAME,
    title="TikTok: all of an account's data",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("*.*", "*.*.*", "*.*.*.*", *_OBJECTS, _LIVE_SETTINGS)),
    record=to_records,
    hints=(r"(.+/)?user_data(_tiktok)?\.json",),
    products=("TikTok",),
    vintages=("Activity, Video Browsing History", "Your Activity, Watch History"),
    record_types=(
        RecordType.PLAY,
        RecordType.REACTION,
        RecordType.BOOKMARK,
        RecordType.SEARCH,
        RecordType.COMMENT,
        RecordType.CONNECTION,
        RecordType.ACTIVITY,
        RecordType.MESSAGE,
        RecordType.CONVERSATION,
        RecordType.PROFILE,
        RecordType.SETTING,
        RecordType.SUMMARY,
    ),
)
