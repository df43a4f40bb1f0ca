"""FIT files of Garmin's and other makers' devices, read by `fitdecode`.

`record` messages are positions and measurements, those of scales and blood pressure monitors are
measurements, a `session` is a workout, a `lap` a part of it with its sums. A watch writes a file of
each day, of `monitoring` messages: pulse, and sums of the day so far by activity. Most of those
have the lower 16 bits of their time, which continue from the last whole time (FIT's cookbook).
Times in the file count from 1989-12-31; that number is the identity. A number below 0x10000000
counts from when the device was switched on, since its clock was not set (FIT's profile,
`date_time`): what it dates is undated, with the flag `clock_unset`. A damaged file yields the
messages before the damage; a file without any of these messages is rejected.

Source: `docs/reference/exports/tracks.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.whole import WholeFile
from pipeline.services.tracks import fit_files, gps_tracks
from pipeline.values import instants, timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Metric, Outcome, Point, RawRecord, Record, Rejection
from schemas.vocabulary import MetricName, RecordType

_NAME = "fit"
_CLOCK_UNSET = "clock_unset"
#: Numbers of a `record` without a position, as metrics: under the lake's names, or the field's.
_METRICS = {
    "cadence": (MetricName.CADENCE, "1/min"),
    "power": (MetricName.POWER, "W"),
    "enhanced_speed": (MetricName.SPEED, "m/s"),
    "speed": (MetricName.SPEED, "m/s"),
    "distance": ("fit.distance_so_far", "m"),
    "enhanced_altitude": ("fit.altitude", "m"),
    "altitude": ("fit.altitude", "m"),
    "temperature": ("fit.temperature", "°C"),
}
#: What a scale and a blood pressure monitor measure (FIT's profile, `weight_scale` and
#: `blood_pressure`).
_BODY_METRICS = {
    "weight": (MetricName.WEIGHT, "kg"),
    "percent_fat": (MetricName.BODY_FAT, "%"),
    "percent_hydration": ("fit.percent_hydration", "%"),
    "visceral_fat_mass": ("fit.visceral_fat_mass", "kg"),
    "bone_mass": ("fit.bone_mass", "kg"),
    "muscle_mass": ("fit.muscle_mass", "kg"),
    "basal_met": ("fit.basal_met", "kcal/day"),
    "active_met": ("fit.active_met", "kcal/day"),
    "metabolic_age": ("fit.metabolic_age", "years"),
    "bmi": ("fit.bmi", "kg/m^2"),
    "systolic_pressure": (MetricName.BLOOD_PRESSURE_SYSTOLIC, "mmHg"),
    "diastolic_pressure": (MetricName.BLOOD_PRESSURE_DIASTOLIC, "mmHg"),
    "mean_arterial_pressure": ("fit.mean_arterial_pressure", "mmHg"),
    "heart_rate": (MetricName.HEART_RATE, "bpm"),
}
#: What a watch measures all day (FIT's profile, `monitoring`). Sums restart at midnight, each by
#: activity, so they have names of their own, which no daily sum counts.
_MONITORING = {
    "heart_rate": (MetricName.HEART_RATE, "bpm"),
    "steps": ("fit.steps_so_far", "count"),
    "strokes": ("fit.strokes_so_far", "count"),
    "cycles": ("fit.cycles_so_far", "count"),
    "distance": ("fit.distance_so_far", "m"),
    "active_time": ("fit.active_time_so_far", "s"),
    "calories": ("fit.energy_so_far", "kcal"),
    "active_calories": ("fit.active_energy_so_far", "kcal"),
    "ascent": ("fit.ascent_so_far", "m"),
    "descent": ("fit.descent_so_far", "m"),
    "moderate_activity_minutes": ("fit.moderate_activity", "min"),
    "vigorous_activity_minutes": ("fit.vigorous_activity", "min"),
    "temperature": ("fit.temperature", "°C"),
    "intensity": ("fit.intensity", ""),
}
#: Messages of one measurement at a time: its field and metric, and the field of the time.
_SINGLE: dict[str, tuple[dict[str, tuple[str, str]], str]] = {
    "stress_level": ({"stress_level_value": ("fit.stress", "")}, "stress_level_time"),
    "spo2_data": ({"reading_spo2": (MetricName.BLOOD_OXYGEN, "%")}, "timestamp"),
    "respiration_rate": ({"respiration_rate": (MetricName.RESPIRATORY_RATE, "1/min")}, "timestamp"),
    "monitoring_hr_data": (
        {
            "resting_heart_rate": ("fit.resting_heart_rate", "bpm"),
            "current_day_resting_heart_rate": ("fit.resting_heart_rate_of_day", "bpm"),
        },
        "timestamp",
    ),
    "monitoring_info": (
        {"resting_metabolic_rate": ("fit.resting_metabolic_rate", "kcal/day")},
        "timestamp",
    ),
}
#: Sleep stages as the vocabulary numbers them.
_STAGES = {"awake": 1, "light": 4, "deep": 5, "rem": 6}
#: Messages with whole times, from which times of 16 bits continue.
_CLOCKED = frozenset({"monitoring", "monitoring_info"})
#: The first day of FIT in seconds since 1970, and the least number that is a set clock's time.
_EPOCH, _SET = 631_065_600, 0x10000000
_TAKEN = frozenset(
    {
        "timestamp",
        "position_lat",
        "position_long",
        "altitude",
        "enhanced_altitude",
        "gps_accuracy",
        "heart_rate",
    }
)
_SESSION_TAKEN = frozenset(
    {"timestamp", "start_time", "sport", "total_elapsed_time", "total_distance"}
)


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the outcomes of the messages of a file, up to where it breaks."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the FIT file is too large for memory")
    messages = (m for m in fit_files.messages(item.value) if m.name in _READ)
    clock = _Clock()
    found = False
    while True:
        try:
            message = next(messages, None)
        except fit_files.DAMAGE:
            yield Rejection(reason=Reason.BAD_SYNTAX, detail="a FIT file that is damaged")
            return
        if message is None:
            break
        found = True
        clock.note(message)
        yield from _meaning(message, clock)
    if not found:
        detail = "a FIT file without positions, measurements, laps or sessions"
        yield Rejection(reason=Reason.MISSING_FIELD, detail=detail)


class _Clock:
    """The last whole time of a day's file, from which times of 16 bits continue."""

    def __init__(self) -> None:
        self.now: int | None = None

    def note(self, message: Any) -> None:
        """Store the time of a message, if it is one of a day's file."""
        if message.name not in _CLOCKED:
            return
        whole, low = _raw(message, "timestamp"), _raw(message, "timestamp_16")
        if whole is not None:
            self.now = whole
        elif low is not None and self.now is not None:
            self.now += (low - self.now) & 0xFFFF


