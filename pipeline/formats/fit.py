"""FIT, the files of Garmin's and other makers' devices (reference 17), read by `fitdecode`.

`record` messages are positions and heart rates, a `session` is a workout. Times are counted from
1989-12-31 in the file; that number is what identifies. A file that breaks gives what came before.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import fitdecode

from pipeline import places, timestamps, tracks
from pipeline.format import Format
from pipeline.readers.whole import WholeFile
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Metric, Outcome, Point, RawRecord, Record, Rejection
from schemas.vocabulary import MetricName, RecordType

_NAME = "fit"
#: What the library is seen to raise on damaged files, besides its own errors.
_DAMAGE = (
    fitdecode.FitError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    struct.error,
)
#: Positions are written in semicircles: 2**31 of them are 180 degrees.
_SEMICIRCLE = 180 / 2**31
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
    """What the messages of a file say, up to where it breaks."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "a FIT file that is too large to hold")
    messages = _messages(item.value)
    while True:
        try:
            message = next(messages, None)
        except _DAMAGE:
            yield Rejection(reason=Reason.BAD_SYNTAX, detail="a FIT file that is damaged")
            return
        if message is None:
            return
        yield from _meaning(message)


def _messages(data: bytes) -> Iterator[Any]:
    reader = fitdecode.FitReader(
        io.BytesIO(data),
        check_crc=fitdecode.CrcCheck.RAISE,
        error_handling=fitdecode.ErrorHandling.RAISE,
    )
    with reader:
        for frame in reader:
            if isinstance(frame, fitdecode.FitDataMessage) and frame.name in ("record", "session"):
                yield frame


def _meaning(message: Any) -> Iterator[Outcome]:
    """A message that says nothing sensible costs its neighbours nothing."""
    try:
        yield from _session(message) if message.name == "session" else _record(message)
    except BadValue as bad:
        yield Rejection(reason=bad.reason, detail=bad.detail)
    except _DAMAGE:
        yield Rejection(reason=Reason.BAD_SHAPE, detail=f"an odd {message.name} message")


def _time(message: Any, name: str) -> Instant:
    field = message.get_field(name) if message.has_field(name) else None
    if field is None or not isinstance(field.value, datetime):
        raise BadValue(Reason.MISSING_FIELD, f"no field {name!r}")
    inside = timestamps.FIRST_YEAR <= field.value.year <= timestamps.LAST_YEAR
    flag = None if inside else "out_of_range"
    return Instant(field.value if inside else None, str(field.raw_value), 0, flag)


def _number(message: Any, *names: str) -> float | None:
    """The first of some fields that is a finite number."""
    for name in names:
        value = message.get_value(name, fallback=None)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None


def _record(message: Any) -> Iterator[Outcome]:
    time = _time(message, "timestamp")
    north, east = _number(message, "position_lat"), _number(message, "position_long")
    if north is not None and east is not None:
        latitude, longitude = places.wgs84(north * _SEMICIRCLE, east * _SEMICIRCLE)
        yield Point(
            source=_NAME,
            identity=(time.text, str(int(north)), str(int(east))),
            time=time,
            latitude=latitude,
            longitude=longitude,
            altitude_m=_number(message, "enhanced_altitude", "altitude"),
            accuracy_m=_number(message, "gps_accuracy"),
            metadata=_others(message, _TAKEN),
        )
    if (beats := _number(message, "heart_rate")) is not None:
        yield Metric(
            source=_NAME,
            identity=(time.text, str(beats)),
            time=time,
            name=MetricName.HEART_RATE,
            value=beats,
            unit="bpm",
        )


def _session(message: Any) -> Iterator[Record]:
    start, end = _time(message, "start_time"), _time(message, "timestamp")
    sport = str(message.get_value("sport", fallback=None) or "")
    said = {
        **tracks.lasting(start, end),
        "duration_s": _number(message, "total_elapsed_time"),
        "distance_m": _number(message, "total_distance"),
        "details": _others(message, _SESSION_TAKEN) or None,
    }
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("session", start.text, sport),
        time=start,
        title=sport or None,
        metadata={name: value for name, value in said.items() if value is not None},
    )


def _others(message: Any, taken: frozenset[str]) -> dict[str, Any]:
    """Numbers and words of other fields that have a name; what is not valid reads as None."""
    return {
        field.name: field.value
        for field in message.fields
        if field.name not in taken
        and not field.name.startswith("unknown_")
        and isinstance(field.value, int | float | str)
    }


def _looks_like(head: Head) -> bool:
    """The header has the letters `.FIT` at its ninth byte."""
    return head.data[8:12] == b".FIT" and head.data[0] in (12, 14)


FORMAT = Format(
    name=_NAME,
    title="Workouts of Garmin and other devices (FIT)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_outcomes,
    products=("Garmin", "Strava", "Wahoo", "Any FIT device"),
    record_types=(RecordType.WORKOUT,),
)
