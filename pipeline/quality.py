"""Quality rules and duplicates: what may continue to the costly stages."""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import md5
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pipeline.values import fields, instants
from pipeline.values.record_checks import wrong_type
from schemas.identity import record_key
from schemas.reasons import Reason
from schemas.records import Metric, Point, Record

#: The record types of points and metrics, which have no field for it.
POINT_TYPE = "location"
METRIC_TYPE = "metric"

#: Most letters of the name or the unit of a measured value, by which values are counted.
_MOST_LETTERS = 200


def key_of(outcome: Record | Point | Metric) -> bytes:
    """Return the record key, 16 bytes."""
    if isinstance(outcome, Point):
        return record_key(POINT_TYPE, outcome.identity)
    if isinstance(outcome, Record):
        return record_key(outcome.record_type, outcome.identity)
    return record_key(METRIC_TYPE, (outcome.name, *outcome.identity))


def own_key_of(record: Record) -> bytes:
    """Return a record's own key, for a record whose identity's key belongs to another one."""
    return record_key(record.record_type, record.own_identity or record.identity)


class Repeats:
    """A count of the equal records of one file, for formats in which each is a fact of its own."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, bytes], int] = {}

    def number(self, file: int, key: bytes) -> int:
        """Return 1 for the first record of that key in the file, 2 for the next, and so on."""
        nth = self._seen.get((file, key), 0) + 1
        self._seen[file, key] = nth
        return nth

    def give_back(self, file: int, key: bytes) -> None:
        """Take back the last number of that key: its record was rejected."""
        self._seen[file, key] -= 1


def occurrence_key(key: bytes, nth: int) -> bytes:
    """Return the key of the nth of equal records of one file; the first has the key itself.

    `user_data.occurrence_key` in SQL is the same function.
    """
    if nth == 1:
        return key
    return md5(f"{UUID(bytes=key)}#{nth}".encode(), usedforsecurity=False).digest()


def broken_rule(record: Record | Point | Metric) -> tuple[Reason, str] | None:
    """Return the first quality rule that a record breaks, or None."""
    if not any(record.identity):
        return Reason.MISSING_FIELD, "nothing identifies the record"
    broken = _BROKEN[type(record)](record)
    if broken is None and (name := wrong_type(record)) is not None:
        return Reason.BAD_SHAPE, f"{name} is of another type"
    return broken


def _no_content(record: Record) -> tuple[Reason, str] | None:
    if record.title or record.metadata or record.content or record.blob:
        return None
    if (time := record.time) is not None and time.flag == instants.UNREAD and time.text:
        return None
    return Reason.MISSING_FIELD, "the record holds nothing"


def _no_measure(metric: Metric) -> tuple[Reason, str] | None:
    if fields.finite(metric.value) is None:
        return Reason.BAD_NUMBER, "the value is not a finite number"
    if max(len(metric.name), len(metric.unit)) > _MOST_LETTERS:
        return Reason.BAD_SHAPE, f"its name or unit has over {_MOST_LETTERS} letters"
    return None


def _no_position(point: Point) -> tuple[Reason, str] | None:
    if not (point.latitude or point.longitude):
        return Reason.BAD_PLACE, "0, 0, which stands for no position"
    if not math.isfinite((point.altitude_m or 0.0) + (point.accuracy_m or 0.0)):
        return Reason.BAD_NUMBER, "altitude or accuracy is not a finite number"
    return None


_BROKEN: dict[type, Callable[[Any], tuple[Reason, str] | None]] = {
    Record: _no_content,
    Point: _no_position,
    Metric: _no_measure,
}


def first_of_each(keys: bytes) -> NDArray[np.bool_]:
    """Return which of the 16-byte keys occur for the first time, shape (n,)."""
    each = np.frombuffer(keys, dtype="V16").tolist()
    # By hash, and from the end: a tenth of the time of sorting.
    first = dict(zip(reversed(each), range(len(each) - 1, -1, -1), strict=True))
    mask = np.zeros(len(each), dtype=np.bool_)
    mask[list(first.values())] = True
    return mask
