"""Output of a command: data on standard output, narration on standard error."""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.table import Table

OK, FAILED, USAGE, QUARANTINED, DOWN, INTERRUPTED = 0, 1, 2, 3, 69, 130

_UNITS = ("B", "KB", "MB", "GB", "TB")


def say(message: str) -> None:
    """Print a line for the person at the terminal."""
    print(shown(message), file=sys.stderr, flush=True)


def failed(message: str, code: int, *, json: bool = False) -> None:
    """Print why a verb failed, for people, or for programs as one line of JSON."""
    if json:
        error = {"exit_code": code, "message": message}
        print(msgspec.json.encode({"error": error}).decode(), file=sys.stderr, flush=True)
    else:
        say(f"datapunk: {message}")


def data(line: str) -> None:
    """Print a line of the answer."""
    print(shown(line))


def as_json(value: Any) -> None:
    """Print the answer for programs: one JSON document."""
    text = msgspec.json.encode(value, enc_hook=str)
    print(msgspec.json.format(text, indent=2).decode())


def shown(value: object) -> str:
    """Return a text that can't move the cursor or colour the terminal, whatever it holds."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(c) for c in text).encode("utf-8", "backslashreplace").decode()


def _visible(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return character.encode("unicode_escape").decode()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on a terminal; aligned plain lines elsewhere."""
    cells = [[cell(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - for a terminal alone

        Console().print(rich_table(columns, cells))
    else:
        for line in plain(columns, cells):
            print(line)


def block(heading: str, lines: Mapping[str, str]) -> None:
    """Print a heading and lines of a name and a text, as wide as the terminal."""
    print(cell(heading))
    width = max(map(len, lines)) + 2
    for name, text in lines.items():
        if text:
            print(_wrapped(f"    {name:<{width}}", cell(text)))


def _wrapped(name: str, text: str) -> str:
    room = max(shutil.get_terminal_size((100, 24)).columns, 2 * len(name))
    return textwrap.fill(
        text, room, initial_indent=name, subsequent_indent=" " * len(name), break_on_hyphens=False
    )


def cell(value: object) -> str:
    """Return one line of text for one value."""
    return "" if value is None else shown(value).replace("\n", " ")


def rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """Return the same rows for a terminal, without any markup."""
    from rich.table import Table  # noqa: PLC0415 - for a terminal alone
    from rich.text import Text  # noqa: PLC0415

    shown_table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown_table.add_column(column, overflow="fold")
    for row in cells:
        shown_table.add_row(*(Text(text) for text in row))
    return shown_table


def plain(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with two blanks or more between columns."""
    rows = [list(columns), *map(list, cells)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(columns))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def age(since: datetime, now: datetime | None = None) -> str:
    """Return how long ago it was, in the largest unit that fits."""
    seconds = max(0, int(((now or datetime.now(UTC)) - since).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def size(count: int | None) -> str:
    """Return a number of bytes in the largest unit, in steps of 1024."""
    if count is None:
        return ""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return (
        f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 10 else f"{value:.1f} {_UNITS[unit]}"
    )
