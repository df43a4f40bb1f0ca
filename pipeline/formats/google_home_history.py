"""Google Home in Takeout: `Home App/HomeHistory.json`, an array of events in the house.

`timestamp` or `timestampMs`; ids are missing in some files.

Source: `docs/reference/exports/google-services.md#home`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.home_history"
_TIMES = frozenset({"timestamp", "timestampMs"})
_PLACES = frozenset({"structureName", "deviceName"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one event."""
    fields: dict[str, Any] = item.value
    kind = text(fields, "eventType")
    if "timestamp" in fields:
        time = timestamps.or_unread(fields["timestamp"])
    else:
        time = timestamps.epoch_or_unread(fields.get("timestampMs"), "ms")
    where = [optional_text(fields, name) or "" for name in ("structureName", "deviceName")]
    own_id = optional_text(fields, "eventId")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(own_id,) if own_id else ("", time.text, kind, *where),
        time=time,
        title=kind.replace("_", " ").capitalize(),
        content=optional_text(fields, "description"),
        metadata=non_empty(
            {
                "event_type": kind,
                "structure": where[0],
                "device": where[1],
                "alarm_level": fields.get("alarmLevel"),
            }
        ),
    )


def _looks_like(head: Head) -> int:
    return 2 * (peek.is_json_array(head) and any(map(_is_event, peek.first_items(head, "", 10))))


def _is_event(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("eventType"), str):
        return False
    return not item.keys().isdisjoint(_TIMES) and not item.keys().isdisjoint(_PLACES)


FORMAT = Format(
    name=_NAME,
    title="Events of Google Home (Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Google Takeout: Home App",),
    vintages=("timestamp", "timestampMs"),
    record_types=(RecordType.ACTIVITY,),
    fields=frozenset({"eventId", "eventType", "alarmLevel", "description"} | _TIMES | _PLACES),
)
