"""The rows of one table of an SQLite database, with the rows of others that they point to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import msgspec

from pipeline.sqlite_pages import Cell, Damaged, Leaf, Lost, Pages, columns_of
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_RAW_KEPT = 64 * 1024
_REMEMBERED = 20_000
#: Instructions of SQLite's machine that counting may take.
_STEPS = 200_000_000


class SqliteTable(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of `table` as dicts. `joins` are pairs of a column and the table whose row it numbers;
    that row is in `around` under the table's name, None where there is none.

    Slices are ranges of whole pages, and a range may be cut further between rows; rows come as
    they lie in the file. A row that is damaged is one rejection, and so is a page that is, or that
    leads nowhere; a database that can't be read at all is one slice that starts at 0, where no
    table can.
    """

    version: ClassVar[int] = 1
    #: Bytes are read as they are.
    wants_utf8: ClassVar[bool] = False

    table: str
    joins: tuple[tuple[str, str], ...] = ()
    item_bytes: int = 16 * 1024 * 1024

    @property
    def name(self) -> str:
        """See `Reader`."""
        return f"sqlite_table:{self.table}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """`tables`: the root page, columns and number column of each table that is needed."""
        try:
            found = Pages(source, item_bytes=self.item_bytes).tables()
        except Damaged:
            found = {}
        wanted = {self.table, *(table for _, table in self.joins)}
        shapes = {
            name: (root, *columns_of(sql)) for name, (root, sql) in found.items() if name in wanted
        }
        return {"tables": {name: list(shape) for name, shape in shapes.items()}}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Ranges of the file from one page of the table to another."""
        opened = self._opened(source, context)
        if opened is None:
            if size := source.seek(0, 2):
                yield Slice(0, size)
            return
        pages, root = opened
        start, end, rows = -1, 0, 0
        for leaf in self._leaves(pages, root, Slice(0, pages.file_size)):
            after = min(leaf.offset + pages.size, pages.file_size)
            if rows and (rows + leaf.rows > limits.records or after - start > limits.size):
                yield Slice(start, end)
                start, rows = -1, 0
            start, end, rows = leaf.offset if start < 0 else start, after, rows + max(1, leaf.rows)
        if start >= 0:
            yield Slice(start, end)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """One dict for each row that begins in `part`."""
        opened = self._opened(source, context)
        if opened is None:
            detail = f"no database with a table {self.table} that can be read"
            yield Rejection(reason=Reason.BAD_SYNTAX, detail=detail, length=part.end)
            return
        pages, root = opened
        others = _Others(pages, context["tables"])
        begins = part.start // pages.size * pages.size
        for leaf in self._leaves(pages, root, Slice(begins, part.end)):
            for cell in pages.cells(leaf, part.start, part.end):
                yield self._outcome(cell, context, others)

    def _opened(self, source: BinaryIO, context: Context) -> tuple[Pages, int] | None:
        root, columns, _ = context["tables"].get(self.table, (0, [], -1))
        try:
            pages = Pages(source, item_bytes=self.item_bytes)
        except Damaged:
            return None
        return (pages, root) if columns and root > 1 and pages.holds(root) else None

    def _leaves(self, pages: Pages, root: int, part: Slice) -> list[Leaf]:
        """The table's pages within a range, as they lie in the file: their places, not rows."""
        return sorted(pages.leaves(root, part.start, part.end))

    def _outcome(
        self, cell: Cell | Lost, context: Context, others: _Others
    ) -> RawRecord | Rejection:
        offset, length = cell.offset, cell.length
        if isinstance(cell, Lost):
            reason, detail = Reason.BAD_SYNTAX, cell.detail
            return Rejection(reason=reason, detail=detail, offset=offset, length=length)
        _, columns, key = context["tables"][self.table]
        row = _row(cell, columns, key)
        around = {other: others.row(other, row.get(c)) for c, other in self.joins}
        return RawRecord(row, offset, length, around)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Asked of SQLite, which opens the file for reading only and trusts nothing in it. Of one
        that it refuses, what the table's pages say."""
        path = Path(source.name).resolve()
        quoted = '"' + self.table.replace('"', '""') + '"'
        try:
            uri = f"{path.as_uri()}?mode=ro&immutable=1"
            with closing(sqlite3.connect(uri, uri=True)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                database.set_progress_handler(_Steps(), 10_000)
                (count,) = database.execute(f"SELECT count(*) FROM {quoted}").fetchone()  # noqa: S608
        except (sqlite3.Error, UnicodeDecodeError):  # its messages may quote what is no text
            return self._said(source, context)
        return int(count)

    def _said(self, source: BinaryIO, context: Context) -> int:
        """How many rows the headers of the table's pages tell of."""
        opened = self._opened(source, context)
        if opened is None:
            return 0
        pages, root = opened
        return sum(leaf.rows for leaf in self._leaves(pages, root, Slice(0, pages.file_size)))


class _Steps:
    """Stops a statement that takes too many steps."""

    def __init__(self) -> None:
        self._left = _STEPS // 10_000

    def __call__(self) -> bool:
        self._left -= 1
        return self._left <= 0


class _Others:
    """Rows of other tables by their numbers; many visits are of one page."""

    def __init__(self, pages: Pages, tables: dict[str, Any]) -> None:
        self._pages = pages
        self._tables = tables
        self._found = lru_cache(_REMEMBERED)(self._look_up)

    def row(self, table: str, rowid: Any) -> dict[str, Any] | None:
        """The row as a dict; None where there is none, or none that can be read."""
        return self._found(table, rowid) if type(rowid) is int and table in self._tables else None

    def _look_up(self, table: str, rowid: int) -> dict[str, Any] | None:
        root, columns, key = self._tables[table]
        try:
            values = self._pages.row(root, rowid)
        except Damaged:
            return None
        return None if values is None else _row(Cell(0, 0, rowid, values), columns, key)


def _row(cell: Cell, columns: list[str], key: int) -> dict[str, Any]:
    """Values under their columns; those that were added to the table later may be missing."""
    row = dict(zip(columns, cell.values, strict=False))
    if key >= 0:
        row[columns[key]] = cell.rowid
    return row
