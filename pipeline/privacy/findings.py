"""Pieces of personal data in a text, and the text that finders read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from schemas.privacy import Kind

#: A finding below it is a guess: it gives no tag, and only rules that ask for guesses apply.
SURE = 0.5

#: Countries whose numbers are tried where a number has no country code.
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN")

#: How much of the text before a number may describe it.
_CONTEXT = 40


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One piece of personal data: the characters [start, end) of a text.

    `value` is the form for comparison: the same for the same thing, however it is written.
    """

    kind: Kind
    start: int
    end: int
    confidence: float
    value: str


#: A digit or a bracket behind no digit, and five more signs of a number.
_LONG_NUMBER = re.compile(r"[\d(](?<!\d[\d(])(?=[\d ().\-/]{5})")


class Text:
    """A text, and the words before a place in it."""

    def __init__(self, text: str, hint: str, regions: tuple[str, ...]) -> None:
        self.text, self.regions = text, regions
        self._hint = f"{hint.replace('_', ' ')}: ".casefold() if hint else ""
        self._numbers: list[int] | None = None

    def numbers(self) -> list[int]:
        """Return where numbers of six signs or more may begin; computed once."""
        if self._numbers is None:
            self._numbers = [place.start() for place in _LONG_NUMBER.finditer(self.text)]
        return self._numbers

    def before(self, start: int, most: int = _CONTEXT) -> str:
        """Return the text before a place, in small letters; the field's name precedes the text."""
        near = self.text[max(0, start - most) : start].casefold()
        return self._hint + near if start < most else near

    def folded(self) -> bytes:
        """Return the text that `before` slices, as UTF-8."""
        return (self._hint + self.text.casefold()).encode("utf-8", "replace")

    def label(self, start: int) -> str:
        """Return the same of its own line; of the lines above it too, where it begins the line."""
        near = self.before(start)
        line = near.rpartition("\n")[2]
        return line if line.strip() else near


def starting(
    first: re.Pattern[str], pattern: re.Pattern[str], text: str
) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern, tried only where `first` matches.

    A pattern that begins by looking back is tried at every letter; most texts have few places
    where it can begin, and one set of letters is quick to look for.
    """
    return starting_at((place.start() for place in first.finditer(text)), pattern, text)


def starting_at(
    places: Iterable[int], pattern: re.Pattern[str], text: str
) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern, tried only at some places, which are in order."""
    end = 0
    for place in places:
        if place >= end and (match := pattern.match(text, place)):
            end = match.end()
            yield match


Finder: TypeAlias = Callable[[Text], Iterator[Finding]]
