"""Metadata of pictures, sound and video: when, where, by which device, size, duration.

Only heads are read, never a pixel or a sample. An unreadable file has no metadata and a flag,
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
from typing import Any

import msgspec
from PIL import ExifTags, Image, UnidentifiedImageError
from tinytag import TinyTag, TinyTagException, UnsupportedFormatError

from pipeline.services import movies, picture_texts
from pipeline.text import charset
from pipeline.values import dates_in_names, instants, open_zones, time_zones, timestamps
from schemas.errors import BadValue
from schemas.files import Member
from schemas.records import Blob, DataType, Instant, Record, ZoneSource
from schemas.vocabulary import RecordType

with suppress(ImportError):  # the extra `heic`
    import pillow_heif

    pillow_heif.register_heif_opener()

# This limit guards programs that decode pixels; this one does not.
Image.MAX_IMAGE_PIXELS = None

Image.init()
_WANTED = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIF")
#: The kinds of image that are opened, of those that Pillow can read here.
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
#: The errors that the libraries raise for damaged files.
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
#: EXIF has colons; programs that edit pictures write other marks, and more text after them.
_EXIF_TIME = re.compile(
    r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d*)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_ZONE = re.compile(r"Z|[+-]\d\d:\d\d", re.ASCII)
#: How EXIF writes that a time is not known.
_BLANK = re.compile(r"[0 :/.-]*")
#: The times that cameras with an unset clock write: the epochs of Unix, DOS and others.
_CLOCKS_BEGIN = frozenset(
    f"{day} 00:00:00"
    for day in ("1601:01:01", "1899:12:30", "1900:01:01", "1904:01:01", "1970:01:01", "1980:01:01")
)
#: The tags of a picture's time (EXIF 2.32, 4.6.6), best first: the tag, that of its offset from
#: UTC, and the flag of a time other than that of the taking.
_LADDER = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal, None),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized, "time_of_digitizing"),
    (ExifTags.Base.DateTime, ExifTags.Base.OffsetTime, "time_of_change"),
)


#: Flags of times that are not valid.
_NONE_KNOWN = frozenset({movies.CLOCK_UNSET, instants.UNREAD})


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of a file: its own time, a title, metadata under the lake's names, flags."""

    time: Instant | None = None
    title: str | None = None
    metadata: dict[str, Any] = {}
    flags: tuple[str, ...] = ()


def picture(path: Path) -> Found:
    """Return a picture's size, and the metadata in its EXIF.

    The time is the camera's clock, in the zone that it names, else in the one that the GPS time
    gives, else in that of the place. Without a known clock it is the time of digitizing, of the
    last change or of GPS, with a flag.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            exif = _exif(image)
            tags = dict(exif) | dict(exif.get_ifd(ExifTags.IFD.Exif))
            gps = dict(exif.get_ifd(ExifTags.IFD.GPSInfo))
            xmp, iptc = picture_texts.xmp(image), picture_texts.iptc_time(image)
    except UnidentifiedImageError:
        return Found(flags=("unreadable",))
    except DAMAGE:
        return Found(flags=("broken",))
    camera = " ".join(filter(None, (_text(tags, ExifTags.Base.Make), _model(tags))))
    metadata = {"width": width, "height": height, **({"camera": camera} if camera else {})}
    place, odd = _position(gps)
    if not place and not odd:
        place = picture_texts.position(xmp)
    time, rung = _exif_time(tags, gps, place)
    if time is None or time.flag in _NONE_KNOWN or _LATE.intersection(rung):
        known = time is not None and time.at is not None
        time, rung = _other_time(xmp, iptc, place, with_clock=known) or (time, rung)
    return Found(time=time, metadata=metadata | place, flags=(*rung, *odd))


def record(found: Found, member: Member, source: str) -> Record:
    """Return the medium that a whole file is: in the blob store, identified by its bytes."""
    name = PurePosixPath(member.path).name
    time, noted = _dated(found, name)
    flags = {"flags": noted} if noted else {}
    return Record(
        data_type=DataType.MEDIA,
        source=source,
        record_type=RecordType.MEDIUM,
        identity=("sha256", member.sha256),
        time=time,
        title=found.title or name,
        content_type=member.media_type,
        metadata={**found.metadata, **flags},
        blob=Blob(sha256=member.sha256, size=member.size, media_type=member.media_type, name=name),
        context_metadata={"path": member.path},
    )


def _dated(found: Found, name: str) -> tuple[Instant | None, list[str]]:
    """Return the file's own time, else the one in its name; and the flags of the record."""
    own = found.time
    if own is not None and own.flag not in _NONE_KNOWN:
        return own, list(found.flags)
    in_name = dates_in_names.moment(name)
    if in_name is None:
        return own, list(found.flags)
    doubt = [own.flag] if own is not None and own.flag else []
    return in_name, [*found.flags, *doubt, dates_in_names.FLAG]


def _exif(image: Image.Image) -> Image.Exif:
    """Return the EXIF of a picture.

    Pillow decodes a whole PNG to search for EXIF after its pixels, so there it is not searched for.
    """
    return Image.Exif() if image.format == "PNG" and "exif" not in image.info else image.getexif()


