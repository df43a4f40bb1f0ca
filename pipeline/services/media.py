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
#: EXIF has colons; programs that edit pictures write other marks, and more behind.
_EXIF_TIME = re.compile(
    r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d*)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_ZONE = re.compile(r"Z|[+-]\d\d:\d\d", re.ASCII)
#: How EXIF writes that a time is not known.
_BLANK = re.compile(r"[0 :/.-]*")
#: The times that cameras write whose clock is not set: the first of Unix, DOS and others.
_CLOCKS_BEGIN = frozenset(
    f"{day} 00:00:00"
    for day in ("1601:01:01", "1899:12:30", "1900:01:01", "1904:01:01", "1970:01:01", "1980:01:01")
)
#: Where a picture's time stands (EXIF 2.32, 4.6.6), best first: the tag, that of its offset from
#: UTC, and the flag of a time that is not that of the taking.
_LADDER = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal, None),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized, "time_of_digitizing"),
    (ExifTags.Base.DateTime, ExifTags.Base.OffsetTime, "time_of_change"),
)


#: Flags of times that are none.
_NONE_KNOWN = frozenset({movies.CLOCK_UNSET, instants.UNREAD})


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says: its own time, a title, metadata under the lake's names, flags."""

    time: Instant | None = None
    title: str | None = None
    metadata: dict[str, Any] = {}
    flags: tuple[str, ...] = ()


def picture(path: Path) -> Found:
    """A picture's size, and what its EXIF says. The time is the camera's clock, in the zone that
    it names, else in the one that the satellites' time beside it tells, else in that of the place.
    Where no clock is known it is the time of digitizing, of the last change or of the satellites,
    which a flag says.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            exif = _exif(image)
            said = dict(exif) | dict(exif.get_ifd(ExifTags.IFD.Exif))
            gps = dict(exif.get_ifd(ExifTags.IFD.GPSInfo))
            xmp, iptc = picture_texts.xmp(image), picture_texts.iptc_time(image)
    except UnidentifiedImageError:
        return Found(flags=("unreadable",))
    except DAMAGE:
        return Found(flags=("broken",))
    camera = " ".join(filter(None, (_text(said, ExifTags.Base.Make), _model(said))))
    metadata = {"width": width, "height": height, **({"camera": camera} if camera else {})}
    place, odd = _position(gps)
    if not place and not odd:
        place = picture_texts.position(xmp)
    time, rung = _exif_time(said, gps, place)
    if time is None or time.flag in _NONE_KNOWN or _LATE.intersection(rung):
        known = time is not None and time.at is not None
        time, rung = _other_time(xmp, iptc, place, with_clock=known) or (time, rung)
    return Found(time=time, metadata=metadata | place, flags=(*rung, *odd))


def record(found: Found, member: Member, source: str) -> Record:
    """The medium that a whole file is: kept in the blob store, known by its bytes."""
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
        beside={"path": member.path},
    )


def _dated(found: Found, name: str) -> tuple[Instant | None, list[str]]:
    """The file's own time, else the one in its name; and the flags of the record."""
    own = found.time
    if own is not None and own.flag not in _NONE_KNOWN:
        return own, list(found.flags)
    told = dates_in_names.moment(name)
    if told is None:
        return own, list(found.flags)
    doubt = [own.flag] if own is not None and own.flag else []
    return told, [*found.flags, *doubt, dates_in_names.FLAG]


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
) -> tuple[Instant | None, tuple[str, ...]]:
    """The time on the highest rung of the ladder that has one, and the flag of that rung."""
    unread: Instant | None = None
    for tag, _, flag in _LADDER:
        written = _text(said, tag)
        if _BLANK.fullmatch(written):
            continue
        if written in _CLOCKS_BEGIN:
            unread = unread or Instant(None, written, None, movies.CLOCK_UNSET)
        elif (time := _clock(written, _offset(said, tag))) is None:
            unread = unread or instants.unread(written)
        else:
            return _placed(time, gps, place), (flag,) if flag else ()
    fix = _fix(gps)
    if fix is not None:
        return Instant(fix, fix.isoformat(), 0), ("time_of_satellites",)
    return unread, ()


#: Rungs below what XMP and IPTC say.
_LATE = frozenset({"time_of_change", "time_of_satellites"})


def _other_time(
    xmp: str, iptc: str, place: Mapping[str, float], *, with_clock: bool
) -> tuple[Instant, tuple[str, ...]] | None:
    """The time of the taking by XMP or IPTC, or XMP's time of digitizing under its flag; a day
    alone only if it need not be `with_clock`."""
    told = ((picture_texts.taken(xmp), ()), (iptc, ()))
    for written, flags in (*told, (picture_texts.digitized(xmp), ("time_of_digitizing",))):
        if written and not (with_clock and len(written) <= len("2004-02-20")):
            time = timestamps.or_unread(written)
            if time.at is not None:
                return _placed(time, {}, place), flags
    return None


