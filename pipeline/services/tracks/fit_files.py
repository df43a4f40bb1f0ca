"""What the formats of FIT files share: the kind of a file, its messages, its numbers."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from typing import Any

import fitdecode

from pipeline.values import coordinates

COURSE = 6
#: The errors that the library raises for damaged files, besides its own.
DAMAGE = (
    fitdecode.FitError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    struct.error,
)
#: Positions are in semicircles: 2**31 of them are 180 degrees.
_SEMICIRCLE = 180 / 2**31

_DEFINITION, _MORE = 0x40, 0x20
_KIND = 0


def kind(data: bytes) -> int | None:
    """Return the number of a FIT file's kind (FIT's profile, `file_id`), or None.

    None means that its first bytes do not state it. After the header come a definition (its byte
    order, its message, its fields' numbers and sizes) and the message itself.
    """
    try:
        at = data[0]
        order = ">" if data[at + 2] else "<"
        (message,) = struct.unpack_from(f"{order}H", data, at + 3)
        if data[8:12] != b".FIT" or data[at] & (0x80 | _DEFINITION) != _DEFINITION or message:
            return None
        many = data[at + 5]
        fields = [data[at + 6 + 3 * nth : at + 9 + 3 * nth] for nth in range(many)]
        value = at + 6 + 3 * many + 1
        if data[at] & _MORE:  # the maker's own fields
            value += 1 + 3 * data[value - 1]
        for number, size, _ in fields:
            if number == _KIND:
                return data[value]
            value += size
    except (IndexError, ValueError, struct.error):
        return None
    return None


def messages(data: bytes) -> Iterator[Any]:
    """Yield the data messages of a file. Raises one of `DAMAGE` where it breaks."""
    reader = fitdecode.FitReader(
        io.BytesIO(data),
        check_crc=fitdecode.CrcCheck.RAISE,
        error_handling=fitdecode.ErrorHandling.RAISE,
    )
    with reader:
        yield from (frame for frame in reader if isinstance(frame, fitdecode.FitDataMessage))


def number(message: Any, *names: str) -> float | None:
    """Return the first of some fields that is a finite number."""
    for name in names:
        value = message.get_value(name, fallback=None)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None


def degrees(north: float, east: float) -> tuple[float, float]:
    """Return latitude and longitude of a position in semicircles. Raises `BadValue`."""
    return coordinates.wgs84(north * _SEMICIRCLE, east * _SEMICIRCLE)