def _text(tags: Mapping[int, Any], tag: int) -> str:
    value = tags.get(tag)
    return value.replace("\0", "").strip()[:200] if isinstance(value, str) else ""


def _model(tags: Mapping[int, Any]) -> str:
    """Return the model without the maker, which many models repeat."""
    return _text(tags, ExifTags.Base.Model).removeprefix(_text(tags, ExifTags.Base.Make)).strip()


def _exif_time(
    tags: Mapping[int, Any], gps: Mapping[int, Any], place: Mapping[str, float]
) -> tuple[Instant | None, tuple[str, ...]]:
    """Return the best time that exists, and the flag of its tag."""
    unread: Instant | None = None
    for tag, _, flag in _LADDER:
        written = _text(tags, tag)
        if _BLANK.fullmatch(written):
            continue
        if written in _CLOCKS_BEGIN:
            unread = unread or Instant(None, written, None, movies.CLOCK_UNSET)
        elif (time := _clock(written, _offset(tags, tag))) is None:
            unread = unread or instants.unread(written)
        else:
            return _placed(time, gps, place), (flag,) if flag else ()
    fix = _fix(gps)
    if fix is not None:
        return Instant(fix, fix.isoformat(), 0), ("time_of_satellites",)
    return unread, ()


#: Flags of times that rank below those of XMP and IPTC.
_LATE = frozenset({"time_of_change", "time_of_satellites"})


def _other_time(
    xmp: str, iptc: str, place: Mapping[str, float], *, with_clock: bool
) -> tuple[Instant, tuple[str, ...]] | None:
    """Return the time of the taking by XMP or IPTC, or XMP's time of digitizing under its flag.

    A day alone counts only without `with_clock`.
    """
    taken = ((picture_texts.taken(xmp), ()), (iptc, ()))
    for written, flags in (*taken, (picture_texts.digitized(xmp), ("time_of_digitizing",))):
        if written and not (with_clock and len(written) <= len("2004-02-20")):
            time = timestamps.or_unread(written)
            if time.at is not None:
                return _placed(time, {}, place), flags
    return None


def _offset(tags: Mapping[int, Any], tag: int) -> str:
    """Return a time's own offset from UTC, else that of another time with the same clock.

    An editor that changes a picture writes the offset of its own clock.
    """
    written = _text(tags, tag)
    own = [offset for other, offset, _ in _LADDER if other == tag]
    alike = [offset for other, offset, _ in _LADDER if _text(tags, other) == written]
    found = (_text(tags, offset) for offset in (*own, *alike))
    return next((text for text in found if _ZONE.fullmatch(text)), "")


def _clock(written: str, offset: str) -> Instant | None:
    found = _EXIF_TIME.fullmatch(written)
    if found is None:
        return None
    zone = found[5] or offset
    try:
        time = timestamps.iso(f"{found[1]}-{found[2]}-{found[3]}T{found[4]}{zone}")
    except BadValue:
        return None
    return msgspec.structs.replace(time, text=written if found[5] else f"{written}{zone}")


def _placed(time: Instant, gps: Mapping[int, Any], place: Mapping[str, float]) -> Instant:
    """Return the time in the zone of the GPS time, else of the place, if it names none."""
    there = _zone_from_gps(time, gps)
    if there is None and place and open_zones.leaves_zone_open(time):
        there = time_zones.at(place["latitude"], place["longitude"])
    if there is None:
        return time
    placed = open_zones.in_zone(time, there, ZoneSource.COORDINATE)
    return msgspec.structs.replace(placed, text=time.text)


#: Zones are whole quarters of an hour; a fix that is minutes old gives none.
_QUARTER, _SLACK, _WIDEST = timedelta(minutes=15), timedelta(minutes=2), timedelta(hours=14)


def _zone_from_gps(local: Instant, gps: Mapping[int, Any]) -> tzinfo | None:
    """Return the offset of the camera's clock from the GPS time."""
    fix = _fix(gps)
    if fix is None or local.at is None:
        return None
    ahead = local.at - fix
    offset = round(ahead / _QUARTER) * _QUARTER
    return timezone(offset) if abs(offset) <= _WIDEST and abs(ahead - offset) <= _SLACK else None


def _fix(gps: Mapping[int, Any]) -> datetime | None:
    """Return the GPS time, which is UTC.

    EXIF 2.32, 4.6.6: `GPSDateStamp` is `YYYY:MM:DD`, `GPSTimeStamp` three rationals.
    """
    try:
        date = _text(gps, ExifTags.GPS.GPSDateStamp).replace("-", ":").split(":")
        year, month, day = (int(part) for part in date)
        hours, minutes, seconds = (float(part) for part in gps[ExifTags.GPS.GPSTimeStamp])
        clock = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        fix = datetime(year, month, day, tzinfo=UTC) + clock
    except DAMAGE:
        return None
    return fix if _FIRST_FIX <= fix.year <= instants.LAST_YEAR else None


#: GPS time begins.
_FIRST_FIX = 1980


