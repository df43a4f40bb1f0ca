"""Videos on a YouTube playlist in older Takeouts: `playlists/likes.json` and others.

An array of `{contentDetails: {videoId}, snippet: {title, description, publishedAt, …}, kind}`; the
list's name is the file's.

Source: `docs/reference/exports/youtube.md#subscriptions-and-playlists`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import youtube
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "youtube.playlist_json"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one video on the list, identified by the video and its list, since titles change."""
    details, snippet = item.value["contentDetails"], item.value["snippet"]
    video, status = text(details, "videoId"), item.value.get("status") or {}
    more = {
        "video_published_at": optional_text(details, "videoPublishedAt"),
        "privacy_status": optional_text(status, "privacyStatus"),
    }
    listed = PurePosixPath(member.path).stem
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(youtube.SERVICE, listed, video),
        time=timestamps.or_unread(snippet.get("publishedAt")),
        title=optional_text(snippet, "title"),
        content=optional_text(snippet, "description") or None,
        metadata=non_empty({"list": listed, "video_id": video, **more}),
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return peek.is_json_array(head) and any(map(_is_listed, peek.first_items(head, "", 10)))


def _is_listed(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("snippet"), dict):
        return False
    details = item.get("contentDetails")
    return isinstance(details, dict) and "videoId" in details


FORMAT = Format(
    name=_NAME,
    title="Videos on a YouTube playlist, in JSON (older Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    tried=("purarue/google_takeout_parser",),
    record_types=(RecordType.LIST_ITEM,),
    fields=frozenset({"contentDetails", "etag", "id", "kind", "snippet", "status"}),
)
