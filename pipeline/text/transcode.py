"""The charset of a whole file, and its conversion to UTF-8."""

from __future__ import annotations

import codecs
from typing import BinaryIO

import msgspec

from pipeline.storage.atomic_files import put
from pipeline.text.charset import HEAD, by_escapes, by_mark, by_nuls, first_bad_byte, is_guess
from pipeline.text.charset_guesses import BLOCK, guesses, telling_lines_of
from pipeline.text.charset_labels import UTF_8


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
        """Tell whether only its letters name it."""
        return not self.is_utf8 and is_guess(self.name)


def wide(head: bytes) -> Encoding | None:
    """Return the UTF-16 or UTF-32 that a text begins in, by its mark or its NULs; else None."""
    name, mark = next(by_mark(head), (UTF_8, 0))
    if name == UTF_8 and not mark:
        name = next(by_nuls(head), UTF_8)
    is_wide = name.startswith(("utf-16", "utf-32"))
    return Encoding(name=name, is_utf8=False, mark=mark) if is_wide else None


def survey(source: BinaryIO) -> Encoding:
    """Return the charset of a whole seekable file of text: one pass, flat memory.

    A file that isn't quite UTF-8 is *damaged* UTF-8 where its good sequences of several bytes
    outnumber its bad bytes; then the readers quarantine the bad records, one by one. Otherwise it
    is in a legacy charset, which chardet names by the lines around the first bad bytes. Not for
    mbox: a mailbox has a charset in each part.
    """
    source.seek(0)
    head = source.read(BLOCK)
    if (found := wide(head)) is not None:
        return found
    name, mark = next(by_mark(head), (UTF_8, 0))
    if name == UTF_8 and not mark:
        name = next(by_escapes(head), UTF_8)
    if name != UTF_8:
        return Encoding(name=name, is_utf8=False, mark=mark)
    source.seek(0)
    tally = _Tally()
    while block := source.read(BLOCK):
        tally.add(block)
    tally.add(b"", final=True)
    return _verdict(source, tally, mark)


def _verdict(source: BinaryIO, tally: _Tally, mark: int) -> Encoding:
    if tally.first_bad is None:
        return Encoding(name=UTF_8, is_utf8=True, mark=mark)
    legacy = None
    if tally.good <= tally.bad and not mark:
        start = max(0, tally.first_bad - HEAD)
        source.seek(start)
        legacy = next(guesses(telling_lines_of(source)), None)
    if legacy in (None, UTF_8):
        return Encoding(
            name=UTF_8, is_utf8=True, damaged=True, mark=mark, first_bad=tally.first_bad
        )
    return Encoding(name=legacy, is_utf8=False, first_bad=tally.first_bad)


class _Tally:
    """A count of good UTF-8 sequences of several bytes, and of bytes that are not UTF-8."""

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
        good = self._decoder.decode(block, final).encode()
        waiting = self._decoder.getstate()[0]
        lost = len(pending) + len(block) - len(waiting) - len(good)
        if lost and self.first_bad is None:
            whole = pending + block
            self.first_bad = self._seen - len(whole) + first_bad_byte(whole)
        self.bad += lost
        self.good += len(good) - len(good.translate(None, _LEADS))


#: The bytes that begin a sequence of several.
_LEADS = bytes(range(0xC0, 0x100))


def is_damaged_utf8(data: bytes) -> bool:
    """Tell whether bytes are UTF-8 but for some: the good sequences outnumber the bad bytes."""
    tally = _Tally()
    tally.add(data, final=True)
    return tally.bad > 0 and tally.good > tally.bad


def transcode(source: BinaryIO, target: BinaryIO, encoding: Encoding | None = None) -> Encoding:
    """Write the seekable `source` to `target` as UTF-8 without a mark, in flat memory.

    Without an `encoding` the source is surveyed first. Bytes that the charset does not hold are
    never dropped silently: for each run of them the target gets the byte 0xFF, which no UTF-8 has,
    and then those of them that aren't ASCII (an ASCII one might be read as a quote or a line end).
    So only the record with these bytes is not UTF-8, and is quarantined with them. Returns the
    encoding that was read, `damaged` where there was such a run.
    """
    encoding = encoding or survey(source)
    decoder = codecs.getincrementaldecoder(encoding.name)(_MARK_ERRORS)
    source.seek(encoding.mark)
    damaged = False
    for block in iter(lambda: source.read(BLOCK), b""):
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
    # `surrogateescape` writes bytes in a str in the same way: U+DC00 plus the byte.
    escaped = "".join(chr(0xDC00 + byte) for byte in bad if 0x80 <= byte < 0xFF)
    return "\udcff" + escaped, error.end


codecs.register_error(_MARK_ERRORS, _mark_bytes)
