"""ijson's event stream over untrusted input.

Such input must avoid two faults of ijson 3.6. Its C backend crashes the process on an integer of
more digits than `int` takes (4,300); here long runs of digits are shortened before, which changes
values but not the structure. And `ijson.items` and `ijson.parse` keep a prefix that grows with the
nesting: 64,000 brackets take them 25 seconds. `basic_parse` does not.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias, cast

import ijson

Event: TypeAlias = tuple[str, Any]

BUFFER = 64 * 1024

#: The errors of reading events of broken JSON: `ValueError` for lone surrogates and bytes that are
#: not UTF-8, `ArithmeticError` for exponents that no `Decimal` holds.
BROKEN = (ijson.JSONError, ValueError, ArithmeticError)

_BOM = b"\xef\xbb\xbf"
_LONG_RUN = re.compile(rb"[0-9]{1000,}")
_DEPTHS = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}


def events(
    source: BinaryIO | bytes, buffer: int = BUFFER, *, several: bool = False
) -> Iterator[Event]:
    """Return events of the JSON text, without a byte order mark. Raises the errors in `BROKEN`.

    The events of a buffer in which the syntax breaks are lost, so small buffers yield more.
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
    buffer: int = BUFFER,
) -> int:
    """Return the number of `things` in the events of a text, up to the first fault in it.

    `several`: the text has several values, with white space or the sign of RFC 7464 between. Common
    deviations from JSON (`pipeline.readers.json.decode`), and texts and numbers that ijson cannot
    hold, are not faults, and neither is a place without an item (`1,,2`), which `JsonItems` skips.
    """
    found = 0
    for text in (source, cast("BinaryIO", _Loose(source))):
        seen = 0
        try:
            for _ in things(events(text, buffer, several=several)):
                seen += 1
        except BROKEN:
            found = max(found, seen)
        else:
            return seen
    return found


