"""The rows of tables of an SQLite database, with the rows of other tables that they refer to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import msgspec

from pipeline.syntax.sqlite_pages import Cell, Damaged, Leaf, Lost, Pages, columns_of
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_RAW_KEPT = 64 * 1024
_REMEMBERED = 20_000
#: The maximum number of rows above a row.
_ABOVE = 100
#: The maximum number of instructions of SQLite's machine for a count.
_STEPS = 200_000_000


class SqliteTable(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of `table` as dicts.

    `joins` are pairs of a column and the table whose row it numbers; that row is in `around` under
    the table's name, None if it does not exist.

    Rows of the tables in `also` are items as well, as far as the database has these;
    `around["table"]` then names the table of each. `above` is a pair of a column and its table,
    whose rows lead to each other, as folders do: `around["above"]` lists them from the nearest on,
    for 100 steps.

    Slices are ranges of whole pages, and a range may be cut further between rows; rows have the
    order of the file. A damaged row is one rejection, and so is a page that is damaged or leads
    nowhere; an unreadable database is one slice that starts at 0, where no table can be.
    """

    version: ClassVar[int] = 1
    #: Bytes are read unchanged.
    wants_utf8: ClassVar[bool] = False

    table: str
    joins: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()
    above: tuple[str, str] | None = None
    item_bytes: int = 16 * 1024 * 1024

    @property
    def name(self) -> str:
        """See `Reader`."""
        return f"sqlite_table:{'|'.join(self._tables)}"

    @property
    def _tables(self) -> tuple[str, ...]:
        return (self.table, *self.also)

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `tables`: root page, columns and number column of each table that is needed."""
        try:
            found = Pages(source, item_bytes=self.item_bytes).tables()
        except Damaged:
            found = {}
        wanted = {*self._tables, *(table for _, table in self.joins)}
        shapes = {
            name: (root, *columns_of(sql)) for name, (root, sql) in found.items() if name in wanted
        }
        return {"tables": {name: list(shape) for name, shape in shapes.items()}}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of the file from one page of the table to another."""
        opened = self._opened(source, context)
        if opened is None:
            if size := source.seek(0, 2):
                yield Slice(0, size)
            return
        pages, roots = opened
        start, end, rows = -1, 0, 0
        for leaf, _ in _leaves(pages, roots, Slice(0, pages.file_size)):
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
        """Yield one dict for each row that begins in `part`."""
        opened = self._opened(source, context)
        if opened is None:
            detail = f"no database with a table {self.table} that can be read"
            yield Rejection(reason=Reason.BAD_SYNTAX, detail=detail, length=part.end)
            return
        pages, roots = opened
        others = _Others(pages, context["tables"])
        begins = part.start // pages.size * pages.size
        for leaf, table in _leaves(pages, roots, Slice(begins, part.end)):
            for cell in pages.cells(leaf, part.start, part.end):
                yield self._outcome(cell, table, context, others)

    def _opened(self, source: BinaryIO, context: Context) -> tuple[Pages, dict[str, int]] | None:
        """Return the file, and where each of its tables begins."""
        roots = {
            name: root
            for name in self._tables
            for root, columns, _ in [context["tables"].get(name, (0, [], -1))]
            if columns
        }
        try:
            pages = Pages(source, item_bytes=self.item_bytes)
        except Damaged:
            return None
        root = roots.get(self.table, 0)
        return (pages, roots) if root > 1 and pages.holds(root) else None

    def _outcome(
        self, cell: Cell | Lost, table: str, context: Context, others: _Others
    ) -> RawRecord | Rejection:
        offset, length = cell.offset, cell.length
        if isinstance(cell, Lost):
            reason, detail = Reason.BAD_SYNTAX, cell.detail
            return Rejection(reason=reason, detail=detail, offset=offset, length=length)
        _, columns, key = context["tables"][table]
        row = _row(cell, columns, key)
        around: dict[str, Any] = {other: None for _, other in self.joins}
        around |= {other: others.row(other, row[c]) for c, other in self.joins if c in row}
        if self.also:
            around["table"] = table
        if self.above is not None:
            around["above"] = others.above(*self.above, row)
        return RawRecord(row, offset, length, around)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return SQLite's count; it opens the file for reading only and trusts nothing in it.

        For a table that it refuses, return the count of the table's pages.
        """
        path = Path(source.name).resolve()
        counts = {table: _counted(path, table) for table in self._tables}
        refused = {table for table, count in counts.items() if count is None}
        counted = sum(filter(None, counts.values()))
        return counted + (self._by_pages(source, context, refused) if refused else 0)

    def _by_pages(self, source: BinaryIO, context: Context, tables: set[str]) -> int:
        """Return the number of rows by the headers of the tables' pages."""
        opened = self._opened(source, context)
        if opened is None:
            return 0
        pages, roots = opened
        roots = {table: root for table, root in roots.items() if table in tables}
        return sum(leaf.rows for leaf, _ in _leaves(pages, roots, Slice(0, pages.file_size)))


def _counted(path: Path, table: str) -> int | None:
    """Return how many rows SQLite finds in a table; None if it refuses, or finds no such table."""
    quoted = '"' + table.replace('"', '""') + '"'
    try:
        uri = f"{path.as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            database.set_progress_handler(_Steps(), 10_000)
            (count,) = database.execute(f"SELECT count(*) FROM {quoted}").fetchone()  # noqa: S608
    except (sqlite3.Error, UnicodeDecodeError):  # its messages may quote invalid text
        return None
    return int(count)


def _leaves(pages: Pages, roots: dict[str, int], part: Slice) -> list[tuple[Leaf, str]]:
    """Return the tables' pages within a range, in the order of the file: their places, not rows.

    A page that damage assigns to two tables belongs to the first one. A table without a beginning
    is damage of the file's first page, which should state it.
    """
    found: dict[int, tuple[Leaf, str]] = {}
    for table, root in roots.items():
        if root > 1 and pages.holds(root):
            for leaf in pages.leaves(root, part.start, part.end):
                found.setdefault(leaf.offset, (leaf, table))
        elif part.start == 0:
            found.setdefault(0, (Leaf(0, 0, sound=False), table))
    return [found[offset] for offset in sorted(found)]


class _Steps:
    """A handler that stops a statement with too many steps."""

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
        """Return the row as a dict; None if it does not exist or cannot be read."""
        return self._found(table, rowid) if type(rowid) is int and table in self._tables else None

    def above(self, column: str, table: str, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the rows to which a row leads by a column, in order; a cycle ends them."""
        found: list[dict[str, Any]] = []
        seen = set[Any]()
        at: dict[str, Any] | None = row
        while at is not None and (number := at.get(column)) not in seen and len(found) < _ABOVE:
            seen.add(number)
            at = self.row(table, number)
            if at is not None:
                found.append(at)
        return found

    def _look_up(self, table: str, rowid: int) -> dict[str, Any] | None:
        root, columns, key = self._tables[table]
        try:
            values = self._pages.row(root, rowid)
        except Damaged:
            return None
        return None if values is None else _row(Cell(0, 0, rowid, values), columns, key)


def _row(cell: Cell, columns: list[str], key: int) -> dict[str, Any]:
    """Return values by column; those of columns added to the table later may be missing."""
    row = dict(zip(columns, cell.values, strict=False))
    if key >= 0:
        row[columns[key]] = cell.rowid
    return row
