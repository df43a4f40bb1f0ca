"""Days written out in any language of CLDR, without a clock: `2015. február 15., vasárnap`.

The order of the parts differs between languages: the year has four digits, the month a name, the
day the other number. Languages share names for different months (`listopad` is November in Polish,
October in Croatian); there the day of the week decides.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from pipeline.values import spelled_dates
from schemas.errors import BadValue
from schemas.reasons import Reason

_VIETNAMESE = re.compile(r"\btháng (\d{1,2})\b", re.IGNORECASE)
#: Marks around a word; and what Hebrew writes before a month, "in".
_AROUND, _IN = ".,،、;()'’", "ב"
_EAST = re.compile(r"年|월|月|日|년|일")


class _Language(NamedTuple):
    """The names of the months, 1 to 12, and of the days of the week, from Monday."""

    months: dict[str, int]
    days: tuple[frozenset[str], ...]


def day(words: str) -> date:
    """Return the day of a date in words. Raises `BadValue(BAD_TIME)`."""
    numbers = [int(digits) for digits in re.findall(r"\d+", words)]
    years = [number for number in numbers if number > 999]
    if len(years) != 1:
        raise BadValue(Reason.BAD_TIME, "there is no year in the text of the time")
    year = spelled_dates.gregorian(years[0])
    others = [number for number in numbers if number != years[0]]
    if len(others) == 2 and (found := _VIETNAMESE.search(words)):
        return civil(year, int(found[1]), others[0])
    if len(others) == 2 and _EAST.search(words):
        return civil(year, *others)
    if len(others) != 1:
        raise BadValue(Reason.BAD_TIME, "the day is not one number in the text of the time")
    return _named(words, year, others[0])


def _named(words: str, year: int, day: int) -> date:
    """Return the date whose month is named, in the language whose day of the week fits."""
    bare_words = [_bare(word) for word in re.split(r"[\s-]+", words)]
    known = set(bare_words) | {word.removeprefix(_IN) for word in bare_words}
    known |= {f"{one} {other}" for one, other in pairwise(bare_words)}
    for languages in _languages():
        possible: set[date] = set()
        for language in languages:
            for month in {language.months[name] for name in known & language.months.keys()}:
                found = civil(year, month, day)
                if known & language.days[found.weekday()]:
                    return found
                possible.add(found)
        if possible:
            break
    if len(possible) == 1:
        return possible.pop()
    raise BadValue(Reason.BAD_TIME, "the month is in no known language, or in several")


def civil(year: int, month: int, day: int) -> date:
    """Return the date of its numbers. Raises `BadValue(BAD_TIME)` where there is none."""
    try:
        return date(year, month, day)
    except ValueError:
        pass  # raised outside, since this error quotes the value
    raise BadValue(Reason.BAD_TIME, "the date does not exist")


def _bare(name: str) -> str:
    return name.casefold().strip(_AROUND)


#: Languages of Google's own pages, which come before all others.
_WIDE = frozenset({
    "af", "am", "ar", "az", "be", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et",
    "eu", "fa", "fi", "fil", "fr", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it",
    "ja", "ka", "kk", "km", "kn", "ko", "ky", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms",
    "my", "ne", "nl", "no", "pa", "pl", "pt", "ro", "ru", "si", "sk", "sl", "sq", "sr", "sv",
    "sw", "ta", "te", "th", "tr", "uk", "ur", "uz", "vi", "zh", "zu",
})  # fmt: skip


@cache
def _languages() -> tuple[tuple[_Language, ...], ...]:
    """Return the widely used languages, and all others."""
    from babel import Locale  # noqa: PLC0415 - costs a fifth of a second
    from babel.localedata import locale_identifiers  # noqa: PLC0415

    wide: list[_Language] = []
    others: list[_Language] = []
    for name in locale_identifiers():
        base, _, rest = name.partition("_")
        if not rest or rest in ("Latn", "Cyrl", "Hant", "PT", "MX", "AU"):
            (wide if base in _WIDE else others).append(_language(Locale.parse(name)))
    return tuple(wide), tuple(others)


def _language(locale: object) -> _Language:
    months = {
        _bare(name): month
        for widths in locale.months.values()  # type: ignore[attr-defined]
        for width, names in widths.items()
        if width != "narrow"
        for month, name in names.items()
    }
    days: tuple[set[str], ...] = tuple(set() for _ in range(7))
    for widths in locale.days.values():  # type: ignore[attr-defined]
        for width, names in widths.items():
            if width != "narrow":
                for day, name in names.items():
                    days[day].add(_bare(name))
    return _Language(months, tuple(map(frozenset, days)))
