"""Apple Health: `apple_health_export/export.xml`, one document of often several GB.

The root `HealthData` holds `Me`, then `Record`s, `Workout`s and `ActivitySummary`s. A Record is a
number with a unit, or a category whose value is a word. Attributes that are not verified keep their
own names. A workout's route is `Location`s in old exports and a `FileReference` to a GPX file in
newer ones. `Record`s repeat within `Correlation`s; they are the same records. HealthKit writes per
cent as a fraction of 1.

Source: `docs/reference/exports/apple.md#health`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from pipeline.contract import Format
from pipeline.readers.xml.elements import XmlElements
from pipeline.services import generic_rows
from pipeline.services.tracks import gps_tracks
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.values import coordinates, timestamps, units
from pipeline.values.fields import StableNames, finite, joined, measure
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Metric, Outcome, Point, RawRecord, Record, Rejection
from schemas.vocabulary import MetricName, RecordType

_NAME = "apple.health"
_Convert: TypeAlias = Callable[[float, str], float | None]
_QUANTITY, _CATEGORY = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifier"
_SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"
_SLEEP_VALUE = "HKCategoryValueSleepAnalysis"
_WORKOUT = "HKWorkoutActivityType"

_METRICS = {
    f"{_QUANTITY}{name}": metric
    for metric, names in {
        MetricName.STEPS: ("StepCount",),
        MetricName.HEART_RATE: ("HeartRate",),
        MetricName.ENERGY: ("ActiveEnergyBurned", "BasalEnergyBurned"),
        MetricName.DISTANCE: ("DistanceWalkingRunning", "DistanceCycling", "DistanceSwimming"),
        MetricName.SPEED: ("WalkingSpeed", "RunningSpeed"),
        MetricName.WEIGHT: ("BodyMass",),
        MetricName.HEIGHT: ("Height",),
        MetricName.BODY_FAT: ("BodyFatPercentage",),
        MetricName.BLOOD_OXYGEN: ("OxygenSaturation",),
        MetricName.BLOOD_PRESSURE_SYSTOLIC: ("BloodPressureSystolic",),
        MetricName.BLOOD_PRESSURE_DIASTOLIC: ("BloodPressureDiastolic",),
        MetricName.BODY_TEMPERATURE: ("BodyTemperature",),
        MetricName.RESPIRATORY_RATE: ("RespiratoryRate",),
        MetricName.ACTIVE_TIME: ("AppleExerciseTime",),
        MetricName.FLOORS: ("FlightsClimbed",),
        MetricName.POWER: ("RunningPower", "CyclingPower"),
        MetricName.CADENCE: ("CyclingCadence",),
    }.items()
    for name in names
}
_PER_CENT = frozenset({MetricName.BODY_FAT, MetricName.BLOOD_OXYGEN})
_NAMES = StableNames(sourceName="device", device="device_details")
_DATES = frozenset({"type", "unit", "value", "startDate", "endDate"})
#: Lists within an element, under the lake's names.
_LISTS = {
    "statistics": ("WorkoutStatistics",),
    "events": ("WorkoutEvent",),
    "beats": ("HeartRateVariabilityMetadataList", "InstantaneousBeatsPerMinute"),
}
#: Attributes that identify a document among those of the same moment, and its times.
_TELLING = ("type", "identifier", "sourceName")
_DATED = ("startDate", "receivedDate", "dateIssued")
_WORKOUT_TAKEN = frozenset(
    {
        "workoutActivityType",
        "startDate",
        "endDate",
        "duration",
        "durationUnit",
        "totalDistance",
        "totalDistanceUnit",
    }
)


def to_outcomes(item: RawRecord, member: Member) -> Outcome | Iterator[Outcome]:
    """Return the outcomes of one element, chosen by its name."""
    element: Element = item.value
    match element.tag:
        case "Record":
            return _record(element)
        case "Workout":
            return _workout(element)
        case "ActivitySummary":
            return _summary(element)
        case "Me":
            return _profile(element)
        case _:
            return _document(element)


def _record(element: Element) -> Outcome:
    fields = element.attributes
    kind = fields["type"]
    started, ended = fields.get("startDate", ""), fields.get("endDate", "")
    written, unit = fields.get("value", ""), fields.get("unit")
    identity = (kind, fields["sourceName"], started, ended, written, unit or "")
    if unit is None:
        return _category(element, identity, _moment(started), _moment(ended))
    time = timestamps.spaced(started)
    until = time if ended == started else timestamps.spaced(ended)
    name, value, metric_unit = _measured(kind, written, unit)
    return Metric(
        source=_NAME,
        identity=identity,
        time=time,
        until=until,
        name=name,
        value=value,
        unit=metric_unit,
        metadata=_metadata(element, _DATES) | ({"type": kind} if name != kind else {}),
    )


def _measured(kind: str, written: str, unit: str) -> tuple[str, float, str]:
    """Return the metric's name, value and unit: the lake's if known, else those of the export."""
    value = finite(written, comma=True)
    if value is None:
        raise BadValue(Reason.BAD_NUMBER, "'value' has a unit and is not a number")
    metric = _METRICS.get(kind)
    if metric in _PER_CENT:
        return (metric, round(value * 100, 9), "%") if unit == "%" else (kind, value, unit)
    if metric is None or (same := units.converted(metric, value, unit)) is None:
        return kind, value, unit
    return metric, *same


def _category(element: Element, identity: tuple[str, ...], time: Instant, until: Instant) -> Record:
    fields = element.attributes
    kind, written = fields["type"], fields.get("value")
    asleep = kind == _SLEEP
    values = {"value": written} if written else {}
    if asleep and written:
        values = {"stage": written.removeprefix(_SLEEP_VALUE)}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SLEEP if asleep else RecordType.ACTIVITY,
        identity=identity,
        time=time,
        title=values.get("stage") or kind.removeprefix(_CATEGORY),
        metadata={"type": kind, **values, **_ended(time, until), **_metadata(element, _DATES)},
    )


def _moment(written: str) -> Instant:
    return timestamps.or_unread(written, timestamps.spaced)


def _ended(time: Instant, until: Instant) -> dict[str, Any]:
    if time.at is None or until.at is None:
        return {"ended_at": until.text} if until.text else {}
    return gps_tracks.lasting(time, until)


def _metadata(element: Element, taken: frozenset[str]) -> dict[str, Any]:
    """Return attributes under stable names, and the key-value pairs within the element."""
    metadata: dict[str, Any] = {
        _NAMES[k]: v for k, v in element.attributes.items() if k not in taken
    }
    if element.children:
        entries = [entry.attributes for entry in element.all("MetadataEntry")]
        metadata["entries"] = {entry["key"]: entry.get("value") for entry in entries}
        metadata |= {name: _attributes_of(element, path) for name, path in _LISTS.items()}
    return {name: value for name, value in metadata.items() if value}


def _attributes_of(element: Element, path: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the attributes of the elements at the end of a path."""
    *above, last = path
    inner = element.first(*above)
    return [child.attributes for child in inner.all(last)] if inner is not None else []


