"""Messages from the Android app SMS Import / Export: `messages.ndjson`, a message a line.

A line has the columns of Android's own tables of messages, all as texts: an SMS has `address`,
`body` and `date` in milliseconds; an MMS has `__parts`, people in `__sender_address` and
`__recipient_addresses`, and `date` in seconds. Names of the app's own fields begin with `__`. Files
of an MMS are beside it in `data/`. Source: tmo1/sms-ie, README and issue 159; the columns are
Android's `Telephony.TextBasedSmsColumns` and `Telephony.BaseMmsColumns`.
"""

from __future__ import annotations

from typing import Any

import orjson

from pipeline.contract import Format
from pipeline.readers.json.ndjson import Ndjson
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, non_empty, optional_text
from pipeline.values.timestamps import Unit
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "sms.import_export"
#: Directions by `type` (SMS) and `msg_box` (MMS): Android's numbers of its boxes.
_DIRECTIONS = {"1": "in", "2": "out", "4": "out", "5": "out", "6": "out"}
#: What Android writes in place of the owner's number; the part that describes the layout.
_OWNER, _LAYOUT = "insert-address-token", "application/smil"
#: `_id` and `thread_id` are numbers of the phone's tables, which differ on another phone.
_TAKEN = frozenset(
    {"_id", "address", "date", "body", "sub", "type", "msg_box", "__display_name"}
    | {"__sender_address", "__recipient_addresses", "__parts"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one SMS or MMS, identified by a person's number, its time, its box and its words."""
    fields: dict[str, Any] = item.value
    mms = "__parts" in fields or "msg_box" in fields
    written, box = as_written(fields, "date"), str(fields.get("msg_box" if mms else "type") or "")
    direction = _DIRECTIONS.get(box)
    sender, others = _people(fields, direction)
    parts = [one for one in fields.get("__parts") or () if isinstance(one, dict)]
    body = optional_text(fields, "body") or "\n".join(
        text for one in parts if (text := optional_text(one, "text")) and not _is_layout(one)
    )
    phones = sorted(
        person["phone"] for person in (sender, *others) if person and person.get("phone")
    )
    unit: Unit = "s" if mms else "ms"
    metadata = {
        "sender": sender,
        "recipients": others,
        "conversation": "~".join(dict.fromkeys(phones)) or str(fields.get("thread_id") or ""),
        "direction": direction,
        "box": box,
        "attachments": [_file(one) for one in parts if _is_file(one)],
        **messaging.rest(fields, _TAKEN),
    }
    kind = "mms" if mms else "sms"
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(kind, written, box, *phones, body),
        time=timestamps.epoch_or_unread(written, unit),
        title=optional_text(fields, "sub"),
        content=body or None,
        metadata=non_empty(metadata),
    )


def _people(
    fields: dict[str, Any], direction: str | None
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return sender and recipients without the owner, whom the phone does not name."""
    if address := optional_text(fields, "address"):
        person = non_empty({"phone": address, "name": optional_text(fields, "__display_name")})
        return (person, []) if direction == "in" else (None, [person])
    sender = _address(fields.get("__sender_address"))
    got = [_address(one) for one in fields.get("__recipient_addresses") or ()]
    return (None if direction == "out" else sender), [person for person in got if person]


def _address(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict) or value.get("address") in (None, "", _OWNER):
        return None
    named = {"phone": str(value["address"]), "name": optional_text(value, "__display_name")}
    return non_empty(named)


def _is_layout(part: dict[str, Any]) -> bool:
    return part.get("ct") == _LAYOUT


def _is_file(part: dict[str, Any]) -> bool:
    return not _is_layout(part) and not part.get("text") and "ct" in part


def _file(part: dict[str, Any]) -> dict[str, Any]:
    path = optional_text(part, "_data") or ""
    name = part.get("name") or part.get("fn") or part.get("cl") or path.rsplit("/", 1)[-1]
    found = {"name": name or f"part-{part.get('_id', '')}", "media_type": part.get("ct")}
    return non_empty({**found, "path": path})


def _looks_like(head: Head) -> int:
    return 2 * any(map(_is_message, peek.lines(head, 5)))


def _is_message(line: bytes) -> bool:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(value, dict) or not {"thread_id", "date"} <= value.keys():
        return False
    return {"address", "type"} <= value.keys() or "__parts" in value


FORMAT = Format(
    name=_NAME,
    title="Text messages from SMS Import / Export",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(nd)?json",),
    looks_like=_looks_like,
    reader=Ndjson(),
    record=to_record,
    hints=(r"(.+/)?messages\.ndjson",),
    products=("SMS Import / Export",),
    vintages=("messages.ndjson (since version 2)",),
    record_types=(RecordType.MESSAGE,),
)
