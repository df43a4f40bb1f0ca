"""CSV: rows of text cells under a header, with or without quotes.

RFC 4180, as files in the wild bend it. A row is a line; a cell that begins with a quote may run
over line ends until its closing quote. The rest is decided so:

* A quote opens a cell only at the cell's start; anywhere else it is a character.
* A cell that runs over a line end must end as the RFC says, with a quote before a delimiter or a
  line end, within 1,000 lines or 1 MiB. If it doesn't, the quote that opened it was stray: that
  one line is `unclosed_quote`, and reading goes on with the next line.
* A row with more cells than the header is `ragged_row` ("Each line should contain the same number
  of fields throughout the file"), and so is a single cell where two are missing. Empty cells too
  many are taken, since a delimiter at the end of each line is a common habit; cells left out at the
  end are empty, under the flag `row_short`, since some programs leave empty ones out.
* Lines that are blank, or hold nothing but empty cells, are filler: no rows.
* Cells are kept as they are written: spaces, NUL, `=cmd()`, numbers.
* What stands above the table is no row: the line `sep=;` for Excel, a note (`Notes:`, a text, a
  blank line), a title, the account and balance of a bank's statement. The table begins with the
  header, and that is where the body's width begins. Rows have what stands above as `around`.
* `\\"` in a cell is a quote where that makes rows of one width, as PHP and MySQL write it.
* Blanks behind a delimiter belong to no cell where quotes follow them (`"a", "b"`).
* Lines end with LF or CRLF; with CR alone only where the file's first MiB holds no LF.

`extract` hands over UTF-8; a row that is not is `bad_encoding`, alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product, zip_longest
from typing import Any, BinaryIO, ClassVar, NamedTuple

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import NOTHING, RawRecord, Rejection

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
#: Excel's word for the delimiter of a file.
_SEP = re.compile(rb'"?sep=([,;\t|])"?;*[ \t]*(?:\r?\n|\r)', re.IGNORECASE)
#: Rows above a table, at most, and of how many characters of them is told.
_ABOVE = 40
_TOLD = 2_000
#: Of them, those that are more than half as wide as the table; and lines below it, in a small file.
_WIDE_ABOVE, _BELOW = 12, 8
#: Flag of a row whose last cells were left out.
SHORT = "row_short"
#: What LinkedIn puts above some tables: `Notes:`, a quoted text, a blank line.
_NOTES = re.compile(rb'"?Notes:"?,*[ \t]*\r?\n(?:"(?:[^"]|"")*"|[^\r\n]+),*\r?\n(?:,*[ \t]*\r?\n)+')
#: A line above a table, with the blank ones around it.
_TITLE = re.compile(rb"\s*[^\r\n]+\s*")
#: In a tie the rarer character wins: prose has commas.
_DELIMITERS = ("\t", ";", "|", ",")
#: Cells that are no column's name: a number, a date, a time (what has a digit); a link.
_NUMBER = re.compile(r"[\d.,:/ TZ+%€$£-]++")
_DIGIT = re.compile(r"\d")
_LINK = re.compile(r"https?://.*")
#: `01 Jan 2024, 12:00`, `Jan. 1, 2024`.
_SPELLED = re.compile(
    r"(?:\d{1,2}\.?[ -][^\W\d_]{3,12}\.?,?[ -]|[^\W\d_]{3,12}\.? \d{1,2},? )\d{4}"
    r"(?:,? \d{1,2}:\d\d\b.{0,12})?"
)
_BLANK = re.compile(r"\s")


class Dialect(NamedTuple):
    """How a file writes rows; each a single ASCII character. `escapes`: `\\"` is a quote, too.
    `blanks`: those behind a delimiter belong to no cell."""

    delimiter: str
    quote: str
    newline: str
    escapes: bool = False
    blanks: bool = False


class CsvRows(msgspec.Struct, frozen=True):
    """Reads rows as dicts from column name to text. A line over `item_bytes` is rejected.

    With `titled` the first line is no row of the table, whatever its width, and the next is the
    header.
    """

    name: ClassVar[str] = "csv_rows"
    version: ClassVar[int] = 4
    #: Rows and items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes
    titled: bool = False

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """The dialect, unique column names, and the offset of the header row (-1: none).

        `above`: the cells of each row above the header, if there are any.
        """
        source.seek(0)
        head = source.read(_HEAD)
        start = len(_BOM) if head.startswith(_BOM) else 0
        delimiters: Sequence[str] = _DELIMITERS
        if sep := _SEP.match(head, start):
            start, delimiters = sep.end(), (sep[1].decode("ascii"),)
        if note := _NOTES.match(head, start):
            start = note.end()
        top = start
        if self.titled and (title := _TITLE.match(head, start)):
            start = title.end()
        dialect = sniff(head[start:], delimiters)
        sample = _sample(head, start, dialect)
        columns, nth, named = _header([row for _, row in sample], titled=start > top)
        header = sample[nth][0] if named else -1
        context = {"start": start, "columns": columns, "header": header, **dialect._asdict()}
        first = header if named else start
        if first > top:
            lines = _sample(head, top, dialect, broken=True)
            context |= {"start": first, "above": _told(r for at, r in lines if at < first)}
        return context

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
        """One dict a row; the header row, and rows without any text, are no items."""
        dialect, header = _dialect(context), context["header"]
        columns = tuple(context["columns"])
        width = len(columns)
        around = above(context) or NOTHING
        for batch in _Cutter(source, dialect, self.item_bytes).batches(part):
            if batch.reason is not None:
                yield _bad_line(batch, batch.reason)
                continue
            offset = batch.offset
            for raw, row in zip(batch.rows, _parse(batch.rows, dialect), strict=True):
                if offset == header or (row is not None and _is_blank(row)):
                    pass
                elif row and len(row) == width:
                    value = dict(zip(columns, row, strict=True))
                    yield RawRecord(value, offset, len(raw), around)
                else:
                    yield _odd_row(row, raw, columns, offset, around)
                offset += len(raw) + 1

    def count(self, source: BinaryIO, context: Context) -> int:
        """Counted by `csv.reader` over the whole stream."""
        source.seek(context["start"])
        text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline=context["newline"])
        lines: Iterator[str] = iter(lambda: text.readline(self.item_bytes), "")
        if context.get("escapes"):
            lines = (line.replace('\\"', '""') for line in lines)
        reader = csv.reader(lines, **_as_csv_has_it(_dialect(context)))
        rows = sum(any(map(str.strip, row)) for row in _until_end(reader))
        text.detach()
        return rows - int(context["header"] >= 0)


def above(context: Context) -> dict[str, Any]:
    """What rows have around them: `above`, the cells of the rows above their table, if any."""
    return {"above": context["above"]} if context.get("above") else {}


def sniff(head: bytes, delimiters: Sequence[str] = _DELIMITERS) -> Dialect:
    """The dialect of a file by its first bytes: the delimiter that cuts most rows alike, and does
    so behind the quotes that enclose a cell."""
    newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
    quote = _quote(head)
    ways = (False, True) if quote == '"' and b'\\"' in head else (False,)
    best, best_score = Dialect(delimiters[-1], quote, newline), (0.0, False)
    for delimiter, escapes in product(delimiters, ways):
        blanks = _has_blanks(head, delimiter, quote)
        dialect = Dialect(delimiter, quote, newline, escapes, blanks)
        widths = [len(row) for _, row in _sample(head, 0, dialect)]
        several = Counter(width for width in widths if width > 1)
        if not several:
            continue
        width, alike = several.most_common(1)[0]
        score = (alike / len(widths) / (1 + _torn(head, dialect)), widths[0] == width)
        if score > best_score:
            best, best_score = dialect, score
    return best


def _quote(head: bytes) -> str:
    """`'` only where it encloses cells, each that it begins, and `"` never stands."""
    if b'"' in head:
        return '"'
    begun = len(re.findall(rb"(?:^|[,;\t|])'", head, re.MULTILINE))
    cell = rb"(?:^|[,;\t|])'(?:[^'\r\n]++|'')*+'(?=[,;\t|\r\n])"
    enclosed = len(re.findall(cell, head, re.MULTILINE))
    return "'" if enclosed > 1 and enclosed == begun else '"'


def _has_blanks(head: bytes, delimiter: str, quote: str) -> bool:
    """Whether blanks stand between delimiters and the quotes that open cells, more often than
    not."""
    d, q = re.escape(delimiter).encode("ascii"), quote.encode("ascii")
    behind = len(re.findall(rb"%b +%b" % (d, q), head))
    return behind > head.count(delimiter.encode("ascii") + q)


def _torn(head: bytes, dialect: Dialect) -> float:
    """How many of the quoted cells end before something that is no delimiter, of each that ends as
    it should."""
    d, q = (re.escape(c).encode("ascii") for c in (dialect.delimiter, dialect.quote))
    begin = rb" *+" if dialect.blanks else b""
    cell = rb"(?:^|%b)%b%b(?:[^%b\r\n]++|%b%b)*+%b" % (d, begin, q, q, q, q, q)
    ends = Counter(found[1] for found in re.finditer(cell + rb"(.?)", head, re.MULTILINE))
    whole = ends[dialect.delimiter.encode("ascii")] + ends[b"\r"] + ends[b""]
    return (ends.total() - whole) / (1 + whole)


def _sample(
    head: bytes, start: int, dialect: Dialect, *, broken: bool = False
) -> list[tuple[int, list[str]]]:
    """The first rows that hold something, each with its offset; with `broken` also each line that
    is no row, as one cell."""
    rows: list[tuple[int, list[str]]] = []
    for batch in _Cutter(io.BytesIO(head), dialect, _HEAD).batches(Slice(start, len(head))):
        offset = batch.offset
        raws = batch.rows[: _SAMPLE + 1] if broken or batch.reason is None else []
        texts = [raw.decode("utf-8", "replace") for raw in raws]
        cells = _cells(texts, dialect) if batch.reason is None else [[text] for text in texts]
        for raw, row in zip(raws, cells, strict=True):
            rows.append((offset, row))
            offset += len(raw) + 1
        if len(rows) > _SAMPLE:
            break
    if len(head) == _HEAD and 1 < len(rows) <= _SAMPLE:
        rows.pop()  # the head ends within it
    return [(offset, row) for offset, row in rows[:_SAMPLE] if not _is_blank(row)]


def _is_blank(row: Sequence[str]) -> bool:
    """Whether no cell of a row says anything."""
    return not row or (not row[0].strip() and not any(map(str.strip, row)))


def _header(rows: Sequence[Sequence[str]], *, titled: bool) -> tuple[list[str], int, bool]:
    """Unique column names, the number of the row where the table begins, and whether that is the
    header.

    It is if some cell of it holds text and none is a number, a date, an address or a link; else
    there is no header, and the columns are `column_1` and so on. Right below a title stands the
    header.
    """
    if not rows:
        return [], 0, False
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    nth = 0 if titled else _beginning(rows, usual)
    names = [cell.strip() for cell in rows[nth]]
    if _are_names(names):
        return _unique(names), nth, True
    return _unique([""] * usual), nth, False


def _beginning(rows: Sequence[Sequence[str]], usual: int) -> int:
    """The number of the row with which a table begins.

    It is the first that has more than one cell (where most rows do), if most below have as many
    as it. Else a row of names of which that is true, with nothing above it that is as wide: what
    stands there is a title, an account, a period, a few sums.
    """
    first = next(n for n, row in enumerate(rows) if usual == 1 or len(row) > 1)
    if _is_body(rows[first], rows[first + 1 :]):
        return first
    for n in range(first + 1, min(len(rows), _ABOVE)):
        names = [cell.strip() for cell in rows[n]]
        width = len(_full(names))
        if (
            width > 1
            and _are_names(names)
            and 2 * sum(map(bool, names)) > width
            and _is_body(names, rows[n + 1 :])
            and _are_above(rows[:n], width, rows[n + 1 :])
        ):
            return n
    return first


def _are_above(rows: Sequence[Sequence[str]], width: int, body: Sequence[Sequence[str]]) -> bool:
    """Whether rows are narrow enough to stand above a table; or narrower than it and few, where
    numbers or dates in its rows tell names from what is named."""
    wide = [one for row in rows if (one := len(_full(row))) > max(2, width // 2)]
    if not wide:
        return True
    told = all(any(_is_value(cell.strip()) for cell in row) for row in body[:1])
    return told and len(wide) <= _WIDE_ABOVE and all(one < width for one in wide)


def _are_names(cells: Sequence[str]) -> bool:
    return any(cells) and not any(map(_is_value, cells))


def _full(row: Sequence[str]) -> Sequence[str]:
    """A row without the empty cells at its end."""
    width = len(row)
    while width and not row[width - 1].strip():
        width -= 1
    return row[:width]


def _is_body(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether four in five rows are as wide as the one above them, but for empty cells; a few at
    the end may be notes and sums."""
    width = len(_full(head))
    last = len(rows)
    while last > max(0, len(rows) - _BELOW) and 2 * len(_full(rows[last - 1])) <= width:
        last -= 1
    rows = rows[:last]
    whole = 2 * width >= len(head)  # no title that is padded to the width of the table
    alike = sum(
        (whole and len(row) == len(head)) or width < 2 * len(_full(row)) <= 2 * width
        for row in rows
    )
    return len(rows) > 0 and 5 * alike >= 4 * len(rows)


