"""What pictures, sound and video say of themselves: when, where, by what, how large, how long.

Only heads are read, never a pixel or a sample. What can't be read says nothing and has a flag,
`broken` or `unreadable` (a kind that needs a library which is not installed: HEIC).
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import msgspec
from PIL import ExifTags, Image, UnidentifiedImageError
from tinytag import TinyTag, TinyTagException, UnsupportedFormatError

from pipeline import places, timestamps, zones
from schemas.errors import BadValue
from schemas.files import Member
from schemas.records import Blob, DataType, Instant, Record, ZoneSource
from schemas.vocabulary import RecordType

with suppress(ImportError):  # the extra `heic`
    import pillow_heif

    pillow_heif.register_heif_opener()

# A bound on pixels guards those who decode them; nobody does here.
Image.MAX_IMAGE_PIXELS = None

Image.init()
_WANTED = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIF")
#: The kinds of image that are opened, of those that Pillow can read here.
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
#: What the libraries are seen to raise on damaged files.
DAMAGE = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    SyntaxError,
    EOFError,
    OSError,
    MemoryError,
    struct.error,
    TinyTagException,
)
_EXIF_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
_TAKEN, _OFFSET = ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says: its own time, a title, metadata under the lake's names, flags."""

    time: Instant | None = None
    title: str | None = None
    metadata: dict[str, Any] = {}
    flags: tuple[str, ...] = ()


def picture(path: Path) -> Found:
    """A picture's size, and what its EXIF says. The time is the camera's clock, in the zone that
    it names, else in the one that the satellites' time beside it tells, else in that of the place.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            exif = _exif(image)
            said = dict(exif) | dict(exif.get_ifd(ExifTags.IFD.Exif))
            gps = dict(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except UnidentifiedImageError:
        return Found(flags=("unreadable",))
    except DAMAGE:
        return Found(flags=("broken",))
    camera = " ".join(filter(None, (_text(said, ExifTags.Base.Make), _model(said))))
    metadata = {"width": width, "height": height, **({"camera": camera} if camera else {})}
    place = _position(gps)
    return Found(time=_exif_time(said, gps, place), metadata=metadata | place)


def record(found: Found, member: Member, source: str) -> Record:
    """The medium that a whole file is: kept in the blob store, known by its bytes."""
    name = PurePosixPath(member.path).name
    flags = {"flags": list(found.flags)} if found.flags else {}
    return Record(
        data_type=DataType.MEDIA,
        source=source,
        record_type=RecordType.MEDIUM,
        identity=("sha256", member.sha256),
        time=found.time,
        title=found.title or name,
        content_type=member.media_type,
        metadata={**found.metadata, **flags},
        blob=Blob(sha256=member.sha256, size=member.size, media_type=member.media_type, name=name),
        beside={"path": member.path},
    )


def _exif(image: Image.Image) -> Image.Exif:
    """Pillow decodes a whole PNG to look for EXIF behind its pixels; there it is not looked for."""
    return Image.Exif() if image.format == "PNG" and "exif" not in image.info else image.getexif()


def _text(said: Mapping[int, Any], tag: int) -> str:
    value = said.get(tag)
    return value.replace("\0", "").strip()[:200] if isinstance(value, str) else ""


def _model(said: Mapping[int, Any]) -> str:
    """The model without the maker, whom many repeat."""
    return _text(said, ExifTags.Base.Model).removeprefix(_text(said, ExifTags.Base.Make)).strip()


def _exif_time(
    said: Mapping[int, Any], gps: Mapping[int, Any], place: Mapping[str, float]
) -> Instant | None:
    written, zone = _text(said, _TAKEN), _text(said, _OFFSET)
    found = _EXIF_TIME.fullmatch(written)
    if found is None or found[1] == "0000":
        return None
    try:
        time = timestamps.iso(f"{found[1]}-{found[2]}-{found[3]}T{found[4]}{zone}")
    except BadValue:
        return None
    there = _zone_beside(time, gps)
    if there is None and place and timestamps.leaves_zone_open(time):
        there = zones.at(place["latitude"], place["longitude"])
    if there is not None:
        time = timestamps.in_zone(time, there, ZoneSource.COORDINATE)
    return msgspec.structs.replace(time, text=f"{written}{zone}")


#: Zones are whole quarters of an hour; a fix that is minutes old tells none.
_QUARTER, _SLACK, _WIDEST = timedelta(minutes=15), timedelta(minutes=2), timedelta(hours=14)


def _zone_beside(local: Instant, gps: Mapping[int, Any]) -> tzinfo | None:
    """The offset of the camera's clock from the time of the satellites, which is UTC.

    EXIF 2.32, 4.6.6: `GPSDateStamp` is `YYYY:MM:DD`, `GPSTimeStamp` three rationals.
    """
    try:
        year, month, day = (int(part) for part in _text(gps, ExifTags.GPS.GPSDateStamp).split(":"))
        hours, minutes, seconds = (float(part) for part in gps[ExifTags.GPS.GPSTimeStamp])
        clock = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        fix = datetime(year, month, day, tzinfo=UTC) + clock
    except DAMAGE:
        return None
    if local.at is None:
        return None
    ahead = local.at - fix
    offset = round(ahead / _QUARTER) * _QUARTER
    return timezone(offset) if abs(offset) <= _WIDEST and abs(ahead - offset) <= _SLACK else None


def _position(gps: Mapping[int, Any]) -> dict[str, float]:
    """Latitude, longitude and altitude of the GPS block; nothing where it is odd, or 0, 0."""
    try:
        north = _degrees(gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef], "S")
        east = _degrees(gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef], "W")
    except DAMAGE:
        return {}
    if not (north or east) or not (abs(north) <= 90 and abs(east) <= 180):
        return {}
    said = {"latitude": north, "longitude": east}
    with suppress(*DAMAGE):
        altitude = float(gps[ExifTags.GPS.GPSAltitude])
        if math.isfinite(altitude):
            below = gps.get(ExifTags.GPS.GPSAltitudeRef) in (1, b"\x01")
            said["altitude_m"] = -altitude if below else altitude
    return said


def _degrees(parts: Any, side: str, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return round(-value if side.strip("\0 ").upper() == negative else value, 7)


#: A megabyte of noise takes tinytag more than a second: it looks for a frame at every byte.
_MOST_READS, _MOST_AT_ONCE = 300_000, 32 * 1024 * 1024


class _Bounded(io.BufferedReader):
    """Gives up after so many reads, and before one that is too large for any tag."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > _MOST_READS or (size or 0) > _MOST_AT_ONCE:
            raise ValueError("too much to read")
        return super().read(size)


