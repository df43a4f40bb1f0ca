"""The owner's messages in YouTube's live chats: a CSV of six columns.

Columns with names in another language than English are known by their places.

Source: `docs/reference/exports/youtube.md#live-chats`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import youtube
from pipeline.values import timestamps
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "youtube.live_chats"
_COLUMNS = frozenset({"live chat id", "live chat create timestamp", "live chat text"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message; all viewers of a video are in one conversation."""
    row = youtube.cells(item.value)
    if not row.keys() >= _COLUMNS:
        row = youtube.in_places(item.value, _PLACES)
    content, links = youtube.comment_text(row.get("live chat text", ""))
    metadata = {
        "sender": {"handle": youtube.required(row, "channel id"), "self": True},
        "direction": "out",
        "conversation": row.get("video id"),
        "video_id": row.get("video id"),
        "links": links,
        "price": row.get("price"),
        **youtube.further(item.value, _PLACES),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(youtube.SERVICE, youtube.required(row, "live chat id")),
        time=timestamps.or_unread(row.get("live chat create timestamp")),
        content=content or None,
        metadata={name: value for name, value in metadata.items() if value},
    )


_PLACES = (
    *("live chat id", "channel id", "live chat create timestamp", "price", "video id"),
    "live chat text",
)


def _is_message(cells: Sequence[str]) -> bool:
    if len(cells) < len(_PLACES):
        return False
    return bool(cells[0]) and youtube.is_comment_row(cells[1], cells[2], cells[5])


def _looks_like(head: Head) -> bool:
    return youtube.header(head) >= _COLUMNS or youtube.some_row(head, _is_message)


FORMAT = Format(
    name=_NAME,
    title="Messages in YouTube's live chats (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    record_types=(RecordType.MESSAGE,),
)
