"""LinkedIn's `messages.csv`. A message has no id of its own.

Source: `docs/reference/exports/linkedin.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import linkedin, messaging, tables
from pipeline.values import timestamps
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "linkedin.messages"
_KNOWN = frozenset({"CONVERSATION ID", "FROM", "TO", "DATE", "CONTENT"})
_TAKEN = _KNOWN | {"CONVERSATION TITLE", "SENDER PROFILE URL", "SUBJECT", "FOLDER"}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message."""
    cells: dict[str, str] = item.value
    conversation, date = messaging.key(cells, "CONVERSATION ID"), cells["DATE"]
    sender = messaging.person(cells["FROM"], cells.get("SENDER PROFILE URL") or None)
    metadata = {
        "sender": sender,
        "recipients": [{"name": one} for one in cells["TO"].split(",") if one.strip()],
        "conversation": conversation,
        "conversation_title": cells.get("CONVERSATION TITLE"),
        "labels": [cells["FOLDER"]] if cells.get("FOLDER") else [],
        **messaging.rest(
            {
                name.replace(" ", "_").lower(): cell
                for name, cell in cells.items()
                if name not in _TAKEN
            },
            (),
        ),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(linkedin.SERVICE, conversation, date, cells["FROM"], cells["CONTENT"]),
        time=timestamps.or_unread(date),
        title=cells.get("SUBJECT") or None,
        content=cells["CONTENT"] or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(linkedin.SERVICE, conversation),
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _KNOWN)


FORMAT = Format(
    name=_NAME,
    title="LinkedIn: messages",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?messages\.csv",),
    products=("LinkedIn",),
    record_types=(RecordType.MESSAGE,),
    fields=_TAKEN,
)
