"""Times in ISO 8601 or RFC 3339 (`iso`) and numbers since an epoch (`epoch`).

`instants` documents the flags, `open_zones` the times that name no zone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from pipeline.values import day_periods
from pipeline.values.fields import in_ascii
from pipeline.values.instants import (
    FIRST_YEAR,
    LAST_YEAR,
    MINUTE,
    NO_TIME,
    from_match,
    refuse,
    strip_invisible,
    unread,
)
from pipeline.values.open_zones import in_zone
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant, ZoneSource

Unit: TypeAlias = Literal["s", "ms", "us", "ns", "webkit"]

_fromisoformat = datetime.fromisoformat
_fromtimestamp = datetime.fromtimestamp

_MILLION = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The range in microseconds since 1970: [first, end).
_FIRST_US = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_END_US = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
#: WebKit and Chrome count microseconds since 1601-01-01, the start of Windows file time.
_WEBKIT_US = (_EPOCH - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def iso(text: str) -> Instant:
    """Return the moment of an ISO 8601 or RFC 3339 text.

    `T` or a space separates date and clock; the zone is `Z`, an offset, `UTC`, `GMT`, an offset
    followed by ` UTC` (as Go prints it), or missing. A date alone is its midnight. The suffix of
    RFC 9557 may follow, `[Europe/Brussels]`: that zone is used where the text has no other. A date
    may have a zone, as in XML (`2024-05-01+02:00`), and a day end at 24:00. Raises
    `BadValue(BAD_TIME)` for anything else and for dates that do not exist.
    """
    try:
        moment = _fromisoformat(text)
    except (ValueError, TypeError):
        moment = None  # the refusal is raised outside: this error quotes the text
    # fromisoformat takes "1612110112345" for a date in 1612, a week for its Monday, and any sign
    # for the T, the plus of a zone among them: a trustworthy date has a hyphen and a day.
    if moment is None or text[4] != "-" or text[10:11] not in "Tt " or len(text) < 10:
        return _rare_iso(text)
    if not FIRST_YEAR < moment.year < LAST_YEAR:
        return _rare_iso(text)
    zone = moment.tzinfo
    if zone is UTC and text[-1] == "Z":
        return Instant(moment, text, 0)
    if zone is None:
        # Parsing again costs a third of moment.replace(tzinfo=UTC), which a date alone must take.
        at = moment.replace(tzinfo=UTC) if len(text) < 13 else _fromisoformat(text + "Z")
        return Instant(at, text, None, "zone_assumed")
    return _with_offset(moment, zone.utcoffset(None) or NO_TIME, text)


def spaced(text: str) -> Instant:
    """Read as `iso`, quick where a blank stands before the offset: `2016-11-14 07:25:44 -0700`."""
    if len(text) == 25 and text[19] == " ":
        moment = iso(text[:19] + text[20:])
        return Instant(moment.at, text, moment.offset, moment.flag)
    return iso(text)


def _with_offset(moment: datetime, offset: timedelta, text: str) -> Instant:
    if not offset and "-" in text[-6:]:  # RFC 3339: -00:00 means that the zone is not known
        return Instant(moment, text, None, "zone_unknown")
    return Instant(moment.astimezone(UTC), text, offset // MINUTE)


ISO = re.compile(
    r"(?P<year>[+-]?\d{4,9})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?(?: (?:UTC|GMT|Z))?"
    r"|(?P<day_zone>Z|[+-](?:0\d|1[0-4]):[0-5]\d))?",
    re.ASCII | re.IGNORECASE,
)
_BASIC = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d(?:\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)


def _rare_iso(text: str) -> Instant:
    """Read the spellings that `datetime.fromisoformat` refuses or can't hold."""
    if not isinstance(text, str):
        refuse("the time is not a text")
    plain = strip_invisible(text)
    found = ISO.fullmatch(plain) or _BASIC.fullmatch(plain)
    if found is not None:
        return from_match(found, text)
    tagged = _TAGGED.fullmatch(plain)
    if tagged is not None:
        return _in_named_zone(iso(tagged["time"]), tagged["tags"], text)
    return _by_the_phone(plain, text)


#: The spelling of an app that puts the phone's own clock into its pattern: with the word of a half
#: of the day after the clock, in the digits of the phone's language.
_IN_HALVES = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?P<mark>[T ])(?P<hour>\d{1,2})"
    r"(?P<clock>:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)"
    r" ?(?P<half>[^\W\d](?:[^\d+:-]{0,14}?[^\d\s+:-])??)? ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
)
_LONGEST_ISO = 64


def _by_the_phone(plain: str, text: str) -> Instant:
    """Return the moment of `2024-09-21 7:57:00 am +1000`, or of digits of another script."""
    short = plain[:_LONGEST_ISO]
    western = in_ascii(short)
    found = _IN_HALVES.fullmatch(western) if len(plain) <= _LONGEST_ISO else None
    half = day_periods.part_of(found["half"] or "") if found else None
    if found is None or (half is None if found["half"] else western == short):
        refuse("the time is not in ISO 8601")
    hour = day_periods.hour_of(int(found["hour"]), half)
    same = f"{found['date']}{found['mark']}{hour:02}{found['clock']}{found['zone'] or ''}"
    return msgspec.structs.replace(iso(same), text=text)


