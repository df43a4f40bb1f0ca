"""Time zones: by the names that calendars use, by place, and the owner's."""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from dateutil.tz import tzical

from pipeline.syntax import content_lines
from pipeline.syntax.content_lines import Line
from schemas.errors import ConfigurationError

#: The parts of a VTIMEZONE that make its rules; dateutil refuses the rest.
_RULES = ("DTSTART", "RRULE", "RDATE", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME")
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYMONTH", "BYMONTHDAY", "BYDAY"})


@lru_cache(maxsize=256)
def named(name: str) -> tzinfo | None:
    """Return the zone of an IANA name, of a Windows name (CLDR), or of one after a maker's prefix.

    Prefixes are as Mozilla's and Evolution's: `/mozilla.org/20070129_1/Europe/Oslo`. Returns None
    where no such zone is known.
    """
    parts = name.strip().strip('"').split("/")
    windows: Mapping[str, str] = get_global("windows_zone_mapping")
    # The longest tail first: `America/Argentina/Ushuaia` before `Ushuaia`, which is none.
    for at in range(len(parts)):
        tail = "/".join(parts[at:])
        zone = _iana(windows.get(tail, tail))
        if zone is not None:
            return zone
    return None


@lru_cache(maxsize=256)
def likely(name: str) -> tzinfo | None:
    """Return the zone that a calendar's own name means, where `named` knows none.

    Reads Windows' names in any case, of summer time, or numbered as a copy (`GMT Standard Time 1`);
    their display names (`(UTC+01:00) Amsterdam, Berlin, Bern`); an offset (`GMT+05:30`). Returns
    None where it may mean several: a display name must agree with the offset that it gives.
    """
    plain = " ".join(name.strip().strip("\"'").split()).rsplit("/", 1)[-1].lower()
    return _by_name(plain) or _by_name(_COPY.sub("", plain))


#: A copy's number, or an offset before a name or in its place.
_COPY = re.compile(r"[ _-]*(?:\(\d{1,3}\)|\b\d{1,3})$")
_OFFSET = re.compile(r"\(?(?:utc|gmt|z)?\s*(?:([+-])(\d{1,2})(?::?([0-5]\d))?|)\)?")
_SHOWN = re.compile(r"\((?:utc|gmt)\s*([+-]\d{1,2}:?\d\d)?\)[\s-]*(.+)")
_LAND = re.compile(r"\s+(?:islands?|is\.)$|\s*\(.*\)$")
_AMERICAN = re.compile(r"(eastern|central|mountain|pacific|atlantic) time\b(?! \(mexico)")
_AREAS = frozenset(
    [
        "Africa",
        "America",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    ]
)
_NO_CITIES = frozenset({"act", "lhi", "north", "nsw", "queensland", "south", "west"})
#: Regions in Windows' display names that have no IANA zone named after a city there.
_REGIONS = {
    "abu dhabi": "Asia/Dubai",
    "alaska": "America/Anchorage",
    "aleutian": "America/Adak",
    "arizona": "America/Phoenix",
    "astana": "Asia/Almaty",
    "baja california": "America/Tijuana",
    "beijing": "Asia/Shanghai",
    "brasilia": "America/Sao_Paulo",
    "caucasus": "Asia/Yerevan",
    "central america": "America/Guatemala",
    "chatham": "Pacific/Chatham",
    "chennai": "Asia/Kolkata",
    "chokurdakh": "Asia/Srednekolymsk",
    "city of buenos aires": "America/Argentina/Buenos_Aires",
    "cabo verde": "Atlantic/Cape_Verde",
    "ekaterinburg": "Asia/Yekaterinburg",
    "greenland": "America/Nuuk",
    "greenwich mean time": "Europe/London",
    "haiti": "America/Port-au-Prince",
    "hawaii": "Pacific/Honolulu",
    "indiana": "America/Indiana/Indianapolis",
    "international date line west": "Etc/GMT+12",
    "islamabad": "Asia/Karachi",
    "newfoundland": "America/St_Johns",
    "nuku'alofa": "Pacific/Tongatapu",
    "nur-sultan": "Asia/Almaty",
    "port louis": "Indian/Mauritius",
    "saint pierre and miquelon": "America/Miquelon",
    "salvador": "America/Bahia",
    "samoa": "Pacific/Apia",
    "saskatchewan": "America/Regina",
    "solomon": "Pacific/Guadalcanal",
    "sri jayawardenepura": "Asia/Colombo",
    "turks and caicos": "America/Grand_Turk",
    "west central africa": "Africa/Lagos",
    "yukon": "America/Whitehorse",
}


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    """Return IANA's names by their small letters, and Windows' names in summer and winter."""
    windows: Mapping[str, str] = get_global("windows_zone_mapping")
    found = {name.lower(): name for name in available_timezones() - _OF_THE_MACHINE}
    for name, iana in windows.items():
        found[name.lower()] = iana
        found[name.lower().replace(" standard ", " daylight ")] = iana
    return found


@lru_cache(maxsize=1)
def _cities() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(available_timezones() - _OF_THE_MACHINE):
        city = name.rsplit("/", 1)[-1].replace("_", " ").lower()
        if name.partition("/")[0] in _AREAS and city not in _NO_CITIES:
            found.setdefault(city, []).append(name)
    return found


def _by_name(name: str) -> tzinfo | None:
    if known := _spellings().get(name):
        return _iana(known)
    if (offset := _OFFSET.fullmatch(name)) and name.strip("() "):
        return _fixed(offset)
    shown = _SHOWN.fullmatch(name)
    given, places = (shown[1], shown[2]) if shown else (None, name)
    if re.match(r"co-?ordinated universal time", places):
        return _by_name(f"utc{given or ''}")
    if found := _AMERICAN.match(places):
        return _iana(_spellings()[f"{found[1]} standard time"])
    for place in re.split(r"[,:]\s*", places):
        bare = _LAND.sub("", place.strip())
        for candidate in [_REGIONS.get(bare), *_cities().get(bare, ())]:
            zone = _iana(candidate) if candidate else None
            if zone is not None and (given is None or _has_offset(zone, given)):
                return zone
    return None


def _fixed(offset: re.Match[str]) -> tzinfo | None:
    minutes = int(offset[2] or 0) * 60 + int(offset[3] or 0)
    if minutes > 18 * 60:
        return None
    return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))


