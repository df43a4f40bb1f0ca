"""Fitbit's archive: `sleep-<date>.json`, an array of nights and naps, with the stages of each.

Stages are those of newer devices (`wake`, `light`, `deep`, `rem`), or `asleep`, `awake` and
`restless`; each is a metric for as long as it lasted, except `restless`, which the vocabulary does
not have, and the short wakes that overlap others (see `pipeline.services.tracks.fitbit` for the
source).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.tracks import fitbit
from pipeline.values import open_zones, timestamps
from pipeline.values.fields import (
    as_written,
    joined,
    measure,
    non_empty,
    number,
    optional_text,
    text,
)
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Metric, Outcome, RawRecord, Record, Rejection
from schemas.vocabulary import MetricName, RecordType

_NAME = "fitbit.sleep"
#: Sleep stages as the vocabulary numbers them.
_STAGES = {"wake": 1, "awake": 1, "asleep": 2, "light": 4, "deep": 5, "rem": 6}
_TAKEN = frozenset({"startTime", "endTime", "duration", "levels"})


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a sleep, then its stages."""
    fields: dict[str, Any] = item.value
    written, ended = as_written(fields, "startTime"), optional_text(fields, "endTime")
    odd: dict[str, Any] = {}
    length = measure(fields.get("duration"), "duration", odd)
    levels = fields.get("levels") or {}
    stages = levels.get("data") or []
    other = [stage for stage in stages if stage.get("level") not in _STAGES]
    end = timestamps.or_unread(ended, fitbit.time) if ended else None
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SLEEP,
        identity=("fitbit", str(fields["logId"])),
        time=timestamps.or_unread(written, fitbit.time),
        title="sleep",
        metadata=joined(
            non_empty(
                {
                    "ended_at": open_zones.utc_text(end) if end else None,
                    "duration_s": None if length is None or length < 0 else length / 1000,
                    "levels": {k: v for k, v in levels.items() if k != "data"} or None,
                    "other_levels": other or None,
                    "details": {k: v for k, v in fields.items() if k not in _TAKEN},
                }
            ),
            odd,
        ),
    )
    for stage in stages:
        if stage.get("level") in _STAGES:
            yield _stage(stage)


def _stage(stage: dict[str, Any]) -> Outcome:
    try:
        written, length = text(stage, "dateTime"), number(stage.get("seconds"), "seconds")
        time = fitbit.time(written)
    except BadValue as bad:
        return Rejection(reason=bad.reason, detail=bad.detail)
    if time.at is None:
        return Rejection(reason=Reason.BAD_TIME, detail="a stage of sleep without a time")
    if length is None or not 0 <= length < 1_000_000:
        return Rejection(reason=Reason.BAD_NUMBER, detail="a stage of sleep without a length")
    until = msgspec.structs.replace(time, at=time.at + timedelta(seconds=length))
    return Metric(
        source=_NAME,
        identity=("fitbit", written, str(stage["level"]), str(length)),
        time=time,
        until=until,
        name=MetricName.SLEEP_STAGE,
        value=float(_STAGES[stage["level"]]),
        unit="",
    )


def _looks_like(head: Head) -> int:
    found = peek.first_objects(head)
    keys = {"logId", "dateOfSleep", "startTime"}
    return 2 * any(keys <= item.keys() for item in found)


FORMAT = Format(
    name=_NAME,
    title="Sleep, from Fitbit",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_outcomes,
    embed=False,
    products=("Fitbit", "Google Takeout: Fitbit"),
    vintages=("classic (asleep, restless, awake)", "stages (wake, light, deep, rem)"),
    record_types=(RecordType.SLEEP,),
)
