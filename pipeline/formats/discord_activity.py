"""What Discord recorded of its owner's use: `activity/<kind>/events-<n>.json`, lines of JSON.

A timestamp may have quotes within its text. Lines that hold only a predicted gender or age have no
time.

Source: `docs/reference/exports/discord.md`.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from pipeline.contract import Format
from pipeline.readers.json.ndjson import Ndjson
from pipeline.recognition import peek
from pipeline.services import generic_rows, messaging
from pipeline.values import timestamps
from pipeline.values.fields import as_written, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "discord.activity"
_TAKEN = frozenset({"event_id", "timestamp"})
_GUESSES = frozenset({"predicted_gender", "predicted_age"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one event."""
    fields: dict[str, Any] = item.value
    if "event_type" not in fields:
        if fields.keys().isdisjoint(_GUESSES):
            raise BadValue(Reason.MISSING_FIELD, "no field 'event_type'")
        return _guess(fields)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=("discord", text(fields, "event_id")),
        time=_instant(as_written(fields, "timestamp")),
        title=text(fields, "event_type"),
        metadata=messaging.rest(fields, _TAKEN),
    )


def _guess(fields: dict[str, Any]) -> Record:
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PROFILE,
        identity=("discord", generic_rows.canonical(fields).decode("utf-8", "replace")),
        title="Predictions",
        metadata=messaging.rest(fields, ()),
    )


def _instant(written: str) -> Instant:
    return msgspec.structs.replace(timestamps.or_unread(written.strip('"')), text=written)


def _looks_like(head: Head) -> int:
    return 2 * any(map(_is_event, peek.lines(head, 5)))


def _is_event(line: bytes) -> bool:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and {"event_type", "event_id", "timestamp"} <= value.keys()


FORMAT = Format(
    name=_NAME,
    title="Discord: activity events",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=Ndjson(),
    record=to_record,
    embed=False,
    hints=(r"(.+/)?activity/[^/]+/events-[^/]+\.json",),
    products=("Discord",),
    record_types=(RecordType.ACTIVITY, RecordType.PROFILE),
)
