"""Samsung Health's export: `samsunghealth_<user>_<time>/com.samsung.shealth.<kind>.<time>.csv`.

The first line is the kind of the table and two numbers of its version, the second the columns,
mostly as `com.samsung.health.exercise.start_time`, and each row ends with a comma. Times are in
UTC; `time_offset` is the local clock's, `UTC+0200`. In older exports it is a number of milliseconds
and the clock is local. `day_time` is the midnight of a day, as text or in milliseconds.

Durations of workouts are in milliseconds, distances in metres. A day's steps have a row for each
device and one, `source_type` -2, for all. Stages of sleep are 40001 (awake), 40002 (light), 40003
(deep) and 40004 (REM). Sources: Duarte0903/strava_toolkit, `test_samsung_export.py` (times, columns
of workouts); Devasy/samsung-health-sdk (kinds, prefixes, stages; it takes the clock for a local
one, which rows that are updated minutes after they start contradict). A table of another kind
becomes activities with all values of its rows. `jsons/` beside the tables holds positions and
measurements within a workout (`samsung.health_live`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta, timezone
from pathlib import PurePosixPath
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.recognition import peek
from pipeline.services import generic_rows
from pipeline.services.tracks import gps_tracks
from pipeline.values import instants, open_zones, timestamps
from pipeline.values.fields import joined, non_empty
from schemas.files import Head, Member
from schemas.records import DataType, Instant, Metric, Outcome, RawRecord, Record
from schemas.vocabulary import MetricName, RecordType

_NAME = "samsung.health"
_KIND = re.compile(r"com\.samsung\.s?health\.(?P<kind>[a-z_]+(?:\.[a-z_]+)*)", re.ASCII)
_PREFIX = re.compile(r"com\.samsung\.s?health\.(?:\w+\.)+(?=\w+$)", re.ASCII)
_OFFSET = re.compile(r"UTC(?:(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,15}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: Columns of a kind that are measurements.
_METRICS: dict[str, dict[str, tuple[str, str]]] = {
    "tracker.heart_rate": {"heart_rate": (MetricName.HEART_RATE, "bpm")},
    "tracker.pedometer_step_count": {"count": (MetricName.STEPS, "count")},
    "tracker.oxygen_saturation": {"spo2": (MetricName.BLOOD_OXYGEN, "%")},
    "step_daily_trend": {"count": ("samsung.steps_of_day", "count")},
    "tracker.pedometer_day_summary": {"step_count": ("samsung.steps_of_day", "count")},
    "weight": {"weight": (MetricName.WEIGHT, "kg"), "body_fat": (MetricName.BODY_FAT, "%")},
    "blood_pressure": {
        "systolic": (MetricName.BLOOD_PRESSURE_SYSTOLIC, "mmHg"),
        "diastolic": (MetricName.BLOOD_PRESSURE_DIASTOLIC, "mmHg"),
    },
}
#: Sleep stages as the vocabulary numbers them.
_STAGES = {"40001": 1, "40002": 4, "40003": 5, "40004": 6}
_TYPES = {"exercise": RecordType.WORKOUT, "sleep": RecordType.SLEEP}
_TIMES = ("start_time", "day_time", "create_time")


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield measurements, a stage of sleep, a workout, a sleep or an activity."""
    kind = _kind(item.around, member)
    row = _plain(item.value)
    time, until = _began(row), _time(row.get("end_time", ""), row.get("time_offset", ""))
    if kind == "sleep_stage" and row.get("stage") in _STAGES:
        value = float(_STAGES[row["stage"]])
        yield _metric(row, (time, until), row["stage"], (MetricName.SLEEP_STAGE, ""), value, {})
        return
    odd: dict[str, Any] = {}
    measured = list(_measured(kind, row, odd))
    for name, of, value in measured:
        yield _metric(row, (time, until), name, of, value, odd)
    if not measured:
        yield _record(kind, row, time, until, odd)


def _kind(around: Mapping[str, Any], member: Member) -> str:
    """Return the kind of the table from its first line, else from its file's name."""
    above = around.get("above") or [[""]]
    stated = _KIND.match(str(above[0][0] if above[0] else ""))
    named = stated or _KIND.match(PurePosixPath(member.path).name)
    return named["kind"] if named else ""


def _plain(row: Mapping[str, str]) -> dict[str, str]:
    """Return the cells that are not empty, under their columns' last names.

    A short name goes first.
    """
    long = {_PREFIX.sub("", name): cell for name, cell in row.items() if cell and "." in name}
    return long | {name: cell for name, cell in row.items() if cell and "." not in name}


