"""Names in a zip whose encoding is not stated.

Without its UTF-8 flag a name is in the code page of the system that made the zip (APPNOTE 6.3.10,
appendix D): CP437 or CP850 of DOS in the west, CP932 in Japan, GBK in China, CP866 in Russia,
though many write UTF-8. One zip may hold names of several, so each is decided by itself, by how odd
its letters beyond ASCII are in each. Zips of Windows separate folders by backslashes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from struct import Struct
from zipfile import ZipInfo
from zlib import crc32

from pipeline.text import charset
from schemas.errors import BadValue

_UTF8_FLAG = 0x800
#: APPNOTE 4.6.9: a version, the checksum of the name in the header, the name in UTF-8.
_UNICODE_PATH, _CHECKED = 0x7075, 5
_FIELD = Struct("<HH")
#: Systems that separate folders by backslashes, which no name may contain: FAT, NTFS and VFAT.
_WINDOWS = frozenset({0, 10, 14})
#: In this order for a tie. None is the result of `charset` for the letters.
_CODECS = ("cp437", "cp850", None, "cp932", "gbk", "cp949", "big5", "cp866", "cp852", "cp1252")
#: Characters that may be beside Chinese, Japanese and Korean letters.
_AT_HOME = frozenset("ー・（）「」『』【】、。～！？々〆－＿：；，．／　《》")
_HALF_WIDTH = range(0xFF61, 0xFFA0)


def name_of(info: ZipInfo) -> str:
    """Return the intended name of an entry, with slashes between folders."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8_FLAG:
        name = _from_extra_field(info) or (name if name.isascii() else _meant(name))
    return name.replace("\\", "/") if info.create_system in _WINDOWS else name


def _from_extra_field(info: ZipInfo) -> str | None:
    """Return the name in Info-ZIP's extra field, if its checksum matches the name in the header."""
    extra = info.extra
    while len(extra) >= _FIELD.size:
        kind, size = _FIELD.unpack_from(extra)
        field, extra = extra[_FIELD.size : _FIELD.size + size], extra[_FIELD.size + size :]
        if kind == _UNICODE_PATH and len(field) > _CHECKED and field[0] == 1:
            try:
                raw = info.orig_filename.encode("cp437")
                in_utf8 = field[_CHECKED:].decode()
            except UnicodeError:
                return None
            return in_utf8 if crc32(raw) == int.from_bytes(field[1:_CHECKED], "little") else None
    return None


@lru_cache(maxsize=1024)
def _meant(name: str) -> str:
    """Return the likeliest reading of a name that zipfile has read as CP437."""
    try:
        raw = name.encode("cp437")
    except UnicodeError:
        return name
    try:
        return raw.decode()
    except UnicodeError:
        return min(_readings(raw))[2]


def _readings(raw: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield each reading with its oddity and its rank."""
    for nth, codec in enumerate(_CODECS):
        try:
            text = raw.decode(codec) if codec else charset.decode(raw)[0]
        except (UnicodeError, BadValue):
            continue
        yield _oddity(text), nth, text


def _oddity(name: str) -> int:
    """Return how odd a reading's characters are together: 0 for a plausible name."""
    alone = sum(map(_odd_alone, name))
    return alone + sum(_odd_pair(one, other) for one, other in pairwise(name))


def _odd_alone(character: str) -> int:
    """Return the oddity of a sign, or of half-width Katakana, which CP932 makes of most bytes."""
    if character.isascii() or character in _AT_HOME:
        return 0
    if ord(character) in _HALF_WIDTH:
        return 1
    kind = unicodedata.category(character)
    return 0 if kind in ("Lu", "Ll", "Lo", "Mn", "Mc") and character not in "ªº" else 2


def _odd_pair(one: str, other: str) -> int:
    """Return the oddity of a capital in a word, mixed scripts, or a letter beside a rare sign."""
    if one.isascii() and other.isascii():
        return one == other == "\\"  # half a letter of CP932 before a folder's end
    if not (one.isalpha() and other.isalpha()):
        return any(sign in "^`{}|~@[]\\<>?*:" for sign in (one, other))
    return (one.islower() and other.isupper()) or _script(one) != _script(other)


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """Return the script of a letter, the beginning of its name; those of Japanese are one."""
    script = "LATIN" if letter.isascii() else unicodedata.name(letter, "NONE").partition(" ")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA") else script
