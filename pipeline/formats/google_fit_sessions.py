"""Google Fit in Takeout: `Fit/All Sessions/<start>_<ACTIVITY>.json`, one workout or sleep each."""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.values import durations, open_zones, timestamps
from pipeline.values.fields import as_written, joined, measure, non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.fit_sessions"
_SUMS = {
    "com.google.step_count.delta": "steps",
    "com.google.distance.delta": "distance_m",
    "com.google.calories.expended": "energy_kcal",
}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one session, identified by its kind and start."""
    fields: dict[str, Any] = item.value
    kind, start = text(fields, "fitnessActivity"), as_written(fields, "startTime")
    length = optional_text(fields, "duration")
    ended, odd = optional_text(fields, "endTime"), dict[str, Any]()
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SLEEP if kind == "sleep" else RecordType.WORKOUT,
        identity=(kind, start),
        time=timestamps.or_unread(start),
        title=optional_text(fields, "name") or kind.replace("_", " ").capitalize(),
        metadata=joined(
            non_empty(
                {
                    "kind": kind,
                    "ended_at": open_zones.utc_text(timestamps.or_unread(ended)) if ended else None,
                    "duration_s": durations.or_noted(durations.spoken, length, "duration", odd),
                    **_sums(fields, odd),
                    "segments": fields.get("segment"),
                    "app": (fields.get("application") or {}).get("packageName"),
                    "session_id": fields.get("id"),
                }
            ),
            odd,
        ),
    )


def _sums(fields: dict[str, Any], odd: dict[str, Any]) -> dict[str, float]:
    """Return the aggregates, under the lake's names or the export's own."""
    found = {}
    for one in fields.get("aggregate") or ():
        kind = text(one, "metricName")
        number = measure(one.get("intValue", one.get("floatValue")), kind, odd)
        if number is not None:
            found[_SUMS.get(kind, kind)] = number
    return found


def _looks_like(head: Head) -> int:
    return 2 * ({"fitnessActivity", "startTime", "endTime"} <= set(peek.top_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="Workouts and sleep of Google Fit (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    embed=False,
    products=("Google Takeout: Fit",),
    record_types=(RecordType.WORKOUT, RecordType.SLEEP),
    fields=frozenset(
        {"fitnessActivity", "startTime", "endTime", "duration", "segment", "aggregate"}
        | {"application", "id", "name"}
    ),
)
