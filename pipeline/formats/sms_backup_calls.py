"""SMS Backup & Restore (Android): `<calls>` of `<call/>`, the log of calls.

`date` is in milliseconds, `duration` in seconds. `type`: 1 incoming, 2 outgoing, 3 missed, 4 voice
mail, 5 rejected, 6 refused by a list. Missing values are the word `null`.

Source: `docs/reference/exports/phones-and-apps.md#sms-backup--restore`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.xml.elements import XmlElements
from pipeline.services import messaging
from pipeline.syntax import xml_tree
from pipeline.values import timestamps
from pipeline.values.fields import as_written, joined, non_empty, whole
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "sms.backup_calls"
_KINDS = {
    "1": ("in", ""),
    "2": ("out", ""),
    "3": ("in", "missed"),
    "4": ("in", "voicemail"),
    "5": ("in", "rejected"),
    "6": ("in", "refused"),
}
_NOTHING = frozenset({"", "null"})
_TAKEN = frozenset({"number", "date", "duration", "type", "contact_name", "readable_date"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one call."""
    fields = {name: value for name, value in item.value.attributes.items() if value not in _NOTHING}
    number, kind = fields.get("number", ""), fields.get("type", "")
    written, lasted = as_written(fields, "date"), fields.get("duration", "")
    name = fields.get("contact_name")
    person = non_empty({"phone": number, "name": None if name == "(Unknown)" else name})
    direction, ended = _KINDS.get(kind, ("", kind))
    odd: dict[str, Any] = {}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CALL,
        identity=("call", number, written, kind, lasted),
        time=timestamps.epoch_or_unread(written, "ms"),
        title=person.get("name") or number or None,
        metadata=joined(
            non_empty(
                {
                    ("recipients" if direction == "out" else "sender"): [person]
                    if direction == "out" and person
                    else person,
                    "direction": direction,
                    "box": ended,
                    "duration_s": whole(lasted, "duration", odd),
                    **messaging.rest(fields, _TAKEN),
                }
            ),
            odd,
        ),
    )


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "calls"


FORMAT = Format(
    name=_NAME,
    title="Calls from SMS Backup & Restore",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.xml",),
    looks_like=_looks_like,
    reader=XmlElements(names=("call",)),
    record=to_record,
    hints=(r"(.+/)?calls-\d+\.xml",),
    products=("SMS Backup & Restore",),
    record_types=(RecordType.CALL,),
)
