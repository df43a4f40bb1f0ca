"""The rows of a CSV file: a row is a line, or several if a quoted cell spans line ends.

A cell that spans a line end must end within 1,000 lines or 1 MiB; else its opening quote was stray,
and that one line is `unclosed_quote`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from pipeline.readers.csv.cells import Dialect
from schemas.files import Slice
from schemas.reasons import Reason

_BLOCK = 256 * 1024
#: The maximum number of line ends in a quoted cell.
OPEN_LINES = 1_000
OPEN_BYTES = 1 << 20


class Batch(NamedTuple):
    """Adjacent rows, without their line ends; `size` includes the line ends.

    With a `reason` it is one bad line, cut off after 1 MiB.
    """

    offset: int
    rows: list[bytes]
    size: int
    reason: Reason | None = None


class Cutter:
    """Cuts ranges of a file into rows. Where a row ends never depends on the range."""

    def __init__(self, source: BinaryIO, dialect: Dialect, item_bytes: int) -> None:
        self._source = source
        self._end = source.seek(0, 2)
        self._newline = dialect.newline.encode("ascii")
        self._quote = dialect.quote.encode("ascii")
        self._opens, _ = _patterns(dialect)
        self._open = _OpenCells(source, dialect)
        self._escapes = dialect.escapes
        self._item_bytes = item_bytes

    def batches(self, part: Slice) -> Iterator[Batch]:
        """Yield all rows that begin in `part`, which begins and ends at row bounds."""
        at, end = part.start, min(part.end, self._end)
        while at < end:
            for batch in self._window(at, end):
                yield batch
                at = batch.offset + batch.size

    def _window(self, at: int, end: int) -> Iterator[Batch]:
        data = self._lines(at, end)
        if not data:
            yield self._oversized(at)
            return
        lines = data.split(self._newline)
        if data.endswith(self._newline):
            lines.pop()
        if self._quote not in data and len(data) <= self._item_bytes:
            yield Batch(at, lines, len(data))
        else:
            self._open.offer(at, data)
            yield from self._careful(at, lines)

    def _lines(self, at: int, end: int) -> bytes:
        """Return whole lines from `at` on: a block of them, or one long one.

        Return an empty text if the line is too long.
        """
        size = _BLOCK
        while True:
            self._source.seek(at)
            data = self._read(min(size, end - at))
            if len(data) == end - at:
                return data
            if (cut := data.rfind(self._newline)) >= 0:
                return data[: cut + 1]
            if size > self._item_bytes:
                return b""
            size = min(4 * size, self._item_bytes + 1)

    def _read(self, size: int) -> bytes:
        """Return the next bytes, with each escaped quote doubled as in RFC 4180."""
        return _read(self._source, size, self._escapes)

    def _oversized(self, at: int) -> Batch:
        """Return the line at `at`, searching for its end block by block."""
        self._source.seek(at)
        head = block = self._source.read(OPEN_BYTES)
        size = 0
        while block and (cut := block.find(self._newline)) < 0:
            size += len(block)
            block = self._source.read(OPEN_BYTES)
        size += cut + 1 if block else 0
        return Batch(at, [head[:size]], size, Reason.ITEM_TOO_LARGE)

    def _careful(self, at: int, lines: list[bytes]) -> Iterator[Batch]:
        """Yield rows line by line, since some hold quotes; stop early if a row exceeds them."""
        rows: list[bytes] = []
        start, done = at, 0
        while done < len(lines):
            line = lines[done]
            bad = Reason.ITEM_TOO_LARGE if len(line) > self._item_bytes else None
            opens = self._quote in line and self._opens.match(line)
            end = self._open.end(at, at + len(line) + 1) if opens else at + len(line)
            if end is not None and not bad:
                taken = 1 if not opens else self._joined(lines, done, end - at)
                if taken is None:
                    if rows:
                        yield Batch(start, rows, at - start)
                    yield self._outrunning(at, end)
                    return
                row = line if taken == 1 else self._newline.join(lines[done : done + taken])
                rows.append(row)
                at, done = end + 1, done + taken
                continue
            if rows:
                yield Batch(start, rows, at - start)
            yield self._bad(at, line, bad or Reason.UNCLOSED_QUOTE)
            rows = []
            start = at = at + len(line) + 1
            done += 1
        if rows:
            yield Batch(start, rows, min(at, self._end) - start)

    def _joined(self, lines: Sequence[bytes], at: int, size: int) -> int | None:
        """Return the number of lines of the row of `size` bytes whose first line is at `at`.

        None means more lines than there are.
        """
        length = -1
        for taken in range(1, len(lines) - at + 1):
            length += len(lines[at + taken - 1]) + 1
            if length == size:
                return taken
        return None

    def _outrunning(self, at: int, end: int) -> Batch:
        """Return a row that ends after the range that it begins in."""
        self._source.seek(at)
        return Batch(at, [self._read(end - at)], min(end + 1, self._end) - at)

    def _bad(self, at: int, line: bytes, reason: Reason) -> Batch:
        size = min(len(line) + 1, self._end - at)
        return Batch(at, [line[:OPEN_BYTES]], size, reason)


def _read(source: BinaryIO, size: int, escapes: bool) -> bytes:
    """Return the next bytes, with each escaped quote doubled as in RFC 4180, in the same length."""
    data = source.read(size)
    return data.replace(b'\\"', b'""') if escapes else data


class _OpenCells:
    """Where quoted cells end that are open at the end of a line.

    A cell that is open at the beginning of one line may be open at the next thousand. The result
    applies to the line after it, too, which may open a cell of its own: each line is read once, and
    not once for each line before it.
    """

    def __init__(self, source: BinaryIO, dialect: Dialect) -> None:
        self._source = source
        self._newline = dialect.newline.encode("ascii")
        self._opens, self._closes = _patterns(dialect)
        self._escapes = dialect.escapes
        self._size = source.seek(0, 2)
        self._base, self._data = 0, b""
        #: Where adjacent lines begin: a cell that is open at the first is open at all of them.
        self._starts: deque[int] = deque()
        #: The end of the last of them, and whether the cell is open after it.
        self._last: tuple[int, bool | None] | None = None

    def offer(self, at: int, data: bytes) -> None:
        """Provide bytes of the file that are in memory."""
        self._base, self._data = at, data

    def end(self, at: int, second: int) -> int | None:
        """Return where the row ends that begins at `at` and is open at the line `second`.

        None means that the quote that opened the cell is stray.
        """
        self._begin(second)
        while len(self._starts) < OPEN_LINES and self._starts[-1] < self._size:
            if self._last is None:
                self._last = self._look(self._starts[-1])
            end, open_still = self._last
            if end - at > OPEN_BYTES or open_still is None:
                return None
            if not open_still:
                return end
            self._starts.append(end + 1)
            self._last = None
        return None

    def _begin(self, second: int) -> None:
        if self._starts and self._starts[0] <= second <= self._starts[-1]:
            while self._starts[0] < second:
                self._starts.popleft()
        else:
            self._starts, self._last = deque((second,)), None

    def _look(self, start: int) -> tuple[int, bool | None]:
        """Return where the line ends, and whether the cell is open after it (None: a bad end)."""
        first = start - self._base
        cut = self._data.find(self._newline, first) if 0 <= first < len(self._data) else -1
        if cut < 0:
            self._base, first = start, 0
            for size in (_BLOCK, _BLOCK + OPEN_BYTES):
                self._source.seek(start)
                self._data = _read(self._source, size, self._escapes)
                cut = self._data.find(self._newline)
                if cut >= 0:
                    break
        end = cut if cut >= 0 else len(self._data)
        return self._base + end, self._after(self._data[first:end])

    def _after(self, line: bytes) -> bool | None:
        closing = self._closes.match(line)
        if closing is None:
            return None
        if closing["end"] is None:
            return True
        return self._opens.match(line, closing.end()) is not None


@lru_cache(maxsize=16)
def _patterns(dialect: Dialect) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return patterns for a line that ends in an open quoted cell, and one that begins in one.

    The second stops after the cell's closing quote and delimiter (`end`), or takes the whole line
    (no `end`). Possessive throughout, so that no line costs more than its length.
    """
    d, q = (re.escape(c).encode("ascii") for c in (dialect.delimiter, dialect.quote))
    begin = rb"[ ]*+" if dialect.blanks else b""
    inside = rb"(?:[^%b]++|%b%b)*+" % (q, q, q)
    quoted = rb"%b%b%b[^%b]*+" % (q, inside, q, d)
    plain = rb"[^%b%b][^%b]*+" % (q, d, d)
    opens = rb"(?:%b(?:%b|%b|)%b)*+%b%b%b\Z" % (begin, quoted, plain, d, begin, q, inside)
    closes = rb"%b(?:\Z|(?P<end>%b(?:%b|\r?\Z)))" % (inside, q, d)
    return re.compile(opens, re.DOTALL), re.compile(closes, re.DOTALL)


def sizes(cutter: Cutter, part: Slice) -> Iterator[int]:
    """Yield the size of each row, good or bad, with its line end."""
    for batch in cutter.batches(part):
        if batch.reason is not None:
            yield batch.size
            continue
        end = batch.offset + batch.size
        at = batch.offset
        for row in batch.rows:
            size = min(len(row) + 1, end - at)
            yield size
            at += size
