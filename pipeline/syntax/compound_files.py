"""Compound files ([MS-CFB]): a file system in a file, as Outlook and older office programs write.

A table chains the sectors; small streams share one stream of their own. All streams together may
hold at most twice the file's size. This bounds work and memory by the size of the file, not by its
tables.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")
_HEADER = struct.Struct("<30xHH10xII4xIIIII")
_ENTRY = struct.Struct("<64sHBxIII36xIQ")
_LAST, _NONE = 0xFFFFFFFA, 0xFFFFFFFF
_STORAGE, _STREAM = 1, 2
#: Smaller streams are in the shared stream, in pieces of the second size.
_SMALL, _PIECE = 4096, 64
#: The maximum nesting of storages.
_DEPTH = 50


class Damaged(Exception):
    """The file is not a compound file, or its tables lead nowhere."""


class Storage(msgspec.Struct):
    """A folder of the file: its streams and the storages in it, by name."""

    streams: dict[str, bytes] = {}
    storages: dict[str, Storage] = {}


class _Entry(msgspec.Struct, frozen=True):
    """A line of the directory; the three numbers are those of other lines."""

    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


def opened(data: bytes) -> Storage:
    """Return the root of the file with all its contents. Raises `Damaged`."""
    try:
        return _File(data).root()
    except (struct.error, IndexError, UnicodeDecodeError):
        raise Damaged from None


class _File:
    def __init__(self, data: bytes) -> None:
        if not data.startswith(SIGNATURE):
            raise Damaged
        self._shift, mini, fats, directory, cutoff, small, _, more, _ = _HEADER.unpack_from(data)
        if self._shift not in (9, 12) or mini != 6 or cutoff != _SMALL:
            raise Damaged
        # The bytes of small streams count once more, with the stream that they share.
        self._data, self._left = data, 2 * len(data)
        self._table = self._fat(fats, more)
        self._entries = [
            _entry(part) for part in _parts(b"".join(self._chain(directory)), _ENTRY.size)
        ]
        root = self._entries[0]
        self._small = _numbers(b"".join(self._chain(small)))
        self._shared = b"".join(self._chain(root.start))

    def root(self) -> Storage:
        """Return the tree, walked without recursion; each line of the directory is used once."""
        root = Storage(streams={}, storages={})
        seen = {0}
        waiting = [(self._entries[0].child, root, 0)]
        while waiting:
            number, folder, depth = waiting.pop()
            if number == _NONE or number in seen:
                continue
            seen.add(number)
            entry = self._entries[number]
            waiting += [(entry.left, folder, depth), (entry.right, folder, depth)]
            if entry.kind == _STREAM:
                folder.streams[entry.name] = self._stream(entry)
            elif entry.kind == _STORAGE and depth < _DEPTH:
                inner = folder.storages[entry.name] = Storage(streams={}, storages={})
                waiting.append((entry.child, inner, depth + 1))
        return root

    def _fat(self, count: int, more: int) -> list[int]:
        """Return the table of chains, whose first sectors the header names."""
        places = _numbers(self._data[76:512])
        width = (1 << self._shift) // 4
        seen = set[int]()
        while more < _LAST and more not in seen:
            seen.add(more)
            numbers = _numbers(self._sector(more))
            places += numbers[: width - 1]
            more = numbers[width - 1]
        used = [place for place in places if place < _LAST][:count]
        if len(used) * (1 << self._shift) > len(self._data):
            raise Damaged
        return [number for place in used for number in _numbers(self._sector(place))]

    def _sector(self, number: int) -> bytes:
        start = (number + 1) << self._shift
        if start >= len(self._data):
            raise Damaged
        return self._data[start : start + (1 << self._shift)]

    def _chain(self, number: int) -> Iterator[bytes]:
        while number < _LAST:
            sector = self._sector(number)
            self._take(len(sector))
            yield sector
            number = self._table[number]

    def _take(self, size: int) -> None:
        """Count the bytes that are read: no sector belongs to two chains."""
        self._left -= size
        if self._left < 0:
            raise Damaged

    def _stream(self, entry: _Entry) -> bytes:
        if entry.size >= _SMALL:
            return b"".join(self._chain(entry.start))[: entry.size]
        parts, number, size = [], entry.start, entry.size
        while number < _LAST and size > 0:
            self._take(_PIECE)
            start = number * _PIECE
            parts.append(self._shared[start : start + min(_PIECE, size)])
            size -= _PIECE
            number = self._small[number]
        return b"".join(parts)


def _entry(line: bytes) -> _Entry:
    name, length, kind, left, right, child, start, size = _ENTRY.unpack(line)
    text = name[: max(0, min(length, 64) - 2)].decode("utf-16-le")
    return _Entry(text, kind, left, right, child, start, size & 0xFFFFFFFF)


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data) - size + 1, size))


def _numbers(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))
