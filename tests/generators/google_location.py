"""Google's location history in all its shapes, of any size.

`Records.json`, a month of semantic history, `Timeline Edits.json`, and the exports from Android
and iOS phones; a fifth of the records is in each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.google_support import added, is_bad, iso, opened, split, write_array

_NAMES = {"de": "Zeitleiste.json"}
#: Points on the path of a way.
_PATH = 3


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` items; returns how many outcomes of each kind they are."""
    random = Random(seed)
    history = folder / "Takeout" / "Location History (Timeline)"
    semantic = history / "Semantic Location History" / "2022" / "2022_MAY.json"
    share = records // 5
    written: tuple[tuple[Path, str, Callable[..., Any]], ...] = (
        (history / "Records.json", '{"locations": ', _record),
        (semantic, '{"timelineObjects": ', _object),
        (history / "Timeline Edits.json", '{"timelineEdits": ', _edit),
        (folder / _NAMES.get(locale, "Timeline.json"), '{"semanticSegments": ', _android),
        (folder / "location-history.json", "", _ios),
    )
    for nth, (path, opening, make) in enumerate(written):
        with opened(path) as out:
            out.write(opening)
            write_array(out, _made(make, share, nth * share, random))
            out.write("}" if opening else "")
    points = split(share, "location")
    return added(
        points, _object_counts(share), points, _segment_counts(share), _segment_counts(share)
    )


def _made(make: Callable[..., Any], share: int, first: int, random: Random) -> Iterator[Any]:
    """Each shape has minutes of its own, from `first` on: a way is known by when it began."""
    for number in range(share):
        north = 95.0 if is_bad(number) else 40 + random.randrange(10**6) / 10**5
        yield make(number, first + number, north, 8 + random.randrange(10**6) / 10**5)


def _e7(degrees: float) -> int:
    return round(degrees * 10**7)


def _record(number: int, minute: int, north: float, east: float) -> dict[str, Any]:
    return {"latitudeE7": _e7(north), "longitudeE7": _e7(east), "timestamp": iso(minute)}


def _edit(number: int, minute: int, north: float, east: float) -> dict[str, Any]:
    point = {"latE7": _e7(north), "lngE7": _e7(east)}
    position = {"point": point, "accuracyMm": 12000, "timestamp": iso(minute)}
    return {"deviceId": "-7", "rawSignal": {"signal": {"position": position}}}


def _object(number: int, minute: int, north: float, east: float) -> dict[str, Any]:
    """Visits and ways by turns."""
    where = {"latitudeE7": _e7(north), "longitudeE7": _e7(east)}
    duration = {"startTimestamp": iso(minute), "endTimestamp": iso(minute + 1)}
    if number % 2 == 0:
        return {
            "placeVisit": {"location": {**where, "placeId": f"P{number}"}, "duration": duration}
        }
    path = [
        {"latE7": _e7(45) + at, "lngE7": _e7(east), "timestamp": iso(minute)} for at in range(_PATH)
    ]
    way = {"startLocation": where, "endLocation": {}, "duration": duration, "distance": 1812}
    return {"activitySegment": {**way, "simplifiedRawPath": {"points": path}}}


def _segment(minute: int) -> dict[str, Any]:
    return {"startTime": iso(minute), "endTime": iso(minute + 1)}


def _android(number: int, minute: int, north: float, east: float) -> dict[str, Any]:
    written = f"{north:.7f}°, {east:.7f}°"
    if number % 2 == 0:
        best = {"placeId": f"P{number}", "placeLocation": {"latLng": written}}
        return {**_segment(minute), "visit": {"hierarchyLevel": 0, "topCandidate": best}}
    ends = {"start": {"latLng": written}, "end": {"latLng": "45.0°, 9.0°"}}
    return {**_segment(minute), "activity": {**ends, "distanceMeters": 1812.5}}


def _ios(number: int, minute: int, north: float, east: float) -> dict[str, Any]:
    written = f"geo:{north:.6f},{east:.6f}"
    if number % 2 == 0:
        best = {"placeID": f"I{number}", "placeLocation": written}
        return {**_segment(minute), "visit": {"hierarchyLevel": "0", "topCandidate": best}}
    ends = {"start": written, "end": "geo:45.0,9.0", "distanceMeters": "1812.5"}
    return {**_segment(minute), "activity": ends}


def _halves(share: int) -> tuple[int, int]:
    """Visits and ways; where one is that is off the globe stays as text, and costs no record."""
    return (share + 1) // 2, share // 2


def _object_counts(share: int) -> dict[str, int]:
    visits, ways = _halves(share)
    return {"place_visit": visits, "trip": ways, "location": _PATH * ways}


def _segment_counts(share: int) -> dict[str, int]:
    visits, ways = _halves(share)
    return {"place_visit": visits, "trip": ways}
