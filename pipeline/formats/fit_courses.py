"""FIT files of the kind `course`: a planned route, as Garmin, Strava and Komoot export it.

Its points have the times of a virtual partner, so they are not positions of a person: the file is
one record, a planned trip with its line (GeoJSON's `geometry`, RFC 7946) and its course points.
Source: FIT's profile, `course`, `course_point`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.whole import WholeFile
from pipeline.services.tracks import fit_files
from pipeline.values import coordinates
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Outcome, RawRecord, Record, Rejection
from schemas.vocabulary import RecordType

_NAME = "fit.courses"


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the course; of a damaged file, what comes before the damage."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the FIT file is too large for memory")
    course = _Course()
    try:
        for message in fit_files.messages(item.value):
            course.take(message)
    except fit_files.DAMAGE:
        yield Rejection(reason=Reason.BAD_SYNTAX, detail="a FIT file that is damaged")
    if not course.seen:
        raise BadValue(Reason.MISSING_FIELD, "the course has neither a name nor positions")
    yield course.record()


class _Course:
    """What the messages of a file say about its course."""

    def __init__(self) -> None:
        self.seen = False
        self._details: dict[str, Any] = {}
        self._line: list[list[float]] = []
        self._stops: list[dict[str, Any]] = []
        self._odd = False

    def take(self, message: Any) -> None:
        """Store what a message says."""
        match message.name:
            case "course" | "lap":
                self._details |= {
                    n: v for n, v in _others(message).items() if n not in self._details
                }
            case "record":
                if where := self._where(message):
                    self._line.append(where)
            case "course_point":
                where = self._where(message)
                there = {"latitude": where[1], "longitude": where[0]} if where else {}
                self._stops.append({**_others(message), **there})
            case _:
                return
        self.seen = True

    def _where(self, message: Any) -> list[float] | None:
        """Return longitude, latitude and altitude."""
        north, east = (fit_files.number(message, f"position_{name}") for name in ("lat", "long"))
        if north is None or east is None:
            return None
        try:
            latitude, longitude = fit_files.degrees(north, east)
        except BadValue:
            self._odd = True
            return None
        altitude = fit_files.number(message, "enhanced_altitude") or fit_files.number(
            message, "altitude"
        )
        at = [round(longitude, 7), round(latitude, 7)]
        return at if altitude is None else [*at, round(altitude, 2)]

    def record(self) -> Record:
        """Return the course, identified by its name and its ends."""
        name = str(self._details.pop("name", "")).strip() or None
        ends = (*self._line[:1], *self._line[-1:])
        metadata = {
            "geometry": {"type": "LineString", "coordinates": self._line} if self._line else None,
            "stops": self._stops,
            "details": self._details,
            "flags": [coordinates.UNUSABLE] if self._odd else None,
        }
        return Record(
            data_type=DataType.LOCATION,
            source=_NAME,
            record_type=RecordType.TRIP,
            identity=("course", name or "", *(f"{at[1]},{at[0]}" for at in ends)),
            title=name,
            metadata={"status": "planned", "points": len(self._line)}
            | {key: value for key, value in metadata.items() if value},
        )


def _others(message: Any) -> dict[str, Any]:
    """Return numbers and words of a message's fields. Positions are read as degrees elsewhere."""
    return {
        field.name: field.value
        for field in message.fields
        if not field.name.startswith(("unknown_", "position_"))
        and isinstance(field.value, int | float | str)
    }


def _looks_like(head: Head) -> bool:
    return fit_files.kind(head.data) == fit_files.COURSE


FORMAT = Format(
    name=_NAME,
    title="Planned courses of Garmin and other devices (FIT)",
    version=1,
    data_type=DataType.LOCATION,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_outcomes,
    products=("Garmin", "Strava", "Komoot"),
    record_types=(RecordType.TRIP,),
)
