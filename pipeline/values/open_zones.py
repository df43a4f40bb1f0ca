"""Times whose text leaves the zone open, and the zone that replaces the assumed one.

Such a time stays as it is written until all of a record is known: only then `resolve` reads it in
the zone of its place or its owner (`in_usual_zone`). `utc_text`, which writes times into metadata,
does the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

import msgspec

from pipeline.values import spelled_dates
from pipeline.values.google_dates import LONGEST
from pipeline.values.instants import FIRST_YEAR, LAST_YEAR, MINUTE, NO_TIME, UNREAD
from schemas.records import Instant, ZoneSource

#: More than any clock was ever put forward at once for summer.
_BEFORE_CHANGE = timedelta(hours=3)
_DAY_IN_DOUBT = frozenset({"day_first_assumed", "day_month_ambiguous"})
#: Flags of texts that may name a zone by an abbreviation; those without one are in UTC.
_SPELT = frozenset({"zone_ambiguous", "day_first_assumed"})

_USUAL: ContextVar[tuple[tzinfo, ZoneSource] | None] = ContextVar("usual zone", default=None)


def in_zone(written: Instant, zone: tzinfo, source: ZoneSource = ZoneSource.EXPLICIT) -> Instant:
    """Return a clock time that names no zone as the clock of `zone`, which `source` named.

    A time with its own zone is returned unchanged.
    """
    if written.at is None or written.flag != "zone_assumed":
        return written
    named = None if source is ZoneSource.EXPLICIT else source
    local = written.at.replace(tzinfo=zone)
    east, flag = (NO_TIME, None) if zone is UTC else _by_clock(local)
    at, offset = written.at - east, east // MINUTE
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        return Instant(None, written.text, offset, "out_of_range", named)
    return Instant(at, written.text, offset, flag, named)


def _by_clock(local: datetime) -> tuple[timedelta, str | None]:
    """Return a clock's distance from UTC, and whether it showed this time never or twice."""
    east = local.utcoffset() or NO_TIME
    shown = (local.replace(tzinfo=UTC) - east).astimezone(local.tzinfo)
    if shown.replace(tzinfo=None) != local.replace(tzinfo=None):
        # Zones disagree on a time that no clock showed; they agree on one before it.
        return (local - _BEFORE_CHANGE).utcoffset() or NO_TIME, "clock_skipped"
    return east, "clock_twice" if local.replace(fold=1).utcoffset() != east else None


@contextmanager
def in_usual_zone(zone: tzinfo, source: ZoneSource) -> Iterator[None]:
    """Let `resolve` read clocks that name no zone in `zone`, which `source` named."""
    before = _USUAL.set((zone, source))
    try:
        yield
    finally:
        _USUAL.reset(before)


def resolve(moment: Instant) -> Instant:
    """Return the moment by the usual zone, if there is one and the text leaves its zone open.

    A text with an abbreviation belongs to that zone only if its clocks have that name. A doubt
    about the order of day and month stays flagged.
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


def leaves_zone_open(moment: Instant) -> bool:
    """Tell whether the zone of its place or its owner may replace the assumed UTC."""
    if moment.at is None or moment.flag is None:
        return False
    if moment.flag == "zone_assumed":
        return moment.zone is None
    return moment.flag == "zone_ambiguous" or (
        moment.flag in _DAY_IN_DOUBT and moment.zone is ZoneSource.ASSUMED
    )


def _is_called(zone: tzinfo, text: str) -> bool:
    """Tell whether the abbreviation in a text of My Activity is one of the zone's."""
    word = spelled_dates.zone_of(text) if len(text) <= LONGEST else None
    return word is not None and word in _abbreviations(zone)


@lru_cache(maxsize=32)
def _abbreviations(zone: tzinfo) -> frozenset[str]:
    """Return the short names of a zone's standard and summer time in each common language."""
    from babel.dates import get_timezone_name  # noqa: PLC0415 - costs a fifth of a second

    return frozenset(
        get_timezone_name(zone, width="short", locale=language, zone_variant=variant)
        for language in spelled_dates.COMMON
        for variant in ("standard", "daylight", "generic")
    )


def utc_text(moment: Instant) -> str | None:
    """Return the moment in RFC 3339, for `ended_at` and its like.

    A time that can't be read is returned as it is written; None where there is nothing, or no
    moment.
    """
    if moment.flag == UNREAD:
        return moment.text or None
    at = resolve(moment).at
    return None if at is None else at.isoformat().replace("+00:00", "Z")
