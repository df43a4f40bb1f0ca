"""What a time in an export means: the moment in UTC, and the text as it stood there.

Four spellings are understood here: ISO 8601 / RFC 3339 (`iso`), numbers since an epoch (`epoch`),
the dates of mail (`mail_date`), and what Google writes into its pages in the account's language
(`activity_time`: "8. März 2018, 17:14:40 MEZ").

Flags of the `Instant`s made here:

- `zone_assumed`: the text names no zone; its clock is taken as UTC.
- `zone_ambiguous`: the text names its zone by an abbreviation (BST, MESZ, CST), which several
  zones share and which need not hold on that day; its clock is taken as UTC.
- `clock_twice`: its zone's clock showed it twice, when summer time ended; the first is taken.
- `clock_skipped`: its zone's clock never showed it, when summer time began; it is read as if the
  clock had not been put on (RFC 5545 3.3.5 has both).
- `day_first_assumed`: day and month are numbers up to 12; the first is taken for the day.
- `day_month_ambiguous`: so they are in every date of the file; the likelier is taken for the day.
- `zone_unknown`: the text is in UTC and says that the local zone is not known (`-0000`); or a
  calendar names a zone that nobody knows, and its clock is taken as UTC.
- `leap_second`: the second was 60; `at` is the second after 59, as in POSIX time.
- `out_of_range`: a real time outside the years 1900 to 2100; `at` is None.
- `time_unread`: what stands there is in no spelling that is known here, a date that never was, or
  nothing; `at` is None.

What names no zone stays as it is written until all of a record is known: only then, by `settled`,
is it read in the zone of its place or its owner (`in_usual_zone`), and by `utc_text` before, which
writes times into metadata.

Digits after the sixth of a fraction are dropped; the verbatim text keeps them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_FLOOR, Decimal
from email.utils import parsedate_tz
from functools import lru_cache, partial
from typing import Any, Literal, NoReturn, TypeAlias, get_args

import msgspec

from pipeline.values import day_periods, spelled_dates
from pipeline.values.fields import in_ascii
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant, ZoneSource

Unit: TypeAlias = Literal["s", "ms", "us", "ns", "webkit"]

FIRST_YEAR, LAST_YEAR = 1900, 2100

_fromisoformat = datetime.fromisoformat
_fromtimestamp = datetime.fromtimestamp

_MILLION = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME, _SECOND, _MINUTE = timedelta(), timedelta(seconds=1), timedelta(minutes=1)
#: More than any clock was ever put on at once for summer.
_BEFORE_CHANGE = timedelta(hours=3)
#: The range in microseconds since 1970: [first, end).
_FIRST_US = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_END_US = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
#: WebKit and Chrome count microseconds since 1601-01-01, the start of Windows file time.
_WEBKIT_US = (_EPOCH - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

#: Spaces that exports put where a plain one is meant, and marks that show nothing.
_INVISIBLE = str.maketrans(
    dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200e\u200f\u2060\ufeff", "")
)


def iso(text: str) -> Instant:
    """The moment of an ISO 8601 or RFC 3339 text.

    Date and clock are parted by `T` or a space; the zone is `Z`, an offset, `UTC`, `GMT`, an
    offset followed by ` UTC` (as Go prints it), or missing. A date alone is its midnight. Behind
    it may stand what RFC 9557 puts there, `[Europe/Brussels]`: that zone is taken where the text
    has no other. A date may have a zone, as in XML (`2024-05-01+02:00`), and a day end at 24:00.
    Raises `BadValue(BAD_TIME)` for anything else and for dates that never were.
    """
    try:
        moment = _fromisoformat(text)
    except (ValueError, TypeError):
        moment = None  # the refusal is raised outside: this error quotes the text
    # fromisoformat takes "1612110112345" for a date in 1612, a week for its Monday, and any sign
    # for the T, the plus of a zone among them: a date that we trust has a hyphen and a day.
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
    return _with_offset(moment, zone.utcoffset(None) or _NO_TIME, text)


def spaced(text: str) -> Instant:
    """As `iso`, quick where a blank stands before the offset: `2016-11-14 07:25:44 -0700`."""
    if len(text) == 25 and text[19] == " ":
        moment = iso(text[:19] + text[20:])
        return Instant(moment.at, text, moment.offset, moment.flag)
    return iso(text)


def _with_offset(moment: datetime, offset: timedelta, text: str) -> Instant:
    if not offset and "-" in text[-6:]:  # RFC 3339: -00:00 means that the zone is not known
        return Instant(moment, text, None, "zone_unknown")
    return Instant(moment.astimezone(UTC), text, offset // _MINUTE)


_ISO = re.compile(
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
    """The spellings that `datetime.fromisoformat` refuses or can't hold."""
    if not isinstance(text, str):
        _refuse("the time is not a text")
    plain = _plain(text)
    found = _ISO.fullmatch(plain) or _BASIC.fullmatch(plain)
    if found is not None:
        return _from_match(found, text)
    tagged = _TAGGED.fullmatch(plain)
    if tagged is not None:
        return _in_named_zone(iso(tagged["time"]), tagged["tags"], text)
    return _by_the_phone(plain, text)


