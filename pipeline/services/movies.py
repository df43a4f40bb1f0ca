"""When and where a film was made, from its atoms (MP4, M4V, MOV, 3GP); only heads are read.

The creation date of Apple's own metadata (`moov.meta`) ranks first, since an export keeps it while
the movie header gets the day of the export; then the movie header. Sources: ISO 14496-12, 8.2.2;
QuickTime File Format, "Metadata"; ISO 6709 for the place.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec

from pipeline.archives.media_types import OLD_ATOMS
from pipeline.values import coordinates, instants, timestamps
from schemas.errors import BadValue
from schemas.records import Instant

#: The first atoms of a film, including QuickTime before 2004, which has no `ftyp`.
_FIRST_ATOMS = (b"ftyp", *OLD_ATOMS)
#: The flag of a time whose field counts from 1904 and holds seconds since 1970.
SINCE_1970 = "counted_since_1970"
#: The flag of the epoch of a clock that was never set.
CLOCK_UNSET = "clock_unset"

_1904, _1970 = datetime(1904, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
#: Digital films are not older; an earlier time in a header has another epoch, or is not set.
_FIRST_FILM = datetime(1990, 1, 1, tzinfo=UTC)
_ATOMS = 1_000
_LONGEST = 200
_CREATED, _PLACE = b"com.apple.quicktime.creationdate", b"com.apple.quicktime.location.ISO6709"

_Range = tuple[int, int]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The metadata in the atoms of a film."""

    time: Instant | None = None
    place: dict[str, float] = {}
    duration_s: float | None = None
    flags: tuple[str, ...] = ()


def read(path: Path) -> Facts:
    """Return when and where a film was made; empty if it is not a film, or damaged."""
    try:
        with path.open("rb") as source:
            if source.read(8)[4:8] not in _FIRST_ATOMS:
                return Facts()
            moov = _within(source, (0, path.stat().st_size), b"moov")
            return _facts(source, moov) if moov else Facts()
    except OSError:
        return Facts()


def _facts(source: BinaryIO, moov: _Range) -> Facts:
    apple = _apple(source, moov)
    header = _within(source, moov, b"mvhd")
    created, lasted = _header(_bytes(source, header, 32) if header else b"")
    time, flags = _by_header(created)
    with suppress(KeyError, BadValue):
        time, flags = timestamps.iso(apple[_CREATED]), ()
    place = _place(apple.get(_PLACE, "")) or _place(_xyz(source, moov))
    return Facts(time=time, place=place, duration_s=lasted, flags=flags)


def _header(head: bytes) -> tuple[int, float | None]:
    """Return `creation_time` of the movie header, and its length in seconds."""
    width = 8 if head[:1] == b"\1" else 4
    created, scale, ticks = (
        int.from_bytes(head[start : start + size], "big")
        for start, size in ((4, width), (4 + 2 * width, 4), (8 + 2 * width, width))
    )
    return created, round(ticks / scale, 3) if scale and 0 < ticks < (1 << 8 * width) - 1 else None


def _by_header(seconds: int) -> tuple[Instant | None, tuple[str, ...]]:
    """Return `creation_time` as a moment, in UTC."""
    if not seconds or seconds >= 1 << 33:
        return None, ()
    at, text = _1904 + timedelta(seconds=seconds), str(seconds)
    if at.year > instants.LAST_YEAR:
        return Instant(None, text, 0, "out_of_range"), ()
    if at >= _FIRST_FILM:
        return Instant(at, text, 0), ()
    other = _1970 + timedelta(seconds=seconds)
    if at < _1970 and other >= _FIRST_FILM:
        return Instant(other, text, 0), (SINCE_1970,)
    return Instant(None, text, 0, CLOCK_UNSET), ()


def _apple(source: BinaryIO, moov: _Range) -> dict[bytes, str]:
    """Return the texts of `moov.meta` by their key.

    `keys` has the keys, and the atoms in `ilst` are named by the numbers of their keys. `meta` has
    four bytes of version before its atoms in MP4 and none in MOV.
    """
    meta = _within(source, moov, b"meta")
    if meta is None:
        return {}
    inside = meta if _within(source, meta, b"keys") else (meta[0] + 4, meta[1])
    keys, ilst = _within(source, inside, b"keys"), _within(source, inside, b"ilst")
    if keys is None or ilst is None:
        return {}
    found = {}
    for number, name in enumerate(_keys(source, keys), 1):
        if name in (_CREATED, _PLACE) and (
            item := _within(source, ilst, number.to_bytes(4, "big"))
        ):
            data = _within(source, item, b"data")
            text = _bytes(source, data, _LONGEST)[8:] if data else b""
            found[name] = text.decode("utf-8", "replace").strip("\0 ")
    return found


def _keys(source: BinaryIO, keys: _Range) -> list[bytes]:
    count = int.from_bytes(_bytes(source, keys, 8)[4:], "big")
    at, names = keys[0] + 8, list[bytes]()
    while at + 8 <= keys[1] and len(names) < min(count, _ATOMS):
        size = int.from_bytes(_bytes(source, (at, keys[1]), 4), "big")
        if size < 8:
            break
        names.append(_bytes(source, (at + 8, min(at + size, keys[1])), _LONGEST))
        at += size
    return names


def _xyz(source: BinaryIO, moov: _Range) -> str:
    """Return `moov.udta.\xa9xyz` of Android and older iPhones, after a length and a language."""
    udta = _within(source, moov, b"udta")
    xyz = _within(source, udta, b"\xa9xyz") if udta else None
    return _bytes(source, xyz, 100)[4:].decode("ascii", "replace") if xyz else ""


def _place(text: str) -> dict[str, float]:
    """Return a place in ISO 6709; empty if it is invalid, or 0, 0."""
    try:
        north, east, up = coordinates.iso6709(text)
    except BadValue:
        return {}
    if not (north or east):
        return {}
    place = {"latitude": north, "longitude": east}
    return place if up is None else {**place, "altitude_m": up}


def _bytes(source: BinaryIO, part: _Range, most: int) -> bytes:
    source.seek(part[0])
    return source.read(max(0, min(most, part[1] - part[0])))


def _within(source: BinaryIO, part: _Range, wanted: bytes) -> _Range | None:
    """Return the inside of the first atom of a kind among the adjacent ones in a range."""
    start, end = part
    for _ in range(_ATOMS):
        source.seek(start)
        head = source.read(16)
        if len(head) < 8 or start >= end:
            return None
        size, skip = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, skip = int.from_bytes(head[8:16], "big"), 16
        stop = end if size == 0 else start + size
        if head[4:8] == wanted:
            return start + skip, min(stop, end)
        if stop <= start:
            return None
        start = stop
    return None
