"""Fields of one item with the type that a record promises; any other is a complaint, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.errors import BadValue
from schemas.reasons import Reason


def text(fields: Mapping[str, Any], name: str) -> str:
    """A text that must be there. Raises `BadValue` with MISSING_FIELD or BAD_SHAPE."""
    value = fields.get(name)
    if isinstance(value, str):
        return value
    if value is None:
        raise BadValue(Reason.MISSING_FIELD, f"no field {name!r}")
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is not a text")


def optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    """A text, or None where it is missing or null. Raises `BadValue(BAD_SHAPE)`."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is not a text")


def as_written(fields: Mapping[str, Any], name: str) -> str:
    """The text of a field that holds a time; empty where it is missing or null.

    For identities, which hold times as they are written. No record is lost for its time, so
    whatever stands there is taken.
    """
    value = fields.get(name)
    return "" if value is None else str(value)


def optional_flag(fields: Mapping[str, Any], name: str) -> bool | None:
    """True or false, or None where it is missing or null. Raises `BadValue(BAD_SHAPE)`."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is neither true nor false")


def optional_number(fields: Mapping[str, Any], name: str) -> float | None:
    """A finite number, or None where it is missing or null. Raises `BadValue(BAD_SHAPE)`.

    Numbers that readers kept as text, for being too long, are none.
    """
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is int or type(value) is float:
        return float(value)
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is not a number")


class StableNames(dict[str, str]):
    """An export's field names to ours: those given, and `camelCase` as `snake_case`.

    Remembers what it was asked, up to a bound, since every record of a file asks the same.
    """

    def __missing__(self, name: str) -> str:
        ours = _HUMP.sub(r"_\g<0>", name).lower()
        if len(self) < _REMEMBERED:
            self[name] = ours
        return ours


_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_REMEMBERED = 1_000