#: As an app writes it that lets the phone's own clock into its pattern: with the word of a half of
#: the day behind the clock, in the digits of the phone's language.
_IN_HALVES = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?P<mark>[T ])(?P<hour>\d{1,2})"
    r"(?P<clock>:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)"
    r" ?(?P<half>[^\W\d](?:[^\d+:-]{0,14}?[^\d\s+:-])??)? ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
)
_LONGEST_ISO = 64


def _by_the_phone(plain: str, text: str) -> Instant:
    """The moment of `2024-09-21 7:57:00 am +1000`, or of such digits as only one language has."""
    short = plain[:_LONGEST_ISO]
    western = in_ascii(short)
    found = _IN_HALVES.fullmatch(western) if len(plain) <= _LONGEST_ISO else None
    half = day_periods.part_of(found["half"] or "") if found else None
    told = found is not None and (half is not None if found["half"] else western != short)
    if found is None or not told:
        _refuse("the time is not in ISO 8601")
    hour = day_periods.hour_of(int(found["hour"]), half)
    same = f"{found['date']}{found['mark']}{hour:02}{found['clock']}{found['zone'] or ''}"
    return msgspec.structs.replace(iso(same), text=text)


#: `2022-03-27T15:32:37+02:00[Europe/Brussels]`, `...Z[u-ca=hebrew]`.
_TAGGED = re.compile(r"(?P<time>[^\[\]]{1,64}?) ?(?P<tags>(?:\[[^\[\]]{1,64}\])+)", re.ASCII)


def _in_named_zone(moment: Instant, tags: str, text: str) -> Instant:
    """The moment with the zone that stands behind it in brackets, if it has none of its own."""
    if moment.flag == "zone_assumed":
        from pipeline.values import time_zones  # noqa: PLC0415 - its tables cost a tenth of a second

        names = [name for tag in tags[1:-1].split("][") if "=" not in (name := tag.lstrip("!"))]
        zone = time_zones.named(names[0]) if names else None
        if zone is not None:
            moment = in_zone(moment, zone)
        elif names:
            moment = Instant(moment.at, text, None, "zone_unknown", ZoneSource.ASSUMED)
    return msgspec.structs.replace(moment, text=text)


#: What `or_unread` flags: `at` is None, `text` is what stood there.
UNREAD = "time_unread"


def or_unread(written: Any, read: Callable[[Any], Instant] = iso) -> Instant:
    """What `read` makes of what stands in the place of a time, or else a time that can't be read.

    For every record: none is lost for its time. `written` is whatever an export holds there: a
    text, a number, None where the field is missing.
    """
    try:
        return unread("") if written is None or written == "" else read(written)
    except BadValue as bad:
        if bad.reason is not Reason.BAD_TIME:
            raise
    return unread(str(written))


def of_position(written: str) -> Instant:
    """As `iso`, for a position or a measured value; a text in no spelling of a time is unread.

    Raises `BadValue(BAD_TIME)` for a date that never was: such a position is a fault of its device.
    """
    try:
        return iso(written)
    except BadValue:
        plain = _plain(written)
        bare = tagged["time"] if (tagged := _TAGGED.fullmatch(plain)) else plain
        if _ISO.fullmatch(bare) or _BASIC.fullmatch(bare):
            raise
    return unread(written)