def _workout(element: Element) -> Iterator[Outcome]:
    fields = element.attributes
    kind = fields["workoutActivityType"]
    started, ended = fields.get("startDate", ""), fields.get("endDate", "")
    time, until = _moment(started), _moment(ended)
    files = [file for route in element.all("WorkoutRoute") for file in route.all("FileReference")]
    odd: dict[str, Any] = {}
    metadata: dict[str, Any] = {
        **_ended(time, until),
        "duration_s": _amount(fields, "duration", units.seconds, odd),
        "distance_m": _way(element, odd),
        "attachments": [_file(file) for file in files],
    }
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=(kind, fields["sourceName"], started, ended),
        time=time,
        title=kind.removeprefix(_WORKOUT),
        metadata=joined(
            {n: v for n, v in metadata.items() if v not in (None, [])}
            | _metadata(element, _WORKOUT_TAKEN),
            odd,
        ),
    )
    for route in element.all("WorkoutRoute"):
        yield from map(_position, route.all("Location"))


def _amount(
    fields: Mapping[str, str], name: str, convert: _Convert, odd: dict[str, Any]
) -> float | None:
    found = gps_tracks.measure(fields.get(name), name, odd)
    return None if found is None else convert(found, fields.get(f"{name}Unit", ""))


def _way(workout: Element, odd: dict[str, Any]) -> float | None:
    """Return the distance in metres; since iOS 16 it is among a workout's statistics."""
    distance = _amount(workout.attributes, "totalDistance", units.metres, odd)
    if distance is not None:
        return distance
    for sums in workout.all("WorkoutStatistics"):
        fields = sums.attributes
        if fields.get("type", "").startswith(f"{_QUANTITY}Distance"):
            found = finite(fields.get("sum"), comma=True)
            return None if found is None else units.metres(found, fields.get("unit", ""))
    return None


