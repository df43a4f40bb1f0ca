"""Samsung Health's export: measurements within a workout, in `jsons/` beside the tables.

`jsons/com.samsung.shealth.exercise/<digit>/<uuid>.com.samsung.health.exercise.live_data.json` and
`….location_data.json`: an array of objects with `start_time` in milliseconds since 1970 and a
position (`latitude`, `longitude`, `altitude`, `accuracy`) or some of `heart_rate`, `cadence`,
`speed`, `distance`, `calorie`. It is not sourced whether the last two are sums, so they have names
of their own. An object without any of these (each of the `…_internal` files, with its place in the
workout) yields nothing. Sources: converters of this export to TCX and GPX, and their tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services.tracks import gps_tracks
from pipeline.values import coordinates, timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Metric, Outcome, Point, RawRecord
from schemas.vocabulary import MetricName

_NAME = "samsung.health_live"
_METRICS = {
    "heart_rate": (MetricName.HEART_RATE, "bpm"),
    "cadence": (MetricName.CADENCE, "1/min"),
    "speed": (MetricName.SPEED, "m/s"),
    "distance": ("samsung.live_distance", "m"),
    "calorie": ("samsung.live_energy", "kcal"),
}
_TIME, _NORTH, _EAST = "start_time", "latitude", "longitude"
_PLACE = frozenset({_NORTH, _EAST, "altitude", "accuracy"})
#: An object's place in the workout.
_WITHIN = frozenset({"elapsed_time", "interval", "segment"})


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield a position, and the measurements of that moment."""
    fields: dict[str, Any] = item.value
    measured = [name for name in _METRICS if fields.get(name) is not None]
    if fields.get(_NORTH) is None and not measured:
        return
    written = fields.get(_TIME)
    if written is None:
        raise BadValue(Reason.MISSING_FIELD, f"no field {_TIME!r}")
    time = timestamps.epoch(written, "ms")
    others = {n: v for n, v in fields.items() if n not in (_TIME, *_PLACE, *_METRICS) and v}
    if fields.get(_NORTH) is not None:
        latitude, longitude = coordinates.wgs84(fields[_NORTH], fields[_EAST])
        yield Point(
            source=_NAME,
            identity=("samsung", str(written), str(fields[_NORTH]), str(fields[_EAST])),
            time=time,
            latitude=latitude,
            longitude=longitude,
            altitude_m=_number(fields, "altitude"),
            accuracy_m=_number(fields, "accuracy"),
            metadata=others,
        )
    for name in measured:
        if (value := _number(fields, name)) is not None:
            lake_name, unit = _METRICS[name]
            yield Metric(
                source=_NAME,
                identity=("samsung", str(written), str(fields[name])),
                time=time,
                name=lake_name,
                value=value,
                unit=unit,
                metadata=others,
            )


def _number(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    return None if value is None else gps_tracks.number(str(value), name)


def _looks_like(head: Head) -> int:
    return 2 * any(_TIME in one for one in peek.first_objects(head))


FORMAT = Format(
    name=_NAME,
    title="Samsung Health: positions and measurements within workouts",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]*\b(live|location)_data(_internal)?\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_outcomes,
    embed=False,
    hints=(r"(.+/)?jsons/com\.samsung\.shealth\.exercise/.+\.json",),
    products=("Samsung Health",),
    fields=frozenset({_TIME, *_PLACE, *_METRICS, *_WITHIN}),
)