def epoch_or_unread(written: Any, unit: Unit) -> Instant:
    """As `or_unread`, of a number since an epoch."""
    return or_unread(written, _EPOCHS[unit])


def _from_match(found: re.Match[str], text: str) -> Instant:
    """Builds the moment from a match with the groups year, day, hour, zone and so on."""
    group = found.groupdict()
    month = group["month"]
    date = (
        _year(group["year"]),
        int(month) if month.isdecimal() else _month(month),
        int(group["day"]),
    )
    micros = int((group.get("fraction") or "0")[:6].ljust(6, "0"))
    hour = _by_half(int(group["hour"] or 0), group.get("half"))
    clock = (hour, int(group["minute"] or 0), int(group["second"] or 0), micros)
    offset, flag = _zone(group["zone"] or group.get("zone_after") or group.get("day_zone"))
    return _civil(text, date, clock, offset, flag)


def _by_half(hour: int, half: str | None) -> int:
    """The hour of a clock of 12 hours; some are of 24 and have the letters all the same."""
    return hour % 12 + 12 * (half in "pP") if half and hour <= 12 else hour


def _civil(
    text: str,
    date: tuple[int, int, int],
    clock: tuple[int, int, int, int],
    offset: int | None,
    flag: str | None,
) -> Instant:
    """The moment of a calendar date and a clock time, `offset` minutes east of UTC."""
    year, month, day = date
    hour, minute, second, micros = clock
    leap, over = second == 60, clock == (24, 0, 0, 0)
    inside = FIRST_YEAR <= year <= LAST_YEAR
    try:
        # Years that datetime can't hold are checked in a like one: the calendar repeats after 400.
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
        _refuse("the date or the time of day does not exist")
    at = (local - timedelta(days=-over, minutes=offset or 0)).replace(tzinfo=UTC)
    if leap:
        if at.strftime("%H%M%S") != "235959":
            _refuse("the time has a leap second where none can be")
        at, flag = at + _SECOND, flag or "leap_second"
    if not inside or not FIRST_YEAR <= at.year <= LAST_YEAR:
        return Instant(None, text, offset, "out_of_range", _guess(flag))
    return Instant(at, text, offset, flag)


def _guess(flag: str | None) -> ZoneSource | None:
    """The zone's source, where another flag takes the place of the one that tells it."""
    return ZoneSource.ASSUMED if flag in ("zone_assumed", "zone_ambiguous") else None


def in_zone(written: Instant, zone: tzinfo, source: ZoneSource = ZoneSource.EXPLICIT) -> Instant:
    """A clock time that names no zone, as the clock of `zone`, which `source` named.

    What named its zone itself comes back as it is.
    """
    if written.at is None or written.flag != "zone_assumed":
        return written
    named = None if source is ZoneSource.EXPLICIT else source
    local = written.at.replace(tzinfo=zone)
    east, flag = (_NO_TIME, None) if zone is UTC else _by_clock(local)
    at, offset = written.at - east, east // _MINUTE
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        return Instant(None, written.text, offset, "out_of_range", named)
    return Instant(at, written.text, offset, flag, named)


def _by_clock(local: datetime) -> tuple[timedelta, str | None]:
    """How far its zone's clock is ahead of UTC, and whether it showed this time never or twice."""
    east = local.utcoffset() or _NO_TIME
    shown = (local.replace(tzinfo=UTC) - east).astimezone(local.tzinfo)
    if shown.replace(tzinfo=None) != local.replace(tzinfo=None):
        # Zones do not agree on what they say of such a time; of one before it they do.
        return (local - _BEFORE_CHANGE).utcoffset() or _NO_TIME, "clock_skipped"
    return east, "clock_twice" if local.replace(fold=1).utcoffset() != east else None


_USUAL: ContextVar[tuple[tzinfo, ZoneSource] | None] = ContextVar("usual zone", default=None)


@contextmanager
def in_usual_zone(zone: tzinfo, source: ZoneSource) -> Iterator[None]:
    """Within it, clocks that name no zone are settled in `zone`, which `source` named."""
    before = _USUAL.set((zone, source))
    try:
        yield
    finally:
        _USUAL.reset(before)


