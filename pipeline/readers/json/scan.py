"""Where items end: an exact structural scan of JSON and of lines, in blocks, with constant memory.

A comma outside strings at the array's own depth separates the items of an array. The scan finds
those without parsing: quotes that are not escaped give the parity "inside a string", brackets
outside strings give the depth. On valid JSON that is exact; on broken JSON it still puts every byte
in exactly one region, and the decoder then finds the bad ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from schemas.files import Slice, SliceLimits

Positions: TypeAlias = NDArray[np.int64]

#: JSON's white space; Python's own `strip` would take more.
SPACE = b" \t\n\r"
BOM = b"\xef\xbb\xbf"

#: Bytes read at a time: small enough for the arrays of a block to stay in the processor's cache.
BLOCK = 256 * 1024

#: How much of an item that is too large for memory is kept to show what it was.
PREFIX = 64 * 1024

COMMA, _QUOTE = 64, 32
_CODES = bytearray(256)
for _byte, _code in zip(b'[{]},"', (1, 1, 255, 255, COMMA, _QUOTE), strict=True):
    _CODES[_byte] = _code
#: Byte to code: an opening bracket is 1, a closing one -1 (as int8), other bytes 0.
_TABLE = bytes(_CODES)

_IS_SPACE = np.zeros(256, dtype=np.bool_)
_IS_SPACE[list(SPACE)] = True
#: As much white space is stripped of all regions at once, as in an indented file; more, one by one.
_STEPS = 16


class Block(NamedTuple):
    """A piece of the source and the bounds in it.

    `base` is the offset of `data[0]` in the source; `separators` are ascending positions in `data`;
    `depth` is the maximum nesting; `end` is the position of the bracket that closes the container,
    where `data` then stops.
    """

    base: int
    data: bytes
    separators: Positions
    depth: int = 0
    end: int | None = None


class Batch(NamedTuple):
    """Whole adjacent regions: region i ends at separator i, the last at the end."""

    start: int
    data: bytes
    separators: Positions
    depth: int
    last: bool

    def bounds(self) -> tuple[Positions, Positions]:
        """Return where each region begins and ends in `data`."""
        starts = np.concatenate((_ZERO, self.separators + 1))
        return starts, np.append(self.separators, len(self.data))


class Oversized(NamedTuple):
    """A region too large for memory: `[start, end)` of the source, and its first bytes."""

    start: int
    prefix: bytes
    end: int


_ZERO = np.zeros(1, dtype=np.int64)


def read_blocks(source: BinaryIO, start: int, stop: int | None) -> Iterator[tuple[int, bytes]]:
    """Yield `[start, stop)` of the source in blocks, each with its offset.

    Others may seek meanwhile.
    """
    at = start
    while stop is None or at < stop:
        source.seek(at)
        data = source.read(BLOCK if stop is None else min(BLOCK, stop - at))
        if not data:
            return
        yield at, data
        at += len(data)


def scan_lines(source: BinaryIO, start: int, stop: int | None = None) -> Iterator[Block]:
    """Yield the line feeds of `[start, stop)`."""
    for base, data in read_blocks(source, start, stop):
        yield Block(base, data, np.flatnonzero(np.frombuffer(data, np.uint8) == 10))


def scan_items(
    source: BinaryIO, start: int, stop: int | None = None, *, closer: bytes = b"]"
) -> Iterator[Block]:
    """Yield the commas between the items of a container whose inside begins at `start`.

    The last block is the one in which `closer` closes the container. A closing bracket of the other
    kind at that depth is part of an item (a broken one), so that the items around it remain valid.
    """
    state = _State(closer[0])
    for base, data in read_blocks(source, start, stop):
        separators, depth, end = state.step(data)
        yield Block(base, data[:end], separators, depth, end)
        if end is not None:
            return


class Tokens:
    """Brackets and commas outside strings, block by block: an open string or escape continues."""

    def __init__(self) -> None:
        self._inside = 0
        self._escape = False

    def step(self, data: bytes) -> tuple[Positions, NDArray[np.int8]]:
        """Return their positions in the next block, and their kinds.

        A kind is 1 for an opening and -1 for a closing bracket, or `COMMA`.
        """
        codes = np.frombuffer(self._unescaped(data).translate(_TABLE), np.int8)
        positions = np.flatnonzero(codes != 0)
        kinds = codes[positions]
        quotes = kinds == _QUOTE
        # Counted modulo 256, which keeps the parity.
        inside = np.cumsum(quotes, dtype=np.uint8)
        inside += np.uint8(self._inside)
        inside &= 1
        if inside.size:
            self._inside = int(inside[-1])
        outside = (inside == 0) & ~quotes
        return positions[outside], kinds[outside]

    def _unescaped(self, data: bytes) -> bytes:
        """Return the block with escaped quotes blanked out.

        Pairs of backslashes go first, from the left, as JSON reads them; a single one that is left
        at the end of the block escapes the first byte of the next.
        """
        if self._escape and data[:1] in b'\\"':
            data = b"_" + data[1:]
        self._escape = False
        if b"\\" in data:
            data = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
            self._escape = data.endswith(b"\\")
        return data


class _State:
    """The state between two blocks: open brackets, and the state of `Tokens`."""

    def __init__(self, closer: int) -> None:
        self._closer = closer
        self._depth = 0
        self._tokens = Tokens()

    def step(self, data: bytes) -> tuple[Positions, int, int | None]:
        """Return the separators of the next block, its maximum nesting, and the container's end."""
        positions, kinds = self._tokens.step(data)
        if not positions.size:
            return positions, self._depth, None
        commas = kinds == COMMA
        depth = np.cumsum(np.where(commas, 0, kinds), dtype=np.int64)
        depth += self._depth
        end = None
        if depth.min() < 0:
            depth, end = self._clamp(depth, positions, data)
        self._depth = int(depth[-1])
        separators = positions[commas & (depth == 0)]
        if end is not None:
            separators = separators[separators < end]
        return separators, int(depth.max()), end

    def _clamp(
        self, depth: Positions, positions: Positions, data: bytes
    ) -> tuple[Positions, int | None]:
        """Return the depth without stray closing brackets, and the container's end."""
        floor = np.minimum(np.minimum.accumulate(depth), 0)
        falls = positions[np.flatnonzero(np.diff(floor, prepend=0) < 0)]
        bytes_there = np.frombuffer(data, np.uint8)[falls]
        ends = falls[bytes_there == self._closer]
        return depth - floor, int(ends[0]) if ends.size else None


