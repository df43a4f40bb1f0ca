"""Instagram's exports of 2018 to 2020: lists of likes, comments, media and viewed content.

`likes.json`, `comments.json` and `saved.json` hold arrays of texts, a time first; `media.json`,
`seen_content.json` and `searches.json` objects. Texts are valid UTF-8. Shapes are those that public
parsers of that time read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import generic_rows, messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "instagram.early_lists"


class _Kind(NamedTuple):
    """What the items of a list are, and what the list says about them."""

    record_type: RecordType
    status: str = ""


#: Arrays of texts: a time, the words if there are three texts, and the person.
_TEXTS = {
    "media_likes": _Kind(RecordType.REACTION, "like"),
    "comment_likes": _Kind(RecordType.REACTION, "like"),
    "media_comments": _Kind(RecordType.COMMENT),
    "live_comments": _Kind(RecordType.COMMENT),
    "saved_media": _Kind(RecordType.LIST_ITEM, "saved"),
}
#: Objects with `taken_at` and `path`.
_MEDIA = {
    "photos": _Kind(RecordType.POST, "photo"),
    "videos": _Kind(RecordType.POST, "video"),
    "stories": _Kind(RecordType.POST, "story"),
    "direct": _Kind(RecordType.POST, "direct"),
    "profile": _Kind(RecordType.POST, "profile picture"),
}
#: Objects with `timestamp` and `author`; those of searches have `time` and the choice.
_SEEN = {
    name: _Kind(RecordType.ACTIVITY, name)
    for name in ("posts_seen", "videos_watched", "ads_seen", "ads_clicked", "chaining_seen")
}
_SEARCHES = {"": _Kind(RecordType.SEARCH)}
_KINDS = _SEARCHES | _TEXTS | _MEDIA | _SEEN
_WITH_WORDS = 3
_TAKEN = frozenset(
    {"time", "timestamp", "taken_at", "author", "username"} | {"caption", "path", "location"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one entry of the list that `around` names."""
    path = item.around["path"]
    kind, value = _KINDS[path], item.value
    if isinstance(value, list):
        value = _named(value, _WITH_WORDS if kind.record_type is RecordType.COMMENT else 2)
    when = next((written for name in _TIMES if (written := as_written(value, name))), "")
    author = optional_text(value, "author") or optional_text(value, "username") or ""
    words = optional_text(value, "caption") or ""
    query = optional_text(value, "search_click") or ""
    file = optional_text(value, "path") or ""
    if not (author or words or file or query):
        raise BadValue(Reason.MISSING_FIELD, "the entry has only a time")
    fallback = generic_rows.undated_key(when, value)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=kind.record_type,
        identity=("instagram", "early", path, when, author, words, file, query, *fallback),
        time=timestamps.or_unread(when),
        title=author or None,
        content=words or None,
        metadata=non_empty(_metadata(kind, value)),
    )


_TIMES = ("timestamp", "taken_at", "time")


def _named(texts: list[Any], most: int) -> dict[str, Any]:
    """Return an array of a time and texts as an object; a shorter one has no time.

    Raises `BadValue(BAD_SHAPE)`.
    """
    filled = [""] * (most - len(texts)) + texts
    if len(filled) != most or not texts or not all(isinstance(one, str) for one in filled[1:]):
        raise BadValue(Reason.BAD_SHAPE, "the entry is not an array of a time and one or two texts")
    words = filled[1] if most == _WITH_WORDS else ""
    return {"timestamp": filled[0], "author": filled[-1], "caption": words}


def _metadata(kind: _Kind, value: Mapping[str, Any]) -> dict[str, Any]:
    author, file = value.get("author") or value.get("username"), value.get("path")
    place = optional_text(value, "location")
    found: dict[str, Any] = {
        "author": {"handle": str(author)} if author else None,
        "attachments": [{"name": str(file).rsplit("/", 1)[-1], "path": file}] if file else [],
        "place": {"name": place} if place else None,
        **messaging.rest(value, _TAKEN),
    }
    if kind.record_type is RecordType.SEARCH:
        found["query"] = value.get("search_click")
        found["kind"] = found.pop("type", None)
        found.pop("search_click", None)
    elif kind.record_type is RecordType.REACTION:
        found["reaction"] = kind.status
    elif kind.record_type is RecordType.LIST_ITEM:
        found["list"] = kind.status
    elif kind.status:
        found["kind"] = kind.status
    return found


def _looks_like(head: Head) -> int:
    keys = peek.top_keys(head)
    return 2 * any(
        _fits(path, item)
        for path in _KINDS
        if path in keys or not path
        for item in peek.first_items(head, path, 5)
    )


def _fits(path: str, item: Any) -> bool:
    """Return whether an item is like those of the array at that path."""
    if path in _TEXTS:
        return isinstance(item, list) and len(item) in (2, 3) and str(item[0])[:4].isdecimal()
    if not isinstance(item, dict):
        return False
    if path in _MEDIA:
        return item.keys() >= {"taken_at", "path"}
    if path in _SEEN:
        return "timestamp" in item and not item.keys().isdisjoint({"author", "username"})
    return item.keys() >= {"search_click", "time"}


FORMAT = Format(
    name=_NAME,
    title="Instagram, 2018 to 2020: likes, comments, media, searches, what was seen",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=tuple(_KINDS)),
    record=to_record,
    hints=(r"(.+/)?(likes|comments|saved|media|seen_content|searches)\.json",),
    products=("Instagram",),
    record_types=(
        *(RecordType.REACTION, RecordType.COMMENT, RecordType.LIST_ITEM, RecordType.POST),
        *(RecordType.ACTIVITY, RecordType.SEARCH),
    ),
    repeats=True,
)
