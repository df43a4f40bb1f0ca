"""Reddit's `messages.csv` and `messages_archive.csv`, private messages.

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

_NAME = "reddit.messages"
_COLUMNS = frozenset(
    {"id", "permalink", "thread_id", "date", "ip", "from", "to", "subject", "body"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message; it may be in both files."""
    cells: dict[str, str] = item.value
    number, thread = messaging.key(cells, "id"), cells["thread_id"]
    recipient = messaging.person(None, cells["to"] or None)
    metadata = {
        "sender": messaging.person(None, cells["from"] or None),
        "recipients": [recipient] if recipient else [],
        "conversation": thread,
        "message_id": number,
        "url": reddit.address(cells),
        "ip": cells.get("ip"),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(reddit.SERVICE, number),
        time=reddit.moment(cells),
        title=cells["subject"] or None,
        content=cells["body"] or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(reddit.SERVICE, thread) if thread else (),
    )


def _looks_like(head: Head) -> int:
    return 2 * ({"thread_id", "from", "to", "subject", "body"} <= tables.columns(head))


FORMAT = Format(
    name=_NAME,
    title="Reddit: private messages",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?messages(_archive)?(_\d+)?\.csv",),
    products=("Reddit",),
    record_types=(RecordType.MESSAGE,),
    fields=_COLUMNS,
)
