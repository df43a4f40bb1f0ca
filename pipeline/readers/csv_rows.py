"""CSV: rows of text cells under a header, with or without quotes.

RFC 4180, as files in the wild bend it. A row is a line; a cell that begins with a quote may run
over line ends until its closing quote. The rest is decided so:

* A quote opens a cell only at the cell's start; anywhere else it is a character.
* A cell that runs over a line end must end as the RFC says, with a quote before a delimiter or a
  line end, within 1,000 lines or 1 MiB. If it doesn't, the quote that opened it was stray: that
  one line is `unclosed_quote`, and reading goes on with the next line.
* A row with fewer or more cells than the header is `ragged_row` ("Each line should contain the
  same number of fields throughout the file"); a row with empty cells too many is taken, since a
  delimiter at the end of each line is a common habit. Blank lines are skipped.
* Cells are kept as they are written: spaces, NUL, `=cmd()`, numbers.
* A note above the table (`Notes:`, a text, a blank line) is passed over.
* Lines end with LF or CRLF; with CR alone only where the file's first MiB holds no LF.

`extract` hands over UTF-8; a row that is not is `bad_encoding`, alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO, ClassVar, NamedTuple

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

# The module's own limit of 131,072 characters a cell would refuse what `item_bytes` allows.
csv.field_size_limit(1 << 30)

_HEAD = 1 << 20
_BLOCK = 256 * 1024
#: Rows of the head that decide dialect and header.
_SAMPLE = 200
#: How far a quoted cell may run over line ends.
_OPEN_LINES = 1_000
_OPEN_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
#: What LinkedIn puts above some tables: `Notes:`, a quoted text, a blank line.
_NOTES = re.compile(rb'"?Notes:"?,*[ \t]*\r?\n(?:"(?:[^"]|"")*"|[^\r\n]+),*\r?\n(?:,*[ \t]*\r?\n)+')
#: In a tie the rarer character wins: prose has commas.
_DELIMITERS = ("\t", ";", "|", ",")
#: Cells that are no column's name: a number, a date, a time (what has a digit); a link.
_NUMBER = re.compile(r"[\d.,:/ TZ+%€$£-]++")
_DIGIT = re.compile(r"\d")
_LINK = re.compile(r"https?://.*")
_BLANK = re.compile(r"\s")


class Dialect(NamedTuple):
    """How a file writes rows; each a single ASCII character."""

    delimiter: str
    quote: str
    newline: str


class CsvRows(msgspec.Struct, frozen=True):
    """Reads rows as dicts from column name to text. A line over `item_bytes` is rejected."""

    name: ClassVar[str] = "csv_rows"
    version: ClassVar[int] = 2
    #: Rows and items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """The dialect, unique column names, and the offset of the header row (-1: none)."""
        source.seek(0)
        head = source.read(_HEAD)
        start = len(_BOM) if head.startswith(_BOM) else 0
        if note := _NOTES.match(head, start):
            start = note.end()
        dialect = sniff(head[start:])
        columns, header = _header(_sample(head, start, dialect))
        return {"start": start, "columns": columns, "header": header, **dialect._asdict()}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Ranges of whole rows; the header row lies in the first."""
        end = source.seek(0, 2)
        start = at = context["start"]
        rows = 0
        for size in _sizes(_Cutter(source, _dialect(context), self.item_bytes), Slice(start, end)):
            if rows and (rows >= limits.records or at + size - start > limits.size):
                yield Slice(start, at)
                start, rows = at, 0
            at, rows = at + size, rows + 1
        if at > start:
            yield Slice(start, at)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """One dict a row; the header row and blank lines are no items."""
        dialect, header = _dialect(context), context["header"]
        columns = tuple(context["columns"])
        width = len(columns)
        for batch in _Cutter(source, dialect, self.item_bytes).batches(part):
            if batch.reason is not None:
                yield _bad_line(batch, batch.reason)
                continue
            offset = batch.offset
            for raw, row in zip(batch.rows, _parse(batch.rows, dialect), strict=True):
                if row and len(row) == width and offset != header:
                    yield RawRecord(dict(zip(columns, row, strict=True)), offset, len(raw))
                elif row != [] and offset != header:
                    yield _odd_row(row, raw, columns, offset)
                offset += len(raw) + 1

    def count(self, source: BinaryIO, context: Context) -> int:
        """Counted by `csv.reader` over the whole stream."""
        source.seek(context["start"])
        text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline=context["newline"])
        lines = iter(lambda: text.readline(self.item_bytes), "")
        reader = csv.reader(lines, delimiter=context["delimiter"], quotechar=context["quote"])
        rows = sum(map(bool, _until_end(reader)))
        text.detach()
        return rows - int(context["header"] >= 0)