def nesting(item: bytes) -> int:
    """Return the maximum nesting of the brackets of one item."""
    return _State(0).step(item)[1]


def cut(blocks: Iterable[Block], begin: int, limits: SliceLimits) -> Iterator[Slice]:
    """Yield slices that end at a separator when they are full; the rest is the caller's.

    A slice is full with `limits.records` regions or `limits.size` bytes; the region that fills it
    is its last.
    """
    filled = 0
    for block in blocks:
        marks = block.separators + block.base
        at = 0
        while at < marks.size:
            full = int(np.searchsorted(marks, begin + limits.size))
            last = min(at + limits.records - filled - 1, full)
            if last >= marks.size:
                break
            yield Slice(begin, int(marks[last]))
            begin, at, filled = int(marks[last]) + 1, last + 1, 0
        filled += marks.size - at


def batches(blocks: Iterable[Block], begin: int, item_bytes: int) -> Iterator[Batch | Oversized]:
    """Yield the regions of a slice, as many at a time as a block ends; memory is bounded."""
    rest = _Rest(begin, item_bytes)
    depth = 0
    for block in blocks:
        depth = max(depth, block.depth)
        marks = block.separators
        if not marks.size:
            rest.add(block.data)
            continue
        used = 0
        if rest.over:
            used = int(marks[0]) + 1
            rest.add(block.data[: used - 1])
            yield rest.oversized()
            rest, marks = _Rest(block.base + used, item_bytes), marks[1:]
        if marks.size:
            last = int(marks[-1])
            head = rest.data()
            inner = marks[:-1] - used + len(head)
            yield Batch(rest.start, head + block.data[used:last], inner, depth, False)
            rest, used = _Rest(block.base + last + 1, item_bytes), last + 1
        rest.add(block.data[used:])
        depth = block.depth
    if rest.over:
        yield rest.oversized()
    elif rest.length:
        yield Batch(rest.start, rest.data(), _ZERO[:0], depth, True)


class _Rest:
    """The region that no separator has ended yet."""

    def __init__(self, start: int, limit: int) -> None:
        self.start = start
        self.length = 0
        self._limit = limit
        self._pieces: list[bytes] = []

    @property
    def over(self) -> bool:
        return self.length > self._limit

    def add(self, data: bytes) -> None:
        self.length += len(data)
        self._pieces.append(data)
        if self.over:
            self._pieces = [self.data()[:PREFIX]]

    def data(self) -> bytes:
        return b"".join(self._pieces)

    def oversized(self) -> Oversized:
        return Oversized(self.start, self.data(), self.start + self.length)


def trim(data: bytes, starts: Positions, ends: Positions) -> tuple[Positions, Positions]:
    """Return regions without the white space around them; one of white space becomes empty."""
    signs = np.frombuffer(b"_" + data + b"_", np.uint8)  # nothing is read outside
    for _ in range(_STEPS):
        behind = _IS_SPACE[signs[ends]] & (starts < ends)
        before = _IS_SPACE[signs[starts + 1]] & (starts < ends - behind)
        if not (behind.any() or before.any()):
            return starts, ends
        starts, ends = starts + before, ends - behind
    pairs = [_trimmed(data, a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    trimmed = np.array(pairs, dtype=np.int64)
    return trimmed[:, 0], trimmed[:, 1]


def _trimmed(data: bytes, start: int, end: int) -> tuple[int, int]:
    region = data[start:end].rstrip(SPACE)
    return start + len(region) - len(region.lstrip(SPACE)), start + len(region)


def skip_space(source: BinaryIO, at: int) -> int:
    """Return the offset of the first byte from `at` on that is not white space, or the end."""
    for base, data in read_blocks(source, at, None):
        stripped = data.lstrip(SPACE)
        if stripped:
            return base + len(data) - len(stripped)
        at = base + len(data)
    return at
