"""Fields of one item with the type that a record promises; errors name the field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.vocabulary import KEYS


def text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there. Raises `BadValue` with MISSING_FIELD or BAD_SHAPE."""
    value = fields.get(name)
    if isinstance(value, str):
        return value
    if value is None:
        raise BadValue(Reason.MISSING_FIELD, f"no field {name!r}")
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is not a text")


def optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a text, or None where it is missing or null. Raises `BadValue(BAD_SHAPE)`."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is not a text")


def as_written(fields: Mapping[str, Any], name: str) -> str:
    """Return the text of a field that holds a time; empty where it is missing or null.

    For identities, which hold times as they are written. No record is lost for its time, so any
    value is accepted.
    """
    value = fields.get(name)
    return "" if value is None else str(value)


def optional_flag(fields: Mapping[str, Any], name: str) -> bool | None:
    """Return true or false, or None where it is missing or null. Raises `BadValue(BAD_SHAPE)`."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is neither true nor false")


#: Flag: the value in the place of a number is not a usable number; its text stays.
UNUSABLE = "number_unusable"

#: No count or measurement comes near it, and no factor of a unit makes it infinite.
_MOST = 1e100
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,6})?", re.ASCII | re.IGNORECASE)
_COMMA = re.compile(r"([+-]?\d+),(\d+)", re.ASCII)
_LONGEST_NUMBER = 400
#: The decimal point of Arabic, the minus of typography, and full-width forms.
_SIGNS = {"\u066b": ".", "\u2212": "-", "\uff0b": "+", "\uff0c": ",", "\uff0d": "-", "\uff0e": "."}


def _spelled(value: Any, *, comma: bool = False) -> str | None:
    """Return a number as ASCII spells it, from a number or its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int) and value.bit_length() >= _LONGEST_NUMBER:
        return None
    plain = str(value).strip()
    if len(plain) > _LONGEST_NUMBER:
        return None
    plain = in_ascii(plain)
    if comma and (found := _COMMA.fullmatch(plain)):
        plain = f"{found[1]}.{found[2]}"
    return plain if _NUMBER.fullmatch(plain) else None


def in_ascii(text: str) -> str:
    """Return a number's text with digits of any script, and its signs, in ASCII."""
    return text if text.isascii() else "".join(map(_of_ascii, text))


def _of_ascii(sign: str) -> str:
    digit = unicodedata.decimal(sign, None)
    return _SIGNS.get(sign, sign) if digit is None else str(digit)


def finite(value: Any, *, comma: bool = False) -> float | None:
    """Return the number that a value is, or that its text spells; None for anything else.

    Python's `float` accepts more without notice, so this decides. Digits of any script count, and
    an Arabic decimal point. NaN, infinity, numbers beyond 10 to the 100th, true and false,
    underscores, and groups of digits, which differ by locale, are refused. With `comma` a comma is
    the decimal point, for writers that are known to make no groups.
    """
    kind = type(value)
    if kind is float:
        found = value
    elif (kind is int and value.bit_length() < _LONGEST_NUMBER) or (
        kind is str and len(value) <= _LONGEST_NUMBER and _NUMBER.fullmatch(value)
    ):
        found = float(value)
    else:
        spelled = _spelled(value, comma=comma)
        if spelled is None:
            return None
        found = float(spelled)
    return found if -_MOST < found < _MOST else None


def exact(value: Any, *, comma: bool = False) -> Decimal | None:
    """Return the number as `finite` does, exact to the last digit: for money."""
    spelled = None if finite(value, comma=comma) is None else _spelled(value, comma=comma)
    return None if spelled is None else Decimal(spelled)


def number(written: Any, name: str, *, comma: bool = False) -> float | None:
    """Return a number as `finite` does; None for a missing one. Raises `BadValue(BAD_NUMBER)`.

    For records that are useless without it: a coordinate, a measured value. Others use `measure`.
    """
    if written is None or written == "":
        return None
    found = finite(written, comma=comma)
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, f"{name!r} is not a finite number")
    return found


def measure(written: Any, name: str, odd: dict[str, Any], *, comma: bool = False) -> float | None:
    """Return a number as `number` does, for a record that can do without it.

    A value that is not a number goes into `odd`, flagged.
    """
    if written is None:
        return None  # most fields of most points
    found = finite(written, comma=comma)
    if found is None:
        unusable(written, name, odd)
    return found


def whole(written: Any, name: str, odd: dict[str, Any]) -> int | None:
    """Return a count as `measure` does; a fraction or a negative number is not a count."""
    found = finite(written)
    if found is None or found < 0 or found % 1:
        unusable(written, name, odd)
        return None
    return int(found)


def unusable(written: Any, name: str, odd: dict[str, Any], flag: str = UNUSABLE) -> None:
    """Note in `odd` a value that is not the number it should be, with a flag.

    A missing or empty value is ignored.
    """
    if written is None or written == "":
        return
    odd[f"exported_{name}" if name in KEYS else name] = written
    odd["flags"] = sorted({*odd.get("flags", ()), flag})


def joined(metadata: dict[str, Any], odd: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's metadata with what `measure` noted, and the flags of both."""
    if not odd:
        return metadata
    flags = sorted({*(metadata.get("flags") or ()), *odd.get("flags", ())})
    return {**metadata, **odd, "flags": flags}


def non_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that hold something: not None, not empty, not False."""
    return {n: v for n, v in values.items() if v or (v == 0 and v is not False)}


class StableNames(dict[str, str]):
    """The lake's names of an export's fields: the given ones, and `camelCase` as `snake_case`.

    Remembers names up to a bound, since every record of a file has the same.
    """

    def __missing__(self, name: str) -> str:
        snake = _HUMP.sub(r"_\g<0>", name).lower()
        if len(self) < _REMEMBERED:
            self[name] = snake
        return snake


_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_REMEMBERED = 1_000
