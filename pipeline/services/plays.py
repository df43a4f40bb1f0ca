"""Plays of music and video: services tell when one ended, the lake when it began."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from pipeline.values.fields import finite, unusable
from schemas.records import Instant

#: A play of over a month is no play.
_LONGEST_MS = 31 * 24 * 3600 * 1000


def played_ms(value: object, name: str, odd: dict[str, Any]) -> int | None:
    """Milliseconds from a number or its digits; what is none goes into `odd`, flagged."""
    found = finite(value)
    if found is None or found % 1 or not 0 <= found <= _LONGEST_MS:
        unusable(value, name, odd)
        return None
    return int(found)


def played(milliseconds: int | None) -> dict[str, float]:
    """`played_s`, where it is known."""
    return {} if milliseconds is None else {"played_s": milliseconds / 1000}


def began(end: Instant, milliseconds: int | None) -> Instant:
    """When it began, which is not written anywhere; `text` is still the end as it is written, and
    so is the moment of a play of unknown length."""
    if end.at is None or milliseconds is None:
        return end
    return msgspec.structs.replace(end, at=end.at - timedelta(milliseconds=milliseconds))
