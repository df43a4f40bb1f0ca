"""What a mail says outside of its parts: before the first and behind the last of a multipart.

RFC 2046 (5.1.1) has programs pass over both, since the one held notes for those who know no MIME.
Broken mails have text there: a part whose boundary is not there, one behind a boundary that closes
too early, a footer that a list put at the end. In the header of a part it is what begins a text
with no blank line before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_DECLARED = re.compile(
    rb"boundary[ \t]*=[ \t]*(?:\"([^\"\r\n]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE
)
_BLANK = re.compile(rb"\n\r?\n")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_DELIMITER = re.compile(rb"\n--([^\r\n]{1,210}?)[ \t]*(?=\r?\n|\Z)")
#: A line of a part's header that is neither a field nor goes on with one.
_NO_FIELD = re.compile(rb"(?m)^(?![!-9;-~]+[ \t]*:)[^\s][^\r\n]*")
#: A note such as "This is a multi-part message in MIME format.", in any language.
_NOTE, _NOTE_BYTES = re.compile(rb"\bMIME\b(?!-)|multi-?part\b(?!/)", re.IGNORECASE), 1_000


def texts(data: bytes) -> Iterator[bytes]:
    """The texts outside of the parts of a mail, in order, without notes on MIME.

    Delimiters count as the parsers take them: one that can close a multipart does, and what
    follows is outside until a delimiter of one that is still open.
    """
    known: dict[bytes, bool] = {}  # boundaries, and whether their multiparts are open
    at, is_part = 0, True
    while True:
        body, declared = at, set[bytes]()
        if is_part:
            body = _header_end(data, at, known)
            declared = {a or b for a, b in _DECLARED.findall(data, at, body)}
            known.update(dict.fromkeys(declared, True))
            if at:
                yield from _told(b"\n".join(_NO_FIELD.findall(data, at, body)))
        found = _next(data, max(at, body - 1), known) if known else None
        name = found[1] if found else b""
        closed = name.removesuffix(b"--")
        closes = name != closed and closed in known
        if not is_part or (closed if closes else name) in declared:
            yield from _told(data[body : found.start() if found else len(data)])
        if found is None:
            return
        if closes:
            known[closed] = False
        at, is_part = found.end(), not closes and known[name]


def _header_end(data: bytes, at: int, known: Mapping[bytes, bool]) -> int:
    """Where the header ends that begins behind the line end at `at`: behind a blank line, or at a
    delimiter where there is none."""
    seen: set[bytes] = set()
    if not at:  # the mail's own, which is sound
        blank = _BLANK.search(data)
        return blank.end() if blank else len(data)
    if (at := data.find(b"\n", at) + 1) == 0:
        return len(data)
    for line in _LINE.finditer(data, at):
        text = line[0].rstrip()
        if not text:
            return line.end()
        names = (text[2:], text[2:].removesuffix(b"--")) if text[:2] == b"--" else ()
        if any(name in known or name in seen for name in names):
            return line.start()
        if b"=" in text:
            seen.update(a or b for a, b in _DECLARED.findall(text))
    return len(data)


def _next(data: bytes, at: int, known: Mapping[bytes, bool]) -> re.Match[bytes] | None:
    """The next delimiter of a boundary that is known."""
    while (found := _DELIMITER.search(data, at)) is not None:
        if found[1] in known or found[1].removesuffix(b"--") in known:
            return found
        at = found.end(1)
    return None


def _told(text: bytes) -> Iterator[bytes]:
    bare = text.strip()
    if bare and (len(bare) > _NOTE_BYTES or not _NOTE.search(bare)):
        yield bare