def _raw(message: Any, name: str) -> int | None:
    value = message.get_raw_value(name, fallback=None)
    return value if isinstance(value, int) else None


def _meaning(message: Any, clock: _Clock) -> Iterator[Outcome]:
    """Yield the outcomes of a message; a message without sense does not affect the others."""
    try:
        if message.name == "monitoring":
            yield from _monitored(message, clock)
        else:
            yield from _MEANINGS[message.name](message)
    except BadValue as bad:
        yield Rejection(reason=bad.reason, detail=bad.detail)
    except fit_files.DAMAGE:
        yield Rejection(reason=Reason.BAD_SHAPE, detail=f"an odd {message.name} message")


def _time(message: Any, name: str) -> Instant:
    field = message.get_field(name) if message.has_field(name) else None
    if field is None or field.raw_value is None:
        raise BadValue(Reason.MISSING_FIELD, f"no field {name!r}")
    if not isinstance(field.value, datetime):
        return Instant(None, str(field.raw_value), None, _CLOCK_UNSET)
    inside = instants.FIRST_YEAR <= field.value.year <= instants.LAST_YEAR
    flag = None if inside else "out_of_range"
    return Instant(field.value if inside else None, str(field.raw_value), 0, flag)


def _record(message: Any) -> Iterator[Outcome]:
    time = _time(message, "timestamp")
    north, east = (
        fit_files.number(message, "position_lat"),
        fit_files.number(message, "position_long"),
    )
    if north is not None and east is not None:
        latitude, longitude = fit_files.degrees(north, east)
        yield Point(
            source=_NAME,
            identity=(time.text, str(int(north)), str(int(east))),
            time=time,
            latitude=latitude,
            longitude=longitude,
            altitude_m=fit_files.number(message, "enhanced_altitude", "altitude"),
            accuracy_m=fit_files.number(message, "gps_accuracy"),
            metadata=_others(message, _TAKEN),
        )
    else:
        yield from _measures(message, time, _METRICS)
    if (beats := fit_files.number(message, "heart_rate")) is not None:
        yield _metric(MetricName.HEART_RATE, beats, "bpm", time)


def _body(message: Any) -> Iterator[Metric]:
    """Yield one weighing or blood pressure; `user_profile_index` gives the person."""
    others = _others(message, frozenset({"timestamp", *_BODY_METRICS}))
    for metric in _measures(message, _time(message, "timestamp"), _BODY_METRICS):
        yield msgspec.structs.replace(metric, metadata=others)


