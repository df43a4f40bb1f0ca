"""Fitbit's archive: `exercise-<n>.json`, an array of workouts.

`duration` is in milliseconds, `startTime` in the clock of the device; a distance has its unit (see
`pipeline.services.tracks.fitbit` for the source).
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.tracks import fitbit
from pipeline.values import timestamps
from pipeline.values.fields import joined, measure, non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "fitbit.exercises"
_METRES = {"Kilometer": 1000.0, "Mile": 1609.344, "Meter": 1.0}
_TAKEN = frozenset({"activityName", "startTime", "duration"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return a workout, identified by Fitbit's number."""
    fields: dict[str, Any] = item.value
    odd: dict[str, Any] = {}
    length = measure(fields.get("duration"), "duration", odd)
    far = measure(fields.get("distance"), "distance", odd)
    unit = _METRES.get(str(fields.get("distanceUnit")))
    name = optional_text(fields, "activityName")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("fitbit", str(fields["logId"])),
        time=timestamps.or_unread(fields.get("startTime"), fitbit.time),
        title=name,
        metadata=joined(
            non_empty(
                {
                    "activity": name,
                    "duration_s": None if length is None or length < 0 else length / 1000,
                    "distance_m": None if far is None or unit is None else far * unit,
                    "details": {k: v for k, v in fields.items() if k not in _TAKEN},
                }
            ),
            odd,
        ),
    )


def _looks_like(head: Head) -> int:
    found = peek.first_objects(head)
    keys = {"logId", "activityName", "startTime"}
    return 2 * any(keys <= item.keys() for item in found)


FORMAT = Format(
    name=_NAME,
    title="Workouts of Fitbit",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    embed=False,
    products=("Fitbit", "Google Takeout: Fitbit"),
    record_types=(RecordType.WORKOUT,),
)
