"""A range of an XML file, and the tags in it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import BinaryIO, NamedTuple

BLOCK = 1 << 20
#: The maximum length of a name with its prefix; what a window keeps of its end.
AHEAD = 256
#: A byte that no name holds. It need not be a blank, a slash or ">": a damaged tag is a tag.
NAME_ENDS = rb"(?=[^-.:\w\x80-\xff])"
_ATTRIBUTES = rb"(?:[^\"'<>]++|\"[^\"<]*+\"|'[^'<]*+')*+"
_REST_OF_TAG = re.compile(_ATTRIBUTES)


class Token(NamedTuple):
    """A tag up to its name's end, or the start of skipped text; `tag_end` is 0 while unknown."""

    start: int
    end: int
    skip: bytes | None
    close: bytes
    name: bytes
    tag_end: int


@lru_cache(maxsize=32)
def tokens(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """Return a pattern of a tag of one of these names, up to its end if that is in the window.

    It also matches the start of a comment or CDATA.
    """
    wanted = b"|".join(re.escape(name).encode() for name in names)
    return re.compile(
        rb"<(?:(!--|!\[CDATA\[|\?)|(/?)(?:[^\s<>/:\"'=!?]{1,64}:)?(%s)(?:%s|\Z)(?:%s(>))?)"
        % (wanted, NAME_ENDS, _ATTRIBUTES)
    )


class Window:
    """A range of a file, of which a few blocks are in memory at a time."""

    def __init__(self, source: BinaryIO, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.cut_short = end < source.seek(0, 2)
        self._base = start
        self._data = b""
        self._unclosed: set[bytes] = set()

    def _more(self, keep: int) -> bool:
        """Read on, dropping bytes before `keep`; False at the end of the range."""
        at = self._base + len(self._data)
        keep = max(self._base, min(keep, at))
        self.source.seek(at)
        block = self.source.read(min(max(BLOCK, at - keep), self.end - at))
        self._data = self._data[keep - self._base :] + block
        self._base = keep
        return bool(block)

    def search(self, token: re.Pattern[bytes], at: int) -> Token | None:
        """Return the first token from `at` on."""
        while True:
            found = token.search(self._data, at - self._base)
            if found is not None:
                base = self._base
                if found.end() == len(self._data) and self._more(base + found.start()):
                    continue  # its name may go on
                skip, close, name, ends = found.groups()
                end = base + (found.end() if skip else found.end(3))
                tag_end = base + found.end() if ends else 0
                return Token(base + found.start(), end, skip, close, name, tag_end)
            at = max(at, self._base + len(self._data) - AHEAD)
            if not self._more(at):
                return None

    def find(self, mark: bytes, at: int) -> int | None:
        """Return where the first `mark` from `at` on begins."""
        while True:
            found = self._data.find(mark, at - self._base)
            if found >= 0:
                return self._base + found
            at = max(at, self._base + len(self._data) - len(mark) + 1)
            if not self._more(at):
                return None

    def past(self, mark: bytes, at: int) -> int:
        """Return where the first `mark` from `at` on ends; the end of the range without one."""
        found = self.find(mark, at)
        return self.end if found is None else found + len(mark)

    def behind(self, mark: bytes, at: int) -> int:
        """Return the end of the comment or CDATA that began before `at`; `at` if it never ends.

        An unclosed one hides nothing. The search is done once: what is not after one is not after
        the next, and no slice is cut within one that is closed.
        """
        if mark in self._unclosed:
            return at
        found = self.find(mark, at)
        if found is not None:
            return found + len(mark)
        self._unclosed.add(mark)
        self._base, self._data = at, b""
        return at

    def tag_end(self, at: int, limit: int) -> tuple[int, bool]:
        """Return where the start tag ends whose name ends at `at`, and False if it is broken."""
        while True:
            matched = _REST_OF_TAG.match(self._data, at - self._base)
            stop = matched.end() if matched else 0
            if self._data[stop : stop + 1] == b">":
                return self._base + stop + 1, True
            broken = self._data.find(b"<", stop)
            if broken >= 0:
                return self._base + broken, False
            if len(self._data) - (at - self._base) > limit:
                next_tag = self.find(b"<", at)
                return self.end if next_tag is None else next_tag, False
            if not self._more(at):
                return self.end, False

    def bytes(self, start: int, length: int) -> bytes:
        """Return bytes of the file, whether they are still in memory or not."""
        first = start - self._base
        if first >= 0 and first + length <= len(self._data):
            return self._data[first : first + length]
        self.source.seek(start)
        return self.source.read(length)