def enter_array(stream: Iterator[Event], path: str) -> bool:
    """Read on until the array at `path` (keys joined by dots; "" is the top) has begun.

    Return False if there is none. The first key of a name decides, as it does for `JsonItems`.
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
    """Yield None for each item that begins in the array that `stream` is in."""
    depth = 0
    for event, _ in stream:
        step = _DEPTHS.get(event, 0)
        if depth == 0 and step >= 0:
            yield None
        depth += step
        if depth < 0:
            return


def build_items(stream: Iterator[Event]) -> Iterator[Any]:
    """Yield the whole items of the array that `stream` is in."""
    depth, builder = 0, ijson.ObjectBuilder()
    for event, value in stream:
        depth += _DEPTHS.get(event, 0)
        if depth < 0:
            return
        builder.event(event, value)
        if depth == 0:
            yield builder.value
            builder = ijson.ObjectBuilder()


#: The inside of a string, as far as it goes, and outside of one what JSON lacks.
_INSIDE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_CONSTANT = re.compile(rb"-?Infinity|NaN")
#: A comma with nothing before it, or nothing after it.
_IDLE_COMMA = re.compile(rb"(?<=\[)[ \t\n\r]*+(?:,[ \t\n\r]*+)++|,(?=[ \t\n\r]*+[\]},])")
#: An exponent, which is left out of the number: no `Decimal` holds a large one.
_EXPONENT = re.compile(rb"(?<=[0-9])[eE][-+]?[0-9]++")
#: Half of a surrogate pair, which no text holds alone; or another escape, which stays.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL)
#: Bytes that may continue in the next piece: an escape; part of a constant or of a number. They are
#: short, so that a source without anything else is not read again with each piece of it.
_ESCAPE_CUT = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_WORD_CUT = re.compile(rb"(?:[-A-Za-z]{1,9}|[0-9](?:[eE][-+]?)?)\Z")
_EXPONENT_CUT = re.compile(rb"([0-9][eE])[-+]?[0-9]++\Z")
_FILLER = b" \t\n\r,"
_NO_CONTROLS = bytes(byte if byte >= 32 else 32 for byte in range(256))


def loosened(data: bytes) -> bytes:
    """Return a whole or truncated text with JSON in place of deviations (`count`)."""
    return _Loose(io.BytesIO(data)).read(len(data) + 1)


class _Loose:
    """A source with JSON in place of common deviations.

    They are NaN, control characters and halves of surrogate pairs in strings, large exponents, and
    places without an item.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._inside = False
        self._left = b""

    def seek(self, at: int) -> None:
        """Seek to the start, or after a mark."""
        self._source.seek(at)
        self._inside, self._left = False, b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, about as many as requested; none only at the end."""
        while True:
            data = self._source.read(size)
            loosened_data = self._loosened(self._left + data, last=len(data) < size)
            if loosened_data or not data:
                return loosened_data

    def _loosened(self, data: bytes, *, last: bool) -> bytes:
        parts: list[bytes] = []
        at, self._left = 0, b""
        while at < len(data):
            read = self._string if self._inside else self._plain
            at, part = read(data, at, last=last)
            parts.append(part)
        return b"".join(parts)

    def _string(self, data: bytes, at: int, *, last: bool) -> tuple[int, bytes]:
        found = _INSIDE.match(data, at)
        end = found.end() if found else at
        if data[end : end + 1] == b'"':
            self._inside = False
            return end + 1, _whole_text(data[at:end]) + b'"'
        end = len(data) if last else _before_cut_escape(data, at)
        self._left = data[end:]
        return len(data), _whole_text(data[at:end])

    def _plain(self, data: bytes, at: int, *, last: bool) -> tuple[int, bytes]:
        quote = data.find(b'"', at)
        if quote >= 0:
            self._inside = True
            return quote + 1, _full_places(data[at:quote]) + b'"'
        text = data[at:]
        if not last:
            text, self._left = _parted(text)
        return len(data), _full_places(text)


def _before_cut_escape(data: bytes, at: int) -> int:
    """Return where an escape begins that continues after the data, or their end."""
    cut = _ESCAPE_CUT.search(data, max(at, len(data) - 5))
    if cut is None:
        return len(data)
    before = data[at : cut.start()]
    signs = len(before) - len(before.rstrip(b"\\"))
    return len(data) if signs % 2 else cut.start()


def _whole_text(inside: bytes) -> bytes:
    plain = inside.translate(_NO_CONTROLS)
    return _SURROGATE.sub(_no_surrogate, plain) if b"\\u" in plain else plain


def _no_surrogate(found: re.Match[bytes]) -> bytes:
    return b" " if len(found[0]) > 2 else found[0]


def _full_places(text: bytes) -> bytes:
    return _IDLE_COMMA.sub(b"", _EXPONENT.sub(b"", _CONSTANT.sub(b"null", text)))


def _parted(text: bytes) -> tuple[bytes, bytes]:
    """Return a text, and the bytes that may continue after it, without their filler."""
    body = text.rstrip(_FILLER)
    if body.endswith(b"["):
        return body[:-1], b"["
    if b"," in text[len(body) :]:
        return body, b","
    if len(body) < len(text):
        return text, b""
    if cut := _EXPONENT_CUT.search(text):
        return text[: cut.start()], cut[1] + b"1"
    if cut := _WORD_CUT.search(text, max(0, len(text) - 10)):
        return text[: cut.start()], cut[0]
    return text, b""


class _Shortened:
    """A source after its byte order mark, with every long run of digits cut to one."""

    def __init__(self, source: BinaryIO | bytes) -> None:
        self._source = io.BytesIO(source) if isinstance(source, bytes) else source
        self._source.seek(0)
        self._source.seek(len(_BOM) if self._source.read(len(_BOM)) == _BOM else 0)

    def read(self, size: int) -> bytes:
        """Return the next bytes; a buffer of digits only is skipped."""
        data = self._source.read(size)
        while size and data.isdigit() and len(data) == size:
            data = self._source.read(size)
        return _LONG_RUN.sub(b"1", data).replace(b"\x1e", b" ")
