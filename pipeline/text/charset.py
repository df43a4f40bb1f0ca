"""The characters that bytes stand for.

The order is the same everywhere: a byte-order mark, the pattern of NULs that UTF-16 and UTF-32
leave in European text, UTF-8, what the source declares, and last what `charset_guesses` makes of
the letters.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from pipeline.text.charset_guesses import WINDOW, guesses, telling_lines
from pipeline.text.charset_labels import SUPERSETS, UTF_8, canonical, comes_before_utf8
from schemas.errors import BadValue
from schemas.reasons import Reason

#: UTF-32's mark begins with UTF-16's, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: The high bytes of UTF-16 in alphabets, and of the punctuation among their words.
_HIGH_BYTES = frozenset({*range(0x10), 0x20})
HEAD = 4096


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Return the text of `data` without its byte-order mark, and the name of its codec.

    `declared` is the source's own claim: any alias that Python knows; an unknown one is ignored.
    Pure ASCII is `utf-8`. Raises `BadValue(BAD_ENCODING)` where nothing fits, with the offset of
    the first byte that isn't UTF-8.
    """
    claim = canonical(declared)
    if (
        data.isascii()
        and b"\0" not in data
        and b"\x1b" not in data
        and not comes_before_utf8(claim)
    ):
        return data.decode("ascii"), UTF_8
    for name, mark in _candidates(data, claim):
        try:
            return data[mark:].decode(name), name
        except (ValueError, LookupError):  # ValueError holds all the errors of decoding
            continue
    raise BadValue(Reason.BAD_ENCODING, f"no charset fits, from byte {first_bad_byte(data)} on")


def decode_anyhow(data: bytes, declared: str | None = None) -> str:
    """Return the text in the declared charset, else in UTF-8, with U+FFFD for bad bytes."""
    claim = canonical(declared) or UTF_8
    return data.decode(SUPERSETS.get(claim, claim), "replace")


#: Where a page declares its charset: `<meta charset=x>`, `<meta … content="text/html; charset=x">`,
#: `<?xml … encoding="x"?>`.
_HTML_CHARSET = re.compile(
    rb"""<(?:meta\b[^>]{0,500}?\bcharset|\?xml\b[^>]{0,200}?\bencoding)\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.IGNORECASE,
)


def declared_in_html(data: bytes, declared: str | None = None) -> str | None:
    """Return the charset of an HTML page: what came with it, else what its head declares.

    ASCII that came with it says nothing of a page with other bytes. A page whose bytes could be
    read as ASCII this far is never UTF-16, even if it declares so (WHATWG, 13.2.3.2).
    """
    claim = canonical(declared)
    if claim not in (None, "ascii"):
        return declared
    found = _HTML_CHARSET.search(data, 0, HEAD)
    if found is None:
        return declared
    name = found[1].decode("ascii", "replace")
    return UTF_8 if name.lower().startswith(("utf-16", "utf-32")) else name


def is_guess(name: str, declared: str | None = None) -> bool:
    """Tell whether `decode` had only the letters to go by when it named this codec."""
    claim = canonical(declared)
    return not name.startswith("utf-") and name not in (claim, SUPERSETS.get(claim or ""))


def _candidates(data: bytes, claim: str | None) -> Iterator[tuple[str, int]]:
    """Yield names to try, best first, each with the length of the mark to skip."""
    yield from by_mark(data)
    yield from ((name, 0) for name in by_nuls(data))
    if claim and comes_before_utf8(claim):
        yield claim, 0
    yield from ((name, 0) for name in by_escapes(data))
    yield UTF_8, 0
    if claim:
        yield SUPERSETS.get(claim, claim), 0
        yield claim, 0
    yield from (
        (name, 0) for name in guesses(telling_lines(data, max(0, first_bad_byte(data) - HEAD)))
    )


def by_mark(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield the charset of a byte-order mark with the mark's length, if there is one."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            yield name, len(mark)
            return


def by_nuls(data: bytes) -> Iterator[str]:
    """Yield UTF-16 or UTF-32 without a mark, by NULs in the same places of every unit."""
    head = data[:HEAD]
    units = len(head) // 4
    if not units or b"\0" not in head:
        return
    nuls = [head[place : 4 * units : 4].count(0) for place in range(4)]
    if nuls[0] < units == nuls[2] == nuls[3]:
        yield "utf-32-le"
    elif nuls[3] < units == nuls[0] == nuls[1]:
        yield "utf-32-be"
    even, odd = nuls[0] + nuls[2], nuls[1] + nuls[3]
    few, many = 2 * units * 0.05, 2 * units * 0.3
    if even <= few and odd >= many:
        yield "utf-16-le"
    elif odd <= few and even >= many:
        yield "utf-16-be"
    elif not even and _are_high(head[1::2]):
        yield "utf-16-le"
    elif not odd and _are_high(head[0::2]):
        yield "utf-16-be"


def _are_high(data: bytes) -> bool:
    """Tell whether these are the high bytes of words in one alphabet, with spaces between them."""
    highs = set(data)
    return 2 <= len(highs) <= 4 and highs <= _HIGH_BYTES


def by_escapes(data: bytes) -> Iterator[str]:
    """Yield the ISO-2022 family: ASCII bytes with escapes between them, so it is good UTF-8 too."""
    if b"\x1b" in data and data.isascii():
        yield from (name for name in guesses(data[:WINDOW]) if comes_before_utf8(name))


def first_bad_byte(data: bytes) -> int:
    """Return the offset of the first byte that isn't UTF-8, or the length where all are."""
    try:
        data.decode(UTF_8)
    except UnicodeDecodeError as error:
        return error.start
    return len(data)
