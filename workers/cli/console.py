"""Output of a command: data on standard output, narration on standard error."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
import typer

from workers.cli import columns as layout
from workers.cli.columns import Column, Whole

if TYPE_CHECKING:
    from schemas.tally import Tally

OK, FAILED, USAGE, QUARANTINED, DOWN, INTERRUPTED = 0, 1, 2, 3, 69, 130

#: Where an answer goes that is for a file, and how wide its lines may be.
_PAPER: ContextVar[tuple[StringIO, int] | None] = ContextVar("paper", default=None)

_UNITS = ("B", "KB", "MB", "GB", "TB")
#: Below this width a receipt is printed in blocks: its tables would lose columns.
WIDE = 120
#: The column in which the text of a receipt's line begins.
_FIELD = 10


def width(stream: TextIO | None = None) -> int | None:
    """Return the width of the terminal or paper in cells; None where the output goes to neither."""
    if stream is None and (paper := _PAPER.get()) is not None:
        return paper[1]
    if not (stream or sys.stdout).isatty():
        return None
    return shutil.get_terminal_size().columns


@contextmanager
def on_paper(columns: int) -> Iterator[StringIO]:
    """Collect the answer of this block as text, in lines of `columns` cells."""
    text = StringIO()
    token = _PAPER.set((text, columns))
    try:
        yield text
    finally:
        _PAPER.reset(token)


def _answer(text: str) -> None:
    """Print a part of the answer: on standard output, or on paper."""
    paper = _PAPER.get()
    print(text, file=sys.stdout if paper is None else paper[0])


def say(message: str) -> None:
    """Print a line for the person at the terminal."""
    print(_prose(message, width(sys.stderr)), file=sys.stderr, flush=True)


def failed(message: str, code: int, *, json: bool = False) -> None:
    """Print why a verb failed, for people, or for programs as one line of JSON."""
    if json:
        error = {"exit_code": code, "message": message}
        print(msgspec.json.encode({"error": error}).decode(), file=sys.stderr, flush=True)
    else:
        say(f"datapunk: {message}")


def data(line: str) -> None:
    """Print a line of the answer."""
    _answer(printable(line))


def note(text: str) -> None:
    """Print a line of prose of the answer, wrapped at words; commands in it stay whole."""
    _answer(_prose(text, width()))


def _prose(text: str, room: int | None) -> str:
    lines = printable(text).split("\n")
    return "\n".join(prose(line, room) for line in lines)


def prose(line: str, room: int | None) -> str:
    """Return a line wrapped at words to `room` cells; what follows its first line is indented."""
    bare = line.lstrip(" ")
    indent = line[: len(line) - len(bare)]
    return layout.wrapped([bare], room, first=indent, hang=f"{indent}  ")


def whole(line: str) -> None:
    """Print a name or path on a line of its own, which nothing breaks, so that it can be copied."""
    _answer(cell(line))


def say_whole(line: str) -> None:
    """Print the same for the person at the terminal."""
    print(cell(line), file=sys.stderr, flush=True)


def field(name: str, *parts: str) -> None:
    """Print a line of a receipt: its name, then its text; parts that are `Whole` stay whole."""
    texts = [Whole(cell(part)) if isinstance(part, Whole) else cell(part) for part in parts]
    first = f"{name:<{_FIELD - 1}} "
    _answer(layout.wrapped(texts, width(), first=first, hang=" " * _FIELD))


def as_json(value: Any) -> None:
    """Print the answer for programs: one JSON document."""
    text = msgspec.json.encode(value, enc_hook=str)
    _answer(msgspec.json.format(text, indent=2).decode())


def printable(value: object) -> str:
    """Return a text that can't move the cursor or colour the terminal, whatever it holds."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(c) for c in text).encode("utf-8", "backslashreplace").decode()


def _visible(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return character.encode("unicode_escape").decode()


def table(
    columns: Sequence[Column | str], rows: Sequence[Sequence[object]], nothing: str = ""
) -> None:
    """Print a table: as wide as the terminal, or aligned plain lines elsewhere.

    `nothing` is a sentence to print in the place of a table without rows.
    """
    if nothing and not rows:
        say(nothing)
        return
    cells = [[cell(value) for value in row] for row in rows]
    heading, *lines = layout.lines(columns, cells, width())
    if _PAPER.get() is None:
        typer.echo(typer.style(heading, bold=True))
    else:
        _answer(heading)
    for line in lines:
        _answer(line)


def block(heading: str, lines: Mapping[str, str]) -> None:
    """Print a heading and lines of a name and a text, as wide as the terminal."""
    _answer(cell(heading))
    indent = max(map(len, lines)) + 2
    for name, text in lines.items():
        if text:
            first = f"    {name:<{indent}}"
            _answer(layout.wrapped([cell(text)], width(), first=first, hang=" " * len(first)))


def cell(value: object) -> str:
    """Return one line of text for one value."""
    return "" if value is None else printable(value).replace("\n", " ")


def records(counts: Tally, sign: str = " =") -> str:
    """Return how many records were seen, and how they ended."""
    return (
        f"{counts.seen} seen{sign} {counts.loaded} loaded + {counts.duplicate} duplicate + "
        f"{counts.quarantined} quarantined"
    )


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


def span(seconds: float) -> str:
    """Return a duration in its two largest units."""
    whole = max(0, round(seconds))
    for unit, size_s, next_unit, next_s in (
        ("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1),
    ):  # fmt: skip
        if whole >= size_s:
            return f"{whole // size_s}{unit} {whole % size_s // next_s:02}{next_unit}"
    return f"{whole}s"