def settled(moment: Instant) -> Instant:
    """The moment by the usual zone, if there is one and the text leaves its zone open.

    A text with an abbreviation is that zone's only if its clocks are called so. What else is in
    doubt, the order of day and month, stays so, and flagged.
    """
    usual = _USUAL.get()
    if usual is None or not leaves_zone_open(moment):
        return moment
    zone, source = usual
    if moment.flag in _SPELT and not _is_called(zone, moment.text):
        return moment
    bare = msgspec.structs.replace(moment, flag="zone_assumed", zone=None)
    found = in_zone(bare, zone, source)
    if found.at is None or moment.flag not in _DAY_IN_DOUBT:
        return found
    return msgspec.structs.replace(found, flag=moment.flag)


_DAY_IN_DOUBT = frozenset({"day_first_assumed", "day_month_ambiguous"})
#: Flags of texts that may name a zone by an abbreviation; without one they are known to be in UTC.
_SPELT = frozenset({"zone_ambiguous", "day_first_assumed"})


def leaves_zone_open(moment: Instant) -> bool:
    """Whether a zone of its place or its owner may be put in the place of the assumed UTC."""
    if moment.at is None or moment.flag is None:
        return False
    if moment.flag == "zone_assumed":
        return moment.zone is None
    return moment.flag == "zone_ambiguous" or (
        moment.flag in _DAY_IN_DOUBT and moment.zone is ZoneSource.ASSUMED
    )


def _is_called(zone: tzinfo, text: str) -> bool:
    """Whether the abbreviation in a text of My Activity is one of the zone's."""
    word = spelled_dates.zone_of(text) if len(text) <= _LONGEST_ACTIVITY else None
    return word is not None and word in _abbreviations(zone)


@lru_cache(maxsize=32)
def _abbreviations(zone: tzinfo) -> frozenset[str]:
    """What a zone's standard and summer time are called for short, in every language we know."""
    from babel.dates import get_timezone_name  # noqa: PLC0415 - costs a fifth of a second

    return frozenset(
        get_timezone_name(zone, width="short", locale=language, zone_variant=variant)
        for language in spelled_dates.COMMON
        for variant in ("standard", "daylight", "generic")
    )


def utc_text(moment: Instant) -> str | None:
    """The moment in RFC 3339, as `ended_at` and its like are given.

    What can't be read stays as it is written; None where there is nothing, or no moment.
    """
    if moment.flag == UNREAD:
        return moment.text or None
    at = settled(moment).at
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def epoch(value: int | str | float, unit: Unit) -> Instant:
    """The moment of a number since 1970-01-01 UTC, or since 1601 for `webkit` (microseconds).

    Numbers may come as text, with a fraction or an exponent. The unit is never guessed: a number
    of milliseconds where seconds are due lies out of range, and is flagged so. An epoch names no
    local zone, so `offset` is None. Raises `BadValue(BAD_TIME)` for what is no finite number.
    """
    if type(value) is int:
        if value.bit_length() > 256:  # far past any time, and past what str() may print
            _refuse("the time is a number of too many digits")
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
    """Microseconds since 1970, rounded down."""
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
#: More than any number of microseconds in range, so that what is beyond needs no exact value.
_FAR = 10**30
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,6})?", re.ASCII | re.IGNORECASE)


def _from_digits(text: str, unit: Unit) -> int:
    if len(text) <= 30 and text.isascii() and text.isdecimal():
        return _scaled(int(text), unit)
    plain = _plain(text)
    if len(plain) > 64 or not _NUMBER.fullmatch(plain):
        _refuse("the time is not a number")
    return _from_decimal(Decimal(plain), unit)


def _from_float(value: float, unit: Unit) -> int:
    if isinstance(value, bool) or not isinstance(value, (float, Decimal)):
        _refuse("the time is not a number")
    if not math.isfinite(value):
        _refuse("the time is not a finite number")
    # The shortest text of a float is what the exporter wrote; its binary value is not.
    return _from_decimal(Decimal(repr(value)) if isinstance(value, float) else value, unit)


def _from_decimal(value: Decimal, unit: Unit) -> int:
    if value.adjusted() > 30:
        return _FAR if value > 0 else -_FAR
    micros = int((value * _PER_UNIT[unit]).to_integral_value(ROUND_FLOOR))
    return micros - _WEBKIT_US if unit == "webkit" else micros


