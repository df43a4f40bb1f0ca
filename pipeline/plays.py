"""Plays of music and video: services tell when one ended, the lake when it began."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant

#: A play of over a month is no play.
_LONGEST_MS = 31 * 24 * 3600 * 1000


def played_ms(value: object, name: str) -> int:
    """Milliseconds from a number or its digits. Raises `BadValue(BAD_NUMBER)`."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 12:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _LONGEST_MS:
        raise BadValue(Reason.BAD_NUMBER, f"{name!r} is not a length of time in milliseconds")
    return value


def began(end: Instant, milliseconds: int) -> Instant:
    """When it began, which is not written anywhere; `text` is still the end as it is written."""
    if end.at is None:
        return end
    return msgspec.structs.replace(end, at=end.at - timedelta(milliseconds=milliseconds))
