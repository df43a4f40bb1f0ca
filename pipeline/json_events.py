"""ijson's event stream over input that nobody vouches for.

Two things in ijson 3.6 must not meet such input. Its C backend crashes the process on an integer
of more digits than `int` takes (4,300); here long runs of digits are shortened before it sees
them, which changes values but no structure. And `ijson.items` and `ijson.parse` keep a prefix
that grows with the nesting: 64,000 brackets take them 25 seconds. `basic_parse` does not.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

import ijson

Event: TypeAlias = tuple[str, Any]

#: What reading events raises on broken JSON: `ValueError` on lone surrogates and bytes that are
#: no UTF-8, `ArithmeticError` on exponents that no `Decimal` holds.
BROKEN = (ijson.JSONError, ValueError, ArithmeticError)

_BOM = b"\xef\xbb\xbf"
_LONG_RUN = re.compile(rb"[0-9]{1000,}")
_DEPTHS = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}


def events(source: BinaryIO | bytes, buffer: int = 64 * 1024) -> Iterator[Event]:
    """Events of the JSON text, without a byte order mark before it. Raises what `BROKEN` lists.

    What was read of a buffer in which the syntax breaks is lost, so small ones see more.
    """
    stream: Iterator[Event] = ijson.basic_parse(_Shortened(source), buf_size=buffer)
    return stream


def enter_array(stream: Iterator[Event], path: str) -> bool:
    """Read on until the array at `path` (keys joined by dots; "" is the top) has begun.

    False if there is none. The first key of a name decides, as it does for `JsonItems`.
    """
    keys = path.split(".") if path else []
    depth, matched, here = 0, 0, True
    for event, value in stream:
        if here:
            if event != ("start_map" if matched < len(keys) else "start_array"):
                return False
            if matched == len(keys):
                return True
            here = False
        elif event == "map_key" and depth == matched + 1 and value == keys[matched]:
            here, matched = True, matched + 1
        depth += _DEPTHS.get(event, 0)
        if depth <= matched and not here:
            return False
    return False


def count_items(stream: Iterator[Event]) -> Iterator[None]:
    """One None for each item that begins in the array that `stream` is in."""
    depth = 0
    for event, _ in stream:
        step = _DEPTHS.get(event, 0)
        if depth == 0 and step >= 0:
            yield None
        depth += step
        if depth < 0:
            return


def build_items(stream: Iterator[Event]) -> Iterator[Any]:
    """The whole items of the array that `stream` is in."""
    depth, builder = 0, ijson.ObjectBuilder()
    for event, value in stream:
        depth += _DEPTHS.get(event, 0)
        if depth < 0:
            return
        builder.event(event, value)
        if depth == 0:
            yield builder.value
            builder = ijson.ObjectBuilder()


class _Shortened:
    """A source from behind its byte order mark, with every long run of digits cut to one."""

    def __init__(self, source: BinaryIO | bytes) -> None:
        self._source = io.BytesIO(source) if isinstance(source, bytes) else source
        self._source.seek(0)
        self._source.seek(len(_BOM) if self._source.read(len(_BOM)) == _BOM else 0)

    def read(self, size: int) -> bytes:
        """The next bytes; a buffer of nothing but digits goes by unread."""
        data = self._source.read(size)
        while size and data.isdigit() and len(data) == size:
            data = self._source.read(size)
        return _LONG_RUN.sub(b"1", data)