_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
#: Minutes east of UTC of the zones that RFC 5322 (4.3) knows by name.
_ZONES = {
    **dict.fromkeys(("UT", "UTC", "GMT", "Z"), 0),
    **dict.fromkeys(("EDT",), -240),
    **dict.fromkeys(("EST", "CDT"), -300),
    **dict.fromkeys(("CST", "MDT"), -360),
    **dict.fromkeys(("MST", "PDT"), -420),
    **dict.fromkeys(("PST",), -480),
}
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
#: What stands before an offset and says from what it is counted.
_NAMED_OFFSET = re.compile(r"\b(?:GMT|UTC)(?=[+-]\d\d:?\d\d)")
_BARE_OFFSET = re.compile(r"(?<=\d )[+-]\d\d:?\d\d\Z")
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_LONGEST_DATE = 200


def mail_date(text: str) -> Instant:
    """The moment of a mail's `Date`, of an mbox separator, or of asctime.

    `-0000` says "UTC, zone unknown" (RFC 5322 3.3), so `offset` is None. Named zones beyond those
    of RFC 5322, and the military letters, which most software got wrong, are not believed: the
    clock is taken as UTC and flagged. Raises `BadValue(BAD_TIME)`.
    """
    if not isinstance(text, str) or len(text) > _LONGEST_DATE:
        _refuse("the mail's date is not a short text")
    plain = _NAMED_OFFSET.sub("", in_ascii(_uncommented(_plain(text))).strip("\"' "))
    found = _MAIL.fullmatch(plain) or _ASCTIME.fullmatch(plain)
    if found is not None:
        return _from_match(found, text)
    return _odd_mail_date(plain, text)


def _odd_mail_date(plain: str, text: str) -> Instant:
    """Dates by no standard: ISO ones, those in a language of CLDR, then whatever the standard
    library makes of the rest. It drops what it does not know, so a zone is believed only as an
    offset that stands there, and no clock that goes on behind its numbers."""
    if _ISO.fullmatch(plain):
        return _rare_iso(text)
    spelled = spelled_dates.parse(_BARE_OFFSET.sub(r"GMT\g<0>", plain))
    if spelled is not None and spelled.sure:
        offset, flag = _activity_zone(spelled.zone)
        clock_read = (spelled.hour, spelled.minute, spelled.second, 0)
        return _civil(text, spelled.date, clock_read, offset, flag)
    try:
        parsed = None if _UNDERSCORED.search(plain) else parsedate_tz(plain)
    except (ValueError, IndexError, TypeError):
        parsed = None
    clock = _ODD_CLOCK.search(plain)
    if parsed is None or clock is None:
        _refuse("the mail's date is not understood")
    # Its zone is 0 where there is none, its hour that of the morning whatever stands behind it.
    words = (word for word in plain[clock.end() :].split() if not _NO_ZONE.match(word))
    zone = next((found for word in words if (found := _ODD_ZONE.fullmatch(word))), None)
    offset, flag = _zone(zone and (zone["offset"] or zone[0]))
    hour = _by_half(parsed[3], clock["half"])
    return _civil(text, parsed[:3], (hour, *parsed[4:6], 0), offset, flag)


#: A number as Python's `int` takes it, and no clock writes it.
_UNDERSCORED = re.compile(r"\d_\d")
_ODD_CLOCK = re.compile(
    r"\d{1,2}[:.]\d{1,2}(?:[:.]\d{1,2})?(?:\s*(?P<half>[ap])m\b)?", re.IGNORECASE
)
_ODD_ZONE = re.compile(
    r"[a-z]{0,5}(?P<offset>[+-]\d\d:?\d\d)|[a-z][a-z/_]*", re.IGNORECASE | re.ASCII
)
#: Names of months and days.
_NO_ZONE = re.compile(rf"(?:{'|'.join(_MONTHS)}|mon|tue|wed|thu|fri|sat|sun)", re.IGNORECASE)


_ACTIVITY_ZONE = re.compile(r"(?:(?:UTC|GMT)(?P<offset>[+-]\d\d?(?::?\d\d)?)?|[^\s\d+-]+)")
_LONGEST_ACTIVITY = 80