def sniff(head: bytes) -> Dialect:
    """The dialect of a file by its first bytes: the delimiter that cuts most rows alike."""
    newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
    quote = _quote(head)
    best, best_score = Dialect(",", quote, newline), (0.0, False)
    for delimiter in _DELIMITERS:
        dialect = Dialect(delimiter, quote, newline)
        widths = [len(row) for _, row in _sample(head, 0, dialect)]
        several = Counter(width for width in widths if width > 1)
        if not several:
            continue
        width, alike = several.most_common(1)[0]
        score = (alike / len(widths), widths[0] == width)
        if score > best_score:
            best, best_score = dialect, score
    return best


def _quote(head: bytes) -> str:
    """`'` only where it encloses cells, each that it begins, and `"` never stands."""
    if b'"' in head:
        return '"'
    begun = len(re.findall(rb"(?:^|[,;\t|])'", head, re.MULTILINE))
    enclosed = len(re.findall(rb"(?:^|[,;\t|])'[^'\r\n]*'(?=[,;\t|\r\n])", head, re.MULTILINE))
    return "'" if enclosed > 1 and enclosed == begun else '"'


def _sample(head: bytes, start: int, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """The first rows that are not blank, each with its offset."""
    rows: list[tuple[int, list[str]]] = []
    for batch in _Cutter(io.BytesIO(head), dialect, _HEAD).batches(Slice(start, len(head))):
        offset = batch.offset
        raws = batch.rows[: _SAMPLE + 1] if batch.reason is None else []
        texts = [raw.decode("utf-8", "replace") for raw in raws]
        for raw, row in zip(raws, _cells(texts, dialect), strict=True):
            rows.append((offset, row))
            offset += len(raw) + 1
        if len(rows) > _SAMPLE:
            break
    if len(head) == _HEAD and 1 < len(rows) <= _SAMPLE:
        rows.pop()  # the head ends within it
    return [(offset, row) for offset, row in rows[:_SAMPLE] if row]


def _header(sample: Sequence[tuple[int, list[str]]]) -> tuple[list[str], int]:
    """Unique column names and the header's offset.

    A title or note of one cell above a table is passed by. The next row is the header if some
    cell of it holds text and none is a number, a date, an address or a link; else there is no
    header, and the columns are `column_1` and so on.
    """
    if not sample:
        return [], -1
    usual = Counter(len(row) for _, row in sample).most_common(1)[0][0]
    offset, first = next((o, row) for o, row in sample if usual == 1 or len(row) > 1)
    names = [cell.strip() for cell in first]
    if any(names) and not any(map(_is_value, names)):
        return _unique(names), offset
    return _unique([""] * usual), -1


def _is_value(cell: str) -> bool:
    """Whether a cell is a number, a date, a time, an address or a link, and so no column's name."""
    if _NUMBER.fullmatch(cell):
        return _DIGIT.search(cell) is not None
    at = cell.find("@", 1)
    if at > 0 and cell.find(".", at + 2, len(cell) - 1) > 0 and not _BLANK.search(cell):
        return True
    return _LINK.fullmatch(cell) is not None


def _unique(names: Sequence[str]) -> list[str]:
    """Column names made different: an empty one is `column_<n>`, a second `a` is `a_2`."""
    unique: dict[str, None] = {}
    written, again = set(names), Counter[str]()
    for at, given in enumerate(names, 1):
        name = base = given or f"column_{at}"
        while name in unique or (name != given and name in written):
            again[base] += 1
            name = f"{base}_{again[base] + 1}"
        unique[name] = None
    return list(unique)


def _dialect(context: Context) -> Dialect:
    return Dialect(context["delimiter"], context["quote"], context["newline"])


def _until_end(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """The rows of a `csv.reader`; a line that it refuses is one row of one cell."""
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            row = [""]
        if row is None:
            return
        yield row


class _Batch(NamedTuple):
    """Rows that follow each other, without their line ends; `size` counts those too.

    With a `reason` it is one bad line, cut off after 1 MiB.
    """

    offset: int
    rows: list[bytes]
    size: int
    reason: Reason | None = None


class _Cutter:
    """Cuts ranges of a file into rows. Where a row ends never depends on the range."""

    def __init__(self, source: BinaryIO, dialect: Dialect, item_bytes: int) -> None:
        self._source = source
        self._end = source.seek(0, 2)
        self._newline = dialect.newline.encode("ascii")
        self._quote = dialect.quote.encode("ascii")
        self._opens, _ = _patterns(dialect)
        self._open = _OpenCells(source, dialect)
        self._item_bytes = item_bytes

    def batches(self, part: Slice) -> Iterator[_Batch]:
        """All rows that begin in `part`, which begins and ends at row bounds."""
        at, end = part.start, min(part.end, self._end)
        while at < end:
            for batch in self._window(at, end):
                yield batch
                at = batch.offset + batch.size

    def _window(self, at: int, end: int) -> Iterator[_Batch]:
        data = self._lines(at, end)
        if not data:
            yield self._oversized(at)
            return
        lines = data.split(self._newline)
        if data.endswith(self._newline):
            lines.pop()
        if self._quote not in data and len(data) <= self._item_bytes:
            yield _Batch(at, lines, len(data))
        else:
            self._open.offer(at, data)
            yield from self._careful(at, lines)

    def _lines(self, at: int, end: int) -> bytes:
        """Whole lines from `at` on, a block of them or one long one; empty if it is too long."""
        size = _BLOCK
        while True:
            self._source.seek(at)
            data = self._source.read(min(size, end - at))
            if len(data) == end - at:
                return data
            if (cut := data.rfind(self._newline)) >= 0:
                return data[: cut + 1]
            if size > self._item_bytes:
                return b""
            size = min(4 * size, self._item_bytes + 1)

    def _oversized(self, at: int) -> _Batch:
        """The line at `at`, whose end is looked for block by block."""
        self._source.seek(at)
        head = block = self._source.read(_OPEN_BYTES)
        size = 0
        while block and (cut := block.find(self._newline)) < 0:
            size += len(block)
            block = self._source.read(_OPEN_BYTES)
        size += cut + 1 if block else 0
        return _Batch(at, [head[:size]], size, Reason.ITEM_TOO_LARGE)

    def _careful(self, at: int, lines: list[bytes]) -> Iterator[_Batch]:
        """Line by line, since some hold quotes; stops early where a row outruns the lines."""
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
                        yield _Batch(start, rows, at - start)
                    yield self._outrunning(at, end)
                    return
                row = line if taken == 1 else self._newline.join(lines[done : done + taken])
                rows.append(row)
                at, done = end + 1, done + taken
                continue
            if rows:
                yield _Batch(start, rows, at - start)
            yield self._bad(at, line, bad or Reason.UNCLOSED_QUOTE)
            rows = []
            start = at = at + len(line) + 1
            done += 1
        if rows:
            yield _Batch(start, rows, min(at, self._end) - start)

    def _joined(self, lines: Sequence[bytes], at: int, size: int) -> int | None:
        """How many lines the row of `size` bytes takes whose first is at `at`; None: more than
        there are."""
        held = -1
        for taken in range(1, len(lines) - at + 1):
            held += len(lines[at + taken - 1]) + 1
            if held == size:
                return taken
        return None

    def _outrunning(self, at: int, end: int) -> _Batch:
        """A row that ends past the range that it begins in."""
        self._source.seek(at)
        return _Batch(at, [self._source.read(end - at)], min(end + 1, self._end) - at)

    def _bad(self, at: int, line: bytes, reason: Reason) -> _Batch:
        size = min(len(line) + 1, self._end - at)
        return _Batch(at, [line[:_OPEN_BYTES]], size, reason)


class _OpenCells:
    """Where quoted cells end that are open at the end of a line.

    What is open at the beginning of one line may be so at that of the next thousand. For the line
    behind it, which may open a cell of its own, that is known then: each line is looked at once,
    and not once for each line before it.
    """

    def __init__(self, source: BinaryIO, dialect: Dialect) -> None:
        self._source = source
        self._newline = dialect.newline.encode("ascii")
        self._opens, self._closes = _patterns(dialect)
        self._size = source.seek(0, 2)
        self._base, self._data = 0, b""
        #: Where lines begin, one after the other: a cell open at the first is so at all of them.
        self._starts: deque[int] = deque()
        #: Of the last of them: where it ends, and whether the cell is open behind it.
        self._last: tuple[int, bool | None] | None = None

    def offer(self, at: int, data: bytes) -> None:
        """Bytes of the file that are at hand."""
        self._base, self._data = at, data

    def end(self, at: int, second: int) -> int | None:
        """Where the row ends that begins at `at` and leaves a cell open at the line `second`.

        None where the quote that opened the cell is stray.
        """
        self._begin(second)
        while len(self._starts) < _OPEN_LINES and self._starts[-1] < self._size:
            if self._last is None:
                self._last = self._look(self._starts[-1])
            end, open_still = self._last
            if end - at > _OPEN_BYTES or open_still is None:
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
        """Where the line ends, and whether the cell is open behind it; None: it ends badly."""
        first = start - self._base
        cut = self._data.find(self._newline, first) if 0 <= first < len(self._data) else -1
        if cut < 0:
            self._source.seek(start)
            self._base, first = start, 0
            self._data = self._source.read(_BLOCK)
            cut = self._data.find(self._newline)
            if cut < 0:
                self._data += self._source.read(_OPEN_BYTES)
                cut = self._data.find(self._newline)
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
    """What matches a line that ends in an open quoted cell, and a line that begins in one.

    The second stops behind the cell's closing quote and delimiter (`end`), or takes the whole
    line (no `end`). Possessive throughout, so that no line costs more than its length.
    """
    d, q = (re.escape(c).encode("ascii") for c in (dialect.delimiter, dialect.quote))
    inside = rb"(?:[^%b]++|%b%b)*+" % (q, q, q)
    quoted = rb"%b%b%b[^%b]*+" % (q, inside, q, d)
    plain = rb"[^%b%b][^%b]*+" % (q, d, d)
    opens = rb"(?:(?:%b|%b|)%b)*+%b%b\Z" % (quoted, plain, d, q, inside)
    closes = rb"%b(?:\Z|(?P<end>%b(?:%b|\r?\Z)))" % (inside, q, d)
    return re.compile(opens, re.DOTALL), re.compile(closes, re.DOTALL)


def _sizes(cutter: _Cutter, part: Slice) -> Iterator[int]:
    """The size of each row, good or bad, with its line end."""
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


def _parse(rows: list[bytes], dialect: Dialect) -> list[list[str] | None]:
    """The cells of each row: [] for a blank line, None where it is not UTF-8."""
    try:
        return list(_cells([row.decode() for row in rows], dialect))
    except UnicodeDecodeError:
        return [_parse_one(row, dialect) for row in rows]


def _parse_one(row: bytes, dialect: Dialect) -> list[str] | None:
    try:
        return _cells([row.decode()], dialect)[0]
    except UnicodeDecodeError:
        return None


def _cells(texts: list[str], dialect: Dialect) -> list[list[str]]:
    """The cells of each row, by `csv` in bulk. It stumbles over a CR within a line."""
    try:
        rows = list(csv.reader(texts, delimiter=dialect.delimiter, quotechar=dialect.quote))
    except csv.Error:
        return [_cells_by_hand(text, dialect) for text in texts]
    return rows if len(rows) == len(texts) else [_cells_by_hand(t, dialect) for t in texts]


def _cells_by_hand(text: str, dialect: Dialect) -> list[str]:
    """The cells of one row that may hold a CR outside quotes."""
    d, q = re.escape(dialect.delimiter), re.escape(dialect.quote)
    line = text.rstrip("\r")
    if not line:
        return []
    cell = re.compile(rf"(?:{q}((?:[^{q}]++|{q}{q})*+){q})?([^{d}]*+)(?:{d}|\Z)", re.DOTALL)
    cells, at = [], 0
    while found := cell.match(line, at):
        quoted = (found[1] or "").replace(dialect.quote * 2, dialect.quote)
        cells.append(quoted + found[2])
        if found.end() == found.end(2):
            break
        at = found.end()
    return cells


def _odd_row(
    row: list[str] | None, raw: bytes, columns: tuple[str, ...], offset: int
) -> RawRecord | Rejection:
    """A row of another width than the header, or in another encoding."""
    length = len(raw)
    if row is None:
        reason, detail = Reason.BAD_ENCODING, "a row that is not UTF-8"
    elif len(row) > len(columns) and not any(row[len(columns) :]):
        return RawRecord(dict(zip(columns, row, strict=False)), offset, length)
    else:
        reason, detail = Reason.RAGGED_ROW, f"{len(row)} cells under {len(columns)} columns"
    return Rejection(reason=reason, detail=detail, raw=raw, offset=offset, length=length)


def _bad_line(batch: _Batch, reason: Reason) -> Rejection:
    detail = "a line that is too long"
    if reason is Reason.UNCLOSED_QUOTE:
        detail = f"a quote that closes neither in {_OPEN_LINES} lines nor in {_OPEN_BYTES} bytes"
    return Rejection(
        reason=reason, detail=detail, raw=batch.rows[0], offset=batch.offset, length=batch.size
    )
