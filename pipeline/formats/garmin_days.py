"""Garmin's archive: `DI_CONNECT/DI-Connect-Aggregator/UDSFile_<from>_<to>.json`, an array of days.

Each has its `calendarDate` and, in newer archives, when it began and ended in UTC and on the local
clock. Heart rates are in beats a minute, 0 if none was measured, energy in kcal, the rest as the
names say. Stress and body battery are scales of Garmin's and stay in the summary (see
`pipeline.services.tracks.garmin` for the sources).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows
from pipeline.services.tracks import garmin
from pipeline.values import open_zones, timestamps
from pipeline.values.fields import as_written, non_empty
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Record
from schemas.vocabulary import MetricName, RecordType

_NAME = "garmin.days"
_METRICS: dict[str, tuple[str, str]] = {
    "totalSteps": (MetricName.STEPS, "count"),
    "totalDistanceMeters": (MetricName.DISTANCE, "m"),
    "totalKilocalories": (MetricName.ENERGY, "kcal"),
    "activeKilocalories": ("garmin.active_energy", "kcal"),
    "bmrKilocalories": ("garmin.resting_energy", "kcal"),
    "restingHeartRate": ("garmin.resting_heart_rate", "bpm"),
    "minHeartRate": ("garmin.lowest_heart_rate", "bpm"),
    "maxHeartRate": ("garmin.highest_heart_rate", "bpm"),
    "floorsAscendedInMeters": ("garmin.ascent", "m"),
    "floorsDescendedInMeters": ("garmin.descent", "m"),
    "activeSeconds": (MetricName.ACTIVE_TIME, "s"),
    "highlyActiveSeconds": ("garmin.highly_active_time", "s"),
    "moderateIntensityMinutes": ("garmin.moderate_intensity", "min"),
    "vigorousIntensityMinutes": ("garmin.vigorous_intensity", "min"),
}
_START, _END = "wellnessStartTime", "wellnessEndTime"
_TIMES = frozenset(f"{name}{clock}" for name in (_START, _END) for clock in ("Gmt", "Local"))
_MARKS = frozenset({*_METRICS, *_TIMES, "allDayStress", "bodyBattery", "dailyStepGoal"})


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the summary of a day, then each of its measurements."""
    fields: dict[str, Any] = item.value
    day = as_written(fields, "calendarDate")
    start = garmin.moment(fields.get(f"{_START}Gmt"), fields.get(f"{_START}Local"), "ms")
    end = garmin.moment(fields.get(f"{_END}Gmt"), fields.get(f"{_END}Local"), "ms")
    time = start if start and start.at else timestamps.or_unread(day)
    odd: dict[str, Any] = {}
    measures = garmin.measures(fields, _METRICS, odd)
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("garmin", "day", day, *generic_rows.undated_key(day, fields)),
        time=time,
        title=f"Garmin {day}".rstrip(),
        metadata=non_empty(
            {
                "ended_at": open_zones.utc_text(end) if end else None,
                "distance_m": measures.get("totalDistanceMeters"),
                "details": {n: v for n, v in fields.items() if v is not None},
                "flags": odd.get("flags"),
            }
        ),
        mutable=True,
    )
    if time.at:
        yield from garmin.measured(_NAME, fields, _METRICS, ("garmin", day), (time, end))


def _looks_like(head: Head) -> int:
    keys = set(peek.item_keys(head))
    return 2 * ("calendarDate" in keys and len(keys & _MARKS) >= 2)


FORMAT = Format(
    name=_NAME,
    title="Days of Garmin Connect (archive of the account)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_outcomes,
    embed=False,
    hints=(r"(.+/)?UDSFile_[^/]+\.json",),
    products=("Garmin Connect",),
    record_types=(RecordType.SUMMARY,),
)
