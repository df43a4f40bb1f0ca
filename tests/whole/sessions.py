"""Sessions of a terminal in pages: what is typed, and what the page says comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: What differs from run to run: ids, today, ages and sizes of a file that holds ids.
_VARIES = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"^[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"(?<=processed/demo/)\d{4}-\d\d-\d\d"), "TODAY"),
    (re.compile(r"\[\d+\]$"), "[N]"),
    (re.compile(r"^ +\d+(?=  (?:undated|\d{4}-))"), "N"),
    (re.compile(r"\btook +\d+[smh](?: \d+[sm])?"), "took TIME"),
    (re.compile(r"\b\d+[smh]$"), "AGE"),
    (re.compile(r"\(\d+\.\d KB\)"), "(SIZE)"),
)
REST = "…"


class Typed(NamedTuple):
    """A command of a page, its line there, and the lines that the page shows after it."""

    line: int
    command: str
    shown: list[str]


def typed(page: Path) -> Iterator[Typed]:
    """Yield every command in the `console` blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start()) + 2
        found: Typed | None = None
        for number, line in enumerate(block[1].splitlines(), first):
            if line.startswith("$ "):
                if found:
                    yield found
                found = Typed(number, line[2:], [])
            else:
                assert found, f"{page.name}:{number}: a block begins with a command"
                found.shown.append(line)
        if found:
            yield found


def stable(line: str) -> str:
    """Return the part of a line that is the same in each run, with single blanks."""
    line = line.rstrip()
    for pattern, instead in _VARIES:
        line = pattern.sub(instead, line)
    return " ".join(line.split())


def fits(shown: Sequence[str], lines: Sequence[str]) -> bool:
    """Tell whether the output is what the page shows; a line `…` stands for any lines."""
    pattern = ""
    for line in map(stable, shown):
        if line == REST:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += r".*".join(map(re.escape, line.split(REST))) + r"\n"
    return re.fullmatch(pattern, "".join(f"{stable(line)}\n" for line in lines)) is not None
