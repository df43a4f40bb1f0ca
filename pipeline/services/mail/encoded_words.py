"""Encoded words in header fields (RFC 2047), in forms that programs write and parsers reject.

A character is cut in two between two words; a word holds spaces, folds or bytes beyond ASCII, lacks
the padding of its base64, follows another without a space, names a language (RFC 2231) or an
unknown charset. Each run of words in one charset becomes one word in UTF-8, which any parser
accepts.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from itertools import groupby

from pipeline.text import cleaning
from schemas.errors import BadValue

_CHARSET = rb"=\?([\w.:+-]{1,40})(?:\*[\w-]{0,20})?\?"
_TEXT = rb"((?:(?!=\?[^=])[^?\x00-\x08\r\n]|\?(?!=)|\r?\n(?=[ \t])){0,2000}+)"
_WORD = re.compile(_CHARSET + rb"([BbQq])\?" + _TEXT + rb"\?=")
_RUN = re.compile(rb"(?:%s(?:[ \t\r\n]*+(?==\?))?)+" % _WORD.pattern)
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def merge_runs(header: bytes) -> tuple[bytes, bool]:
    """Return the header with each run of words as one in UTF-8.

    The second value is true if a charset was guessed.
    """
    guessed = False

    def whole(run: re.Match[bytes]) -> bytes:
        nonlocal guessed
        words = []
        for text, sure in _read(run[0]):
            guessed = guessed or not sure
            encoded = text.encode("utf-8", "replace")
            words.append(b"=?utf-8?B?%s?=" % binascii.b2a_base64(encoded, newline=False))
        end = run[0][len(run[0].rstrip()) :]
        return b" ".join(words) + end

    return (_RUN.sub(whole, header), guessed) if b"=?" in header else (header, False)


def _read(run: bytes) -> Iterator[tuple[str, bool]]:
    """Yield the text of a run's words, those of one charset at once, and whether it is sure."""
    for charset, words in groupby(_WORD.finditer(run), lambda word: word[1].lower()):
        data = b"".join(_bytes(word[2], word[3]) for word in words)
        declared = charset.decode("ascii")
        try:
            text, name = cleaning.decode(data, declared)
        except BadValue:
            yield cleaning.decode_anyhow(data, declared), False
        else:
            yield text, not cleaning.is_guess(name, declared)


def _bytes(encoding: bytes, written: bytes) -> bytes:
    written = written.replace(b"\r", b"").replace(b"\n", b"")
    if encoding in b"Qq":
        return quopri.decodestring(written.rstrip(b" \t"), header=True)
    digits = _NO_BASE64.sub(b"", written)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
