"""The count of an XML file's elements, independent of the reader that cuts them."""

from __future__ import annotations

import re
from typing import BinaryIO
from xml.parsers import expat

from pipeline.readers.xml.window import AHEAD, BLOCK, NAME_ENDS


class Counter:
    """A counter of elements by name with expat, which shares nothing with the cutter."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.found = 0
        self._names = frozenset(names)
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EntityDeclHandler = self._refuse

    def feed(self, data: bytes, *, ends: bool = False) -> None:
        """Process the next bytes. Raises `ExpatError` or `ValueError` if they can't be read."""
        self._parser.Parse(data, ends)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.found += name.rpartition(":")[2] in self._names

    def _refuse(self, *_: object) -> None:
        """Refuse an entity, which may hold elements that are not in the file."""
        raise ValueError


def count_tags(source: BinaryIO, names: tuple[str, ...], start: int) -> int:
    """Return how many start tags of those names are outside comments, CDATA and instructions.

    A comment, CDATA or instruction hides tags only if it is closed; a first pass finds the last
    place of each of their ends.
    """
    last = {end: _last(source, end) for end in (b"-->", b"]]>", b"?>")}
    opening = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
    tag = _start_tag(names)
    found, hidden = 0, b""
    source.seek(start)
    data, base = source.read(BLOCK), start
    at = 0
    while data:
        if hidden:
            end = data.find(hidden, at)
            at = end + len(hidden) if end >= 0 else max(at, len(data) - len(hidden) + 1)
            hidden = b"" if end >= 0 else hidden
            if end >= 0:
                continue
        elif (seen := tag.search(data, at)) is not None:
            if seen.end() == len(data) and (block := source.read(BLOCK)):
                at = seen.start()  # its name may go on
                data, base, at = data[at:] + block, base + at, 0
                continue
            at = seen.end()
            end_mark = opening.get(seen[0])
            if end_mark is None:
                found += 1
            elif base + at <= last[end_mark]:
                hidden = end_mark
            continue
        else:
            at = max(at, len(data) - AHEAD)
        block = source.read(BLOCK)
        if not block:
            return found
        data, base, at = data[at:] + block, base + at, 0
    return found


def _start_tag(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """Return a pattern of a start tag of those names, or of the start of skipped text."""
    wanted = b"|".join(re.escape(name).encode() for name in names)
    return re.compile(
        rb"<!--|<!\[CDATA\[|<\?|<(?:[^\s<>/:\"'=!?]{1,64}:)?(?:%s)(?:%s|\Z)" % (wanted, NAME_ENDS)
    )


def _last(source: BinaryIO, mark: bytes) -> int:
    """Return the last position of a mark; -1 if there is none."""
    found, base, rest = -1, 0, b""
    source.seek(0)
    while block := source.read(BLOCK):
        data = rest + block
        if (at := data.rfind(mark)) >= 0:
            found = base + at
        keep = len(mark) - 1
        rest = data[-keep:]
        base += len(data) - len(rest)
    return found
