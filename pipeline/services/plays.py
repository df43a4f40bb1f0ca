"""Plays of music and video: services record the end of a play, the lake its start."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from pipeline.values.fields import finite, unusable
from schemas.records import Instant

#: A play of over a month is not valid.
_LONGEST_MS = 31 * 24 * 3600 * 1000


def played_ms(value: object, name: str, odd: dict[str, Any]) -> int | None:
    """Return milliseconds from a number or its digits; flag an invalid value in `odd`."""
    found = finite(value)
    if found is None or found % 1 or not 0 <= found <= _LONGEST_MS:
        unusable(value, name, odd)
        return None
    return int(found)


def played(milliseconds: int | None) -> dict[str, float]:
    """Return `played_s`, if it is known."""
    return {} if milliseconds is None else {"played_s": milliseconds / 1000}


def began(end: Instant, milliseconds: int | None) -> Instant:
    """Return when a play began, computed from its end and length.

    `text` is the end as written; the moment of a play of unknown length is its end.
    """
    if end.at is None or milliseconds is None:
        return end
    return msgspec.structs.replace(end, at=end.at - timedelta(milliseconds=milliseconds))
