"""Checks that the letters of a text stand as letters do, in any language."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

#: Where alphabets begin, and their numbers; 0 is none. Enough to distinguish neighbours.
_ALPHABETS = (
    (0x41, 1), (0x2B0, 0), (0x370, 2), (0x400, 3), (0x530, 0), (0x590, 4), (0x600, 5),
    (0x780, 0), (0xE00, 6), (0xE80, 0), (0x1E00, 1), (0x1F00, 2), (0x2000, 0), (0x3040, 7),
    (0xA000, 0), (0xAC00, 8), (0xD7B0, 0), (0xF900, 7), (0xFB00, 0), (0xFF66, 7), (0xFFA0, 0),
)  # fmt: skip
_BEGINNINGS = [at for at, _ in _ALPHABETS]
#: Characters between letters that do not separate them.
_JOINERS = frozenset("’‘ʼ´·‐‑–—…\xa0\xad\u200c\u200d\u200e\u200f\u0640\u30fb")
#: From here on, signs stand between words that no blank separates.
_EASTERN = 0x2E80
_BOXES = range(0x2500, 0x25A0)
_BEYOND = re.compile(r"[^\x00-\x7f]")


def oddities(text: str) -> int:
    """Count the characters beyond ASCII that stand where nobody writes them.

    These are controls, unassigned characters, a capital after a small letter, a sign between two
    letters, lines of boxes next to a letter, and letters of two alphabets side by side.
    """
    return sum(_is_odd(text, found.start()) for found in _BEYOND.finditer(text))


def _is_odd(text: str, at: int) -> bool:
    letter, before, after = text[at], text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Cn", "Co", "Cs") or letter == "\ufffd":
        return letter != "\x85"
    if kind[0] == "L":
        return (
            (kind == "Lu" and before.islower()) or _clash(before, letter) or _clash(letter, after)
        )
    if ord(letter) in _BOXES:
        return before.isalpha() or after.isalpha()
    if kind[0] not in "PSN" or letter in _JOINERS or ord(letter) >= _EASTERN:
        return False
    return before.isalpha() and after.isalpha()


def _clash(one: str, other: str) -> bool:
    """Tell whether two neighbours are letters of two alphabets."""
    if not (one.isalpha() and other.isalpha()):
        return False
    return 0 not in (a := _alphabet(one), b := _alphabet(other)) and a != b


def _alphabet(letter: str) -> int:
    return _ALPHABETS[bisect_right(_BEGINNINGS, ord(letter)) - 1][1]
