"""The texts of a mail outside of its parts: before the first and after the last of a multipart.

RFC 2046 (5.1.1) has programs ignore both, since the first held notes for readers without MIME.
Broken mails have text there: a part without its boundary, one after a boundary that closes too
early, a footer that a list appended. In the header of a part it is the beginning of a text without
a blank line before it.
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
#: A line of a part's header that is neither a field nor the continuation of one.
_NO_FIELD = re.compile(rb"(?m)^(?![!-9;-~]+[ \t]*:)[^\s][^\r\n]*")
#: A note such as "This is a multi-part message in MIME format.", in any language.
_NOTE, _NOTE_BYTES = re.compile(rb"\bMIME\b(?!-)|multi-?part\b(?!/)", re.IGNORECASE), 1_000


def texts(data: bytes) -> Iterator[bytes]:
    """Yield the texts outside of the parts of a mail, in order, without notes about MIME.

    Delimiters count as the parsers take them: one that can close a multipart does, and the lines
    after it are outside until a delimiter of one that is still open.
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
                yield from _without_note(b"\n".join(_NO_FIELD.findall(data, at, body)))
        found = _next(data, max(at, body - 1), known) if known else None
        name = found[1] if found else b""
        closed = name.removesuffix(b"--")
        closes = name != closed and closed in known
        if not is_part or (closed if closes else name) in declared:
            yield from _without_note(data[body : found.start() if found else len(data)])
        if found is None:
            return
        if closes:
            known[closed] = False
        at, is_part = found.end(), not closes and known[name]


def _header_end(data: bytes, at: int, known: Mapping[bytes, bool]) -> int:
    """Return where the header after the line end at `at` ends.

    It ends after a blank line, or without one at a delimiter.
    """
    seen: set[bytes] = set()
    if not at:  # the mail's own, which is valid
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
    """Return the next delimiter of a known boundary."""
    while (found := _DELIMITER.search(data, at)) is not None:
        if found[1] in known or found[1].removesuffix(b"--") in known:
            return found
        at = found.end(1)
    return None


def _without_note(text: bytes) -> Iterator[bytes]:
    bare = text.strip()
    if bare and (len(bare) > _NOTE_BYTES or not _NOTE.search(bare)):
        yield bare
