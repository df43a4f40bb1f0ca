"""What the files of Garmin's archive share: a moment in UTC and on the local clock.

Sources: the fixtures and the data dictionary of AlexBatrakov/wearable-analytics, the types of
james-langridge/garmin-export-parser, garmin-grafana#278 for the units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, timedelta
from typing import Any

import msgspec

from pipeline.values import open_zones, timestamps
from pipeline.values.fields import measure
from pipeline.values.timestamps import Unit
from schemas.records import Instant, Metric

#: Local clocks differ from UTC by a multiple of the first, and by at most the second.
_STEP, _MOST = timedelta(minutes=15), timedelta(hours=14)


def moment(utc: Any, local: Any, unit: Unit) -> Instant | None:
    """Return the moment of a time in UTC, with the offset that the local clock beside it shows.

    Times are numbers in `unit`, or texts in ISO 8601 without a zone. Return None without a time in
    UTC; an unreadable one keeps its text.
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
    if isinstance(written, str):
        return timestamps.or_unread(
            written, lambda text: open_zones.in_zone(timestamps.iso(text), UTC)
        )
    return timestamps.epoch_or_unread(written, unit)


def measures(
    fields: Mapping[str, Any], names: Iterable[str], odd: dict[str, Any]
) -> dict[str, float]:
    """Return the fields in `names` that hold a number; another value is flagged in `odd`."""
    found = {name: measure(fields.get(name), name, odd) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def measured(
    source: str,
    fields: Mapping[str, Any],
    names: Mapping[str, tuple[str, str]],
    identity: tuple[str, ...],
    span: tuple[Instant, Instant | None],
) -> Iterator[Metric]:
    """Yield the fields in `names` that hold a number, under the name and in the unit there.

    A heart rate of 0 means that it was not measured.
    """
    for name, value in measures(fields, names, {}).items():
        lake_name, unit = names[name]
        if value or unit != "bpm":
            yield Metric(
                source=source,
                identity=(*identity, str(fields[name])),
                time=span[0],
                until=span[1],
                name=lake_name,
                value=value,
                unit=unit,
            )
