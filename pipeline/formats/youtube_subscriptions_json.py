"""Channels that the owner followed on YouTube: `subscriptions.json` of older Takeouts.

An array of resources of YouTube's Data API: `snippet` holds the title, the time of the
subscription, and in `resourceId` the channel.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import youtube
from pipeline.values import timestamps
from pipeline.values.fields import optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "youtube.subscriptions_json"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one channel, under the identity that it has in the later CSV."""
    snippet: dict[str, Any] = item.value["snippet"]
    channel, title = text(snippet["resourceId"], "channelId"), optional_text(snippet, "title")
    person = {"handle": channel, "name": title}
    since = optional_text(snippet, "publishedAt")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONNECTION,
        identity=(youtube.SERVICE, channel),
        time=timestamps.or_unread(since) if since else None,
        title=title,
        metadata={
            "people": [{name: value for name, value in person.items() if value}],
            "status": "subscribed",
            "description": optional_text(snippet, "description") or "",
        },
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return peek.is_json_array(head) and any(map(_is_subscription, peek.first_items(head, "", 10)))


def _is_subscription(item: Any) -> bool:
    snippet = item.get("snippet") if isinstance(item, dict) else None
    resource = snippet.get("resourceId") if isinstance(snippet, dict) else None
    return isinstance(resource, dict) and "channelId" in resource


FORMAT = Format(
    name=_NAME,
    title="YouTube subscriptions in JSON (older Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    record_types=(RecordType.CONNECTION,),
    fields=frozenset({"contentDetails", "etag", "id", "kind", "snippet"}),
)
