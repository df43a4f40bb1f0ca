"""The texts of a mail: their charsets, and the one text that they make together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from pipeline.services.mail.mime_leaves import Branches
from pipeline.text import cleaning
from schemas.errors import BadValue

#: Flag of a mail in which something was in a charset that it does not name.
GUESSED = "charset_guessed"


_WORDS = re.compile(r"\w+")
#: A page of which fewer words than one in this many stand in no plain text says it once more.
_FEW_NEW = 10


class OwnText(NamedTuple):
    """A text of the mail's own."""

    is_html: bool
    text: str
    branches: Branches


def plain_text(texts: Sequence[OwnText]) -> str:
    """The plain texts, and what pages say for which no plain text stands: a list's footer below a
    page is not all of the mail. Nothing where all of its texts are pages."""
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
                continue  # the same once more
        shown.append(text)
    return join_texts(shown)


def read_text(data: bytes, declared: str | None, *, is_html: bool) -> tuple[str, tuple[str, ...]]:
    """Return the text of a part, and flags.

    In what it declares, however few bytes are no letters in that; else in what its letters say.
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
    """Tell whether its charset was declared wrongly: more was lost than was read beyond ASCII. One
    character cut in two, as by a list's footer, is none of that."""
    lost = text.count(cleaning.REPLACEMENT)
    return lost > 0 and lost > sum(letter > "\x7f" for letter in text) - lost


def join_texts(texts: Iterable[str]) -> str:
    """Return the texts that hold something, with a blank line between them."""
    return "\n\n".join(filter(None, (t.replace("\r\n", "\n").strip() for t in texts)))
