"""Instants as microseconds since 1970, the form in a spool."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return the microseconds since 1970 of an instant."""
    return (at - _EPOCH) // _MICROSECOND


def instants(us: NDArray[np.int64]) -> list[datetime]:
    """Return the instants of a column of microseconds."""
    return [_EPOCH + timedelta(microseconds=int(n)) for n in us]
