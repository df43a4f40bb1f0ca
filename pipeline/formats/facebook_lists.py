"""Facebook's lists, each under a key of its own: friends, follows, searches, comments and others.

Keys are not localised and carry a version (`friends_v2`), those of 2018 to 2020 none. Lists and
objects that differ by the year wrap an item's values, so they are looked up at any depth. Keys that
the page does not list are those of d3i-infra/data-donation-task (`facebook.py`) and
humandataincome/hudi-packages-connectors.

Source: `docs/reference/exports/meta.md#facebook`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging, meta
from pipeline.text.cleaning import mend_meta
from pipeline.values import open_zones
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "facebook.lists"


class _Kind(NamedTuple):
    """What the items of a list are, and the name of the main value in one."""

    record_type: RecordType
    word: str
    status: str | None = None


_KINDS = {
    "friends_v2": _Kind(RecordType.CONNECTION, "name", "friend"),
    "following_v3": _Kind(RecordType.CONNECTION, "name", "following"),
    "pages_followed_v2": _Kind(RecordType.CONNECTION, "title", "following"),
    "page_likes_v2": _Kind(RecordType.REACTION, "name", "like"),
    "groups_joined_v2": _Kind(RecordType.SUBSCRIPTION, "title"),
    "searches_v2": _Kind(RecordType.SEARCH, "text"),
    "comments_v2": _Kind(RecordType.COMMENT, "comment"),
    "group_comments_v2": _Kind(RecordType.COMMENT, "comment"),
    "group_posts_v2": _Kind(RecordType.POST, "post"),
    "saves_v2": _Kind(RecordType.LIST_ITEM, "title", "saved"),
    "notifications_v2": _Kind(RecordType.ACTIVITY, "text"),
    "profile_updates_v2": _Kind(RecordType.ACTIVITY, "title"),
    "friends": _Kind(RecordType.CONNECTION, "name", "friend"),
    "deleted_friends": _Kind(RecordType.CONNECTION, "name", "removed"),
    "deleted_friends_v2": _Kind(RecordType.CONNECTION, "name", "removed"),
    "following": _Kind(RecordType.CONNECTION, "name", "following"),
    "page_likes": _Kind(RecordType.REACTION, "name", "like"),
    "reactions": _Kind(RecordType.REACTION, "reaction"),
    "reactions_v2": _Kind(RecordType.REACTION, "reaction"),
    "searches": _Kind(RecordType.SEARCH, "text"),
    "comments": _Kind(RecordType.COMMENT, "comment"),
    "notifications": _Kind(RecordType.ACTIVITY, "text"),
}
#: Keys that are ambiguous by themselves: an item has seconds and one of these.
_COMMON = {
    "friends": {"name"},
    "following": {"name"},
    "searches": {"data"},
    "comments": {"data"},
    "reactions": {"data"},
    "notifications": {"text"},
}
#: Fields that are read by their kind, or that hold such fields.
_TAKEN = frozenset(
    {"timestamp", "start_timestamp", "end_timestamp", "name", "title", "text", "data", "unread"}
    | {"attachments", "href", "url", "uri"}
)
_EVENTS = {
    f"{key}.events_{answer}": answer
    for key in ("event_responses_v2", "event_responses")
    for answer in ("joined", "interested", "declined")
}
_TOPICS = "topics_v2"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one entry of the list that `around` names."""
    path = item.around["path"]
    if path == _TOPICS:
        return _topic(item.value)
    kind = _KINDS.get(path) or _Kind(RecordType.EVENT, "name", _EVENTS[path])
    raw: dict[str, Any] = item.value
    fields = mend_meta(raw)
    word, when = meta.inner(raw, kind.word), raw.get("timestamp") or raw.get("start_timestamp")
    when = when or meta.inner(raw, "timestamp")
    # Two reactions of one second differ only in what they react to.
    about = (str(raw.get("title") or ""),) if kind.word == "reaction" else ()
    if word is None and when is None:
        raise BadValue(Reason.MISSING_FIELD, f"no field {kind.word!r}")
    title = fields.get("title") or fields.get("name")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=kind.record_type,
        identity=("facebook", path, str(when or ""), str(word or raw.get("title") or ""), *about),
        time=meta.moment(when),
        title=str(title) if title else None,
        content=_content(kind, fields),
        metadata=non_empty(_metadata(kind, fields)),
    )


def _content(kind: _Kind, fields: dict[str, Any]) -> str | None:
    if kind.record_type in (RecordType.COMMENT, RecordType.POST, RecordType.ACTIVITY):
        word = meta.inner(fields, kind.word)
        return None if word is None else str(word)
    return None


def _metadata(kind: _Kind, fields: dict[str, Any]) -> dict[str, Any]:
    word = meta.inner(fields, kind.word)
    url = meta.inner(fields, "url") or meta.inner(fields, "href") or meta.inner(fields, "uri")
    found: dict[str, Any] = {"url": url, "group": meta.inner(fields, "group")}
    if "unread" in fields:
        found["unread"] = fields["unread"]
    if kind.record_type is RecordType.CONNECTION:
        found |= {"people": [{"name": str(word)}] if word else [], "status": kind.status}
    elif kind.record_type is RecordType.SEARCH:
        found["query"] = str(word or "")
    elif kind.record_type is RecordType.REACTION:
        found["reaction"] = kind.status or str(word or "")
    elif kind.record_type is RecordType.EVENT:
        end = fields.get("end_timestamp")
        ended = open_zones.utc_text(meta.moment(end)) if end else None
        found |= {"status": kind.status, "ended_at": ended}
    elif kind.record_type is RecordType.LIST_ITEM:
        found["list"] = kind.status
    author = meta.inner(fields, "author")
    rest = messaging.rest(fields, _TAKEN)
    return {**rest, **found, "author": {"name": str(author)} if author else None}


def _topic(value: Any) -> Record:
    if not isinstance(value, str):
        raise BadValue(Reason.BAD_SHAPE, "the topic is not a text")
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=("facebook", _TOPICS, value),
        title=str(mend_meta(value)),
        metadata={"list": "ad topics"},
    )


def _looks_like(head: Head) -> int:
    keys = peek.top_keys(head)
    known = {*_KINDS, _TOPICS, *(path.partition(".")[0] for path in _EVENTS)} - _COMMON.keys()
    if not known.isdisjoint(keys):
        return 2
    return 2 * any(
        type(item.get("timestamp")) is int and item.keys() >= needed
        for key, needed in _COMMON.items()
        if key in keys
        for item in peek.first_objects(head, key)
    )


FORMAT = Format(
    name=_NAME,
    title="Facebook: friends, follows, searches, comments and other lists",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=(*_KINDS, *_EVENTS, _TOPICS)),
    record=to_record,
    products=("Facebook",),
    vintages=("keys without a version (2018 to 2020)", "keys with one"),
    record_types=(
        RecordType.CONNECTION,
        RecordType.REACTION,
        RecordType.SUBSCRIPTION,
        RecordType.SEARCH,
        RecordType.COMMENT,
        RecordType.POST,
        RecordType.LIST_ITEM,
        RecordType.ACTIVITY,
        RecordType.EVENT,
    ),
)
