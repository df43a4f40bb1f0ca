"""The texts of a mail: their charsets, and the one text that they form together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from pipeline.services.mail.mime_leaves import Branches
from pipeline.text import cleaning
from schemas.errors import BadValue

#: Flag of a mail in which something had a charset that it does not name.
GUESSED = "charset_guessed"


_WORDS = re.compile(r"\w+")
#: A page repeats the plain text if fewer than one in this many of its words are new.
_FEW_NEW = 10


class OwnText(NamedTuple):
    """A text of the mail's own."""

    is_html: bool
    text: str
    branches: Branches


def plain_text(texts: Sequence[OwnText]) -> str:
    """Return the plain texts, and the pages without a plain text: a list's footer is not the mail.

    Return an empty text if all of its texts are pages.
    """
    plain = [one for one in texts if not one.is_html and one.text.strip()]
    if not plain or not any(one.is_html for one in texts):
        return join_texts(one.text for one in plain)
    instead = {mark: nth for one in reversed(plain) for mark, nth in one.branches}
    words = {word for one in plain for word in _WORDS.findall(one.text.casefold())}
    shown: list[str] = []
    for one in texts:
        text = one.text
        if one.is_html:
            if any(instead.get(mark, nth) != nth for mark, nth in one.branches):
                continue
            text = cleaning.html_to_text(text)
            own = set(_WORDS.findall(text.casefold()))
            if len(own - words) * _FEW_NEW <= len(own):
                continue  # a repetition
        shown.append(text)
    return join_texts(shown)


def read_text(data: bytes, declared: str | None, *, is_html: bool) -> tuple[str, tuple[str, ...]]:
    """Return the text of a part, and flags.

    The declared charset applies unless it loses more than it reads beyond ASCII; then the letters
    decide.
    """
    claim = cleaning.declared_in_html(data, declared) if is_html else declared
    guessed = None
    with suppress(BadValue):
        guessed, name = cleaning.decode(data, claim)
        if not cleaning.is_guess(name, claim):
            return guessed, ()
    as_declared = cleaning.decode_anyhow(data, claim)
    if not _is_misread(as_declared):
        return as_declared, ()
    return guessed or as_declared, (GUESSED,)


def _is_misread(text: str) -> bool:
    """Return whether the declared charset is wrong: it lost more than it read beyond ASCII.

    One character cut in two, as by a list's footer, does not count.
    """
    lost = text.count(cleaning.REPLACEMENT)
    return lost > 0 and lost > sum(letter > "\x7f" for letter in text) - lost


def join_texts(texts: Iterable[str]) -> str:
    """Return the texts that hold something, with a blank line between them."""
    return "\n\n".join(filter(None, (t.replace("\r\n", "\n").strip() for t in texts)))
