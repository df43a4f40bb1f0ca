"""Facebook's posts, and reactions of the same shape: arrays of `{timestamp, data, attachments}`.

`posts/your_posts_1.json`, since 2024 `your_posts__check_ins__photos_and_videos_1.json`, and
`likes_and_reactions_1.json`. File names are not localised, sentences in `title` are. Posts may have
neither text nor title. From 2018 to 2020 the array is under a key, such as `status_updates` of
`posts/your_posts.json`.

Source: `docs/reference/exports/meta.md#facebook`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging, meta
from pipeline.text.cleaning import mend_meta
from pipeline.values import open_zones
from pipeline.values.fields import as_written, non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "facebook.posts", "facebook"
#: An array at the top, and those of 2018 to 2020.
_PATHS = (
    *("", "status_updates", "group_posts.activity_log_data"),
    "wall_posts_sent_to_you.activity_log_data",
)
_FIELDS = frozenset({"timestamp", "attachments", "data", "title", "tags"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one post, or one reaction to another's post."""
    raw: dict[str, Any] = item.value
    fields = mend_meta(raw)
    written = as_written(raw, "timestamp")
    reaction = _reaction(fields)
    kind = RecordType.REACTION if reaction else RecordType.POST
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=kind,
        identity=(_SERVICE, kind.value, written, *_words(raw)),
        time=meta.moment(raw.get("timestamp")),
        title=optional_text(fields, "title"),
        content=_post(fields),
        metadata=non_empty({"reaction": reaction, **_metadata(fields)}),
        mutable=kind is RecordType.POST,
    )


def _reaction(fields: Mapping[str, Any]) -> str | None:
    for one in fields.get("data") or ():
        if isinstance(one, dict) and isinstance(one.get("reaction"), dict):
            return str(one["reaction"].get("reaction") or "")
    return None


def _words(raw: Mapping[str, Any]) -> tuple[str, str]:
    """Return what distinguishes two posts of one second, as written: title, first file or text."""
    words = meta.shown(raw.get("attachments")) or str(meta.inner(raw.get("data"), "post") or "")
    return optional_text(raw, "title") or "", words


def _post(fields: Mapping[str, Any]) -> str | None:
    texts = [one["post"] for one in fields.get("data") or () if one.get("post")]
    for one in _attached(fields, "text"):
        if one not in texts:
            texts.append(one)
    return "\n".join(texts) or None


def _attached(fields: Mapping[str, Any], name: str) -> Iterator[Any]:
    for group in fields.get("attachments") or ():
        for one in group.get("data") or ():
            if one.get(name):
                yield one[name]


_READ = frozenset({"text", "media", "external_context", "place"})


def _others(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield other attachments: polls, events, life events, items for sale."""
    for group in fields.get("attachments") or ():
        for one in group.get("data") or ():
            if other := {name: value for name, value in one.items() if name not in _READ}:
                yield other


def _metadata(fields: Mapping[str, Any]) -> dict[str, Any]:
    media = list(_attached(fields, "media"))
    links = [one["url"] for one in _attached(fields, "external_context") if one.get("url")]
    place = next(map(_place, _attached(fields, "place")), None)
    tags = [one["name"] if isinstance(one, dict) else one for one in fields.get("tags") or ()]
    return {
        "attachments": [meta.medium(one) for one in media],
        "links": links,
        "place": place or meta.position(media),
        "people": [{"name": name} for name in tags if name],
        "updated_at": _updated(fields),
        "attached": list(_others(fields)),
        "link_titles": [
            one["name"] for one in _attached(fields, "external_context") if one.get("name")
        ],
        **messaging.rest(fields, _FIELDS),
    }


def _updated(fields: Mapping[str, Any]) -> str | None:
    """Return when the post was changed."""
    when = meta.inner(fields.get("data"), "update_timestamp")
    return open_zones.utc_text(meta.moment(when)) if when else None


def _place(value: Mapping[str, Any]) -> dict[str, Any]:
    where = value.get("coordinate") or {}
    named = {"name": value.get("name"), "address": value.get("address")}
    named["url"] = value.get("url")
    return non_empty({**named, **{k: where.get(k) for k in ("latitude", "longitude")}})


def _looks_like(head: Head) -> int:
    return 2 * any(_is_post(item) for path in _PATHS for item in peek.first_items(head, path, 10))


def _is_post(item: Any) -> bool:
    """Return whether it has seconds and a list of a post's objects with one of the known names."""
    if not isinstance(item, dict) or type(item.get("timestamp")) is not int:
        return False
    parts = [one for one in item.get("data") or () if isinstance(one, dict)]
    for group in item.get("attachments") or ():
        found = group.get("data") if isinstance(group, dict) else None
        parts.extend(one for one in found or () if isinstance(one, dict))
    known = {"post", "update_timestamp", "media", "place", "external_context", "reaction"}
    return any(not one.keys().isdisjoint(known) for one in parts)


FORMAT = Format(
    name=_NAME,
    title="Facebook: posts and reactions",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=_PATHS),
    record=to_record,
    hints=(r"(.+/)?your_posts(_[^/]*)?\.json",),
    products=("Facebook",),
    vintages=(
        "under a key (2018 to 2020)",
        "posts/your_posts_1.json (to 2023)",
        "your_facebook_activity/posts (since 2024)",
    ),
    record_types=(RecordType.POST, RecordType.REACTION),
    fields=_FIELDS,
)