#: What tinytag calls them, in every kind of file.
_TAGS = {"artist": "artist", "album": "album", "date": "year", "genre": "genre"}


def recording(path: Path) -> Found:
    """How long sound or video is, and what its tags say. A video's time is when it was made, and
    its place where."""
    time = _movie_time(path)
    try:
        with path.open("rb", buffering=0) as raw:  # by content: a member's name is none of its own
            found = TinyTag.get(file_obj=_Bounded(raw))
    except UnsupportedFormatError:
        return Found(time=time, flags=("unreadable",))
    except DAMAGE:
        return Found(time=time, flags=("broken",))
    said: dict[str, Any] = {ours: _tag(getattr(found, name)) for ours, name in _TAGS.items()}
    if found.duration is not None and math.isfinite(found.duration) and found.duration > 0:
        said["duration_s"] = round(found.duration, 3)
    metadata = {name: value for name, value in said.items() if value}
    return Found(time=time, title=_tag(found.title), metadata=metadata | _movie_place(path))


def _tag(value: str | None) -> str | None:
    return ((value or "").replace("\0", "").strip()[:1_000]) or None


_MOVIE_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_BOXES = 1_000


def _movie_time(path: Path) -> Instant | None:
    """`creation_time` of the movie header (ISO 14496-12, 8.2.2): seconds since 1904, in UTC."""
    try:
        with path.open("rb") as source:
            if source.read(12)[4:8] != b"ftyp":
                return None
            moov = _box(source, 0, path.stat().st_size, b"moov")
            mvhd = _box(source, *moov, b"mvhd") if moov else None
            if mvhd is None:
                return None
            source.seek(mvhd[0])
            head = source.read(12)
    except OSError:
        return None
    seconds = int.from_bytes(head[4:12] if head[:1] == b"\1" else head[4:8], "big")
    if not seconds or seconds >= 1 << 33:
        return None
    at = _MOVIE_EPOCH + timedelta(seconds=seconds)
    if at.year > timestamps.LAST_YEAR:
        return Instant(None, str(seconds), 0, "out_of_range")
    return Instant(at, str(seconds), 0)


def _movie_place(path: Path) -> dict[str, float]:
    """Where a movie was made, as cameras and phones say it (`moov.udta.\xa9xyz`, ISO 6709, behind
    a length and a language); nothing where it is odd, or 0, 0."""
    try:
        with path.open("rb") as source:
            if source.read(12)[4:8] != b"ftyp":
                return {}
            found: tuple[int, int] | None = (0, path.stat().st_size)
            for name in (b"moov", b"udta", b"\xa9xyz"):
                found = _box(source, *found, name) if found else None
            if found is None:
                return {}
            source.seek(found[0])
            said = source.read(min(100, found[1] - found[0]))
        north, east, up = places.iso6709(said[4:].decode("ascii", "replace"))
    except (OSError, BadValue):
        return {}
    if not (north or east):
        return {}
    place = {"latitude": north, "longitude": east}
    return place if up is None else {**place, "altitude_m": up}


def _box(source: BinaryIO, start: int, end: int, wanted: bytes) -> tuple[int, int] | None:
    """Where the inside of the first box of a kind lies, of those side by side in a range."""
    for _ in range(_BOXES):
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
