"""The meaning of the messages of OwnTracks, by their `_type` (owntracks.org/booklet/tech/json).

A `location` is a position. A `transition` (a region entered or left) and a `waypoint` (a region)
are records; any other message is one too, unchanged. An `encrypted` message cannot be read: its key
is in the app.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.values import coordinates, timestamps
from pipeline.values.fields import joined, measure, optional_text
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Outcome, Point, Record, Rejection
from schemas.vocabulary import RecordType

_TAKEN = frozenset({"_type", "tst", "lat", "lon", "acc", "alt"})
_NAMES = {
    "vel": "speed_kmh",
    "vac": "vertical_accuracy_m",
    "batt": "battery",
    "SSID": "ssid",
    "cog": "heading_deg",
}


def meaning(fields: Mapping[str, Any], source: str, received: str, text: str) -> Iterator[Outcome]:
    """Yield the outcomes of one message.

    The Recorder got it at `received`; `text` is all of it.
    """
    match fields.get("_type"):
        case "location":
            yield point(fields, source)
        case "transition":
            yield _transition(fields, source)
        case "waypoint":
            yield _waypoint(fields, source)
        case "waypoints":
            yield from _waypoints(fields, source)
        case "encrypted":
            detail = "the payload is encrypted; the app that sent it has the key"
            raise BadValue(Reason.ENCRYPTED, detail)
        case str(kind):
            yield _other(kind, fields, source, received, text)
        case _:
            raise BadValue(Reason.BAD_SHAPE, "the message does not state its type")


def point(fields: Mapping[str, Any], source: str) -> Point:
    """Return a position of a device."""
    latitude, longitude = coordinates.pair(fields["lat"], fields["lon"])
    time = timestamps.epoch(fields["tst"], "s")
    odd: dict[str, Any] = {}
    return Point(
        source=source,
        identity=(time.text, str(fields["lat"]), str(fields["lon"]), _who(fields)),
        time=time,
        latitude=latitude,
        longitude=longitude,
        altitude_m=measure(fields.get("alt"), "alt", odd),
        accuracy_m=measure(fields.get("acc"), "acc", odd),
        metadata=joined(_rest(fields, _TAKEN), odd),
    )


def _who(fields: Mapping[str, Any]) -> str:
    return str(fields.get("topic") or fields.get("tid") or "")


def _rest(fields: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    return {_NAMES.get(k, k): v for k, v in fields.items() if k not in taken}


def _placed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the region by its name, and its place."""
    name = optional_text(fields, "desc")
    place: dict[str, Any] = {"name": name} if name else {}
    place |= coordinates.given(fields.get("lat"), fields.get("lon"))
    return {"place": place} if place else {}


def _details(fields: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    rest = _rest(fields, taken)
    return {"details": rest} if rest else {}


_MOVED = frozenset({"_type", "tst", "lat", "lon", "desc", "event"})


def _transition(fields: Mapping[str, Any], source: str) -> Record:
    """Return the record of a device that entered a region or left it."""
    time = timestamps.epoch_or_unread(fields.get("tst"), "s")
    event, name = optional_text(fields, "event") or "", optional_text(fields, "desc") or ""
    region = str(fields.get("wtst") or "")
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.ACTIVITY,
        identity=("transition", time.text, event, name, region, _who(fields)),
        time=time,
        title=event or "transition",
        metadata={"kind": "transition", **_placed(fields), **_details(fields, _MOVED)},
    )


_REGION = frozenset({"_type", "tst", "lat", "lon", "desc"})


def _waypoint(fields: Mapping[str, Any], source: str) -> Record:
    """Return a region, identified by its creation time; everything else may change."""
    time = timestamps.epoch_or_unread(fields.get("tst"), "s")
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.PLACE,
        identity=("waypoint", time.text, _who(fields)),
        time=time,
        title=optional_text(fields, "desc"),
        metadata={
            **(_placed(fields) or {"place": {"name": time.text}}),
            **_details(fields, _REGION),
        },
        mutable=True,
    )


def _waypoints(fields: Mapping[str, Any], source: str) -> Iterator[Outcome]:
    """Yield a list of regions; an invalid one does not affect the others."""
    who = {name: fields[name] for name in ("topic", "tid") if name in fields}
    for region in fields["waypoints"]:
        try:
            yield _waypoint({**who, **region}, source)
        except BadValue as bad:
            yield Rejection(reason=bad.reason, detail=bad.detail)
        except (KeyError, TypeError):
            yield Rejection(reason=Reason.BAD_SHAPE, detail="a waypoint that is none")


def _other(kind: str, fields: Mapping[str, Any], source: str, received: str, text: str) -> Record:
    """Return any other message unchanged: the device's disconnection, its state, its steps."""
    time: Instant | None = timestamps.or_unread(received) if received else None
    if "tst" in fields:
        time = timestamps.epoch_or_unread(fields.get("tst"), "s")
    return Record(
        data_type=DataType.LOCATION,
        source=source,
        record_type=RecordType.ACTIVITY,
        identity=(kind, received, text),
        time=time,
        title=kind,
        metadata={"kind": kind, **_details(fields, frozenset({"_type", "tst"}))},
    )
