"""The channels of a Slack workspace: `channels.json`, `groups.json`, `dms.json`, `mpims.json`.

Folders of messages have the channel's name, those of direct messages the id: messages refer to a
conversation by it. `id`, `name`, `created` and `members` are from Slack's own reference of its
conversation object.

Source: `docs/reference/exports/slack.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "slack.channels", "slack"
_TAKEN = frozenset({"name", "created", "members"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one conversation and its members."""
    fields: dict[str, Any] = item.value
    number = messaging.key(fields, "id")
    name = optional_text(fields, "name") or number
    created = fields.get("created")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(_SERVICE, name),
        time=timestamps.epoch_or_unread(created, "s") if created else None,
        title=optional_text(fields, "name"),
        metadata={
            "conversation": name,
            "conversation_title": name,
            "participants": [{"handle": str(one)} for one in fields.get("members") or ()],
            **messaging.rest(fields, _TAKEN),
        },
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    items = peek.first_objects(head, "", 10)
    return 2 * any(
        str(item.get("id"))[:1] in ("C", "G", "D") and {"created", "members"} <= item.keys()
        for item in items
    )


FORMAT = Format(
    name=_NAME,
    title="Slack: channels and conversations",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?(channels|groups|dms|mpims)\.json",),
    products=("Slack",),
    record_types=(RecordType.CONVERSATION,),
)
