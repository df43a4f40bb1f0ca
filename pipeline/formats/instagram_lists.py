"""Instagram's lists: followers, likes, comments, searches, viewed content, the profile.

Each file holds one array, under a key that names its kind, or bare (newer `followers_1.json`).
Items have `string_list_data` (`{href, value, timestamp}`), or `string_map_data` under labels in the
owner's language, which are kept and not interpreted. The file's name, which no language changes,
gives the kind of a bare array of the latter: `post_comments_1.json` holds comments.

Source: `docs/reference/exports/meta.md#instagram`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import meta
from pipeline.text.cleaning import mend_meta
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "instagram.lists"
_LIST, _MAP = "string_list_data", "string_map_data"
_FOLLOWERS = "relationships_followers"
_PROFILE = "profile_user"
#: What the items of a key are; those of other keys are activities.
_KINDS = {
    "relationships_following": (RecordType.CONNECTION, "following"),
    _FOLLOWERS: (RecordType.CONNECTION, "follower"),
    "instagram_followers": (RecordType.CONNECTION, "follower"),
    "likes_media_likes": (RecordType.REACTION, "like"),
    "likes_comment_likes": (RecordType.REACTION, "like"),
    "instagram_liked_posts": (RecordType.REACTION, "like"),
    "story_activities_story_likes": (RecordType.REACTION, "like"),
    "comments_media_comments": (RecordType.COMMENT, ""),
    "saved_saved_media": (RecordType.LIST_ITEM, "saved"),
    _PROFILE: (RecordType.PROFILE, ""),
}
#: The same for the beginnings of keys: `searches_keyword`, `relationships_close_friends`.
_BEGUN = {
    "searches_": RecordType.SEARCH,
    "relationships_": RecordType.CONNECTION,
    "comments_": RecordType.COMMENT,
}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one entry of a list."""
    raw: dict[str, Any] = item.value
    key = (item.around["keys"] or [_FOLLOWERS])[0]
    kind, status = _kind(key) if item.around["keys"] or _LIST in raw else _of_file(member.path)
    entries, fields = list(_entries(raw)), mend_meta(raw)
    if not entries and not raw.get("title"):
        raise BadValue(Reason.MISSING_FIELD, f"the entry has neither {_LIST!r} nor {_MAP!r}")
    values = [str(one["value"]) for one in entries if one.get("value")]
    when = next((one["timestamp"] for one in entries if one.get("timestamp")), None)
    name = str(raw.get("title") or (values[0] if values else ""))
    url = next((str(one["href"]) for one in entries if one.get("href")), "")
    profile = kind is RecordType.PROFILE
    return Record(
        data_type=DataType.STRUCTURED if profile else DataType.ACTIVITY,
        source=_NAME,
        record_type=kind,
        identity=("instagram", key, *(() if profile else (str(when or ""), name, url))),
        time=None if profile else meta.moment(when),
        title=optional_text(fields, "title") or None,
        content=_content(kind, fields, mend_meta(values)),
        metadata=non_empty(_metadata(kind, status, mend_meta(name), url, fields)),
        mutable=profile,
    )


def _kind(key: str) -> tuple[RecordType, str]:
    if key in _KINDS:
        return _KINDS[key]
    for begun, kind in _BEGUN.items():
        if key.startswith(begun):
            return kind, key.removeprefix(begun)
    return RecordType.ACTIVITY, key


def _of_file(path: str) -> tuple[RecordType, str]:
    """Return the kind of a bare array of maps; identities remain those of followers."""
    stem = PurePosixPath(path).stem
    comments = "comments" in stem
    return (RecordType.COMMENT, "") if comments else (RecordType.ACTIVITY, stem)


def _content(kind: RecordType, fields: Mapping[str, Any], values: list[str]) -> str | None:
    """Return a comment's words, which come first; or all values of an activity of unknown kind."""
    if kind is RecordType.COMMENT:
        owner = (fields.get(_MAP) or {}).get("Media Owner") or {}
        silent = len(values) == 1 and values[0] == owner.get("value")
        return values[0] if values and not silent else None
    return "\n".join(values) or None if kind is RecordType.ACTIVITY else None


def _entries(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a list or a map, without fields of another shape."""
    both = (*(raw.get(_LIST) or ()), *(raw.get(_MAP) or {}).values())
    return (one for one in both if isinstance(one, dict))


def _metadata(
    kind: RecordType, status: str, name: str, url: str, fields: Mapping[str, Any]
) -> dict[str, Any]:
    listed = [one.get("value") for one in fields.get(_LIST) or () if isinstance(one, dict)]
    found: dict[str, Any] = {"url": url, "labelled": fields.get(_MAP)}
    found["attachments"] = [
        meta.medium(one) for one in fields.get("media_list_data") or () if one.get("uri")
    ]
    if kind is not RecordType.REACTION:  # in a reaction the value is the service's symbol of a like
        found["values"] = [str(one) for one in listed if one and str(one) != name]
    if kind is RecordType.CONNECTION:
        found |= {"people": [{"handle": name}] if name else [], "status": status}
    elif kind is RecordType.REACTION:
        found |= {"reaction": status, "author": {"handle": name} if name else None}
    elif kind is RecordType.SEARCH:
        found["query"] = name
    elif kind is RecordType.LIST_ITEM:
        found["list"] = status
    elif kind is RecordType.ACTIVITY:
        found["kind"] = status
    return found


def _looks_like(head: Head) -> int:
    """Recognise an array of Instagram's own kind of items, bare or under a first key."""
    keys = peek.top_keys(head)
    for path in ("", *keys[:3]):
        items = peek.first_objects(head, path, 5)
        if any(not item.keys().isdisjoint((_LIST, _MAP)) for item in items):
            return 2
    return 0


FORMAT = Format(
    name=_NAME,
    title="Instagram: follows, likes, comments, searches, profile",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("", "*")),
    record=to_record,
    products=("Instagram",),
    vintages=("keys of each list", "followers as a bare array", "instagram_* keys"),
    record_types=(
        RecordType.CONNECTION,
        RecordType.REACTION,
        RecordType.COMMENT,
        RecordType.LIST_ITEM,
        RecordType.SEARCH,
        RecordType.PROFILE,
        RecordType.ACTIVITY,
    ),
    fields=frozenset({"title", "media_list_data", "media_map_data", "href", _LIST, _MAP}),
)