def _told(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """The cells of rows above a table that are not empty, as many as have room in the ledger."""
    told: list[list[str]] = []
    room = _TOLD
    for row in rows:
        cells = [cell.strip() for cell in row if cell.strip()]
        room -= sum(map(len, cells))
        if room < 0:
            break
        told.append(cells)
    return told


def _is_value(cell: str) -> bool:
    """Whether a cell is a number, a date, a time, an address or a link, and so no column's name."""
    if _NUMBER.fullmatch(cell):
        return _DIGIT.search(cell) is not None
    at = cell.find("@", 1)
    if at > 0 and cell.find(".", at + 2, len(cell) - 1) > 0 and not _BLANK.search(cell):
        return True
    return _LINK.fullmatch(cell) is not None or _SPELLED.fullmatch(cell) is not None


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
    # A ledger may hold contexts of before there were escapes and blanks.
    escapes = context.get("escapes", False)
    blanks = context.get("blanks", False)
    return Dialect(context["delimiter"], context["quote"], context["newline"], escapes, blanks)


def _as_csv_has_it(dialect: Dialect) -> dict[str, Any]:
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote,
        "skipinitialspace": dialect.blanks,
    }


def _until_end(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """The rows of a `csv.reader`; a line that it refuses is one row of one cell."""
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            row = ["a line that it refuses"]
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
        self._escapes = dialect.escapes
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
            data = self._read(min(size, end - at))
            if len(data) == end - at:
                return data
            if (cut := data.rfind(self._newline)) >= 0:
                return data[: cut + 1]
            if size > self._item_bytes:
                return b""
            size = min(4 * size, self._item_bytes + 1)

    def _read(self, size: int) -> bytes:
        """The next bytes, with each quote that is escaped doubled: as many, and as RFC 4180 has
        it."""
        return _read(self._source, size, self._escapes)

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
        return _Batch(at, [self._read(end - at)], min(end + 1, self._end) - at)

    def _bad(self, at: int, line: bytes, reason: Reason) -> _Batch:
        size = min(len(line) + 1, self._end - at)
        return _Batch(at, [line[:_OPEN_BYTES]], size, reason)


def _read(source: BinaryIO, size: int, escapes: bool) -> bytes:
    """The next bytes, with each quote that is escaped doubled: as many, and as RFC 4180 has it."""
    data = source.read(size)
    return data.replace(b'\\"', b'""') if escapes else data


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
        self._escapes = dialect.escapes
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
            self._base, first = start, 0
            for size in (_BLOCK, _BLOCK + _OPEN_BYTES):
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
    """What matches a line that ends in an open quoted cell, and a line that begins in one.

    The second stops behind the cell's closing quote and delimiter (`end`), or takes the whole
    line (no `end`). Possessive throughout, so that no line costs more than its length.
    """
    d, q = (re.escape(c).encode("ascii") for c in (dialect.delimiter, dialect.quote))
    begin = rb"[ ]*+" if dialect.blanks else b""
    inside = rb"(?:[^%b]++|%b%b)*+" % (q, q, q)
    quoted = rb"%b%b%b[^%b]*+" % (q, inside, q, d)
    plain = rb"[^%b%b][^%b]*+" % (q, d, d)
    opens = rb"(?:%b(?:%b|%b|)%b)*+%b%b%b\Z" % (begin, quoted, plain, d, begin, q, inside)
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
        rows = list(csv.reader(texts, **_as_csv_has_it(dialect)))
    except csv.Error:
        return [_cells_by_hand(text, dialect) for text in texts]
    return rows if len(rows) == len(texts) else [_cells_by_hand(t, dialect) for t in texts]


def _cells_by_hand(text: str, dialect: Dialect) -> list[str]:
    """The cells of one row that may hold a CR outside quotes."""
    d, q = re.escape(dialect.delimiter), re.escape(dialect.quote)
    line = text.rstrip("\r")
    if not line:
        return []
    begin = " *+" if dialect.blanks else ""
    cell = re.compile(rf"{begin}(?:{q}((?:[^{q}]++|{q}{q})*+){q})?([^{d}]*+)(?:{d}|\Z)", re.DOTALL)
    cells, at = [], 0
    while found := cell.match(line, at):
        quoted = (found[1] or "").replace(dialect.quote * 2, dialect.quote)
        cells.append(quoted + found[2])
        if found.end() == found.end(2):
            break
        at = found.end()
    return cells


def _odd_row(
    row: list[str] | None,
    raw: bytes,
    columns: tuple[str, ...],
    offset: int,
    around: Mapping[str, Any],
) -> RawRecord | Rejection:
    """A row of another width than the header, or in another encoding."""
    length, width = len(raw), len(columns)
    if row is None:
        reason, detail = Reason.BAD_ENCODING, "a row that is not UTF-8"
    elif len(row) > width and not any(row[width:]):
        return RawRecord(dict(zip(columns, row, strict=False)), offset, length, around)
    elif 1 < len(row) < width or 1 == len(row) == width - 1:
        value = dict(zip_longest(columns, row, fillvalue=""))
        return RawRecord(value, offset, length, around, (SHORT,))
    else:
        reason, detail = Reason.RAGGED_ROW, f"{len(row)} cells under {width} columns"
    return Rejection(reason=reason, detail=detail, raw=raw, offset=offset, length=length)


def _bad_line(batch: _Batch, reason: Reason) -> Rejection:
    detail = "a line that is too long"
    if reason is Reason.UNCLOSED_QUOTE:
        detail = f"a quote that closes neither in {_OPEN_LINES} lines nor in {_OPEN_BYTES} bytes"
    return Rejection(
        reason=reason, detail=detail, raw=batch.rows[0], offset=batch.offset, length=batch.size
    )
