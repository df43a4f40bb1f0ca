"""Claude's `memories.json`: its memory of the user.

Source: `docs/reference/exports/ai-chats.md#claude`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values.fields import non_empty, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "claude.memories"
_FIELDS = frozenset({"account_uuid", "conversations_memory", "project_memories"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the memory of one account, which changes."""
    fields: dict[str, Any] = item.value
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.NOTE,
        identity=("claude", "memory", messaging.key(fields, "account_uuid")),
        title="Memory",
        content=text(fields, "conversations_memory"),
        metadata=non_empty({"project_memories": fields.get("project_memories")}),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * ({"account_uuid", "conversations_memory"} <= set(peek.item_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="Claude: memories",
    version=1,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?memories\.json",),
    products=("Claude",),
    record_types=(RecordType.NOTE,),
    fields=_FIELDS,
)
