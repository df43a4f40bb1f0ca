"""Times on the pages of My Activity, which Google writes in the account's language."""

from __future__ import annotations

import re

from pipeline.values import spelled_dates
from pipeline.values.instants import assumed_source, civil, offset_of, refuse
from schemas.records import Instant, ZoneSource

_ACTIVITY_ZONE = re.compile(r"(?:(?:UTC|GMT)(?P<offset>[+-]\d\d?(?::?\d\d)?)?|[^\s\d+-]+)")
#: Characters of the longest text that is read.
LONGEST = 80


def activity_time(text: str) -> Instant:
    """Return the moment of a time as the pages of My Activity have it, in any language of CLDR.

    UTC, GMT and offsets from them are trusted. An abbreviation is not: it is the one in force at
    the export, not on that day. Times without a zone are from before 2018 and in UTC, as far as is
    known (`docs/reference/exports/google-my-activity.md#html`), so no other zone replaces it.
    Raises `BadValue(BAD_TIME)` for texts that are not a date with a clock to the second, and for
    dates that do not exist.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        refuse("the time is not a short text")
    found = spelled_dates.parse(text)
    if found is None:
        refuse("the time is in no form that My Activity is known to have")
    offset, flag = offset_of_name(found.zone)
    moment = civil(text, found.date, (found.hour, found.minute, found.second, 0), offset, flag)
    if moment.at is None:
        return moment
    if not found.sure:
        return Instant(moment.at, text, offset, "day_first_assumed", assumed_source(flag))
    if flag == "zone_assumed":
        return Instant(moment.at, text, None, flag, ZoneSource.ASSUMED)
    return moment


def offset_of_name(name: str | None) -> tuple[int | None, str | None]:
    """Return the minutes east of UTC of a zone next to a clock, and a flag if they are unknown."""
    if name is None:
        return None, "zone_assumed"
    found = _ACTIVITY_ZONE.fullmatch(name)
    if found is None:
        refuse("the text after the clock is not a zone")
    if found["offset"]:
        hours, _, minutes = found["offset"][1:].partition(":")
        digits = hours + minutes if len(hours) > 2 else f"{hours:>02}{minutes:0<2}"
        return offset_of(f"{found['offset'][0]}{digits}")
    return (0, None) if name in ("UTC", "GMT") else (None, "zone_ambiguous")
