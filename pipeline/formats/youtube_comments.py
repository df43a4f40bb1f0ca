"""YouTube comments of Takeout, a CSV: `comments/comments.csv`, newer ones numbered.

The order of the columns changed in June 2024 and their words were lower-cased later, so columns are
known by their names in any case; in another language by their places, which the first cell decides.
Files end in blank lines.

Source: `docs/reference/exports/youtube.md#comments`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import youtube
from pipeline.values import timestamps
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "youtube.comments"
_COLUMNS = frozenset({"comment id", "comment create timestamp", "video id", "comment text"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one comment of the owner."""
    row = youtube.cells(item.value)
    if not row.keys() >= _COLUMNS:
        row = youtube.in_places(item.value, _order(list(item.value.values())))
    content, links = youtube.comment_text(row.get("comment text", ""))
    parent = row.get("parent comment id", "")
    metadata = {
        "author": {"handle": youtube.required(row, "channel id"), "self": True},
        "video_id": row.get("video id"),
        "in_reply_to": parent,
        "links": links,
        "price": row.get("price"),
        **youtube.further(item.value, _SINCE),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.COMMENT,
        identity=(youtube.SERVICE, youtube.required(row, "comment id")),
        time=timestamps.or_unread(row.get("comment create timestamp")),
        content=content or None,
        metadata={name: value for name, value in metadata.items() if value},
        related=_reply(parent) if parent else (),
    )


def _reply(parent: str) -> tuple[Related, ...]:
    return (Related(Relation.REPLY_TO, RecordType.COMMENT, (youtube.SERVICE, parent)),)


_LAST = ("parent comment id", "video id", "comment text")
_BEFORE_2024 = ("comment id", "channel id", "comment create timestamp", "price", *_LAST)
_SINCE = ("channel id", "comment create timestamp", "price", "comment id", *_LAST)


def _order(cells: Sequence[str]) -> Sequence[str]:
    return _SINCE if cells and youtube.CHANNEL.fullmatch(cells[0]) else _BEFORE_2024


def _is_comment(cells: Sequence[str]) -> bool:
    if len(cells) < len(_SINCE):
        return False
    row = dict(zip(_order(cells), cells, strict=False))
    parts = (row["channel id"], row["comment create timestamp"], row["comment text"])
    return bool(row["comment id"]) and youtube.is_comment_row(*parts)


def _looks_like(head: Head) -> bool:
    return youtube.header(head) >= _COLUMNS or youtube.some_row(head, _is_comment)


FORMAT = Format(
    name=_NAME,
    title="YouTube comments (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    tried=("purarue/google_takeout_parser",),
    vintages=(
        "Comment ID first (to June 2024)",
        "Channel ID first",
        "Channel ID first, words in lower case",
        "columns in the account's language",
    ),
    record_types=(RecordType.COMMENT,),
)
