"""CSV: rows of text cells under a header, with or without quotes.

RFC 4180, with the deviations of real files. A row is a line; a cell that begins with a quote may
span line ends until its closing quote. The other rules:

* A quote opens a cell only at the cell's start; anywhere else it is a character.
* A cell that spans a line end must end as the RFC says, with a quote before a delimiter or a line
  end, within 1,000 lines or 1 MiB. If it doesn't, its opening quote was stray: that one line is
  `unclosed_quote`, and reading continues with the next line.
* A row with more cells than the header is `ragged_row` ("Each line should contain the same number
  of fields throughout the file"), and so is a single cell if two are missing. Surplus empty cells
  are accepted, since many programs write a delimiter at the end of each line; missing cells at the
  end are empty, with the flag `row_short`, since some programs leave empty ones out.
* Lines that are blank, or have only empty cells, are filler, not rows.
* Cells are kept as written: spaces, NUL, `=cmd()`, numbers.
* Lines above the table are not rows: `sep=;` for Excel, a note (`Notes:`, a text, a blank line), a
  title, the account and balance of a bank's statement. The table begins with the header, at the
  first line of the body's width. Rows have the lines above as `around`.
* `\\"` in a cell is a quote if that makes rows of one width, as PHP and MySQL write it.
* Blanks after a delimiter belong to no cell if quotes follow them (`"a", "b"`).
* Lines end with LF or CRLF; with CR alone only if the file's first MiB has no LF.

`extract` provides UTF-8; a row in another encoding is `bad_encoding`, alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, BinaryIO, ClassVar

import msgspec

from pipeline.readers.csv.cells import Dialect, csv_options, is_blank, parse
from pipeline.readers.csv.cutter import OPEN_BYTES, OPEN_LINES, Batch, Cutter, sizes
from pipeline.readers.csv.dialects import DELIMITERS, HEAD, sample_rows, sniff
from pipeline.readers.csv.headers import header_of, noted
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import NOTHING, RawRecord, Rejection

_BOM = b"\xef\xbb\xbf"
#: Excel's marker for the delimiter of a file.
_SEP = re.compile(rb'"?sep=([,;\t|])"?;*[ \t]*(?:\r?\n|\r)', re.IGNORECASE)
#: Flag of a row whose last cells were left out.
SHORT = "row_short"
#: LinkedIn's lines above some tables: `Notes:`, a quoted text, a blank line.
_NOTES = re.compile(rb'"?Notes:"?,*[ \t]*\r?\n(?:"(?:[^"]|"")*"|[^\r\n]+),*\r?\n(?:,*[ \t]*\r?\n)+')
#: A line above a table, with the blank ones around it.
_TITLE = re.compile(rb"\s*[^\r\n]+\s*")


class CsvRows(msgspec.Struct, frozen=True):
    """Rows as dicts from column name to text. A line over `item_bytes` is rejected.

    With `titled` the first line is never a row of the table, and the next is the header.
    """

    name: ClassVar[str] = "csv_rows"
    version: ClassVar[int] = 4
    #: Rows and items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes
    titled: bool = False

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the dialect, unique column names, and the offset of the header row (-1: none).

        `above`: the cells of each row above the header, if there are any.
        """
        source.seek(0)
        head = source.read(HEAD)
        start = len(_BOM) if head.startswith(_BOM) else 0
        delimiters: Sequence[str] = DELIMITERS
        if sep := _SEP.match(head, start):
            start, delimiters = sep.end(), (sep[1].decode("ascii"),)
        if note := _NOTES.match(head, start):
            start = note.end()
        top = start
        if self.titled and (title := _TITLE.match(head, start)):
            start = title.end()
        dialect = sniff(head[start:], delimiters)
        sample = sample_rows(head, start, dialect)
        columns, nth, named = header_of([row for _, row in sample], titled=start > top)
        header = sample[nth][0] if named else -1
        context = {"start": start, "columns": columns, "header": header, **dialect._asdict()}
        first = header if named else start
        if first > top:
            lines = sample_rows(head, top, dialect, broken=True)
            context |= {"start": first, "above": noted(r for at, r in lines if at < first)}
        return context

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole rows; the header row is in the first."""
        end = source.seek(0, 2)
        start = at = context["start"]
        rows = 0
        for size in sizes(Cutter(source, _dialect(context), self.item_bytes), Slice(start, end)):
            if rows and (rows >= limits.records or at + size - start > limits.size):
                yield Slice(start, at)
                start, rows = at, 0
            at, rows = at + size, rows + 1
        if at > start:
            yield Slice(start, at)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one dict a row, except for the header and rows without any text."""
        dialect, header = _dialect(context), context["header"]
        columns = tuple(context["columns"])
        width = len(columns)
        around = above(context) or NOTHING
        for batch in Cutter(source, dialect, self.item_bytes).batches(part):
            if batch.reason is not None:
                yield _bad_line(batch, batch.reason)
                continue
            offset = batch.offset
            for raw, row in zip(batch.rows, parse(batch.rows, dialect), strict=True):
                if offset == header or (row is not None and is_blank(row)):
                    pass
                elif row and len(row) == width:
                    value = dict(zip(columns, row, strict=True))
                    yield RawRecord(value, offset, len(raw), around)
                else:
                    yield _odd_row(row, raw, columns, offset, around)
                offset += len(raw) + 1

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of rows by `csv.reader` over the whole stream."""
        source.seek(context["start"])
        text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline=context["newline"])
        lines: Iterator[str] = iter(lambda: text.readline(self.item_bytes), "")
        if context.get("escapes"):
            lines = (line.replace('\\"', '""') for line in lines)
        reader = csv.reader(lines, **csv_options(_dialect(context)))
        rows = sum(any(map(str.strip, row)) for row in _until_end(reader))
        text.detach()
        return rows - int(context["header"] >= 0)


def above(context: Context) -> dict[str, Any]:
    """Return `above`, the cells of the rows above the table, if any."""
    return {"above": context["above"]} if context.get("above") else {}


def _dialect(context: Context) -> Dialect:
    # The ledger may have contexts of versions without escapes and blanks.
    escapes = context.get("escapes", False)
    blanks = context.get("blanks", False)
    return Dialect(context["delimiter"], context["quote"], context["newline"], escapes, blanks)


def _until_end(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield the rows of a `csv.reader`; a line that it refuses is one row of one cell."""
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            row = ["a line that it refuses"]
        if row is None:
            return
        yield row


def _odd_row(
    row: list[str] | None,
    raw: bytes,
    columns: tuple[str, ...],
    offset: int,
    around: Mapping[str, Any],
) -> RawRecord | Rejection:
    """Read a row of another width than the header, or in another encoding."""
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


def _bad_line(batch: Batch, reason: Reason) -> Rejection:
    detail = "a line that is too long"
    if reason is Reason.UNCLOSED_QUOTE:
        detail = f"a quote that closes neither in {OPEN_LINES} lines nor in {OPEN_BYTES} bytes"
    return Rejection(
        reason=reason, detail=detail, raw=batch.rows[0], offset=batch.offset, length=batch.size
    )
