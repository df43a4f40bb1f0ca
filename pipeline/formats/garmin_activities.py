"""Garmin's archive: `DI_CONNECT/DI-Connect-Fitness/<user>_<n>_summarizedActivities.json`.

An array of objects with an array `summarizedActivitiesExport` of workouts. Lengths and heights are
in centimetres, durations in milliseconds, times in milliseconds since 1970; `startTimeLocal` counts
as if the local clock showed UTC (see `pipeline.services.tracks.garmin` for the sources). Speeds,
cadences and the measurements within laps are kept unchanged.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.services.tracks import garmin
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "garmin.activities"
_LIST = "summarizedActivitiesExport"
_CENTIMETRES = {
    "distance": "distance_m",
    "elevationGain": "elevation_gain_m",
    "elevationLoss": "elevation_loss_m",
    "minElevation": "lowest_m",
    "maxElevation": "highest_m",
}
_MILLISECONDS = {
    "duration": "duration_s",
    "elapsedDuration": "elapsed_s",
    "movingDuration": "moving_s",
}
_PLACE = {"locationName": "name", "startLatitude": "latitude", "startLongitude": "longitude"}
_TAKEN = frozenset({"activityId", "name", "activityType", *_PLACE})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return a workout, identified by Garmin's number."""
    fields: dict[str, Any] = item.value
    kind = fields.get("activityType")
    kind = kind.get("typeKey") if isinstance(kind, dict) else kind
    began = fields.get("startTimeGmt", fields.get("beginTimestamp"))
    time = garmin.moment(began, fields.get("startTimeLocal"), "ms")
    odd: dict[str, Any] = {}
    lengths = garmin.measures(fields, _CENTIMETRES, odd)
    durations = garmin.measures(fields, _MILLISECONDS, odd)
    place = {
        lake_name: fields[name]
        for name, lake_name in _PLACE.items()
        if fields.get(name) is not None
    }
    measured = lengths.keys() | durations.keys()
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("garmin", messaging.key(fields, "activityId")),
        time=time,
        title=optional_text(fields, "name") or (kind if isinstance(kind, str) else None),
        metadata=non_empty(
            {
                "activity": kind,
                **{_CENTIMETRES[name]: value / 100 for name, value in lengths.items()},
                **{_MILLISECONDS[name]: value / 1000 for name, value in durations.items()},
                "place": place,
                "flags": odd.get("flags"),
                "details": {
                    name: value
                    for name, value in fields.items()
                    if name not in _TAKEN | measured and value is not None
                },
            }
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (_LIST in peek.item_keys(head))


FORMAT = Format(
    name=_NAME,
    title="Workouts of Garmin Connect (archive of the account)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=(f"[].{_LIST}",)),
    record=to_record,
    embed=False,
    products=("Garmin Connect",),
    record_types=(RecordType.WORKOUT,),
)
