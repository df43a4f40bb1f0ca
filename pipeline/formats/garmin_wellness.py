"""Garmin's archive: its other arrays of dated objects, `DI_CONNECT/DI-Connect-*/….json`.

`<user>_userBioMetrics.json`, `HydrationLogFile_<from>_<to>.json`, `MetricsMaxMetData_….json`,
`TrainingReadinessDTO_….json`, `…_healthStatusData.json` and similar files. An object has its
`calendarDate`, within `metaData` in the first; `weight.weight` there is in grams. Other fields are
not sourced, so an object becomes a summary with all its values. If several have the same day, their
order distinguishes them. Sources: the tests of readers of this archive (names of files, dates, the
unit of weights).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows
from pipeline.values import timestamps
from pipeline.values.fields import finite, non_empty
from schemas.files import Head, Member
from schemas.records import DataType, Metric, Outcome, RawRecord, Record
from schemas.vocabulary import MetricName, RecordType

_NAME = "garmin.wellness"
_DAY, _META = "calendarDate", "metaData"
#: What surrounds the kind in a file's name: days, numbers of the account, and parts.
_NUMBERS = re.compile(r"\d[\d-]*")
_KINDS = (
    r"[^/]*(userBioMetrics|healthStatusData|HydrationLogFile_|TrainingReadinessDTO_|"
    r"MetricsMaxMetData_|MetricsAcuteTrainingLoad_|TrainingHistory_|BloodPressureFile_)[^/]*\.json"
)


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the summary, and the weight if it has one."""
    fields: dict[str, Any] = item.value
    meta = fields.get(_META)
    written = fields.get(_DAY) or (meta.get(_DAY) if isinstance(meta, dict) else None)
    day = written if isinstance(written, str) else ""
    kind = "_".join(filter(None, _NUMBERS.sub("", PurePosixPath(member.path).stem).split("_")))
    time = timestamps.or_unread(day)
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("garmin", kind, day, *generic_rows.undated_key(day, fields)),
        time=time,
        title=f"Garmin {kind} {day[:10]}".rstrip(),
        metadata=non_empty(
            {"kind": kind, "details": {n: v for n, v in fields.items() if v is not None}}
        ),
        mutable=True,
    )
    weight = fields.get("weight")
    grams = finite(weight.get("weight")) if isinstance(weight, dict) else None
    if grams and time.at:
        yield Metric(
            source=_NAME,
            identity=("garmin", day, str(grams)),
            time=time,
            name=MetricName.WEIGHT,
            value=grams / 1000,
            unit="kg",
        )


def _looks_like(head: Head) -> int:
    """Rank below the formats of days and nights, whose objects are dated as well."""
    return any(
        _DAY in one or (isinstance(one.get(_META), dict) and _DAY in one[_META])
        for one in peek.first_objects(head)
    )


FORMAT = Format(
    name=_NAME,
    title="Other measurements of Garmin Connect (archive of the account)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?DI-Connect-[^/]+/(.+/)?[^/]+\.json", rf"(.+/)?{_KINDS}"),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_outcomes,
    embed=False,
    hints=(rf"(.+/)?{_KINDS}",),
    products=("Garmin Connect",),
    record_types=(RecordType.SUMMARY,),
    repeats=True,
)
