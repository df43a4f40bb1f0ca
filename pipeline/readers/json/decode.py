"""JSON values from their bytes: exact, or with the reason of their rejection.

orjson is fast and strict, but turns integers over 64 bits into floats and refuses lone surrogates.
Values with either go to the standard library's decoder; `pipeline.text.cleaning` repairs the
surrogates later. So do values with common deviations from JSON: NaN, Infinity and numbers that no
float holds (they become null), control characters within strings, and a comma after the last
member. Such an item has a flag.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson

from pipeline.readers.json.scan import PREFIX, SPACE, Batch, Oversized, nesting
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import NOTHING, RawRecord, Rejection

#: Flags of a value with unusable numbers, and of one that deviates from JSON.
UNUSABLE, MENDED = "number_unusable", "json_mended"

#: Deeper than any known export, and within what every encoder and Postgres can write again.
MAX_DEPTH = 200

#: How many bytes of a broken item in memory are shown.
RAW_BYTES = 1024 * 1024

#: The integers that orjson keeps exact.
_LEAST, _MOST = -(2**63), 2**64 - 1

_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else 0 for byte in range(256))
_RUN = b"0" * 19
_MINUS = ord("-")
_MOST_ABOVE, _MOST_BELOW = str(_MOST).encode(), str(-_LEAST).encode()
_BEFORE_A_NUMBER = b"\0 \t\n\r,:["
_FRACTION = (b".", b"e", b"E")


def one_by_one(batch: Batch, item_bytes: int, *, cut_off: bool) -> Iterator[RawRecord | Rejection]:
    """Yield the regions of a batch one by one, without those of white space alone.

    With `cut_off` the source breaks off after the batch, so that a broken item is TRUNCATED.
    """
    starts, ends = batch.bounds()
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start > item_bytes:
            prefix = batch.data[start : min(end, start + PREFIX)]
            yield too_large(Oversized(batch.start + start, prefix, batch.start + end))
            continue
        region = batch.data[start:end].rstrip(SPACE)
        item = region.lstrip(SPACE)
        if item:
            yield outcome(item, batch.start + start + len(region) - len(item), cut_off=cut_off)


def outcome(item: bytes, offset: int, *, cut_off: bool) -> RawRecord | Rejection:
    """Return one item as its value, or its rejection."""
    try:
        value, flags = mended(item)
        return RawRecord(value, offset, len(item), NOTHING, flags)
    except BadValue as bad:
        reason, detail = bad.reason, bad.detail
    if cut_off and reason in (Reason.BAD_SYNTAX, Reason.BAD_ENCODING):
        reason, detail = Reason.TRUNCATED, "the file ends within an item"
    return rejection(reason, detail, item, offset)


def rejection(reason: Reason, detail: str, item: bytes, offset: int) -> Rejection:
    """Return the rejection of an item whose bytes are in memory."""
    raw = item[:RAW_BYTES]
    return Rejection(reason=reason, detail=detail, raw=raw, offset=offset, length=len(item))


def too_large(item: Oversized) -> Rejection:
    """Return the rejection of an item of which only the first bytes are shown."""
    raw = item.prefix.lstrip(SPACE)
    offset = item.start + len(item.prefix) - len(raw)
    length = item.end - offset
    detail = f"an item of {length} bytes"
    return Rejection(
        reason=Reason.ITEM_TOO_LARGE, detail=detail, raw=raw, offset=offset, length=length
    )


def decode(item: bytes) -> Any:
    """Return the value of one item; integers over 64 bits become their text.

    Raises `BadValue` with TOO_DEEP, BAD_ENCODING or BAD_SYNTAX.
    """
    return mended(item)[0]


def mended(item: bytes) -> tuple[Any, tuple[str, ...]]:
    """Return the value as `decode`, with flags: `number_unusable` and `json_mended`."""
    if too_deep(item):
        raise BadValue(Reason.TOO_DEEP, f"the value is nested deeper than {MAX_DEPTH} levels")
    if not has_long_integer(item):
        try:
            return orjson.loads(item), ()
        except orjson.JSONDecodeError:
            pass
    return _patiently(item)


def too_deep(item: bytes) -> bool:
    """Return whether brackets are nested beyond `MAX_DEPTH`."""
    return item.count(b"[") + item.count(b"{") > MAX_DEPTH and nesting(item) > MAX_DEPTH


def has_long_integer(data: bytes) -> bool:
    """Return whether an integer outside strings may be over 64 bits; odd strings may deceive it."""
    digits = data.translate(_DIGITS)
    at = digits.find(_RUN)
    while at >= 0:
        end = digits.find(0, at + len(_RUN))
        end = end if end >= 0 else len(data)
        if _is_long(data, at, end):
            return True
        at = digits.find(_RUN, end)
    return False


def _is_long(data: bytes, start: int, end: int) -> bool:
    before = data[start - 1] if start else 0
    if before == _MINUS:
        fits = end - start == 19 and data[start:end] <= _MOST_BELOW
        before = data[start - 2] if start > 1 else 0
    else:
        fits = end - start == 19 or (end - start == 20 and data[start:end] <= _MOST_ABOVE)
    # After anything else the digits are in a string or after a decimal point.
    return not fits and before in _BEFORE_A_NUMBER and data[end : end + 1] not in _FRACTION


def _patiently(item: bytes) -> tuple[Any, tuple[str, ...]]:
    try:
        text = item.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} of the item is not UTF-8"
        raise BadValue(Reason.BAD_ENCODING, detail) from None
    numbers = _Numbers()
    try:
        try:
            return json.loads(text, **numbers.hooks), numbers.flags
        except json.JSONDecodeError as error:
            loosely = _COMMA.sub(_without_comma, text)
            try:
                return json.loads(loosely, strict=False, **numbers.hooks), (*numbers.flags, MENDED)
            except json.JSONDecodeError:
                # Its message names what was expected, never what was found.
                detail = f"{error.msg} at character {error.pos}"
                raise BadValue(Reason.BAD_SYNTAX, detail) from None
    except RecursionError:
        raise BadValue(Reason.TOO_DEEP, "the value is nested too deep") from None


#: A string, which stays unchanged; or a comma with only the closing bracket after it. An unclosed
#: string extends to the end at once, or each quote in it would be tried again.
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+(?:"|\\?\Z))|,(?=[ \t\n\r]*[\]}])', re.DOTALL)


def _without_comma(found: re.Match[str]) -> str:
    return found[1] or ""


class _Numbers:
    """The decoder's numbers, and whether one could not be kept: it becomes null."""

    def __init__(self) -> None:
        self.flags: tuple[str, ...] = ()
        self.hooks: dict[str, Any] = {
            "parse_int": _integer, "parse_float": self._float, "parse_constant": self._constant
        }  # fmt: skip

    def _float(self, text: str) -> float | None:
        value = float(text)
        return value if math.isfinite(value) else self._constant(text)

    def _constant(self, _text: str) -> float | None:
        self.flags = (UNUSABLE,)
        return None


def _integer(text: str) -> int | str:
    if len(text) > 20:
        return text
    value = int(text)
    return value if _LEAST <= value <= _MOST else text