def _has_offset(zone: tzinfo, given: str) -> bool:
    """Tell whether a zone had that offset from UTC in a winter or summer of this century.

    Windows shows the offset without summer time, and keeps the one of the time of its release.
    """
    found = _OFFSET.fullmatch(given)
    wanted = _fixed(found) if found else None
    if wanted is None:
        return False
    at_once = wanted.utcoffset(None)
    days = (datetime(year, month, 1, tzinfo=UTC) for year in range(2001, 2027) for month in (1, 7))
    return any(day.astimezone(zone).utcoffset() == at_once for day in days)


def _iana(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # no such zone; no name of one; a folder's name
        return None


def at(latitude: float, longitude: float) -> tzinfo | None:
    """Return the zone of a place in WGS 84 degrees; None at sea, where no place sets the clocks.

    Within a few hundred metres of a border it may be the neighbour's: the borders are simplified
    (docs/explanation/decisions/0014-read-clocks-in-the-zone-of-their-place.md).
    """
    from tzfpy import get_tz  # noqa: PLC0415 - its map costs 40 MB and a tenth of a second

    name = get_tz(longitude, latitude)
    return None if name.startswith("Etc/") else named(name)


#: Further names in the system's folder of zones that are not zones.
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})


def checked(name: str) -> str:
    """Return the IANA name of a zone, as the owner gave it.

    Raises `ConfigurationError`, with similar names, if there is no such zone.
    """
    known = available_timezones() - _OF_THE_MACHINE
    if name in known:
        return name
    likely = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(likely)}?" if likely else "an IANA name is Europe/Berlin"
    raise ConfigurationError(f"there is no such time zone; {hint}")


@lru_cache(maxsize=8)
def of_account(name: str | None) -> tzinfo | None:
    """Return the zone of a checked name; None for None.

    Raises `ConfigurationError` where this machine does not know it.
    """
    return None if name is None else ZoneInfo(checked(name))


@lru_cache(maxsize=256)
def defined(text: str) -> tzinfo | None:
    """Return the zone that a VTIMEZONE defines; None where its rules cannot be read."""
    zone = content_lines.component(text.encode())
    lines = ["BEGIN:VTIMEZONE", "TZID:here"]
    for part in zone.parts:
        rules = [f"{line.name}:{line.value}" for line in part.every(*_RULES)]
        if not all(map(_is_yearly, part.every("RRULE"))):
            return None
        lines += [f"BEGIN:{part.name}", *rules, f"END:{part.name}"]
    try:
        found: tzinfo | None = tzical(io.StringIO("\n".join([*lines, "END:VTIMEZONE", ""]))).get()
    except (ValueError, AttributeError, IndexError, TypeError, OverflowError):
        return None
    return found


def _is_yearly(rule: Line) -> bool:
    """Tell whether a rule is of the kind that zones have: a change once a year, in a month.

    dateutil computes every date from the first on, so that a rule of seconds would take hours.
    """
    parts = dict(part.partition("=")[::2] for part in rule.value.upper().split(";"))
    return parts.get("FREQ") == "YEARLY" and "BYMONTH" in parts and parts.keys() <= _PARTS
