"""The dialect of a CSV file, and the cells of its rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

# The module's own limit of 131,072 characters a cell would refuse what `item_bytes` allows.
csv.field_size_limit(1 << 30)


class Dialect(NamedTuple):
    """How a file writes rows; each a single ASCII character.

    With `escapes`, `\\"` is a quote, too. With `blanks`, those after a delimiter belong to no cell.
    """

    delimiter: str
    quote: str
    newline: str
    escapes: bool = False
    blanks: bool = False


def is_blank(row: Sequence[str]) -> bool:
    """Return whether all cells of a row are blank."""
    return not row or (not row[0].strip() and not any(map(str.strip, row)))


def csv_options(dialect: Dialect) -> dict[str, Any]:
    """Return a dialect as parameters of `csv.reader`."""
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote,
        "skipinitialspace": dialect.blanks,
    }


def parse(rows: list[bytes], dialect: Dialect) -> list[list[str] | None]:
    """Return the cells of each row: [] for a blank line, None if it is not UTF-8."""
    try:
        return list(cells_of([row.decode() for row in rows], dialect))
    except UnicodeDecodeError:
        return [_parse_one(row, dialect) for row in rows]


def _parse_one(row: bytes, dialect: Dialect) -> list[str] | None:
    try:
        return cells_of([row.decode()], dialect)[0]
    except UnicodeDecodeError:
        return None


def cells_of(texts: list[str], dialect: Dialect) -> list[list[str]]:
    """Return the cells of each row, by `csv` in bulk, which cannot read a CR within a line."""
    try:
        rows = list(csv.reader(texts, **csv_options(dialect)))
    except csv.Error:
        return [_cells_by_hand(text, dialect) for text in texts]
    return rows if len(rows) == len(texts) else [_cells_by_hand(t, dialect) for t in texts]


def _cells_by_hand(text: str, dialect: Dialect) -> list[str]:
    """Return the cells of one row that may hold a CR outside quotes."""
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