def _file(reference: Element) -> dict[str, str]:
    path = reference.attributes["path"]
    return {"name": path.rpartition("/")[2], "path": path}


def _position(location: Element) -> Point | Rejection:
    """Return a point of a route in an old export; a broken point does not affect the others."""
    fields = location.attributes
    try:
        return _point(fields)
    except BadValue as bad:
        return Rejection(reason=bad.reason, detail=bad.detail)
    except KeyError:
        return Rejection(reason=Reason.BAD_SHAPE, detail="a Location without date or position")


def _point(fields: Mapping[str, str]) -> Point:
    north, east = fields["latitude"], fields["longitude"]
    latitude, longitude = coordinates.pair(north, east)
    odd: dict[str, Any] = {}
    taken = ("date", "latitude", "longitude", "altitude", "horizontalAccuracy")
    return Point(
        source=_NAME,
        identity=(fields["date"], north, east),
        time=timestamps.spaced(fields["date"]),
        latitude=latitude,
        longitude=longitude,
        altitude_m=measure(fields.get("altitude"), "altitude", odd),
        accuracy_m=measure(fields.get("horizontalAccuracy"), "horizontalAccuracy", odd),
        metadata=joined({_NAMES[k]: v for k, v in fields.items() if k not in taken}, odd),
    )


def _summary(element: Element) -> Record:
    """Return a day's activity rings. The values grow until the day is over."""
    day = element.attributes.get("dateComponents", "")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("ActivitySummary", day, *generic_rows.undated_key(day, element.attributes)),
        time=timestamps.or_unread(day),
        title="ActivitySummary",
        metadata=_metadata(element, frozenset({"dateComponents"})),
        mutable=True,
    )


def _document(element: Element) -> Record:
    """Return a clinical document, a hearing test or a glasses prescription, unchanged."""
    fields = element.attributes
    written = next((fields[name] for name in _DATED if fields.get(name)), "")
    inner = gps_tracks.leaves(element, frozenset({"MetadataEntry"}))
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(element.tag, *(fields.get(name, "") for name in _TELLING), written),
        time=_moment(written),
        title=element.tag,
        metadata=_metadata(element, frozenset()) | ({"details": inner} if inner else {}),
    )


def _profile(element: Element) -> Record:
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PROFILE,
        identity=("Me",),
        title="Me",
        metadata=_metadata(element, frozenset()),
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "HealthData"


FORMAT = Format(
    name=_NAME,
    title="Apple Health (export.xml)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.xml",),
    looks_like=_looks_like,
    reader=XmlElements(
        names=(
            *("Record", "Workout", "ActivitySummary", "Me"),
            *("ClinicalRecord", "Audiogram", "VisionPrescription"),
        )
    ),
    record=to_outcomes,
    embed=False,
    hints=(r"(.+/)?apple_health_export/.+",),
    products=("Apple Health",),
    tried=("dogsheep/healthkit-to-sqlite",),
    vintages=("routes within the file", "routes as GPX files beside it"),
    record_types=(
        RecordType.ACTIVITY,
        RecordType.PROFILE,
        RecordType.SLEEP,
        RecordType.SUMMARY,
        RecordType.WORKOUT,
    ),
)
