"""The time in the name of a picture or a film, for files that hold none.

Messengers remove what a camera wrote, so often the name is all that is left:
`IMG-20220121-WA0004.jpg`, `signal-2018-08-21-100217.jpg`, `Screenshot_20190201-212530_Notes.png`,
`WhatsApp Image 2022-01-21 at 10.11.12.jpeg`, `2011-07-19 11.36.39.jpg`. A clock in a name is the
phone's, in no named zone; a Pixel's (`PXL_20220909_154515546.jpg`) is in UTC, and the thirteen
digits of Facebook and WeChat are milliseconds since 1970. Sources: simulot/immich-go,
internal/filenames/namesdate_test.go and pixel.go; photoprism/photoprism#304.
"""

from __future__ import annotations

import re

import msgspec

from pipeline.values import timestamps
from schemas.errors import BadValue
from schemas.records import Instant

#: The flag of a record whose time comes from its name.
FLAG = "time_in_name"

_DATE = r"(?P<year>19[89]\d|20\d\d){0}(?P<month>0[1-9]|1[0-2]){0}(?P<day>0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?P<hour>[01]\d|2[0-3]){0}(?P<minute>[0-5]\d){0}(?P<second>[0-5]\d)"
_HALF = r"(?:\d{3})?(?!\d)(?: ?(?P<half>[AaPp])\.?[Mm]\b)?"
_BETWEEN = r"(?:[ _T-]|[ _]at[ _]|, )"
_LOOSELY_BETWEEN = r"(?:[ _T.-]{1,3}|[ _]at[ _]|, )"
#: Date and clock, each with or without marks between its digits. A date alone needs the marks, or a
#: word of cameras and messengers before it, since other numbers have eight digits too.
_SPELLINGS = tuple(
    re.compile(rf"(?<!\d){spelling}")
    for spelling in (
        _DATE.format("") + _BETWEEN + "?" + _CLOCK.format("") + _HALF,
        _DATE.format("") + _BETWEEN + _CLOCK.format("[.:_-]") + _HALF,
        _DATE.format("[-._:]") + _LOOSELY_BETWEEN + _CLOCK.format("[.:_-]?") + _HALF,
        _DATE.format("[-._]") + r"(?!\d)",
        r"(?<![^\W\d_])(?:IMG|VID|MOV|PIC|PANO|DSC|AUD|PTT|STK|DOC|GIF|Screenshot)[-_ ]"
        + _DATE.format("")
        + r"(?!\d)",
    )
)
_MILLISECONDS = re.compile(r"(?:FB_IMG_|FB_VID_|mmexport)(1[0-9]{12})(?!\d)")
_NOON = 12


def moment(name: str) -> Instant | None:
    """Return the moment in a file's name, with its text; None where there is none."""
    if found := _MILLISECONDS.search(name):
        return timestamps.epoch(found[1], "ms")
    for spelling in _SPELLINGS:
        if (found := spelling.search(name)) and (understood := _understood(found, name)):
            return understood
    return None


def _understood(found: re.Match[str], name: str) -> Instant | None:
    group = found.groupdict()
    text = f"{group['year']}-{group['month']}-{group['day']}"
    if (hour := group.get("hour")) is not None:
        half = (group.get("half") or "").lower()
        if half and not 1 <= int(hour) <= _NOON:
            half = ""
        hours = int(hour) % _NOON + _NOON * (half == "p") if half else int(hour)
        utc = "Z" if name.startswith("PXL_") else ""
        text += f"T{hours:02}:{group['minute']}:{group['second']}{utc}"
    try:
        return msgspec.structs.replace(timestamps.iso(text), text=found[0])
    except BadValue:  # the 31st of February
        return None
