"""Texts whose UTF-8 was once read as another charset: `Ã©` for é, perhaps twice over.

A text is mended only where all of it, put back into the bytes of one charset, is good UTF-8, where
the result is words of one script each, and where something in the text stands as nobody writes: a
capital and a sign within a word, a letter of three signs. So a text that quotes `Ã©`, or ends on
`IRMÃ”`, stays as it is. In doubt, a text is not changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import ftfy.bad_codecs

#: Charsets that UTF-8 is misread as, by frequency; those of one line are equally likely.
_LIKELY = (
    ("latin-1", "cp1252"),
    ("cp1254",),
    ("cp1251",),
    ("cp1250", "iso8859-2"),
    ("mac_roman",),
    ("koi8-r",),
    ("cp437", "cp850"),
    ("cp1253",),
)
_RANKS = {name: rank for rank, names in enumerate(_LIKELY) for name in names}
#: Codecs that give each byte a character, as the programs did that misread it.
_SLOPPY = {f"cp{n}": f"sloppy-windows-{n}" for n in range(1250, 1255)}
ftfy.bad_codecs.ok()  # registers them

_MOST_TIMES = 3
_FIRST = re.compile(r"[^\x00-\x7f].", re.DOTALL)
_RUN = re.compile(r"[^\x00-\x7f]+")
_WORD = re.compile(r"[^\W\d_]+")
#: à, whose second byte is a no-break space, which many programs turn into a space.
_A_GRAVE = re.compile(rb"\xc3 +")
#: Marks that may follow a capital at the start of a word: `Å–`, `Ä…`.
_MARKS = frozenset("…–—‘’“”‹›«»")
_NO_TEXT = frozenset({"Cc", "Cn", "Co"})
#: Chinese, Japanese and Korean, whose words mix them.
_EASTERN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "IDEOGRAPHIC"})


class Mended(NamedTuple):
    """A text as it was meant, and the charsets that its UTF-8 was read as, the last one first.

    The way back: as UTF-8, read as each of them, from the last in the tuple to the first. Only an
    `à` that had lost its no-break space does not return as it was.
    """

    text: str
    read_as: tuple[str, ...]


def mend(text: str) -> Mended | None:
    """Return the text as it was meant, if it was misread and there is one way to mend it."""
    first = None if text.isascii() else _FIRST.search(text)
    if first is None or first[0] not in _starts() or _may_be_meant(text):
        return None
    found: dict[str, Mended] = {}
    for name in _RANKS:
        again = _read_again(text, name)
        if again is not None:
            for mended in _further(again, (name,)):
                found.setdefault(mended.text, mended)
    ranked = sorted(found.values(), key=_unlikely)
    if not ranked or (len(ranked) > 1 and _unlikely(ranked[0]) == _unlikely(ranked[1])):
        return None
    return ranked[0]


@cache
def _starts() -> frozenset[str]:
    """Return the two letters that the first bytes of a character beyond ASCII may look like."""
    found = {"Ã "}
    for name in _RANKS:
        leads, rest = (
            _letters(name, bytes(some)) for some in (range(0xC2, 0xF5), range(0x80, 0xC0))
        )
        found.update(lead + second for lead in leads for second in rest)
    return frozenset(found)


def _letters(name: str, some: bytes) -> str:
    return some.decode(_SLOPPY.get(name, name), "ignore")


def _unlikely(mended: Mended) -> tuple[int, ...]:
    """Return a sorting key: a text misread more often in the same way is less likely by chance."""
    return -len(mended.read_as), *(_RANKS[name] for name in mended.read_as)


def _further(text: str, read_as: tuple[str, ...]) -> Iterator[Mended]:
    """Yield the text with further misreadings undone; then the text itself, if it makes sense."""
    if len(read_as) < _MOST_TIMES and not text.isascii():
        seen: set[str] = set()
        for name in _RANKS:
            again = _read_again(text, name)
            if again is not None and again not in seen:
                seen.add(again)
                yield from _further(again, (*read_as, name))
    if _is_sane(text):
        yield Mended(text, read_as)


def _read_again(text: str, name: str) -> str | None:
    try:
        return _A_GRAVE.sub(b"\xc3\xa0 ", text.encode(_SLOPPY.get(name, name))).decode()
    except UnicodeError:
        return None


def _is_sane(text: str) -> bool:
    """Tell whether all its letters exist, marks stand on letters, and words are of one script."""
    kinds = {letter: unicodedata.category(letter) for letter in set(text) if letter > "\x7f"}
    if not _NO_TEXT.isdisjoint(kinds.values()):
        return False
    marks = "".join(letter for letter, kind in kinds.items() if kind == "Mn")
    if marks and re.search(rf"(?:^|[\x00-@])[{marks}]", text):
        return False
    return all(word.isascii() or len(_scripts(word)) == 1 for word in set(_WORD.findall(text)))


def _scripts(word: str) -> set[str]:
    first = {unicodedata.name(letter, "").split(" ")[0] for letter in word}
    return {"EASTERN" if name in _EASTERN else name for name in first}


def _may_be_meant(text: str) -> bool:
    """Tell whether each odd place could be what somebody wrote."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        if not _run_may_be_meant(text[max(0, start - 1) : start], run[0], text[end : end + 1]):
            return False
    return True


def _run_may_be_meant(before: str, run: str, after: str) -> bool:
    if len(run) > 2 or before.islower() or before.isdigit():
        return False
    return before.isalpha() or not after.isalpha() or run[1:] in _MARKS
