"""Garmin's archive: `DI_CONNECT/DI-Connect-Wellness/<from>_<to>_<n>_sleepData.json`, an array.

`sleepStartTimestampGMT` and `sleepEndTimestampGMT` are in UTC: texts without a zone, or seconds
since 1970. Stages are sums, such as `deepSleepSeconds`, and not a sequence; a day on which the
watch was not worn has no times (see `pipeline.services.tracks.garmin` for the sources).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows
from pipeline.services.tracks import garmin, gps_tracks
from pipeline.values import timestamps
from pipeline.values.fields import as_written, joined
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Record
from schemas.vocabulary import MetricName, RecordType

_NAME = "garmin.sleep"
_START, _END = "sleepStartTimestampGMT", "sleepEndTimestampGMT"
_METRICS: dict[str, tuple[str, str]] = {
    "deepSleepSeconds": ("garmin.deep_sleep", "s"),
    "lightSleepSeconds": ("garmin.light_sleep", "s"),
    "remSleepSeconds": ("garmin.rem_sleep", "s"),
    "awakeSleepSeconds": ("garmin.awake_in_sleep", "s"),
    "averageRespiration": (MetricName.RESPIRATORY_RATE, "1/min"),
}


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a night, then its measurements; for a day without a night, what the file has of it."""
    fields: dict[str, Any] = item.value
    day, written = as_written(fields, "calendarDate"), as_written(fields, _START)
    start = garmin.moment(fields.get(_START), None, "s")
    end = garmin.moment(fields.get(_END), None, "s")
    time = start or timestamps.or_unread(day)
    odd: dict[str, Any] = {}
    garmin.measures(fields, _METRICS, odd)
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SLEEP if start or end else RecordType.SUMMARY,
        identity=(
            "garmin",
            "sleep",
            day,
            written,
            *generic_rows.undated_key(day or written, fields),
        ),
        time=time,
        title="sleep",
        metadata=joined(
            {
                **gps_tracks.lasting(start, end),
                "details": {n: v for n, v in fields.items() if v is not None},
            },
            {"flags": odd["flags"]} if odd else {},
        ),
        mutable=True,
    )
    if start and start.at:
        yield from garmin.measured(
            _NAME, fields, _METRICS, ("garmin", day, str(fields[_START])), (start, end)
        )


def _looks_like(head: Head) -> int:
    keys = set(peek.item_keys(head))
    return 2 * ("calendarDate" in keys and bool(keys & {_START, "sleepWindowConfirmationType"}))


FORMAT = Format(
    name=_NAME,
    title="Sleep, from Garmin Connect (archive of the account)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_outcomes,
    embed=False,
    hints=(r"(.+/)?[^/]*sleepData\.json",),
    products=("Garmin Connect",),
    record_types=(RecordType.SLEEP, RecordType.SUMMARY),
)
