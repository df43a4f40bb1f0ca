"""What the formats of a LinkedIn export share: its dates.

The month is English in most exports, in some of the language of the account (`11 Dez 2021`).

Source: `docs/reference/exports/linkedin.md`.
"""

from __future__ import annotations

import re

import msgspec

from pipeline.values import google_dates, mail_dates, timestamps
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant

SERVICE = "linkedin"

_CLOCK = re.compile(r"(\d{1,2})/(\d{1,2})/(\d\d), (\d{1,2}):(\d\d)\s?([AP])M", re.IGNORECASE)


def day(written: str) -> Instant:
    """Read `01 Jan 2024` as its midnight."""
    midnight = f"{written} 00:00:00"
    try:
        moment = mail_dates.mail_date(midnight)
    except BadValue:
        moment = google_dates.activity_time(midnight)
    return msgspec.structs.replace(moment, text=written, zone=None)


def day_or_clock(written: str) -> Instant:
    """Read as `day`; exports to 2019 have `1/2/19, 3:04 AM` in its place."""
    return clock(written) if _CLOCK.fullmatch(written.strip()) else day(written)


def clock(written: str) -> Instant:
    """Read `1/31/24, 10:05 AM`: the month first, and no zone."""
    found = _CLOCK.fullmatch(written.strip())
    if found is None:
        raise BadValue(Reason.BAD_TIME, "the date and time cannot be read")
    hour = int(found[4]) % 12 + (12 if found[6] in "Pp" else 0)
    date = f"20{found[3]}-{found[1]:0>2}-{found[2]:0>2}"
    moment = timestamps.iso(f"{date}T{hour:02}:{found[5]}:00")
    return msgspec.structs.replace(moment, text=written)
