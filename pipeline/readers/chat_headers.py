"""The header of a message in a chat as lines of text: `date, time - Name: words`.

It is written in the device's language, so a grammar describes it and not a list of spellings:

* a date: three numbers, with one of `. / -` or the signs for year, month and day (年月日);
* a clock of hours and minutes, maybe seconds, with words beside it: the half of the day, before or
  after (`下午9:47`, `5:46 p. m.`), or a short word between date and clock (`um`, `às`);
* brackets around both; or after them a dash, or a colon.

Digits are those of any script. Spaces are of any kind, and invisible marks, such as those of the
writing direction, may be anywhere.

Source: `docs/reference/exports/whatsapp.md`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: The maximum length of a header in characters, of up to four bytes each.
REACH = 120

#: Invisible characters; and the spaces of all widths, which become plain ones.
MARKS = (
    "\u00ad\u061c\u200b\u200e\u200f"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_SPACES = (
    "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
PLAIN = str.maketrans(dict.fromkeys(MARKS, "") | dict.fromkeys(_SPACES, " "))
#: The characters of words beside a clock: no digits, and nothing that separates or ends a header.
_WORDS = r"[^\d:\[\]()<>{}\\\-\u2013\u2014+*=_~|\"#@&%$!?;\r\n]"
_DATE = (
    r"(?P<date>\d{1,4}(?:(?P<sign>[./-])[ ]?\d{1,2}(?P=sign)[ ]?\d{1,4}"
    r"|(?P<year>[年년])[ ]?\d{1,2}[月월][ ]?\d{1,2}[日일]))"
)
#: Hours, minutes and optional seconds; the unit after the last is a word.
CLOCK = (
    r"\d{1,2}(?:[:.]\d\d(?:[:.]\d\d)?"
    r"|[ ]?[h時时點点시][ ]?\d{1,2}(?:(?:[:.]|[ ]?(?:min|[分분])[ ]?)\d{1,2})?)"
)
_HEADER = re.compile(
    rf"(?:(?P<open>\[)[ ]?)?{_DATE}(?P<before>{_WORDS}{{1,24}})"
    rf"(?P<time>{CLOCK})(?P<after>{_WORDS}{{0,24}}?)"
    r"(?P<end>\]|[ ][-\u2013\u2014]|:)(?:[ ]|(?=\r?\n|\Z))"
)
_BEGINS = frozenset(b"[0123456789")


class Header(NamedTuple):
    """The text before the words of a message, as written."""

    style: str
    sign: str
    date: str
    clock: str
    length: int
    """The length in bytes."""
    worded: bool
    """Whether there are words between date and clock."""

    @property
    def look(self) -> tuple[str, str, bool]:
        """Return what all headers of a file have in common."""
        return self.style, self.sign, self.worded


def header(line: bytes) -> Header | None:
    """Return the header at the beginning of a line; None if the line begins no message."""
    if not line or (line[0] not in _BEGINS and line[0] < 0x80):
        return None
    text = line[: 4 * REACH].decode("utf-8", "surrogateescape")[:REACH]
    shown = text if text.isascii() and "\t" not in text else plain(text)
    found = _HEADER.match(shown)
    if found is None or (found["open"] is None) == (found["end"] == "]"):
        return None
    begin, end, behind, length = (
        found.start("date"), found.end("date"), found.end("after"), found.end()
    )  # fmt: skip
    if shown is not text:
        # The positions in the text with its marks: of the last character before each bound.
        places = [at for at, sign in enumerate(text) if sign not in _HIDDEN]
        begin = places[begin]
        end, behind, length = (places[at - 1] + 1 for at in (end, behind, length))
    return Header(
        "[" if found["open"] else ":" if found["end"] == ":" else "-",
        found["sign"] or found["year"],
        text[begin:end],
        text[end:behind].strip(_AROUND),
        len(text[:length].encode("utf-8", "surrogateescape")),
        has_letters(found["before"]),
    )


_HIDDEN = frozenset(MARKS)
#: The characters around a clock; its words are kept as written.
_AROUND = f" ,،、{_SPACES}{MARKS}"


def plain(text: str) -> str:
    """Return a text of a header without marks, and with plain spaces."""
    return text.translate(PLAIN)


def has_letters(words: str) -> bool:
    """Return whether words have a letter."""
    return any(sign.isalpha() for sign in words)
