"""Where a table begins in a CSV file, and the names of its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

#: The maximum number of rows above a table, and of their noted characters.
_ABOVE = 40
_NOTED = 2_000
#: The maximum number of those that are more than half as wide as the table; and of lines below it,
#: in a small file.
_WIDE_ABOVE, _BELOW = 12, 8
#: Cells that are not a column's name: a number, a date, a time (with a digit); a link.
_NUMBER = re.compile(r"[\d.,:/ TZ+%€$£-]++")
_DIGIT = re.compile(r"\d")
_LINK = re.compile(r"https?://.*")
#: `01 Jan 2024, 12:00`, `Jan. 1, 2024`.
_SPELLED = re.compile(
    r"(?:\d{1,2}\.?[ -][^\W\d_]{3,12}\.?,?[ -]|[^\W\d_]{3,12}\.? \d{1,2},? )\d{4}"
    r"(?:,? \d{1,2}:\d\d\b.{0,12})?"
)
_BLANK = re.compile(r"\s")


def header_of(rows: Sequence[Sequence[str]], *, titled: bool) -> tuple[list[str], int, bool]:
    """Return unique column names, the row where the table begins, and whether that is the header.

    It is if some cell of it holds text and none is a number, a date, an address or a link; else
    there is no header, and the columns are `column_1` and so on. The row directly below a title is
    the header.
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
    """Return the number of the row with which a table begins.

    It is the first that has more than one cell (where most rows do), if most below have as many as
    it. Else it is a row of names of which that is true, with nothing as wide above it: a title, an
    account, a period, a few sums.
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
    """Return whether rows are narrow enough to be above a table.

    They may also be narrower than it and few, if numbers or dates in its rows distinguish names
    from values.
    """
    wide = [one for row in rows if (one := len(_full(row))) > max(2, width // 2)]
    if not wide:
        return True
    has_values = all(any(_is_value(cell.strip()) for cell in row) for row in body[:1])
    return has_values and len(wide) <= _WIDE_ABOVE and all(one < width for one in wide)


def _are_names(cells: Sequence[str]) -> bool:
    return any(cells) and not any(map(_is_value, cells))


def _full(row: Sequence[str]) -> Sequence[str]:
    """Return a row without the empty cells at its end."""
    width = len(row)
    while width and not row[width - 1].strip():
        width -= 1
    return row[:width]


def _is_body(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether four in five rows are as wide as the one above them, except for empty cells.

    A few at the end may be notes and sums.
    """
    width = len(_full(head))
    last = len(rows)
    while last > max(0, len(rows) - _BELOW) and 2 * len(_full(rows[last - 1])) <= width:
        last -= 1
    rows = rows[:last]
    whole = 2 * width >= len(head)  # not a title that is padded to the width of the table
    alike = sum(
        (whole and len(row) == len(head)) or width < 2 * len(_full(row)) <= 2 * width
        for row in rows
    )
    return len(rows) > 0 and 5 * alike >= 4 * len(rows)


def noted(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return the cells of rows above a table that are not empty, as many as fit in the ledger."""
    kept_rows: list[list[str]] = []
    room = _NOTED
    for row in rows:
        cells = [cell.strip() for cell in row if cell.strip()]
        room -= sum(map(len, cells))
        if room < 0:
            break
        kept_rows.append(cells)
    return kept_rows


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number, a date, a time, an address or a link, and thus no name."""
    if _NUMBER.fullmatch(cell):
        return _DIGIT.search(cell) is not None
    at = cell.find("@", 1)
    if at > 0 and cell.find(".", at + 2, len(cell) - 1) > 0 and not _BLANK.search(cell):
        return True
    return _LINK.fullmatch(cell) is not None or _SPELLED.fullmatch(cell) is not None


def _unique(names: Sequence[str]) -> list[str]:
    """Return column names made unique: an empty one is `column_<n>`, a second `a` is `a_2`."""
    unique: dict[str, None] = {}
    written, again = set(names), Counter[str]()
    for at, given in enumerate(names, 1):
        name = base = given or f"column_{at}"
        while name in unique or (name != given and name in written):
            again[base] += 1
            name = f"{base}_{again[base] + 1}"
        unique[name] = None
    return list(unique)
