"""The charset of a text by its letters, as chardet names it.

chardet is right even at a confidence of 0.04, so no threshold is set on it; but it is first asked
about the charsets of the web (the WHATWG's list) only, since short texts look like old Mac and DOS
ones. Lines of ASCII say nothing of the other lines, and enough of them drown out what those say; so
chardet sees only the lines with other bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pipeline.text import charset_plausibility
from pipeline.text.charset_labels import SUPERSETS

#: Lines; and cells between signs that are not part of a letter in any charset: the second bytes of
#: letters begin at 0x40, or are digits.
_LINES = re.compile(rb"[^\r\n]+")
_CELLS = re.compile(rb"[^\r\n\t,;:=\"<>&]+")
_HIGH = re.compile(rb"[\x80-\xff]+")
#: Where less than one byte in this number is beyond ASCII, cells are shown instead of lines.
_SPARSE = 12
#: Fewer bytes beyond ASCII reveal less than the words around them.
_FEW = 4
WINDOW = 64 * 1024
BLOCK = 1024 * 1024
#: Letters and signs of Western Europe. A guess that names others is doubtful with few such bytes.
_WESTERN = frozenset("àâäçèéêëîïñóôöùûüáíúßãÀÂÄÇÈÉÊÓÔÖÙÜÁÍÚÑ€£§°©®–—‘’“”„…•·«»½¼¾±µ×¡¿´²³\xa0")
_POUND_WORD = re.compile(r"£[^\W\d_]")
#: A guess below this confidence is one of many; with this few different bytes it reveals nothing.
_UNSURE, _FEW_SIGNS = 0.05, 2
#: Enough bytes to show whether a text reads oddly.
_ENOUGH = 16 * 1024


def guesses(data: bytes) -> Iterator[str]:
    """Yield chardet's guesses, the likeliest first.

    The first is its guess among the charsets of the web, or, where that reads oddly, its guess
    among older charsets that reads less so; the last is its guess among all.
    """
    web = _guess(data, "MODERN_WEB")
    odd = _oddities(data, web.name) if web else 0
    if odd:
        older = [guess for era in _OLD_ERAS if (guess := _guess(data, era))]
        ranked = sorted((_oddities(data, guess.name), -guess.sure, guess.name) for guess in older)
        if ranked and 2 * ranked[0][0] < odd:
            if ranked[0][2] == "mac-latin2" and _is_western(data, "mac-roman"):
                yield "mac-roman"
            yield ranked[0][2]
    if (web is None or web.sure < _UNSURE) and _tells_little(data) and _is_western(data, "cp1252"):
        yield "cp1252"
    if web and web.name == "cp1250":
        yield from _of_central_europe(data, web.sure, odd)
    if web:
        yield web.name
    if other := _guess(data, "ALL"):
        yield other.name


def _of_central_europe(data: bytes, sure: float, odd: int) -> Iterator[str]:
    """Yield ISO 8859-2 where it makes better words than cp1250, which differs in ten letters."""
    iso = _guess(data, "LEGACY_ISO")
    if iso and iso.name == "iso8859-2" and iso.sure > sure and _oddities(data, iso.name) <= odd:
        yield iso.name


def _tells_little(data: bytes) -> bool:
    return len({sign for found in _HIGH.findall(data) for sign in found}) <= _FEW_SIGNS


def _is_western(data: bytes, name: str) -> bool:
    """Tell whether, read so, everything beyond ASCII is of Western Europe and well placed."""
    text = data[:_ENOUGH].decode(name, "replace")
    beyond = {sign for sign in text if not sign.isascii()}
    return (
        beyond <= _WESTERN
        and not charset_plausibility.oddities(text)
        and not _POUND_WORD.search(text)
    )


#: Each with one of its own charsets, for chardet to name where it sees none.
_OLD_ERAS = {
    "LEGACY_ISO": "iso8859-1",
    "LEGACY_MAC": "mac-roman",
    "LEGACY_REGIONAL": "koi8-t",
    "DOS": "cp437",
    "MAINFRAME": "cp500",
}


class _Guess(NamedTuple):
    name: str
    sure: float


def _guess(data: bytes, era: str) -> _Guess | None:
    import chardet  # noqa: PLC0415 - its models are loaded where something isn't UTF-8

    found = chardet.detect(
        data,
        encoding_era=chardet.EncodingEra[era],
        # chardet takes cp1250 and cp1251 for supersets of ISO 8859-2 and -5, which they are not.
        prefer_superset=False,
        compat_names=False,
        no_match_encoding=_OLD_ERAS.get(era, "ascii"),
    )
    if found["encoding"] in (None, "ascii"):
        return None
    name = codecs.lookup(found["encoding"]).name
    return _Guess(SUPERSETS.get(name, name), found["confidence"])


def _oddities(data: bytes, name: str) -> int:
    """Return how many letters, read so, are misplaced: see `charset_plausibility.oddities`."""
    decoder = codecs.getincrementaldecoder(name)("replace")  # the end may be half a letter
    return charset_plausibility.oddities(decoder.decode(data[:_ENOUGH]))


def telling_lines(data: bytes, start: int = 0) -> bytes:
    """Return what chardet sees of a text: its first lines with bytes beyond ASCII.

    They are at most `WINDOW` bytes.
    """
    lines: list[bytes] = []
    room = WINDOW
    for found in _LINES.finditer(data, start):
        if not found[0].isascii():
            lines.append(found[0][:room])
            room -= len(lines[-1]) + 1
            if room <= 0:
                break
    shown = b"\n".join(lines) or data[:WINDOW]
    high = len(shown) - len(_HIGH.sub(b"", shown))
    if high < _FEW or high * _SPARSE >= len(shown):
        return shown
    cells = [cell for cell in _CELLS.findall(shown) if not cell.isascii()]
    return b"\n".join(cells)


def telling_lines_of(source: BinaryIO) -> bytes:
    """Return the same of a file, from its position on."""
    found, left = b"", b""
    while len(found) < WINDOW and (block := source.read(BLOCK)):
        data = left + block
        cut = data.rfind(b"\n") + 1
        data, left = (data[:cut], data[cut:]) if cut else (data, b"")
        if not data.isascii():
            found += telling_lines(data) + b"\n"
    if len(found) < WINDOW and not left.isascii():
        found += telling_lines(left)
    return found[:WINDOW]
