"""Instagram's posts, stories, reels and others, and Threads: arrays at the top or under a key.

`posts_1.json` is an array; `stories.json`, `reels.json` and others have a key. A post has its
media; its words are its own title, or the title of its only medium. A post on Threads may be only
words, in a medium without a file. Texts are UTF-8 written as latin-1.

Source: `docs/reference/exports/meta.md#instagram`.
"""

from __future__ import annotations

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

_NAME = "instagram.posts"
_STORIES = "ig_stories"
#: The keys, and what their items are called if they are not posts.
_KINDS = {
    "": None,
    _STORIES: "story",
    "ig_reels_media": "reel",
    "ig_igtv_media": "video",
    "ig_profile_picture": "profile picture",
    "ig_archived_post_media": "archived",
    "ig_other_media": None,
    "text_post_app_text_posts": "thread",
}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one post or story; its first file identifies it."""
    raw: dict[str, Any] = item.value
    fields = mend_meta(raw)
    media = raw.get("media") or [raw]
    shown = fields.get("media") or [fields]
    when = raw.get("creation_timestamp") or media[0].get("creation_timestamp")
    words = optional_text(fields, "title") or optional_text(shown[0], "title")
    if not media[0].get("uri") and not words:
        raise BadValue(Reason.MISSING_FIELD, "no field 'uri'")
    # Only words distinguish those without a file.
    words_of_no_file = () if media[0].get("uri") else (raw.get("title") or media[0].get("title"),)
    metadata = {
        "kind": _KINDS[item.around["path"]],
        "attachments": [meta.medium(one) for one in shown if one.get("uri")],
        "place": meta.position(media),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.POST,
        identity=("instagram", str(when or ""), meta.shown(media[0]), *words_of_no_file),
        time=meta.moment(when),
        content=words or None,
        metadata=non_empty(metadata),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    if not _KINDS.keys().isdisjoint(peek.top_keys(head)):
        return 2
    return 2 * any(map(_is_post, peek.first_items(head, "", 5)))


def _is_post(item: Any) -> bool:
    media = item.get("media") if isinstance(item, dict) else None
    if not isinstance(media, list) or not media or not isinstance(media[0], dict):
        return False
    return {"uri", "creation_timestamp"} <= media[0].keys() and "label_values" not in item


FORMAT = Format(
    name=_NAME,
    title="Instagram: posts, stories, reels; Threads",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=tuple(_KINDS)),
    record=to_record,
    hints=(r"(.+/)?(content|media)/(posts_\d+|stories|reels)\.json",),
    products=("Instagram", "Threads"),
    vintages=("content/posts_1.json", "your_instagram_activity/media/posts_1.json (2025)"),
    record_types=(RecordType.POST,),
    fields=frozenset({"media", "title", "creation_timestamp", "uri", "media_metadata"}),
)
