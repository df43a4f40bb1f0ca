"""Which characters some bytes stand for.

The order is the same everywhere: a byte-order mark, the pattern of NULs that UTF-16 and UTF-32
leave in European text, UTF-8, what the source declares, and last what chardet believes. chardet
names right at a confidence of 0.04, so no threshold is set on it; but it is first asked about the
charsets of the web (the WHATWG's list) only, since short texts look like old Mac and DOS ones.
Lines of ASCII say nothing of the others, and enough of them drown what those say; so it is asked
about the lines with other bytes alone.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from pipeline.storage.atomic_files import put
from pipeline.text import charset_plausibility
from schemas.errors import BadValue
from schemas.reasons import Reason

UTF_8 = "utf-8"

#: UTF-32's mark begins with UTF-16's, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: What is called X is read as Y, its superset, as the WHATWG's encoding standard says.
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
#: Charsets whose bytes are good UTF-8 too, so that a declaration of them goes before UTF-8; the
#: last are EBCDIC.
_LIKE_ASCII = re.compile(r"iso2022|hz$|utf-7$|utf-16|utf-32|cp(?:037|273|424|500|875|1026|1140)$")
#: The high bytes of UTF-16 in alphabets, and of the punctuation among their words.
_HIGH_BYTES = frozenset({*range(0x10), 0x20})
#: Codecs of Python that are no charset of a text; idna and punycode take quadratic time.
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"}
)
#: Labels of the WHATWG's standard, and of mail programs, that Python does not know.
_LABELS = {
    **{f"x-cp{n}": f"cp{n}" for n in range(1250, 1259)},
    **{f"cp-{n}": f"cp{n}" for n in (850, *range(1250, 1259))},
    **{f"windows{n}": f"cp{n}" for n in range(1250, 1259)},
    **{f"win-{n}": f"cp{n}" for n in range(1250, 1259)},
    "cn-big5": "big5",
    "dos-874": "cp874",
    "gb_2312": "gb2312",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
    "ks_c_5601-1989": "cp949",
    "logical": "iso8859-8",
    "sun_eu_greek": "iso8859-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf-8-mb4": "utf-8",
    "utf8mb4": "utf-8",
    "visual": "iso8859-8",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "x-big5": "big5",
    "x-euc": "euc_jp",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gbk",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-roman": "mac-roman",
    "x-mac-ukrainian": "mac-cyrillic",
    "x-sjis": "shift_jis",
    "x-windows-949": "cp949",
    "x-x-big5": "big5",
}
#: Lines; and what stands between signs that are no part of a letter in any charset: the second
#: bytes of letters begin at 0x40, or are digits.
_LINES = re.compile(rb"[^\r\n]+")
_CELLS = re.compile(rb"[^\r\n\t,;:=\"<>&]+")
_HIGH = re.compile(rb"[\x80-\xff]+")
#: Where less than one byte in this number is beyond ASCII, cells are shown and not whole lines.
_SPARSE = 12
#: Fewer bytes beyond ASCII tell less than the words around them.
_FEW = 4
_HEAD = 4096
_WINDOW = 64 * 1024
_BLOCK = 1024 * 1024
#: Letters and signs of Western Europe. A guess that names others is doubtful where few bytes tell.
_WESTERN = frozenset("àâäçèéêëîïñóôöùûüáíúßãÀÂÄÇÈÉÊÓÔÖÙÜÁÍÚÑ€£§°©®–—‘’“”„…•·«»½¼¾±µ×¡¿´²³\xa0")
_POUND_WORD = re.compile(r"£[^\W\d_]")
#: A guess below this confidence is one of many, and so few different bytes tell nothing.
_UNSURE, _FEW_SIGNS = 0.05, 2
#: Bytes that show well enough whether a text reads oddly.
_ENOUGH = 16 * 1024


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text of `data` without its byte-order mark, and the name of the codec that read it.

    `declared` is the source's own claim: any alias that Python knows; an unknown one is passed
    over. Pure ASCII is `utf-8`. Raises `BadValue(BAD_ENCODING)` where nothing fits, with the
    offset of the first byte that isn't UTF-8.
    """
    claim = _canonical(declared)
    if data.isascii() and b"\0" not in data and b"\x1b" not in data and not _first(claim):
        return data.decode("ascii"), UTF_8
    for name, mark in _candidates(data, claim):
        try:
            return data[mark:].decode(name), name
        except (ValueError, LookupError):  # ValueError holds all the errors of decoding
            continue
    raise BadValue(Reason.BAD_ENCODING, f"no charset fits, from byte {_first_bad(data)} on")


