"""Time zones: by the names that calendars give them, of places, of the owner."""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from dateutil.tz import tzical

from pipeline import content_lines
from pipeline.content_lines import Line
from schemas.errors import ConfigurationError

#: What of a VTIMEZONE makes its rules; dateutil refuses the rest.
_RULES = ("DTSTART", "RRULE", "RDATE", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME")
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYMONTH", "BYMONTHDAY", "BYDAY"})


@lru_cache(maxsize=256)
def named(name: str) -> tzinfo | None:
    """The zone of an IANA name, of a Windows name (CLDR), or of one behind a maker's prefix.

    Prefixes are as Mozilla's and Evolution's: `/mozilla.org/20070129_1/Europe/Oslo`. None where
    no such zone is known.
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


def _iana(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # no such zone; no name of one; a folder's name
        return None


def at(latitude: float, longitude: float) -> tzinfo | None:
    """The zone of a place in WGS 84 degrees; None at sea, where clocks go by no place.

    Within a few hundred metres of a border it may be the neighbour's: the borders are simplified
    (docs/decisions/0014).
    """
    from tzfpy import get_tz  # noqa: PLC0415 - its map costs 40 MB and a tenth of a second

    name = get_tz(longitude, latitude)
    return None if name.startswith("Etc/") else named(name)


#: Names that the system's folder of zones has beside them.
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})


def checked(name: str) -> str:
    """The IANA name of a zone, as the owner gave it.

    Raises `ConfigurationError`, with names that are like it, if there is no such zone.
    """
    known = available_timezones() - _OF_THE_MACHINE
    if name in known:
        return name
    likely = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(likely)}?" if likely else "an IANA name is Europe/Berlin"
    raise ConfigurationError(f"there is no such time zone; {hint}")


@lru_cache(maxsize=8)
def of_account(name: str | None) -> tzinfo | None:
    """The zone of a name that was checked; None of none.

    Raises `ConfigurationError` where this machine does not know it.
    """
    return None if name is None else ZoneInfo(checked(name))


@lru_cache(maxsize=256)
def defined(text: str) -> tzinfo | None:
    """The zone that a VTIMEZONE defines; None where its rules are not understood."""
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
    """Whether a rule is of the kind that zones have: a change once a year, in a month.

    dateutil works out every date from the first on, so that a rule of seconds would take hours.
    """
    parts = dict(part.partition("=")[::2] for part in rule.value.upper().split(";"))
    return parts.get("FREQ") == "YEARLY" and "BYMONTH" in parts and parts.keys() <= _PARTS
