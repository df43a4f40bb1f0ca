"""The words next to a clock of twelve hours, in all languages of CLDR: PM, 下午, μ.μ., du., PTG.

A word names a half of the day, or a shorter part of it (凌晨, from midnight to five); then the hour
is the one of the two that lies in that part.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from babel import Locale

_NOON, _DAY = 12, 24
#: Marks around and within a word that differ from one writer to the next: `p. m.`, `PM`.
_LOOSE = str.maketrans("", "", " .,،、\u00a0\u2009\u202f'’")


class Part(NamedTuple):
    """A part of the day, in hours: `[first, end)`; `end` may lie on the next day."""

    first: int
    end: int


AM, PM = Part(0, _NOON), Part(_NOON, _DAY)
_HALVES = {"am": AM, "pm": PM, "midnight": AM, "noon": PM}


def part_of(words: str) -> Part | None:
    """Return the part of the day that the words next to a clock name; None if they name none.

    The words are looked up together, then one by one.
    """
    if not words.strip():
        return None
    known = {"am": AM, "pm": PM}
    for word in (words, *words.split()):
        bare = word.translate(_LOOSE).casefold()
        if bare and (found := known.get(bare) or _parts().get(bare)):
            return found
    return None


def hour_of(hour: int, part: Part | None) -> int:
    """Return the hour of 24 that a clock means when it shows `hour` in that part of the day."""
    if part is None or hour > _NOON:
        return hour
    early = hour % _NOON
    for one in (early, early + _NOON):
        if part.first <= one < part.end or part.first <= one + _DAY < part.end:
            return one
    if early + _DAY == part.end:  # 晚上12:10: the evening reaches to midnight and a little on
        return early
    return early + (_NOON if part.first >= _NOON else 0)


@cache
def _parts() -> dict[str, Part]:
    """Return the part of the day of each word, in lower case without dots and spaces.

    Where languages differ, halves of the day come before shorter parts, and languages with a code
    of two letters come before the others.
    """
    from babel import Locale  # noqa: PLC0415 - costs a fifth of a second
    from babel.localedata import locale_identifiers  # noqa: PLC0415

    names = sorted(locale_identifiers(), key=lambda name: (len(name.partition("_")[0]), name))
    halves: dict[str, Part] = {}
    shorter: dict[str, Part] = {}
    for name in names:
        if name.count("_") == 0 or name.partition("_")[2] in _SCRIPTS_AND_REGIONS:
            locale = Locale.parse(name)
            for word, key in _words(locale):
                if key in _HALVES:
                    halves.setdefault(word, _HALVES[key])
                elif rule := rule_of(locale, key):
                    shorter.setdefault(word, rule)
    return shorter | halves


#: The locales with more than a language whose words differ.
_SCRIPTS_AND_REGIONS = frozenset(
    {"Hant", "Hant_HK", "Latn", "Cyrl", "Arab", "Deva", "AU", "CA", "GB", "MX", "CO", "US", "PT"}
)


def _words(locale: Locale) -> list[tuple[str, str]]:
    return [
        (word.translate(_LOOSE).casefold(), key)
        for widths in locale.day_periods.values()
        for width, names in widths.items()
        if width != "narrow"
        for key, word in names.items()
    ]


def rule_of(locale: Locale, key: str) -> Part | None:
    """Return from when to when a language has a part of the day, by CLDR's name for it."""
    for rule in locale.day_period_rules.get(None, {}).get(key, ()):
        if "from" in rule and "before" in rule:
            first, end = rule["from"] // 3600, rule["before"] // 3600
            return Part(first, end if end > first else end + _DAY)
    return None
