"""SQLite's file format, as far as the rows of tables need it (sqlite.org, "Database File Format").

The database is untrusted: none of its SQL, triggers, views or extensions runs, and every number in
it is checked before use. Reading pages, and not through the library, also gives the position of
each row in the file. Changes that are not merged into the file yet (a `-wal` beside it) are not
read.
"""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

_MAGIC = b"SQLite format 3\0"
_ENCODINGS = {0: "utf-8", 1: "utf-8", 2: "utf-16-le", 3: "utf-16-be"}
_INTERIOR, _LEAF = 5, 13
_DEPTH = 24
_COLUMNS = 2_000
_CACHED_PAGES = 256
#: The largest `CREATE` statement in which a name is searched for.
_STATEMENT = 1 << 20
_SCHEMA_COLUMNS = ("type", "name", "tbl_name", "rootpage", "sql")


class Damaged(Exception):
    """Bytes of a page that are invalid; the message has none of their content."""


class Cell(NamedTuple):
    """A row: where its part of the page is in the file, and its values."""

    offset: int
    length: int
    rowid: int
    values: list[Any]


class Lost(NamedTuple):
    """A row that cannot be read: where it should be in the file, and what is wrong with it."""

    offset: int
    length: int
    detail: str


class Leaf(NamedTuple):
    """A page with rows of a table, or one that is damaged."""

    offset: int
    rows: int
    sound: bool


