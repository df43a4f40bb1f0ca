"""Instagram's posts and stories: `posts_1.json`, an array, and `stories.json` (reference 4.2).

A post holds its media, and its words as the title of its only one, or its own. Texts are UTF-8
written as latin-1.
"""

from __future__ import annotations

from typing import Any

from pipeline import meta, peek
from pipeline.fields import kept, optional_text
from pipeline.format import Format
from pipeline.readers.json_tree import JsonTree
from pipeline.text import mend_meta
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "instagram.posts"
_STORIES = "ig_stories"


def to_record(item: RawRecord, member: Member) -> Record:
    """One post or story; its first file is who it is."""
    raw: dict[str, Any] = item.value
    said = mend_meta(raw)
    media = raw.get("media") or [raw]
    shown = said.get("media") or [said]
    if not media[0].get("uri"):
        raise BadValue(Reason.MISSING_FIELD, "no field 'uri'")
    when = raw.get("creation_timestamp") or media[0].get("creation_timestamp")
    story = item.around["path"] == _STORIES
    words = optional_text(said, "title") or optional_text(shown[0], "title")
    metadata = {
        "kind": "story" if story else None,
        "attachments": [meta.medium(one) for one in shown],
        "place": meta.position(media),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.POST,
        identity=("instagram", str(when or ""), meta.shown(media[0])),
        time=meta.moment(when),
        content=words or None,
        metadata=kept(metadata),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    if _STORIES in peek.top_keys(head):
        return 2
    return 2 * any(map(_is_post, peek.first_items(head, "", 5)))


def _is_post(item: Any) -> bool:
    media = item.get("media") if isinstance(item, dict) else None
    if not isinstance(media, list) or not media or not isinstance(media[0], dict):
        return False
    return {"uri", "creation_timestamp"} <= media[0].keys() and "label_values" not in item


FORMAT = Format(
    name=_NAME,
    title="Instagram: posts and stories",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("", _STORIES)),
    record=to_record,
    hints=(r"(.+/)?(content|media)/(posts_\d+|stories)\.json",),
    products=("Instagram",),
    vintages=("content/posts_1.json", "your_instagram_activity/media/posts_1.json (2025)"),
    record_types=(RecordType.POST,),
    fields=frozenset({"media", "title", "creation_timestamp", "uri", "media_metadata"}),
)