def activity_time(text: str) -> Instant:
    """The moment of a time as the pages of My Activity have it, in any language of CLDR.

    UTC, GMT and offsets from them are believed. An abbreviation is not: it is the one in force at
    the export, not on that day. Times without any are of before 2018 and in UTC, as far as known
    (`docs/reference/exports/google-my-activity.md#html`), so no other zone is put in its place.
    Raises `BadValue(BAD_TIME)` for what is no date with a clock to the second, and for dates that
    never were.
    """
    if not isinstance(text, str) or len(text) > _LONGEST_ACTIVITY:
        _refuse("the time is not a short text")
    found = spelled_dates.parse(text)
    if found is None:
        _refuse("the time is in no form that My Activity is known to have")
    offset, flag = _activity_zone(found.zone)
    moment = _civil(text, found.date, (found.hour, found.minute, found.second, 0), offset, flag)
    if moment.at is None:
        return moment
    if not found.sure:
        return Instant(moment.at, text, offset, "day_first_assumed", _guess(flag))
    if flag == "zone_assumed":
        return Instant(moment.at, text, None, flag, ZoneSource.ASSUMED)
    return moment


def unread(text: str) -> Instant:
    """A time that can't be read: its record has none, and keeps the text for a later parser."""
    return Instant(None, text, None, UNREAD)


def _activity_zone(name: str | None) -> tuple[int | None, str | None]:
    if name is None:
        return None, "zone_assumed"
    found = _ACTIVITY_ZONE.fullmatch(name)
    if found is None:
        _refuse("what stands beside the clock is no zone")
    if found["offset"]:
        hours, _, minutes = found["offset"][1:].partition(":")
        digits = hours + minutes if len(hours) > 2 else f"{hours:>02}{minutes:0<2}"
        return _zone(f"{found['offset'][0]}{digits}")
    return (0, None) if name in ("UTC", "GMT") else (None, "zone_ambiguous")


def _uncommented(text: str) -> str:
    """Takes nested comments out, from the inside."""
    while "(" in text:
        shorter = _COMMENT.sub(" ", text)
        if shorter == text:
            break
        text = shorter
    return text.strip()


def _plain(text: str) -> str:
    return (text if text.isascii() else text.translate(_INVISIBLE)).strip()


def _year(digits: str) -> int:
    """RFC 5322 4.3: of two digits, 00 to 49 are in this century; three count from 1900."""
    year = int(digits)
    if len(digits) > 3:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


def _month(name: str) -> int:
    number = _MONTHS.get(name[:3].lower())
    if number is None:
        _refuse("the month has no English name")
    return number


def _zone(name: str | None) -> tuple[int | None, str | None]:
    """Minutes east of UTC, and the flag where they are not known."""
    if name is None:
        return None, "zone_assumed"
    if name[0] not in "+-":
        minutes = _ZONES.get(name.upper())
        return minutes, "zone_ambiguous" if minutes is None else None
    digits = name[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes >= 24 * 60 or int(digits[2:]) > 59:
        _refuse("the offset from UTC does not exist")
    if name[0] == "-":
        return (-minutes, None) if minutes else (None, "zone_unknown")
    return minutes, None


def _refuse(detail: str) -> NoReturn:
    raise BadValue(Reason.BAD_TIME, detail)


#: `Sunday May 3,2020 5:45 PM GMT`.
_LONG_ENGLISH = re.compile(
    rf"[a-z]{{3,9}} {_MONTH} (?P<day>\d{{1,2}}), ?(?P<year>\d{{4}}) "
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d) (?P<half>[AP])M (?P<zone>GMT|UTC)",
    re.ASCII | re.IGNORECASE,
)


def long_english(text: str) -> Instant:
    """The moment of a date as iCloud's tables write it. Raises `BadValue(BAD_TIME)`."""
    found = _LONG_ENGLISH.fullmatch(_plain(text))
    if found is None:
        _refuse("the date is not one of week day, month, day and year in English")
    hour = _by_half(int(found["hour"]), found["half"])
    date = (int(found["year"]), _month(found["month"]), int(found["day"]))
    return _civil(text, date, (hour, int(found["minute"]), 0, 0), 0, None)