#: `2022-03-27T15:32:37+02:00[Europe/Brussels]`, `...Z[u-ca=hebrew]`.
_TAGGED = re.compile(r"(?P<time>[^\[\]]{1,64}?) ?(?P<tags>(?:\[[^\[\]]{1,64}\])+)", re.ASCII)


def _in_named_zone(moment: Instant, tags: str, text: str) -> Instant:
    """Return the moment with the zone behind it in brackets, if it has none of its own."""
    if moment.flag == "zone_assumed":
        from pipeline.values import time_zones  # noqa: PLC0415 - its tables cost a tenth of a second

        names = [name for tag in tags[1:-1].split("][") if "=" not in (name := tag.lstrip("!"))]
        zone = time_zones.named(names[0]) if names else None
        if zone is not None:
            moment = in_zone(moment, zone)
        elif names:
            moment = Instant(moment.at, text, None, "zone_unknown", ZoneSource.ASSUMED)
    return msgspec.structs.replace(moment, text=text)


def or_unread(written: Any, read: Callable[[Any], Instant] = iso) -> Instant:
    """Return what `read` makes of the value in the place of a time, or a time that can't be read.

    For every record: none is lost for its time. `written` is any value of an export: a text, a
    number, None where the field is missing.
    """
    try:
        return unread("") if written is None or written == "" else read(written)
    except BadValue as bad:
        if bad.reason is not Reason.BAD_TIME:
            raise
    return unread(str(written))


def of_position(written: str) -> Instant:
    """Read as `iso`, for a position or a measured value; a text that is no time is unread.

    Raises `BadValue(BAD_TIME)` for a date that does not exist: its device is at fault.
    """
    try:
        return iso(written)
    except BadValue:
        plain = strip_invisible(written)
        bare = tagged["time"] if (tagged := _TAGGED.fullmatch(plain)) else plain
        if ISO.fullmatch(bare) or _BASIC.fullmatch(bare):
            raise
    return unread(written)


def epoch_or_unread(written: Any, unit: Unit) -> Instant:
    """Read as `or_unread` a number since an epoch."""
    return or_unread(written, _EPOCHS[unit])


def epoch(value: int | str | float, unit: Unit) -> Instant:
    """Return the moment of a number since 1970-01-01 UTC; for `webkit`, of µs since 1601.

    Numbers may be texts, with a fraction or an exponent. The unit is never guessed: a number of
    milliseconds where seconds are due is out of range, and flagged so. An epoch names no local
    zone, so `offset` is None. Raises `BadValue(BAD_TIME)` for anything but a finite number.
    """
    if type(value) is int:
        if value.bit_length() > 256:  # far past any time, and past what str() may print
            refuse("the time is a number of too many digits")
        text, micros = str(value), _scaled(value, unit)
    elif isinstance(value, str):
        text, micros = value, _from_digits(value, unit)
    else:
        text, micros = str(value), _from_float(value, unit)
    if not _FIRST_US <= micros < _END_US:
        return Instant(None, text, None, "out_of_range")
    # Exact to the microsecond: a double holds 22 bits of fraction up to the year 2106.
    return Instant(_fromtimestamp(micros / _MILLION, UTC), text)


_EPOCHS: dict[Unit, Callable[[Any], Instant]] = {
    unit: partial(epoch, unit=unit) for unit in get_args(Unit)
}


def _scaled(value: int, unit: Unit) -> int:
    """Return microseconds since 1970, rounded down."""
    if unit == "ms":
        return value * 1000
    if unit == "us":
        return value
    if unit == "s":
        return value * _MILLION
    if unit == "ns":
        return value // 1000
    return value - _WEBKIT_US


_PER_UNIT: dict[Unit, Decimal] = {
    "s": Decimal(_MILLION),
    "ms": Decimal(1000),
    "us": Decimal(1),
    "ns": Decimal("0.001"),
    "webkit": Decimal(1),
}
#: More than any number of microseconds in range, so that larger values need not be exact.
_FAR = 10**30
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,6})?", re.ASCII | re.IGNORECASE)


def _from_digits(text: str, unit: Unit) -> int:
    if len(text) <= 30 and text.isascii() and text.isdecimal():
        return _scaled(int(text), unit)
    plain = strip_invisible(text)
    if len(plain) > 64 or not _NUMBER.fullmatch(plain):
        refuse("the time is not a number")
    return _from_decimal(Decimal(plain), unit)


def _from_float(value: float, unit: Unit) -> int:
    if isinstance(value, bool) or not isinstance(value, (float, Decimal)):
        refuse("the time is not a number")
    if not math.isfinite(value):
        refuse("the time is not a finite number")
    # The shortest text of a float is what the exporter wrote; its binary value is not.
    return _from_decimal(Decimal(repr(value)) if isinstance(value, float) else value, unit)


def _from_decimal(value: Decimal, unit: Unit) -> int:
    if value.adjusted() > 30:
        return _FAR if value > 0 else -_FAR
    micros = int((value * _PER_UNIT[unit]).to_integral_value(ROUND_FLOOR))
    return micros - _WEBKIT_US if unit == "webkit" else micros
