"""ijson's event stream over input that nobody vouches for.

Two things in ijson 3.6 must not meet such input. Its C backend crashes the process on an integer
of more digits than `int` takes (4,300); here long runs of digits are shortened before it sees
them, which changes values but no structure. And `ijson.items` and `ijson.parse` keep a prefix
that grows with the nesting: 64,000 brackets take them 25 seconds. `basic_parse` does not.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias, cast

import ijson

Event: TypeAlias = tuple[str, Any]

#: What reading events raises on broken JSON: `ValueError` on lone surrogates and bytes that are
#: no UTF-8, `ArithmeticError` on exponents that no `Decimal` holds.
BROKEN = (ijson.JSONError, ValueError, ArithmeticError)

_BOM = b"\xef\xbb\xbf"
_LONG_RUN = re.compile(rb"[0-9]{1000,}")
_DEPTHS = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}


def events(
    source: BinaryIO | bytes, buffer: int = 64 * 1024, *, several: bool = False
) -> Iterator[Event]:
    """Events of the JSON text, without a byte order mark before it. Raises what `BROKEN` lists.

    What was read of a buffer in which the syntax breaks is lost, so small ones see more.
    """
    stream: Iterator[Event] = ijson.basic_parse(
        _Shortened(source), buf_size=buffer, multiple_values=several
    )
    return stream


def count(
    source: BinaryIO,
    things: Callable[[Iterator[Event]], Iterable[Any]],
    *,
    several: bool = False,
) -> int:
    """How many `things` yields of the events of a text, up to the first flaw in it.

    `several`: the text is of several values, with white space or the sign of RFC 7464 between.
    What programs write that is plain and no JSON (`pipeline.readers.json_decode`) is no flaw.
    """
    found = 0
    for text in (source, cast("BinaryIO", _Loose(source))):
        seen = 0
        try:
            for _ in things(events(text, several=several)):
                seen += 1
        except BROKEN:
            found = max(found, seen)
        else:
            return seen
    return found


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


#: The inside of a string, as far as it goes; outside of one, what JSON lacks and what may be the
#: first part of it.
_INSIDE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_CONSTANT = re.compile(rb"-?Infinity|NaN")
_LAST_COMMA = re.compile(rb",(?=[ \t\n\r]*[\]}])")
#: What may go on behind these bytes: a comma whose next sign comes later, or part of a constant.
#: It is short, so that a source without anything else is not read anew with each piece of it.
_UNFINISHED = re.compile(rb"(?:,[ \t\n\r]*+|[-A-Za-z]{1,9})\Z")
_BLANKS = re.compile(rb"[ \t\n\r]+")
_NO_CONTROLS = bytes(byte if byte >= 32 else 32 for byte in range(256))


def loosened(data: bytes) -> bytes:
    """A text that is whole, or breaks off, with what JSON has for what it lacks (`count`)."""
    return _Loose(io.BytesIO(data)).read(len(data) + 1)


class _Loose:
    """A source in which NaN, control characters in strings, and commas behind the last of several
    are read as what JSON has."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._inside = False
        self._left = b""

    def seek(self, at: int) -> None:
        """From the start on, or behind a mark."""
        self._source.seek(at)
        self._inside, self._left = False, b""

    def read(self, size: int) -> bytes:
        """The next bytes, about as many as are asked for; none at the end alone."""
        while True:
            data = self._source.read(size)
            made = self._made(self._left + data, last=len(data) < size)
            if made or not data:
                return made

    def _made(self, data: bytes, *, last: bool) -> bytes:
        parts: list[bytes] = []
        at, self._left = 0, b""
        while at < len(data):
            at, part = self._string(data, at) if self._inside else self._plain(data, at, last=last)
            parts.append(part)
        return b"".join(parts)

    def _string(self, data: bytes, at: int) -> tuple[int, bytes]:
        found = _INSIDE.match(data, at)
        end = found.end() if found else at
        self._inside = data[end : end + 1] != b'"'
        if self._inside:
            self._left = data[end:]  # a backslash whose fellow comes later, or nothing
            return len(data), data[at:end].translate(_NO_CONTROLS)
        return end + 1, data[at:end].translate(_NO_CONTROLS) + b'"'

    def _plain(self, data: bytes, at: int, *, last: bool) -> tuple[int, bytes]:
        quote = data.find(b'"', at)
        end = quote if quote >= 0 else len(data)
        if quote < 0 and not last and (rest := _UNFINISHED.search(data, at)):
            end, self._left = rest.start(), _BLANKS.sub(b" ", rest[0])
        text = _LAST_COMMA.sub(b"", _CONSTANT.sub(b"null", data[at:end]))
        if quote < 0:
            return len(data), text
        self._inside = True
        return quote + 1, text + b'"'


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
        return _LONG_RUN.sub(b"1", data).replace(b"\x1e", b" ")
