"""Lengths of time as exports write them, in seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pipeline.values.fields import unusable
from schemas.errors import BadValue
from schemas.reasons import Reason

_ISO = re.compile(
    r"[+]?P(?:(?P<w>\d{1,6})W)?(?:(?P<d>\d{1,6})D)?"
    r"(?:T(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,6})M)?(?:(?P<s>\d{1,9}(?:\.\d+)?)S)?)?",
    re.IGNORECASE | re.ASCII,
)
_UNITS = re.compile(
    r"(?:(?P<h>\d{1,6})\s*h)?\s*(?:(?P<m>\d{1,6})\s*m(?:in)?)?\s*(?:(?P<s>\d{1,9}(?:\.\d+)?)\s*s)?",
    re.IGNORECASE | re.ASCII,
)
_CLOCK = re.compile(r"(?P<h>\d{1,6}):(?P<m>[0-5]\d):(?P<s>[0-5]\d(?:\.\d+)?)", re.ASCII)
_PLAIN = re.compile(r"(?P<s>\d{1,9}(?:\.\d+)?)", re.ASCII)
#: In seconds: 300 years, so that the end of a duration stays within what a time can hold.
_LONGEST = 1e10
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def iso(text: str) -> float:
    """Return the seconds of `PT1H30M`, `P2W` (RFC 5545 3.3.6).

    Raises `BadValue(BAD_NUMBER)`, for negative durations too.
    """
    return _total(_ISO.fullmatch(text.strip()))


def clock(text: str) -> float:
    """Return the seconds of `01:02:03`. Raises `BadValue(BAD_NUMBER)`."""
    return _total(_CLOCK.fullmatch(text.strip()))


def spoken(text: str) -> float:
    """Return the seconds of `1500s`, `1h 2m 3s`, `0:30:12`, or a plain number of seconds.

    Raises `BadValue(BAD_NUMBER)`.
    """
    plain = text.strip()
    found = _PLAIN.fullmatch(plain) or _CLOCK.fullmatch(plain) or _UNITS.fullmatch(plain)
    return _total(found)


def or_noted(
    read: Callable[[str], float], written: str | None, name: str, odd: dict[str, Any]
) -> float | None:
    """Return the length from `read` for a record, or None where `read` refuses it.

    A refused length goes into `odd` as `written`, flagged.
    """
    try:
        return read(written) if written else None
    except BadValue:
        unusable(written, name, odd)
        return None


def _total(found: re.Match[str] | None) -> float:
    parts = {k: float(v) for k, v in found.groupdict().items() if v} if found else {}
    if not parts:
        raise BadValue(Reason.BAD_NUMBER, "the duration is in no known form")
    total = sum(_SECONDS[unit] * value for unit, value in parts.items())
    if total > _LONGEST:
        raise BadValue(Reason.BAD_NUMBER, "the duration is longer than 300 years")
    return total
