"""What the formats of a Snapchat export share: its times in four spellings.

Source: `docs/reference/exports/snapchat.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.values import mail_dates, timestamps
from pipeline.values.timestamps import Unit
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant

SERVICE = "snapchat"
#: The number of digits gives the unit, from 2001 to 2286.
_UNITS: dict[int, Unit] = {10: "s", 13: "ms", 16: "us"}


def moment(written: Any) -> Instant:
    """Read `2024-01-02 03:04:05 UTC`, ISO, `Tue Jan 02 03:04:05 UTC 2024`, or digits."""
    text = str(written)
    if text.isdecimal():
        unit = _UNITS.get(len(text))
        if unit is None:
            raise BadValue(Reason.BAD_TIME, "the number of digits gives no unit")
        return timestamps.epoch(text, unit)
    return mail_dates.mail_date(text) if text[:1].isalpha() else timestamps.iso(text)
