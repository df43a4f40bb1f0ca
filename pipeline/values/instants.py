"""Times of an export: the moment in UTC, the text as it was written, and the doubts as flags.

`timestamps` reads ISO 8601 and numbers since an epoch, `mail_dates` the dates of mail,
`google_dates` the times that Google writes into its pages in the account's language ("8. März 2018,
17:14:40 MEZ"). They share this module. Flags of an `Instant`:

- `zone_assumed`: the text names no zone; its clock is taken as UTC.
- `zone_ambiguous`: the text names its zone by an abbreviation (BST, MESZ, CST), which several
  zones share and which need not hold on that day; its clock is taken as UTC.
- `clock_twice`: its zone's clock showed it twice, when summer time ended; the first is taken.
- `clock_skipped`: its zone's clock never showed it, when summer time began; it is read as if the
  clock had not been put on (RFC 5545 3.3.5 has both).
- `day_first_assumed`: day and month are numbers up to 12; the first is taken for the day.
- `day_month_ambiguous`: every date of the file is like that; the likelier is taken for the day.
- `zone_unknown`: the text is in UTC and says that the local zone is not known (`-0000`); or a
  calendar names an unknown zone, and its clock is taken as UTC.
- `leap_second`: the second was 60; `at` is the second after 59, as in POSIX time.
- `out_of_range`: a real time outside the years 1900 to 2100; `at` is None.
- `time_unread`: the text is in no known spelling, a date that does not exist, or empty;
  `at` is None.

Digits after the sixth of a fraction are dropped; the verbatim text keeps them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant, ZoneSource

FIRST_YEAR, LAST_YEAR = 1900, 2100
NO_TIME, _SECOND, MINUTE = timedelta(), timedelta(seconds=1), timedelta(minutes=1)

#: Spaces that exports write for a plain one, and marks that show nothing.
_INVISIBLE = str.maketrans(
    dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200e\u200f\u2060\ufeff", "")
)
#: Flag of `unread`: `at` is None, `text` is what the export has in the place of a time.
UNREAD = "time_unread"
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
#: Minutes east of UTC of the zones that RFC 5322 (4.3) names.
_ZONES = {
    **dict.fromkeys(("UT", "UTC", "GMT", "Z"), 0),
    **dict.fromkeys(("EDT",), -240),
    **dict.fromkeys(("EST", "CDT"), -300),
    **dict.fromkeys(("CST", "MDT"), -360),
    **dict.fromkeys(("MST", "PDT"), -420),
    **dict.fromkeys(("PST",), -480),
}


def unread(text: str) -> Instant:
    """Return a time that can't be read: `at` is None, and `text` waits for a later parser."""
    return Instant(None, text, None, UNREAD)


def from_match(found: re.Match[str], text: str) -> Instant:
    """Return the moment of a match with the groups year, day, hour, zone and so on."""
    group = found.groupdict()
    month = group["month"]
    date = (
        _year(group["year"]),
        int(month) if month.isdecimal() else month_number(month),
        int(group["day"]),
    )
    micros = int((group.get("fraction") or "0")[:6].ljust(6, "0"))
    hour = in_24_hours(int(group["hour"] or 0), group.get("half"))
    clock = (hour, int(group["minute"] or 0), int(group["second"] or 0), micros)
    offset, flag = offset_of(group["zone"] or group.get("zone_after") or group.get("day_zone"))
    return civil(text, date, clock, offset, flag)


def in_24_hours(hour: int, half: str | None) -> int:
    """Return the hour of 24; a clock of 24 hours may have the letters of one of 12, too."""
    return hour % 12 + 12 * (half in "pP") if half and hour <= 12 else hour


def civil(
    text: str,
    date: tuple[int, int, int],
    clock: tuple[int, int, int, int],
    offset: int | None,
    flag: str | None,
) -> Instant:
    """Return the moment of a calendar date and a clock time, `offset` minutes east of UTC.

    Raises `BadValue(BAD_TIME)` for a date or a clock that does not exist.
    """
    year, month, day = date
    hour, minute, second, micros = clock
    leap, over = second == 60, clock == (24, 0, 0, 0)
    inside = FIRST_YEAR <= year <= LAST_YEAR
    try:
        # Years beyond datetime's range are checked in a like one: the calendar repeats after 400.
        local = datetime(
            year if inside else 2000 + year % 400,
            month,
            day,
            0 if over else hour,
            minute,
            second - leap,
            micros,
        )
    except ValueError:
        local = None
    if local is None:
        refuse("the date or the time of day does not exist")
    at = (local - timedelta(days=-over, minutes=offset or 0)).replace(tzinfo=UTC)
    if leap:
        if at.strftime("%H%M%S") != "235959":
            refuse("the time has a leap second where none can be")
        at, flag = at + _SECOND, flag or "leap_second"
    if not inside or not FIRST_YEAR <= at.year <= LAST_YEAR:
        return Instant(None, text, offset, "out_of_range", assumed_source(flag))
    return Instant(at, text, offset, flag)


def assumed_source(flag: str | None) -> ZoneSource | None:
    """Return the source of a zone whose own flag gives way to another."""
    return ZoneSource.ASSUMED if flag in ("zone_assumed", "zone_ambiguous") else None


def strip_invisible(text: str) -> str:
    """Return the text with plain spaces, without marks that show nothing."""
    return (text if text.isascii() else text.translate(_INVISIBLE)).strip()


def _year(digits: str) -> int:
    """Return a year by RFC 5322 4.3: two digits to 49 are in this century, three are from 1900."""
    year = int(digits)
    if len(digits) > 3:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


def month_number(name: str) -> int:
    """Return 1 to 12 for an English name. Raises `BadValue(BAD_TIME)` for any other."""
    number = MONTHS.get(name[:3].lower())
    if number is None:
        refuse("the month has no English name")
    return number


def offset_of(name: str | None) -> tuple[int | None, str | None]:
    """Return the minutes east of UTC, and a flag where they are not known.

    Raises `BadValue(BAD_TIME)` for an offset that does not exist.
    """
    if name is None:
        return None, "zone_assumed"
    if name[0] not in "+-":
        minutes = _ZONES.get(name.upper())
        return minutes, "zone_ambiguous" if minutes is None else None
    digits = name[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes >= 24 * 60 or int(digits[2:]) > 59:
        refuse("the offset from UTC does not exist")
    if name[0] == "-":
        return (-minutes, None) if minutes else (None, "zone_unknown")
    return minutes, None


def refuse(detail: str) -> NoReturn:
    """Raise `BadValue(BAD_TIME)`."""
    raise BadValue(Reason.BAD_TIME, detail)
