"""A picture's XMP and IPTC, for pictures without EXIF: when, and where.

Programs that edit pictures write XMP into all kinds of them, press agencies IPTC into JPEG; a scan,
a PNG and a picture from an archive often have nothing else. Sources: XMP specification, part 2
(`exif:DateTimeOriginal`, `photoshop:DateCreated`, `xmp:CreateDate`, `exif:GPSLatitude`); IPTC-IIM
4.2, 2:55 and 2:60.
"""

from __future__ import annotations

import re
from contextlib import suppress

from PIL import Image, ImageFile, IptcImagePlugin

from pipeline.values import coordinates
from schemas.errors import BadValue

#: Pillow's names for XMP, by the kind of picture.
_KEYS = ("xmp", "XML:com.adobe.xmp")
_TIFF_TAG = 700
_LONGEST = 256 * 1024
_VALUE = r"\s*(?:=\s*[\"']([^\"'<>]{1,64})[\"']|>\s*([^<>]{1,64}?)\s*<)"
_TAKEN = re.compile(r"\b(?:exif:DateTimeOriginal|photoshop:DateCreated)\b" + _VALUE)
_DIGITIZED = re.compile(r"\b(?:exif:DateTimeDigitized|xmp:CreateDate|xap:CreateDate)\b" + _VALUE)
_NORTH = re.compile(r"\bexif:GPSLatitude\b" + _VALUE)
_EAST = re.compile(r"\bexif:GPSLongitude\b" + _VALUE)
#: `52,30.5N`, `52,30,30N`.
_DEGREES = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])", re.ASCII)
_DAY, _CLOCK = re.compile(rb"\d{8}"), re.compile(rb"(\d\d)(\d\d)(\d\d)([+-]\d{4})?")
_PHOTOSHOP = (2, 55), (2, 60)


def xmp(image: Image.Image) -> str:
    """Return the XMP of a picture as text; empty if it has none."""
    found = next((image.info[key] for key in _KEYS if key in image.info), None)
    if found is None and image.format == "TIFF":
        found = image.getexif().get(_TIFF_TAG)
    if isinstance(found, bytes):
        found = found[:_LONGEST].decode("utf-8", "replace")
    return found[:_LONGEST] if isinstance(found, str) else ""


def taken(text: str) -> str:
    """Return when the picture was taken by its XMP, as written."""
    return _value(_TAKEN, text)


def digitized(text: str) -> str:
    """Return when it was scanned or made by its XMP, as written."""
    return _value(_DIGITIZED, text)


def position(text: str) -> dict[str, float]:
    """Return where it was taken by its XMP; empty if that is missing or cannot be read."""
    north, east = _degrees(_value(_NORTH, text)), _degrees(_value(_EAST, text))
    if north is None or east is None or not (north or east):
        return {}
    try:
        latitude, longitude = coordinates.wgs84(north, east)
    except BadValue:
        return {}
    return {"latitude": latitude, "longitude": longitude}


def iptc_time(image: ImageFile.ImageFile) -> str:
    """Return when it was taken by its IPTC, in ISO 8601; empty if that is missing."""
    found: object = None
    with suppress(OSError, LookupError, ValueError, TypeError, SyntaxError):
        found = IptcImagePlugin.getiptcinfo(image)
    if not isinstance(found, dict):
        return ""
    day, clock = (found.get(name) for name in _PHOTOSHOP)
    if not isinstance(day, bytes) or not _DAY.fullmatch(day):
        return ""
    text = f"{day[:4].decode()}-{day[4:6].decode()}-{day[6:].decode()}"
    groups_of_clock = _CLOCK.fullmatch(clock) if isinstance(clock, bytes) else None
    if groups_of_clock is None:
        return text
    hour, minute, second, offset = (
        part.decode() if part else "" for part in groups_of_clock.groups()
    )
    return f"{text}T{hour}:{minute}:{second}{offset}"


def _value(wanted: re.Pattern[str], text: str) -> str:
    found = wanted.search(text)
    return (found[1] or found[2] or "").strip() if found else ""


def _degrees(text: str) -> float | None:
    found = _DEGREES.fullmatch(text)
    if found is None:
        return None
    degrees = int(found[1]) + float(found[2]) / 60 + float(found[3] or 0) / 3600
    return round(-degrees if found[4] in "SW" else degrees, 7)
