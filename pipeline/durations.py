"""Lengths of time as exports write them, in seconds."""

from __future__ import annotations

import re

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
_CLOCK = re.compile(r"(?P<h>\d{1,6}):(?P<m>\d\d):(?P<s>\d\d(?:\.\d+)?)", re.ASCII)
_PLAIN = re.compile(r"(?P<s>\d{1,9}(?:\.\d+)?)", re.ASCII)
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def iso(text: str) -> float:
    """`PT1H30M`, `P2W` (RFC 5545 3.3.6). Raises `BadValue(BAD_NUMBER)`; none is negative."""
    return _total(_ISO.fullmatch(text.strip()))


def spoken(text: str) -> float:
    """`1500s`, `1h 2m 3s`, `0:30:12`, or a number of seconds. Raises `BadValue(BAD_NUMBER)`."""
    plain = text.strip()
    found = _PLAIN.fullmatch(plain) or _CLOCK.fullmatch(plain) or _UNITS.fullmatch(plain)
    return _total(found)


def _total(found: re.Match[str] | None) -> float:
    parts = {k: float(v) for k, v in found.groupdict().items() if v} if found else {}
    if not parts:
        raise BadValue(Reason.BAD_NUMBER, "the duration is not understood")
    return sum(_SECONDS[unit] * value for unit, value in parts.items())
