"""Dates with English names of months: those of mail, mbox and asctime, and of iCloud's tables."""

from __future__ import annotations

import re
from email.utils import parsedate_tz

from pipeline.values import spelled_dates
from pipeline.values.fields import in_ascii
from pipeline.values.google_dates import offset_of_name
from pipeline.values.instants import (
    MONTHS,
    civil,
    from_match,
    in_24_hours,
    month_number,
    offset_of,
    refuse,
    strip_invisible,
)
from pipeline.values.timestamps import ISO, iso
from schemas.records import Instant

_CLOCK = (
    r"(?P<hour>\d{1,2})\s*:\s*(?P<minute>\d\d)"
    r"(?:\s*:\s*(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?(?:\s*(?P<half>[ap])m\b)?"
)
_WEEKDAY = r"(?:[a-z]{3,9}\.?\s*,?\s*)?"
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_NAME = r"(?![ap]m\b)[a-z]{1,5}"
_OFFSET = rf"[+-]\d\d:?\d\d|{_NAME}"
#: RFC 5322 3.3 and 4.3, with the hyphens of RFC 850.
_MAIL = re.compile(
    rf"{_WEEKDAY}(?P<day>\d{{1,2}})[\s-]\s*{_MONTH}[\s-]\s*(?P<year>\d{{2,6}})\s*,?\s+{_CLOCK}"
    rf"\s*(?P<zone>{_OFFSET})?(?:\s+{_NAME})?",
    re.ASCII | re.IGNORECASE,
)
#: asctime, with the zone before the year (Takeout's mbox, `date`), after it, or missing.
_ASCTIME = re.compile(
    rf"{_WEEKDAY}{_MONTH}\s+(?P<day>\d{{1,2}})\s+{_CLOCK}\s+(?:(?P<zone>{_OFFSET})\s+)?"
    rf"(?P<year>\d{{4,6}})(?:\s+(?P<zone_after>{_OFFSET}))?",
    re.ASCII | re.IGNORECASE,
)
#: A name before an offset that says from what the offset counts.
_NAMED_OFFSET = re.compile(r"\b(?:GMT|UTC)(?=[+-]\d\d:?\d\d)")
_BARE_OFFSET = re.compile(r"(?<=\d )[+-]\d\d:?\d\d\Z")
_COMMENT = re.compile(r"(?<!\\)\((?:[^()\\]|\\.)*+\)")
_LONGEST_DATE = 200


def mail_date(text: str) -> Instant:
    """Return the moment of a mail's `Date`, of an mbox separator, or of asctime.

    `-0000` says "UTC, zone unknown" (RFC 5322 3.3), so `offset` is None. Named zones beyond those
    of RFC 5322, and the military letters, which most software got wrong, are not trusted: the clock
    is taken as UTC and flagged. Raises `BadValue(BAD_TIME)`.
    """
    if not isinstance(text, str) or len(text) > _LONGEST_DATE:
        refuse("the mail's date is not a short text")
    plain = _NAMED_OFFSET.sub("", in_ascii(_uncommented(strip_invisible(text))).strip("\"' "))
    found = _MAIL.fullmatch(plain) or _ASCTIME.fullmatch(plain)
    if found is not None:
        return from_match(found, text)
    return _odd_mail_date(plain, text)


def _odd_mail_date(plain: str, text: str) -> Instant:
    """Read a date by no standard: ISO, a language of CLDR, then what the standard library can read.

    The library drops what it does not know. So a zone is trusted only as a written offset, and no
    clock that goes on after its numbers.
    """
    if ISO.fullmatch(plain):
        return iso(text)
    spelled = spelled_dates.parse(_BARE_OFFSET.sub(r"GMT\g<0>", plain))
    if spelled is not None and spelled.sure:
        offset, flag = offset_of_name(spelled.zone)
        clock_read = (spelled.hour, spelled.minute, spelled.second, 0)
        return civil(text, spelled.date, clock_read, offset, flag)
    try:
        parsed = None if _UNDERSCORED.search(plain) else parsedate_tz(plain)
    except (ValueError, IndexError, TypeError):
        parsed = None
    clock = _ODD_CLOCK.search(plain)
    if parsed is None or clock is None:
        refuse("the mail's date is in no known form")
    # The library returns zone 0 without a zone, and ignores a PM after the hour.
    words = (word for word in plain[clock.end() :].split() if not _NO_ZONE.match(word))
    zone = next((found for word in words if (found := _ODD_ZONE.fullmatch(word))), None)
    offset, flag = offset_of(zone and (zone["offset"] or zone[0]))
    hour = in_24_hours(parsed[3], clock["half"])
    return civil(text, parsed[:3], (hour, *parsed[4:6], 0), offset, flag)


#: A number that Python's `int` accepts and no clock shows.
_UNDERSCORED = re.compile(r"\d_\d")
_ODD_CLOCK = re.compile(
    r"\d{1,2}[:.]\d{1,2}(?:[:.]\d{1,2})?(?:\s*(?P<half>[ap])m\b)?", re.IGNORECASE
)
_ODD_ZONE = re.compile(
    r"[a-z]{0,5}(?P<offset>[+-]\d\d:?\d\d)|[a-z][a-z/_]*", re.IGNORECASE | re.ASCII
)
#: Names of months and days.
_NO_ZONE = re.compile(rf"(?:{'|'.join(MONTHS)}|mon|tue|wed|thu|fri|sat|sun)", re.IGNORECASE)


def _uncommented(text: str) -> str:
    """Remove nested comments, from the inside."""
    while "(" in text:
        shorter = _COMMENT.sub(" ", text)
        if shorter == text:
            break
        text = shorter
    return text.strip()


#: `Sunday May 3,2020 5:45 PM GMT`.
_LONG_ENGLISH = re.compile(
    rf"[a-z]{{3,9}} {_MONTH} (?P<day>\d{{1,2}}), ?(?P<year>\d{{4}}) "
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d) (?P<half>[AP])M (?P<zone>GMT|UTC)",
    re.ASCII | re.IGNORECASE,
)


def long_english(text: str) -> Instant:
    """Return the moment of a date as iCloud's tables write it. Raises `BadValue(BAD_TIME)`."""
    found = _LONG_ENGLISH.fullmatch(strip_invisible(text))
    if found is None:
        refuse("the date is not one of week day, month, day and year in English")
    hour = in_24_hours(int(found["hour"]), found["half"])
    date = (int(found["year"]), month_number(found["month"]), int(found["day"]))
    return civil(text, date, (hour, int(found["minute"]), 0, 0), 0, None)