class Pages:
    """A database file. Raises `Damaged` for another file."""

    def __init__(self, source: BinaryIO, *, item_bytes: int) -> None:
        self._source = source
        self._limit = item_bytes
        self.file_size = source.seek(0, 2)
        source.seek(0)
        header = source.read(100)
        if len(header) < 100 or not header.startswith(_MAGIC):
            raise Damaged("the file is not an SQLite database")
        size = int.from_bytes(header[16:18], "big")
        self.size = 65536 if size == 1 else size
        if self.size < 512 or self.size & (self.size - 1):
            raise Damaged("the page size is impossible")
        self._usable = self.size - header[20]
        self._encoding = _ENCODINGS.get(int.from_bytes(header[56:60], "big"), "utf-8")
        self._page = lru_cache(_CACHED_PAGES)(self._read_page)

    def _read_page(self, number: int) -> bytes:
        at = (number - 1) * self.size
        if number < 1 or at >= self.file_size:
            raise Damaged("the page is beyond the end of the file")
        self._source.seek(at)
        page = self._source.read(self.size)
        if len(page) < self.size:
            raise Damaged("the page is cut off")
        return page

    def tables(self) -> dict[str, tuple[int, str]]:
        """Return the root page and the `CREATE TABLE` of each table."""
        found: dict[str, tuple[int, str]] = {}
        for leaf in self.leaves(1):
            for cell in self.cells(leaf, 0, self.file_size):
                if isinstance(cell, Lost):
                    continue
                row = dict(zip(_SCHEMA_COLUMNS, cell.values, strict=False))
                root, sql = row.get("rootpage"), row.get("sql")
                if row.get("type") == "table" and isinstance(root, int) and isinstance(sql, str):
                    found[str(row.get("name"))] = (root, sql)
        return found

    def leaves(self, root: int, start: int = 0, end: int | None = None) -> Iterator[Leaf]:
        """Yield the pages of a table's rows that begin in a range of the file, in key order.

        Each page comes once, also a damaged one. All pages of rows are equally deep, so all pages
        beside one are such pages: those outside of the range are not read.
        """
        inside = range(start, self.file_size if end is None else end)
        waiting = [(root, 0, False)]
        seen: set[int] = set()
        while waiting:
            number, depth, lowest = waiting.pop()
            offset = (number - 1) * self.size
            if number in seen:
                continue
            seen.add(number)
            if lowest and offset not in inside:
                continue
            found, children = self._below(number, lowest=lowest or depth >= _DEPTH)
            if found is not None and offset in inside:
                yield found
            level = bool(children) and self._is_leaf(children[0])
            waiting.extend((child, depth + 1, level) for child in reversed(children))

    def _below(self, number: int, *, lowest: bool) -> tuple[Leaf | None, list[int]]:
        """Return a page as one of rows, if it is one or damaged, and the pages below it."""
        offset = (number - 1) * self.size
        try:
            kind, cells, children = self._opened(number)
        except Damaged:
            return Leaf(offset, 0, sound=False), []
        if kind == _LEAF:
            return Leaf(offset, cells, sound=True), []
        known = [child for child in children if self.holds(child)]
        if lowest or len(known) < len(children):
            return Leaf(offset, 0, sound=False), [] if lowest else known
        return None, known

    def _is_leaf(self, number: int) -> bool:
        try:
            return self._opened(number)[0] == _LEAF
        except Damaged:
            return False

    def holds(self, number: int) -> bool:
        """Return whether the file has a page of that number."""
        return number >= 1 and (number - 1) * self.size < self.file_size

    def _opened(self, number: int) -> tuple[int, int, list[int]]:
        """Return the kind of a page, its number of cells, and the pages below it."""
        page, start = self._page(number), 100 if number == 1 else 0
        kind = page[start]
        cells = int.from_bytes(page[start + 3 : start + 5], "big")
        if kind not in (_INTERIOR, _LEAF) or start + 12 + 2 * cells > self.size:
            raise Damaged("the page is not of a table")
        if kind == _LEAF:
            return kind, cells, []
        children = [
            int.from_bytes(page[at : at + 4], "big")
            for at in struct.unpack_from(f">{cells}H", page, start + 12)
        ]
        return kind, cells, [*children, int.from_bytes(page[start + 8 : start + 12], "big")]

    def cells(self, leaf: Leaf, start: int, end: int) -> Iterator[Cell | Lost]:
        """Yield the rows of a page that begin in a range of the file, in the order of their places.

        A damaged row does not affect the others; a page that is invalid is lost as one, at its
        beginning.
        """
        after = min(leaf.offset + self.size, self.file_size)
        if not leaf.sound:
            if start <= leaf.offset < end:
                yield Lost(leaf.offset, after - leaf.offset, "a page that is damaged")
            return
        page = self._page(leaf.offset // self.size + 1)
        found = struct.unpack_from(f">{leaf.rows}H", page, 8 + 100 * (leaf.offset == 0))
        places = sorted({min(at, self.size - 1) for at in found})
        for at, following in pairwise((*places, after - leaf.offset)):
            if not start <= leaf.offset + at < end:
                continue
            try:
                yield self._cell(page, leaf.offset, at)
            except Damaged as damage:
                yield Lost(leaf.offset + at, following - at, str(damage))

    def _cell(self, page: bytes, offset: int, at: int) -> Cell:
        payload, begin = _varint(page, at)
        rowid, begin = _varint(page, begin)
        rowid -= (rowid >= 1 << 63) << 64
        if payload > self._limit:
            raise Damaged("the row is too large")
        here = self._local(payload)
        data = page[begin : begin + here]
        if len(data) < here:
            raise Damaged("the row extends over its page")
        length = begin + here - at
        if here < payload:
            following = int.from_bytes(page[begin + here : begin + here + 4], "big")
            data += self._overflow(following, payload - here)
        return Cell(offset + at, length, rowid, self._values(data))

    def _local(self, payload: int) -> int:
        """Return how many bytes of a row are in its own page."""
        most = self._usable - 35
        if payload <= most:
            return payload
        least = (self._usable - 12) * 32 // 255 - 23
        part = least + (payload - least) % (self._usable - 4)
        return part if part <= most else least

    def _overflow(self, number: int, left: int) -> bytes:
        parts: list[bytes] = []
        while left > 0:
            page = self._read_page(number)  # long values would push the tree out of the cache
            part = page[4 : 4 + min(left, self._usable - 4)]
            parts.append(part)
            left -= len(part)
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)

    def _values(self, data: bytes) -> list[Any]:
        size, at = _varint(data, 0)
        if size > len(data):
            raise Damaged("the row's head is longer than the row")
        values: list[Any] = []
        body = size
        while at < size and len(values) < _COLUMNS:
            kind, at = _varint(data, at)
            value, body = self._value(data, body, kind)
            values.append(value)
        return values

    def _value(self, data: bytes, at: int, kind: int) -> tuple[Any, int]:
        if kind >= 12:
            end = at + (kind - 12) // 2
            raw = data[at:end]
            if end > len(data):
                raise Damaged("a value is longer than its row")
            return (raw.decode(self._encoding, "replace") if kind & 1 else raw), end
        if kind in (0, 8, 9):
            return (None if kind == 0 else kind - 8), at
        size = (1, 2, 3, 4, 6, 8, 8)[kind - 1] if kind <= 7 else 0
        raw = data[at : at + size]
        if not size or len(raw) < size:
            raise Damaged("a value is of an unknown kind or cut off")
        if kind == 7:
            value: float = struct.unpack(">d", raw)[0]
            # JSON has no NaN and no infinity: they become words.
            return value if math.isfinite(value) else str(value), at + size
        return int.from_bytes(raw, "big", signed=True), at + size

    def row(self, root: int, rowid: int) -> list[Any] | None:
        """Return the values of one row by its number. Raises `Damaged`."""
        number = root
        for _ in range(_DEPTH):
            kind, cells, children = self._opened(number)
            page, start = self._page(number), 100 if number == 1 else 0
            if kind == _LEAF:
                return self._row_of(page, (number - 1) * self.size, start, cells, rowid)
            number = children[self._branch(page, start, cells, rowid)]
        raise Damaged("the table is nested too deep")

    def _branch(self, page: bytes, start: int, cells: int, rowid: int) -> int:
        """Return which child holds a row: keys are the largest below each but the last."""
        low, high = 0, cells
        while low < high:
            middle = (low + high) // 2
            (at,) = struct.unpack_from(">H", page, start + 12 + 2 * middle)
            key, _ = _varint(page, at + 4)
            low, high = (low, middle) if rowid <= key else (middle + 1, high)
        return low

    def _row_of(
        self, page: bytes, offset: int, start: int, cells: int, rowid: int
    ) -> list[Any] | None:
        low, high = 0, cells
        while low < high:
            middle = (low + high) // 2
            (at,) = struct.unpack_from(">H", page, start + 8 + 2 * middle)
            _, after = _varint(page, at)
            key, _ = _varint(page, after)
            if key == rowid:
                return self._cell(page, offset, at).values
            low, high = (low, middle) if rowid < key else (middle + 1, high)
        return None


