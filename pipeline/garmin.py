"""What the files of Garmin's archive share: a moment in UTC beside the same on the local clock.

Sources: the fixtures and the data dictionary of AlexBatrakov/wearable-analytics, the types of
james-langridge/garmin-export-parser, garmin-grafana#278 for the units.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import msgspec

from pipeline import timestamps
from pipeline.timestamps import Unit
from schemas.errors import BadValue
from schemas.records import Instant

#: Local clocks differ from UTC by a multiple of this, and by no more than the other.
_STEP, _MOST = timedelta(minutes=15), timedelta(hours=14)


def moment(utc: Any, local: Any, unit: Unit) -> Instant | None:
    """The moment of a time in UTC, with the offset that the local clock beside it shows.

    Times are numbers in `unit`, or texts in ISO 8601 without a zone. None where no time in UTC is
    told; one that can't be read keeps its text.
    """
    at = _read(utc, unit)
    if at is None or at.at is None:
        return at
    clock = _read(local, unit)
    if clock is None or clock.at is None:
        return at
    ahead = clock.at - at.at
    if ahead % _STEP or abs(ahead) > _MOST:
        return at
    return msgspec.structs.replace(at, offset=ahead // timedelta(minutes=1))


def _read(written: Any, unit: Unit) -> Instant | None:
    if written is None or written == "":
        return None
    try:
        if isinstance(written, str):
            return timestamps.in_zone(timestamps.iso(written), UTC)
        return timestamps.epoch(written, unit)
    except BadValue:
        return timestamps.unread(str(written))


def number(value: Any) -> float | None:
    """A number that was measured; None where there is none."""
    return float(value) if type(value) in (int, float) else None
