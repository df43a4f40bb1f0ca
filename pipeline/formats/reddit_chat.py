"""Reddit's `chat_history.csv`.

Source: `docs/reference/exports/reddit.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import messaging, reddit, tables
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "reddit.chat"
_COLUMNS = frozenset(
    {"message_id", "created_at", "updated_at", "username", "message", "thread_parent_message_id"}
    | {"channel_url", "subreddit", "channel_name", "conversation_type"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message."""
    cells: dict[str, str] = item.value
    number, channel = messaging.key(cells, "message_id"), cells["channel_url"]
    parent = cells.get("thread_parent_message_id")
    metadata = {
        "sender": messaging.person(None, cells["username"] or None),
        "conversation": channel,
        "conversation_title": cells.get("channel_name"),
        "message_id": number,
        "in_reply_to": parent,
        "updated_at": cells.get("updated_at"),
        "subreddit": cells.get("subreddit"),
        "kind": cells.get("conversation_type"),
    }
    related = messaging.in_conversation(reddit.SERVICE, channel) if channel else ()
    if parent:
        related += messaging.reply_to(reddit.SERVICE, "chat", parent)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(reddit.SERVICE, "chat", number),
        time=reddit.moment(cells, "created_at"),
        content=cells["message"] or None,
        metadata=non_empty(metadata),
        related=related,
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * ({"message_id", "channel_url", "message", "username"} <= tables.columns(head))


FORMAT = Format(
    name=_NAME,
    title="Reddit: chats",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?chat_history(_\d+)?\.csv",),
    products=("Reddit",),
    record_types=(RecordType.MESSAGE,),
    fields=_COLUMNS,
)