def decode_anyhow(data: bytes, declared: str | None = None) -> str:
    """The text in the charset that is declared, else in UTF-8, with U+FFFD for what is none."""
    claim = _canonical(declared) or UTF_8
    return data.decode(_SUPERSETS.get(claim, claim), "replace")


#: Where a page says what it is in: `<meta charset=x>`, `<meta … content="text/html; charset=x">`,
#: `<?xml … encoding="x"?>`.
_HTML_CHARSET = re.compile(
    rb"""<(?:meta\b[^>]{0,500}?\bcharset|\?xml\b[^>]{0,200}?\bencoding)\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.IGNORECASE,
)


def declared_in_html(data: bytes, declared: str | None = None) -> str | None:
    """What an HTML page is in: what came with it, else what it says of itself in its head.

    ASCII that came with it says nothing of a page with other bytes. A page whose bytes could be
    read as ASCII this far is in no UTF-16, whatever it says (WHATWG, 13.2.3.2).
    """
    claim = _canonical(declared)
    if claim not in (None, "ascii"):
        return declared
    found = _HTML_CHARSET.search(data, 0, _HEAD)
    if found is None:
        return declared
    name = found[1].decode("ascii", "replace")
    return UTF_8 if name.lower().startswith(("utf-16", "utf-32")) else name


def is_guess(name: str, declared: str | None = None) -> bool:
    """Whether `decode` had nothing but the letters to go by when it named this codec."""
    claim = _canonical(declared)
    return not name.startswith("utf-") and name not in (claim, _SUPERSETS.get(claim or ""))


def _candidates(data: bytes, claim: str | None) -> Iterator[tuple[str, int]]:
    """Names to try, best first, each with the length of the mark to skip; chardet only if asked."""
    yield from _by_mark(data)
    yield from ((name, 0) for name in _by_nuls(data))
    if claim and _first(claim):
        yield claim, 0
    yield from ((name, 0) for name in _by_escapes(data))
    yield UTF_8, 0
    if claim:
        yield _SUPERSETS.get(claim, claim), 0
        yield claim, 0
    yield from ((name, 0) for name in _believed(_telling(data, max(0, _first_bad(data) - _HEAD))))


def _canonical(declared: str | None) -> str | None:
    if not declared:
        return None
    name = declared.strip(" \t\r\n\"';,").lower()
    try:
        name = codecs.lookup(_LABELS.get(name, name)).name
    except (LookupError, ValueError):
        return None
    return None if name.replace("_", "-") in _NO_CHARSETS else name


def _first(claim: str | None) -> bool:
    return claim is not None and _LIKE_ASCII.match(claim) is not None


def _by_mark(data: bytes) -> Iterator[tuple[str, int]]:
    for mark, name in _MARKS:
        if data.startswith(mark):
            yield name, len(mark)
            return


def _by_nuls(data: bytes) -> Iterator[str]:
    """UTF-16 or UTF-32 without a mark: NULs in the same places of every two or four bytes."""
    head = data[:_HEAD]
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
    """Whether these are the high bytes of words in one alphabet, with spaces between them."""
    held = set(data)
    return 2 <= len(held) <= 4 and held <= _HIGH_BYTES


def _by_escapes(data: bytes) -> Iterator[str]:
    """The ISO-2022 family: ASCII bytes with escapes between them, so it is good UTF-8 too."""
    if b"\x1b" in data and data.isascii():
        yield from (name for name in _believed(data[:_WINDOW]) if _first(name))


def _believed(data: bytes) -> Iterator[str]:
    """What chardet makes of it among the charsets of the web; where that reads oddly, what it
    makes of it among those of other times that reads less so; last, among all."""
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
    """ISO 8859-2, which has ten letters elsewhere than cp1250, where it makes better words."""
    iso = _guess(data, "LEGACY_ISO")
    if iso and iso.name == "iso8859-2" and iso.sure > sure and _oddities(data, iso.name) <= odd:
        yield iso.name


def _tells_little(data: bytes) -> bool:
    return len({sign for found in _HIGH.findall(data) for sign in found}) <= _FEW_SIGNS


def _is_western(data: bytes, name: str) -> bool:
    """Whether, read so, all beyond ASCII is of Western Europe and stands where it may."""
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
        # For it cp1250 and cp1251 are supersets of ISO 8859-2 and -5, which they are not.
        prefer_superset=False,
        compat_names=False,
        no_match_encoding=_OLD_ERAS.get(era, "ascii"),
    )
    if found["encoding"] in (None, "ascii"):
        return None
    name = codecs.lookup(found["encoding"]).name
    return _Guess(_SUPERSETS.get(name, name), found["confidence"])


def _oddities(data: bytes, name: str) -> int:
    """How many letters stand, read so, where none would: see `charset_plausibility.oddities`."""
    decoder = codecs.getincrementaldecoder(name)("replace")  # the end may be half a letter
    return charset_plausibility.oddities(decoder.decode(data[:_ENOUGH]))


def _telling(data: bytes, start: int = 0) -> bytes:
    """What chardet is shown of a text: the lines with bytes beyond ASCII, as many as it takes."""
    lines: list[bytes] = []
    room = _WINDOW
    for found in _LINES.finditer(data, start):
        if not found[0].isascii():
            lines.append(found[0][:room])
            room -= len(lines[-1]) + 1
            if room <= 0:
                break
    kept = b"\n".join(lines) or data[:_WINDOW]
    high = len(kept) - len(_HIGH.sub(b"", kept))
    if high < _FEW or high * _SPARSE >= len(kept):
        return kept
    cells = [cell for cell in _CELLS.findall(kept) if not cell.isascii()]
    return b"\n".join(cells)


def _telling_of(source: BinaryIO) -> bytes:
    """The same of a file, from where it stands on."""
    found, left = b"", b""
    while len(found) < _WINDOW and (block := source.read(_BLOCK)):
        data = left + block
        cut = data.rfind(b"\n") + 1
        data, left = (data[:cut], data[cut:]) if cut else (data, b"")
        if not data.isascii():
            found += _telling(data) + b"\n"
    if len(found) < _WINDOW and not left.isascii():
        found += _telling(left)
    return found[:_WINDOW]


def _first_bad(data: bytes) -> int:
    """The offset of the first byte that isn't UTF-8, or the length where all are."""
    try:
        data.decode(UTF_8)
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


class Encoding(msgspec.Struct, frozen=True, kw_only=True):
    """The charset of a whole file, as Python names it.

    `damaged`: some bytes don't fit it; in UTF-8 the first of them is at `first_bad`. `mark` is
    the length of the byte-order mark, which a reader skips (and `transcode` takes off).
    """

    name: str
    is_utf8: bool
    damaged: bool = False
    mark: int = 0
    first_bad: int | None = None

    @property
    def guessed(self) -> bool:
        """Whether nothing but its letters names it."""
        return not self.is_utf8 and is_guess(self.name)


def wide(head: bytes) -> Encoding | None:
    """Return the UTF-16 or UTF-32 that a text begins in, by its mark or its NULs; else None."""
    name, mark = next(_by_mark(head), (UTF_8, 0))
    if name == UTF_8 and not mark:
        name = next(_by_nuls(head), UTF_8)
    is_wide = name.startswith(("utf-16", "utf-32"))
    return Encoding(name=name, is_utf8=False, mark=mark) if is_wide else None


def survey(source: BinaryIO) -> Encoding:
    """The charset of a whole seekable file of text: one pass, flat memory.

    A file that isn't quite UTF-8 is *damaged* UTF-8 where its good sequences of several bytes
    outnumber its bad bytes; then the readers set the bad records aside, one by one. Else it is in
    a legacy charset, which chardet names by the lines round the first bad bytes. Not for mbox: a
    mailbox has a charset in each part.
    """
    source.seek(0)
    head = source.read(_BLOCK)
    if (found := wide(head)) is not None:
        return found
    name, mark = next(_by_mark(head), (UTF_8, 0))
    if name == UTF_8 and not mark:
        name = next(_by_escapes(head), UTF_8)
    if name != UTF_8:
        return Encoding(name=name, is_utf8=False, mark=mark)
    source.seek(0)
    tally = _Tally()
    while block := source.read(_BLOCK):
        tally.add(block)
    tally.add(b"", final=True)
    return _verdict(source, tally, mark)


def _verdict(source: BinaryIO, tally: _Tally, mark: int) -> Encoding:
    if tally.first_bad is None:
        return Encoding(name=UTF_8, is_utf8=True, mark=mark)
    legacy = None
    if tally.good <= tally.bad and not mark:
        start = max(0, tally.first_bad - _HEAD)
        source.seek(start)
        legacy = next(_believed(_telling_of(source)), None)
    if legacy in (None, UTF_8):
        return Encoding(
            name=UTF_8, is_utf8=True, damaged=True, mark=mark, first_bad=tally.first_bad
        )
    return Encoding(name=legacy, is_utf8=False, first_bad=tally.first_bad)


class _Tally:
    """Counts sequences of several bytes that are good UTF-8, and bytes that are none."""

    good = 0
    bad = 0
    first_bad: int | None = None

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(UTF_8)("ignore")
        self._seen = 0

    def add(self, block: bytes, *, final: bool = False) -> None:
        pending = self._decoder.getstate()[0]
        self._seen += len(block)
        if not pending and block.isascii():
            return
        kept = self._decoder.decode(block, final).encode()
        waiting = self._decoder.getstate()[0]
        lost = len(pending) + len(block) - len(waiting) - len(kept)
        if lost and self.first_bad is None:
            whole = pending + block
            self.first_bad = self._seen - len(whole) + _first_bad(whole)
        self.bad += lost
        self.good += len(kept) - len(kept.translate(None, _LEADS))


#: The bytes that begin a sequence of several.
_LEADS = bytes(range(0xC0, 0x100))


def is_damaged_utf8(data: bytes) -> bool:
    """Whether these are UTF-8 but for some bytes: its good sequences outnumber those."""
    tally = _Tally()
    tally.add(data, final=True)
    return tally.bad > 0 and tally.good > tally.bad


def transcode(source: BinaryIO, target: BinaryIO, encoding: Encoding | None = None) -> Encoding:
    """Write the seekable `source` to `target` as UTF-8 without a mark, in flat memory.

    Without an `encoding` the source is surveyed first. Bytes that the charset does not hold are
    never dropped silently: for each run of them the target gets the byte 0xFF, which no UTF-8
    has, and then those of them that aren't ASCII (an ASCII one might pass for a quote or a line's
    end). So the record they stand in is no UTF-8 and is set aside with its bytes, and no other.
    Returns the encoding that was read, `damaged` where there was such a run.
    """
    encoding = encoding or survey(source)
    decoder = codecs.getincrementaldecoder(encoding.name)(_MARK_ERRORS)
    source.seek(encoding.mark)
    damaged = False
    for block in iter(lambda: source.read(_BLOCK), b""):
        damaged |= _write(target, decoder.decode(block))
    damaged |= _write(target, decoder.decode(b"", final=True))
    return msgspec.structs.replace(encoding, damaged=damaged)


def _write(target: BinaryIO, text: str) -> bool:
    put(target, text.encode(UTF_8, "surrogateescape"))
    return not text.isascii() and "\udcff" in text


_MARK_ERRORS = "datapunk.mark"


def _mark_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    # As `surrogateescape` writes bytes in a str: U+DC00 and the byte.
    escaped = "".join(chr(0xDC00 + byte) for byte in bad if 0x80 <= byte < 0xFF)
    return "\udcff" + escaped, error.end


codecs.register_error(_MARK_ERRORS, _mark_bytes)