def _measured(
    kind: str, row: Mapping[str, str], odd: dict[str, Any]
) -> Iterator[tuple[str, tuple[str, str], float]]:
    found = {n: gps_tracks.measure(row.get(n), n, odd) for n in _METRICS.get(kind, {})}
    for name, value in found.items():
        if value:
            yield name, _METRICS[kind][name], value


def _metric(
    row: dict[str, str],
    span: tuple[Instant | None, Instant | None],
    name: str,
    of: tuple[str, str],
    value: float,
    odd: Mapping[str, Any],
) -> Metric:
    """Return one measurement, with the row's other values as metadata."""
    return Metric(
        source=_NAME,
        identity=("samsung", _who(row), row.get(name, name)),
        time=span[0],
        until=span[1],
        name=of[0],
        value=value,
        unit=of[1],
        metadata=joined(
            {n: cell for n, cell in row.items() if n not in ("datauuid", _dated(row))}, odd
        ),
    )


def _record(
    kind: str,
    row: dict[str, str],
    time: Instant | None,
    end: Instant | None,
    odd: dict[str, Any],
) -> Record:
    title = row.get("title") or kind.replace(".", " ").replace("_", " ")
    details = {n: cell for n, cell in row.items() if n not in ("title", "datauuid")}
    metadata: dict[str, Any] = {"kind": kind, **gps_tracks.lasting(time, end)}
    if kind == "exercise":
        length, far = (gps_tracks.measure(row.get(n), n, odd) for n in ("duration", "distance"))
        metadata |= {} if length is None or length < 0 else {"duration_s": length / 1000}
        metadata |= {"distance_m": far}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_TYPES.get(kind, RecordType.ACTIVITY),
        identity=("samsung", kind, _who(row)),
        time=time,
        title=title,
        metadata=joined(non_empty({**metadata, "details": details}), odd),
        mutable=True,
    )


def _who(row: dict[str, str]) -> str:
    """Return Samsung's name for a row; without one, all its values."""
    return row.get("datauuid") or generic_rows.undated_key("", row)[0]


def _dated(row: dict[str, str]) -> str:
    """Return the column with the time; empty if there is none."""
    return next((name for name in _TIMES if row.get(name)), "")


def _began(row: dict[str, str]) -> Instant | None:
    name = _dated(row)
    if name == "day_time":
        return _day(row[name])
    return _time(row.get(name, ""), row.get("time_offset", ""))


def _day(written: str) -> Instant:
    """Return the day whose midnight in UTC is given; it is a day of the local clock."""
    if _NUMBER.fullmatch(written):
        moment = timestamps.epoch(int(written), "ms")
        day = moment.at.strftime("%Y-%m-%d") if moment.at else ""
    else:
        day = written[:10] if _DAY.match(written) else ""
    if not day:
        return instants.unread(written)
    return msgspec.structs.replace(timestamps.iso(day), text=written)


def _time(written: str, offset: str) -> Instant | None:
    if not written:
        return None
    if _NUMBER.fullmatch(written):
        moment = timestamps.epoch(int(written), "ms")
    else:
        moment = timestamps.or_unread(written)
    if moment.at is None:
        return moment
    if _NUMBER.fullmatch(offset) and abs(int(offset)) < 86_400_000:
        return open_zones.in_zone(moment, timezone(timedelta(milliseconds=int(offset))))
    moment = open_zones.in_zone(moment, UTC)
    found = _OFFSET.fullmatch(offset)
    if found is None or found["sign"] is None:
        return moment
    east = int(found["hours"]) * 60 + int(found["minutes"])
    return msgspec.structs.replace(moment, offset=-east if found["sign"] == "-" else east)


_FIRST_LINE = re.compile(rb'"?com\.samsung\.s?health\.[\w.]+"?(?:,"?\d+"?){0,3},*\r?\n')


def _looks_like(head: Head) -> int:
    return 2 * (_FIRST_LINE.match(peek.text_of(head)) is not None)


FORMAT = Format(
    name=_NAME,
    title="Samsung Health (exported tables)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(titled=True),
    record=to_outcomes,
    embed=False,
    hints=(r"(.+/)?com\.samsung\.s?health\.[^/]+\.csv",),
    products=("Samsung Health",),
    vintages=("offsets in milliseconds (to about 2022)", "offsets as UTC+0200"),
    record_types=(RecordType.WORKOUT, RecordType.SLEEP, RecordType.ACTIVITY),
    unread="files in jsons/ beside the tables, except positions and measurements within workouts",
)