def _monitored(message: Any, clock: _Clock) -> Iterator[Metric]:
    """Yield what a watch measures in a day; activities distinguish sums."""
    timed = any(_raw(message, name) is not None for name in ("timestamp", "timestamp_16"))
    if not timed or clock.now is None:
        raise BadValue(Reason.BAD_TIME, "the monitoring message has no whole time before it")
    if clock.now < _SET:
        time = Instant(None, str(clock.now), None, _CLOCK_UNSET)
    else:
        at = timestamps.epoch(clock.now + _EPOCH, "s").at
        time = Instant(at, str(clock.now), 0, None if at else "out_of_range")
    others = _others(message, frozenset({"timestamp", "timestamp_16", *_MONITORING}))
    kind = str(others.get("activity_type") or "")
    names = {field.name for field in message.fields}  # cycles are steps where those are named
    wanted = {field: of for field, of in _MONITORING.items() if field in names}
    for metric in _measures(message, time, wanted):
        own = () if metric.name == MetricName.HEART_RATE else (kind,)
        yield msgspec.structs.replace(metric, identity=(*metric.identity, *own), metadata=others)


def _single(message: Any) -> Iterator[Metric]:
    """Yield one measurement; a number below 0 is the reason for a missing one."""
    wanted, timed = _SINGLE[message.name]
    others = _others(message, frozenset({timed, *wanted}))
    for metric in _measures(message, _time(message, timed), wanted):
        if metric.value >= 0:
            yield msgspec.structs.replace(metric, metadata=others)


def _stage(message: Any) -> Iterator[Metric]:
    """Yield the stage of sleep from a moment on."""
    level = str(message.get_value("sleep_level", fallback=None))
    if level in _STAGES:
        time = _time(message, "timestamp")
        yield _metric(MetricName.SLEEP_STAGE, float(_STAGES[level]), "", time)


def _measures(
    message: Any, time: Instant, wanted: Mapping[str, tuple[str, str]]
) -> Iterator[Metric]:
    """Yield the measurements of a message; of two fields for one, the finer."""
    seen: set[str] = set()
    for field, (name, unit) in wanted.items():
        value = fit_files.number(message, field)
        if value is not None and name not in seen:
            seen.add(name)
            yield _metric(name, value, unit, time)


def _metric(name: str, value: float, unit: str, time: Instant) -> Metric:
    return Metric(
        source=_NAME,
        identity=(time.text, str(value)),
        time=time,
        name=name,
        value=value,
        unit=unit,
    )


def _session(message: Any) -> Iterator[Record]:
    start, end = _time(message, "start_time"), _time(message, "timestamp")
    sport = str(message.get_value("sport", fallback=None) or "")
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("session", start.text, sport),
        time=start,
        title=sport or None,
        metadata=_sums(message, start, end),
    )


def _lap(message: Any) -> Iterator[Record]:
    """Yield a part of a session, with its sums."""
    start, end = _time(message, "start_time"), _time(message, "timestamp")
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("lap", start.text, end.text),
        time=start,
        title="Lap",
        metadata=_sums(message, start, end),
    )


def _sums(message: Any, start: Instant, end: Instant) -> dict[str, Any]:
    """Return what a session or a lap states about its whole length."""
    sums = {
        **gps_tracks.lasting(*gps_tracks.extremes((start, end))),
        "duration_s": fit_files.number(message, "total_elapsed_time"),
        "distance_m": fit_files.number(message, "total_distance"),
        "details": _others(message, _SESSION_TAKEN) or None,
    }
    return {name: value for name, value in sums.items() if value is not None}


_MEANINGS: dict[str, Callable[[Any], Iterator[Outcome]]] = {
    "record": _record,
    "session": _session,
    "lap": _lap,
    "weight_scale": _body,
    "blood_pressure": _body,
    **dict.fromkeys(_SINGLE, _single),
    "sleep_level": _stage,
}
_READ = frozenset({"monitoring", *_MEANINGS})


def _others(message: Any, taken: frozenset[str]) -> dict[str, Any]:
    """Return numbers and words of other named fields; an invalid value reads as None."""
    return {
        field.name: field.value
        for field in message.fields
        if field.name not in taken
        and not field.name.startswith("unknown_")
        and isinstance(field.value, int | float | str)
    }


def _looks_like(head: Head) -> bool:
    """Recognise `.FIT` at the ninth byte of the header; a course is not a workout."""
    known = head.data[8:12] == b".FIT" and head.data[0] in (12, 14)
    return known and fit_files.kind(head.data) != fit_files.COURSE


FORMAT = Format(
    name=_NAME,
    title="Workouts and days of Garmin and other devices (FIT)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_outcomes,
    products=("Garmin", "Strava", "Wahoo", "Any FIT device"),
    tried=("dtcooper/python-fitparse", "polyvertex/fitdecode"),
    record_types=(RecordType.SUMMARY, RecordType.WORKOUT),
)
