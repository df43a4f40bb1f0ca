"""Documents as JSON lines and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from workers.cli.writers.rows import COLUMNS, Rows, json_text

#: A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def jsonl(rows: Rows) -> Iterator[str]:
    """Yield one JSON object a line."""
    for row in rows:
        yield json_text(row) + "\n"


def csv_lines(rows: Rows) -> Iterator[str]:
    """Yield a header and one line a row.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    yield _csv(COLUMNS)
    for row in rows:
        yield _csv([_csv_cell(row[name]) for name in COLUMNS])


def _csv(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _csv_cell(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return json_text(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value
