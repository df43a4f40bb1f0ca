"""What the files of Fitbit's archive share: the clocks of its devices.

Source: a catalogue of a whole archive (2014 to 2026) in the documentation of OSCAR Export
Analyzer, `Global Export Data`; fitness-dashboard#92 and metriport#701 for the local clocks.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pipeline.values import timestamps
from schemas.records import Instant

_AMERICAN = re.compile(
    r"(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d\d)(?: (?P<clock>\d\d:\d\d:\d\d))?", re.ASCII
)


def is_time(written: Any) -> bool:
    """Return whether it is `07/04/26 08:00:00`: month, day and year, by the clock of the device."""
    return isinstance(written, str) and _AMERICAN.fullmatch(written) is not None


def time(written: str) -> Instant:
    """Read such a time, or one in ISO 8601; both name no zone. Raises `BadValue(BAD_TIME)`."""
    found = _AMERICAN.fullmatch(written)
    if found is None:
        return timestamps.of_position(written)
    day = f"20{found['year']}-{found['month']}-{found['day']}"
    moment = timestamps.iso(f"{day}T{found['clock']}" if found["clock"] else day)
    return msgspec.structs.replace(moment, text=written)
