"""Pieces of personal data in a text, and the text that finders read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


class Text:
    """A text, and the words before a place in it."""

    def __init__(self, text: str, hint: str, regions: tuple[str, ...]) -> None:
        self.text, self.regions = text, regions
        self._hint = f"{hint.replace('_', ' ')}: ".casefold() if hint else ""

    def before(self, start: int, most: int = _CONTEXT) -> str:
        """Return the text before a place, in small letters; the field's name precedes the text."""
        near = self.text[max(0, start - most) : start].casefold()
        return self._hint + near if start < most else near

    def label(self, start: int) -> str:
        """Return the same of its own line; of the lines above it too, where it begins the line."""
        near = self.before(start)
        line = near.rpartition("\n")[2]
        return line if line.strip() else near


Finder: TypeAlias = Callable[[Text], Iterator[Finding]]
