"""A CSV file of two tables: a small one that describes the file, a blank line, and the rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar

import msgspec

from pipeline.readers.csv.rows import CsvRows, above
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_HEAD = 1 << 20
_PREAMBLE = 64 * 1024
_ROWS = CsvRows()
#: The characters of a line of blanks or of empty cells.
_EMPTY = b" \t\r\n,;"
_BOM = b"\xef\xbb\xbf"


class CsvPreamble(msgspec.Struct, frozen=True):
    """Both tables as `CsvRows` reads them, each under its own header.

    The rows of the first have `around["table"]` = "preamble", those of the second "rows" and the
    last row of the first table as `around["preamble"]`. Without a blank line in its first 64 KiB a
    file is its first table.
    """

    name: ClassVar[str] = "csv_preamble"
    version: ClassVar[int] = 4

    @property
    def wants_utf8(self) -> bool:
        """Return the value of `CsvRows`."""
        return _ROWS.wants_utf8

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the contexts of both tables, the start of the second, and the row of the first."""
        source.seek(0)
        head = source.read(_HEAD)
        cut = _blank_line(head[:_PREAMBLE])
        first = _ROWS.prepare(io.BytesIO(head if cut is None else head[:cut]), member)
        if cut is None:
            return {"first": first, "cut": len(head), "rows": None, "said": {}}
        rows = _ROWS.prepare(io.BytesIO(head[cut:]), member)
        rows["start"] += cut
        rows["header"] += cut if rows["header"] >= 0 else 0
        first_rows = _ROWS.items(io.BytesIO(head), Slice(first["start"], cut), first)
        values = [item.value for item in first_rows if isinstance(item, RawRecord)]
        return {"first": first, "cut": cut, "rows": rows, "said": values[-1] if values else {}}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield the first table as one range, then ranges of whole rows."""
        if context["rows"] is None:
            yield from _ROWS.slices(source, context["first"], limits)
            return
        if context["first"]["start"] < context["cut"]:
            yield Slice(context["first"]["start"], context["cut"])
        yield from _ROWS.slices(source, context["rows"], limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one dict a row, of either table."""
        preamble = context["rows"] is None or part.start < context["cut"]
        table: Context = context["first" if preamble else "rows"]
        around: dict[str, Any] = {**above(table), "table": "preamble" if preamble else "rows"}
        if not preamble:
            # The ledger stores names in an order of its own.
            first_row = context["said"]
            around["preamble"] = {
                c: first_row[c] for c in context["first"]["columns"] if c in first_row
            }
        for item in _ROWS.items(source, part, table):
            if isinstance(item, RawRecord):
                yield msgspec.structs.replace(item, around=around)
            else:
                yield item

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the sum of `CsvRows`' counts of the tables."""
        if context["rows"] is None:
            return _ROWS.count(source, context["first"])
        source.seek(0)
        first = io.BytesIO(source.read(context["cut"]))
        return _ROWS.count(first, context["first"]) + _ROWS.count(source, context["rows"])


def _blank_line(head: bytes) -> int | None:
    """Return the offset after the first lines of blanks or empty cells, below other text.

    Lines in a quoted cell do not count.
    """
    at, quotes, found, begun = 0, 0, None, False
    for line in head.splitlines(keepends=True):
        if found is not None and line.strip(_EMPTY):
            break
        quotes += line.count(b'"')
        at += len(line)
        if line.removeprefix(_BOM).strip(_EMPTY):
            begun = True
        elif begun and not quotes % 2:
            found = at
    return found
