"""Lines that fit a terminal: tables with a line a row, names cut in the middle, wrapped prose.

Widths are in cells of a terminal: a Chinese character takes two, a combining mark none. Without a
width nothing is cut, left out or wrapped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum, auto
from itertools import takewhile, zip_longest

import msgspec

_BETWEEN = 2
#: A column of prose stays wide enough for its words, unless one is longer than this.
_LONG_WORD = 40
_ELLIPSIS = "…"
#: A command with its arguments is one word: a person copies it. The end of a sentence ends it.
_WORDS = re.compile(r"datapunk(?: [^\s;,()]*[^\s;,().:])+\S*|\S+")


class Shape(Enum):
    """How a column gives way on a narrow terminal."""

    WHOLE = auto()
    """Not at all: ids, codes and numbers."""
    CUT = auto()
    """Names lose their middle, so that a row stays one line."""
    TEXT = auto()
    """Prose is wrapped at words."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table.

    `drop` orders the columns that a narrow terminal leaves out, the highest first; 0: none does.
    `least` is the width in cells down to which names are cut.
    """

    heading: str
    shape: Shape = Shape.WHOLE
    drop: int = 0
    least: int = 12


class Whole(str):
    """A part of a text that is never broken, though it has blanks: a name, a path."""

    __slots__ = ()


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - slow to load, for names beyond ASCII alone

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` cells, the middle of a longer one replaced by `…`."""
    if cells(text) <= width:
        return text
    room = max(width - cells(_ELLIPSIS), 0)
    clusters = _clusters(text)
    head = _first(clusters, (room + 1) // 2)
    tail = _first(clusters[::-1], room - sum(map(cells, head)))
    return "".join([*head, _ELLIPSIS, *tail[::-1]])


def _clusters(text: str) -> list[str]:
    """Return each character with the marks that stand on it."""
    clusters: list[str] = []
    for character in text:
        if clusters and unicodedata.category(character) in ("Mn", "Me"):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _first(clusters: Sequence[str], width: int) -> list[str]:
    """Return as many of the first clusters as fit."""
    used = 0

    def fits(cluster: str) -> bool:
        nonlocal used
        used += cells(cluster)
        return used <= width

    return list(takewhile(fits, clusters))


def wrapped(parts: Sequence[str], width: int | None, *, first: str = "", hang: str = "") -> str:
    """Return parts of a text, a blank between them, wrapped at words.

    The first line begins with `first`, the others with `hang`. A word that is longer than a line
    has a line of its own and is not broken: the terminal breaks it, so that it can be copied.
    """
    if width is None:
        return first + " ".join(parts)
    words = [word for part in parts for word in ([part] if isinstance(part, Whole) else
             _WORDS.findall(part))]  # fmt: skip
    lines, line, empty = [], first, True
    for word in words:
        if not empty and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line, empty = hang, True
        line, empty = (line + word if empty else f"{line} {word}"), False
    return "\n".join([*lines, line])


def lines(
    columns: Sequence[Column | str], rows: Sequence[Sequence[str]], width: int | None
) -> list[str]:
    """Return a table, its headings first. A heading alone stands for a column of prose.

    On a terminal columns without a value are left out, unless they are always shown.
    """
    kinds = [c if isinstance(c, Column) else Column(c, Shape.TEXT) for c in columns]
    shown = list(range(len(kinds)))
    if width is not None:
        shown = [n for n in shown if not kinds[n].drop or any(row[n] for row in rows)]
    table = [[kinds[n].heading for n in shown], *([row[n] for n in shown] for row in rows)]
    kinds = [kinds[n] for n in shown]
    widths = [max(cells(row[n]) for row in table) for n in range(len(kinds))]
    if width is not None:
        texts = [[row[n] for row in table] for n in range(len(kinds))]
        shown, least = _fitting(kinds, texts, width)
        widths = _shared([widths[n] for n in shown], least, width)
        table, kinds = [[row[n] for n in shown] for row in table], [kinds[n] for n in shown]
    return [line for row in table for line in _row(row, kinds, widths)]


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> bool:
    """Tell whether a table has room with nothing cut, left out or wrapped."""
    if width is None:
        return True
    widest = (max(map(cells, column)) for column in zip(columns, *rows, strict=True))
    return sum(widest) + _BETWEEN * (len(columns) - 1) <= width


def _fitting(
    kinds: Sequence[Column], texts: Sequence[Sequence[str]], width: int
) -> tuple[list[int], list[int]]:
    """Return the columns that have room, and their least widths.

    The less important the last of them is, the more of a name has to be left beside it.
    """
    shown = list(range(len(kinds)))
    while True:
        last = max(shown, key=lambda n: kinds[n].drop)
        more = kinds[last].drop
        least = [_least(kinds[n], texts[n], more) for n in shown]
        if not more or sum(least) + _BETWEEN * (len(shown) - 1) <= width:
            return shown, least
        shown.remove(last)


def _least(kind: Column, texts: Sequence[str], more: int) -> int:
    """Return the least width of a column; names keep `more` cells than theirs."""
    widest = max(map(cells, texts))
    if kind.shape is Shape.WHOLE:
        return widest
    if kind.shape is Shape.CUT:
        return min(widest, max(kind.least + more, cells(kind.heading)))
    words = (cells(word) for text in texts for word in text.split())
    return min(max(words, default=0), _LONG_WORD)


def _shared(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Return widths that fit: the widest column that can still shrink shrinks first."""
    widths = list(natural)
    over = sum(widths) + _BETWEEN * (len(widths) - 1) - width
    for _ in range(max(over, 0)):
        shrinking = [n for n, each in enumerate(widths) if each > least[n]]
        if not shrinking:
            break
        widths[max(shrinking, key=widths.__getitem__)] -= 1
    return widths


def _row(row: Sequence[str], kinds: Sequence[Column], widths: Sequence[int]) -> list[str]:
    columns = [_in_cell(*each) for each in zip(row, kinds, widths, strict=True)]
    padded = (
        (" " * _BETWEEN).join(f"{text}{' ' * (width - cells(text))}"
                              for text, width in zip(line, widths, strict=True))
        for line in zip_longest(*columns, fillvalue="")
    )  # fmt: skip
    return [line.rstrip() for line in padded]


def _in_cell(text: str, kind: Column, width: int) -> list[str]:
    if kind.shape is Shape.CUT:
        return [cut(text, width)]
    if kind.shape is Shape.TEXT and cells(text) > width:
        return wrapped([text], width).split("\n")
    return [text]
