"""Claude's `projects.json`: projects with their prompt and documents.

The names of the fields for prompt and documents are not verified, so all but the name and the
description keep the export's own names.

Source: `docs/reference/exports/ai-chats.md#claude`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values.fields import optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "claude.projects"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one project; everything but its id may change."""
    fields: dict[str, Any] = item.value
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.DOCUMENT,
        identity=("claude", "project", messaging.key(fields, "uuid")),
        title=optional_text(fields, "name"),
        content=optional_text(fields, "description") or None,
        metadata=messaging.rest(fields, ("name", "description")),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * ({"uuid", "name", "description"} <= set(peek.item_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="Claude: projects",
    version=1,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?projects\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Claude",),
    record_types=(RecordType.DOCUMENT,),
)
