"""What the JSON files of Google Photos share (reference 2.6)."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from pipeline import timestamps
from schemas.records import Instant

#: Folders by year hold every photo once more and are no albums; only these names are verified.
_BY_YEAR = re.compile(r"(Photos from|Fotos von) \d{4}", re.IGNORECASE)


def album_of(path: str) -> tuple[str, ...]:
    """The identity of the album that a file of the export lies in: its folder's name."""
    folder = PurePosixPath(path.rsplit("!/", 1)[-1]).parent.name
    return ("album", folder) if folder and not _BY_YEAR.fullmatch(folder) else ()


def moment(value: Any) -> Instant | None:
    """`{timestamp, formatted}`: epoch seconds as text, and a localised text that isn't needed."""
    if not isinstance(value, dict) or value.get("timestamp") in (None, "", "0"):
        return None
    return timestamps.epoch(value["timestamp"], "s")


def position(value: Any) -> dict[str, float]:
    """`geoData`; all zeros mean that there is none."""
    found = value if isinstance(value, dict) else {}
    north, east = found.get("latitude"), found.get("longitude")
    if not isinstance(north, int | float) or not isinstance(east, int | float):
        return {}
    if not (north or east) or abs(north) > 90 or abs(east) > 180:
        return {}
    said = {"latitude": float(north), "longitude": float(east)}
    if altitude := found.get("altitude"):
        said["altitude_m"] = float(altitude)
    return said