def table_names(source: BinaryIO) -> frozenset[str]:
    """Return the tables of a database; of a damaged file those found, of another none."""
    try:
        return frozenset(Pages(source, item_bytes=_STATEMENT).tables())
    except Damaged:
        return frozenset()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where it ends."""
    value = 0
    for nth in range(9):
        if at >= len(data):
            raise Damaged("a number is cut off")
        byte = data[at]
        at += 1
        if nth == 8:
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value, at


def columns_of(sql: str) -> tuple[list[str], int]:
    """Return the columns of a `CREATE TABLE`, and which of them is the row's number (-1: none).

    SQLite itself reads the statement, in an empty database in memory that may do nothing else.
    """
    if not sql.upper().startswith("CREATE TABLE") or len(sql) > 100_000:
        return [], -1
    with closing(sqlite3.connect(":memory:")) as database:
        database.set_authorizer(_only_creates)
        try:
            database.execute(sql)
            database.set_authorizer(None)
            (name,) = database.execute("SELECT name FROM sqlite_schema ORDER BY rowid").fetchone()
            quoted = '"' + name.replace('"', '""') + '"'
            rows = database.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
        except (sqlite3.Error, sqlite3.Warning, TypeError, ValueError):
            return [], -1
    stored = [row for row in rows if row[6] != 2]  # 2: computed on access
    keys = [at for at, row in enumerate(stored) if row[5]]
    alone = len(keys) == 1 and str(stored[keys[0]][2]).upper() == "INTEGER"
    return [row[1] for row in stored], keys[0] if alone else -1


_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_REINDEX,
    }
)


def _only_creates(action: int, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