def _offset(said: Mapping[int, Any], tag: int) -> str:
    """A time's own offset from UTC, else that of another of the times which shows the same clock:
    an editor that changes a picture writes the offset of its own clock."""
    written = _text(said, tag)
    own = [offset for other, offset, _ in _LADDER if other == tag]
    alike = [offset for other, offset, _ in _LADDER if _text(said, other) == written]
    found = (_text(said, offset) for offset in (*own, *alike))
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
    """The time in the zone that the satellites' time tells, else the place, if it names none."""
    there = _zone_beside(time, gps)
    if there is None and place and open_zones.leaves_zone_open(time):
        there = time_zones.at(place["latitude"], place["longitude"])
    if there is None:
        return time
    placed = open_zones.in_zone(time, there, ZoneSource.COORDINATE)
    return msgspec.structs.replace(placed, text=time.text)


#: Zones are whole quarters of an hour; a fix that is minutes old tells none.
_QUARTER, _SLACK, _WIDEST = timedelta(minutes=15), timedelta(minutes=2), timedelta(hours=14)


def _zone_beside(local: Instant, gps: Mapping[int, Any]) -> tzinfo | None:
    """The offset of the camera's clock from the time of the satellites."""
    fix = _fix(gps)
    if fix is None or local.at is None:
        return None
    ahead = local.at - fix
    offset = round(ahead / _QUARTER) * _QUARTER
    return timezone(offset) if abs(offset) <= _WIDEST and abs(ahead - offset) <= _SLACK else None


def _fix(gps: Mapping[int, Any]) -> datetime | None:
    """The time of the satellites, which is UTC.

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


#: The satellites' time begins.
_FIRST_FIX = 1980


def _position(gps: Mapping[int, Any]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Latitude, longitude and altitude of the GPS block. Nothing where that says 0, 0; nothing but
    a flag where it can't be understood, or does not say which side of the equator it means."""
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
    said = {"latitude": north, "longitude": east}
    with suppress(*DAMAGE):
        altitude = float(gps[ExifTags.GPS.GPSAltitude])
        if math.isfinite(altitude):
            below = gps.get(ExifTags.GPS.GPSAltitudeRef) in (1, b"\x01")
            said["altitude_m"] = -altitude if below else altitude
    return said, ()


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return round(degrees + minutes / 60 + seconds / 3600, 7)


def _side(said: Any, positive: str, negative: str) -> int:
    """1 or -1, by a letter or a word that begins with it. Raises KeyError for any other."""
    text = said.decode("ascii") if isinstance(said, bytes) else str(said)
    return {positive: 1, negative: -1}[text.strip("\0 ").upper()[:1]]


#: A megabyte of noise takes tinytag more than a second: it looks for a frame at every byte.
_MOST_READS, _MOST_AT_ONCE = 300_000, 32 * 1024 * 1024


class _Bounded(io.BufferedReader):
    """Gives up after a number of reads, and before one that is too large for any tag."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > _MOST_READS or (size or 0) > _MOST_AT_ONCE:
            raise ValueError("too much to read")
        return super().read(size)


#: What tinytag calls them, in every kind of file.
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
    """How long sound or video is, and what its tags say. A video's time is when it was made, and
    its place where."""
    film = movies.read(path)
    try:
        with path.open("rb", buffering=0) as raw:  # by content: a member's name is none of its own
            found = TinyTag.get(file_obj=_Bounded(raw))
    except UnsupportedFormatError:
        if film.duration_s is None:
            return Found(time=film.time, flags=(*film.flags, "unreadable"))
        said = {"duration_s": film.duration_s, **film.place}
        return Found(time=film.time, metadata=said, flags=film.flags)
    except DAMAGE:
        return Found(time=film.time, flags=(*film.flags, "broken"))
    written = {name: _tag(getattr(found, name)) for name in ("title", *_TAGS.values())}
    read, guessed = _in_their_charset(written)
    tags: dict[str, Any] = {ours: read[name] for ours, name in _TAGS.items()}
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
    """The tags as they were meant, and a flag where their charset was guessed.

    ID3 has no charset but Latin-1 for what is no Unicode, and tinytag reads it so; programs in
    China, Japan and Russia write their own. Texts that are hardly Latin are asked what else they
    are, all together, since each is short.
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