def _position(gps: Mapping[int, Any]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return latitude, longitude and altitude of the GPS block; empty for 0, 0.

    A block that cannot be read, or that names no side of the equator, gives only a flag.
    """
    if ExifTags.GPS.GPSLatitude not in gps and ExifTags.GPS.GPSLongitude not in gps:
        return {}, ()
    unread: tuple[dict[str, float], tuple[str, ...]] = {}, ("place_unread",)
    try:
        north = _degrees(gps[ExifTags.GPS.GPSLatitude])
        east = _degrees(gps[ExifTags.GPS.GPSLongitude])
        if not (north or east):
            return {}, ()
        north *= _side(gps[ExifTags.GPS.GPSLatitudeRef], "N", "S")
        east *= _side(gps[ExifTags.GPS.GPSLongitudeRef], "E", "W")
    except DAMAGE:
        return unread
    if not (abs(north) <= 90 and abs(east) <= 180):
        return unread
    place = {"latitude": north, "longitude": east}
    with suppress(*DAMAGE):
        altitude = float(gps[ExifTags.GPS.GPSAltitude])
        if math.isfinite(altitude):
            below = gps.get(ExifTags.GPS.GPSAltitudeRef) in (1, b"\x01")
            place["altitude_m"] = -altitude if below else altitude
    return place, ()


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return round(degrees + minutes / 60 + seconds / 3600, 7)


def _side(side: Any, positive: str, negative: str) -> int:
    """Return 1 or -1, by a letter or a word that begins with it. Raises KeyError for any other."""
    text = side.decode("ascii") if isinstance(side, bytes) else str(side)
    return {positive: 1, negative: -1}[text.strip("\0 ").upper()[:1]]


#: A megabyte of noise takes tinytag more than a second: it searches for a frame at every byte.
_MOST_READS, _MOST_AT_ONCE = 300_000, 32 * 1024 * 1024


class _Bounded(io.BufferedReader):
    """A reader that gives up after a number of reads, and before one too large for any tag."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > _MOST_READS or (size or 0) > _MOST_AT_ONCE:
            raise ValueError("the file needs too many reads")
        return super().read(size)


#: The names of tinytag, for every kind of file.
_TAGS = {
    "artist": "artist",
    "album": "album",
    "date": "year",
    "genre": "genre",
    "album_artist": "albumartist",
    "composer": "composer",
    "comment": "comment",
}


def recording(path: Path) -> Found:
    """Return the duration and the tags of sound or video.

    A video also has the time and the place of the recording.
    """
    film = movies.read(path)
    try:
        with path.open("rb", buffering=0) as raw:  # by content: a member's file has another name
            found = TinyTag.get(file_obj=_Bounded(raw))
    except UnsupportedFormatError:
        if film.duration_s is None:
            return Found(time=film.time, flags=(*film.flags, "unreadable"))
        lasting = {"duration_s": film.duration_s, **film.place}
        return Found(time=film.time, metadata=lasting, flags=film.flags)
    except DAMAGE:
        return Found(time=film.time, flags=(*film.flags, "broken"))
    written = {name: _tag(getattr(found, name)) for name in ("title", *_TAGS.values())}
    read, guessed = _in_their_charset(written)
    tags: dict[str, Any] = {lake_name: read[name] for lake_name, name in _TAGS.items()}
    if found.duration is not None and math.isfinite(found.duration) and found.duration > 0:
        tags["duration_s"] = round(found.duration, 3)
    metadata = {name: value for name, value in tags.items() if value}
    metadata |= film.place
    flags = (*film.flags, *guessed)
    return Found(time=film.time, title=read["title"], metadata=metadata, flags=flags)


#: A title in a Latin script has fewer letters beyond ASCII, and a lower share of them.
_FEW, _MOSTLY = 6, 0.6
_LATIN = re.compile(r"cp125[0247]|iso8859-(?:[1-4]|9|1[03-6])|mac-.*|utf-8")


def _in_their_charset(tags: dict[str, str | None]) -> tuple[dict[str, str | None], tuple[str, ...]]:
    """Return the tags in their real charset, and a flag if it was guessed.

    ID3 has only Latin-1 for texts outside of Unicode, and tinytag reads it so; programs in China,
    Japan and Russia write their own charsets. Texts that are hardly Latin are decoded together,
    since each is short.
    """
    narrow = {name: text for name, text in tags.items() if text and max(text) <= "\xff"}
    together = "\n".join(text for text in narrow.values() if not text.isascii())
    letters = [character for character in together if character.isalpha() or character > "\x7f"]
    high = sum(character > "\x7f" for character in letters)
    if high < _FEW or high < _MOSTLY * len(letters):
        return tags, ()
    try:
        _, codec = charset.decode(together.encode("latin-1"))
        read = {name: text.encode("latin-1").decode(codec) for name, text in narrow.items()}
    except (BadValue, UnicodeDecodeError):
        return tags, ()
    if _LATIN.fullmatch(codec):
        return tags, ()
    return {**tags, **read}, ("charset_guessed",)


def _tag(value: str | None) -> str | None:
    return ((value or "").replace("\0", "").strip()[:1_000]) or None
