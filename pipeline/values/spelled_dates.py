"""Dates with a clock as software writes them for people: in the account's language and layout.

`1. maj 2019 08.02.03 CEST`, `2024年3月4日 下午3:05:09 [CST]`, `7 thg 12, 2019 21:44:15`. The names
of months, week days and halves of the day, and the small words between them, are CLDR's, in every
language that it covers well; digits are of any script. The most common languages are loaded first,
the others when a text needs them.

The parts may be in any order where a name gives the month. Where all parts are numbers, a number of
four digits in front means year, month, day; otherwise `sure` says whether day and month can be
distinguished. A name that means two months (`lis` in Polish and in Croatian) is read as its
language lays out the rest of the date.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from pipeline.values import day_periods
from pipeline.values.day_periods import Part

if TYPE_CHECKING:
    from babel import Locale

#: The languages whose names are tried first, and those that use one of these names for another
#: month.
COMMON = (
    *("de", "en", "en_AU", "en_GB", "es", "es_MX", "fr", "fr_CA", "it", "ja", "ko", "nl", "pl"),
    *("pt", "pt_PT", "ru", "zh", "zh_Hant", "cs", "hr"),
)
#: All others that CLDR covers well enough for a product to be translated into them.
OTHERS = (
    *("af", "am", "ar", "as", "ast", "az", "be", "bg", "bn", "br", "bs", "ca", "ceb", "cy"),
    *("da", "el", "en_CA", "en_IN", "es_US", "et", "eu", "fa", "fi", "fil", "fo", "ga", "gd", "gl"),
    *("gu", "ha", "he", "hi", "hu", "hy", "id", "is", "jv", "ka", "kk", "km", "kn", "ky"),
    *("lb", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "my", "nb", "ne", "nn", "or", "pa"),
    *("ps", "ro", "si", "sk", "sl", "sq", "sr", "sr_Latn", "sv", "sw", "ta", "te", "th"),
    *("tk", "tr", "uk", "ur", "uz", "vi", "yue", "zh_Hant_HK", "zu"),
)
_ALL = COMMON + OTHERS
#: Words before a clock, as in "May 3 at 5:45": CLDR has them (`atTime`), and babel omits them.
_AT = frozenset(
    {"a", "à", "alle", "às", "ás", "at", "in", "kell", "kl", "klo", "la", "las", "les", "lúc"}
    | {"nang", "në", "o", "ob", "om", "ora", "ore", "pada", "plkst", "pukul", "saa", "u", "um"}
    | {"v", "στισ", "в", "во", "о", "у", "בשעה", "في", "ساعت", "को", "बजे", "เวลา", "ժամը"}
    | {"रोजी", "वाजता", "এ", "વાગ્યે", "ਵਜੇ", "அன்று", "కి", "klukkan", "พศ", "พุทธศักราช"}
)
#: What languages call Greenwich in offsets (CLDR's `gmtFormat`); in Persian it comes last.
_GREENWICH = re.compile(
    r"(?:Гринуич|\bMAG|غرينتش|ጂ ኤም ቲ|ග්රිමවේ|ജിഎംടി|জি এম টি|ម៉ោងសកល|\[GMT\]) ?(?![^\W\d])"
)
_BEHIND = re.compile(r"([+-]\d\d?(?::?\d\d)?) ?(?:گرینویچ|گرینیچ)")
_LONGEST_NAME = 3  # words
#: Years of the Buddhist calendar are 543 ahead, and out of range as Gregorian ones.
_BUDDHIST, _BUDDHIST_YEARS = 543, range(2443, 2644)


class Spelled(msgspec.Struct, frozen=True, gc=False):
    """A date and a clock to the second, as numbers, and the zone's name or offset as written.

    `sure` is false where day and month are numbers that could be either. The date need not exist.
    """

    date: tuple[int, int, int]
    sure: bool
    hour: int
    minute: int
    second: int
    zone: str | None


class _Names(msgspec.Struct, frozen=True):
    """What words mean in some languages, in lower case and without dots."""

    months: dict[str, dict[int, list[str]]]
    """The numbers that a name may mean, and the languages for each."""
    halves: dict[str, Part]
    fillers: frozenset[str]
    """Names of week days, and the words that layouts have between the parts."""
    markers: dict[str, bool]
    """Words next to the number of a month, and whether they come before it: `tháng`, and not `月`.
    """
    zones: frozenset[str] | None
    """Short names of zones; None where any other word next to a clock counts as one."""


_CLOCK = re.compile(
    r"(?<![\d.:])(\d\d?)(?:([:.])(\d\d)\2(\d\d)|"
    r" ?(?:h|時|时|시|点|點|นาฬิกา|ໂມງ) ?(\d\d?) ?(?:min|分|분|นาที|ນາທີ) ?(\d\d?)"
    r" ?(?:s|秒|초|วินาที|ວິນາທີ))(?!\d|[.:]\d)"
)
_OFFSET = re.compile(r"\[?\b(?:UTC|GMT)(?: ?[+-]\d\d?(?::?\d\d)?)?(?![\w+-])\]?")
_TOKEN = re.compile(r"\d+|[^\s\d.,:;/()\[\]\-\u2013\u060c\u3001]+")
#: A dot after a letter ends an abbreviated name; `p. m.` is one word.
_ABBREVIATED = re.compile(r"(?<=[^\s\d.,])\.")
#: Where a layout has no space: after the day in Japanese and Chinese (`7日木曜日`), and before the
#: day in Thai (`วันพฤหัสบดีที่ 7`).
_UNSPACED = re.compile(r"(?<=\d日)(?=[^\W\d])|ที่(?= ?\d)")
_HALF = re.compile(r"(?<!\w)([ap])\.? ?m\.?(?!\w)", re.IGNORECASE)


def parse(text: str) -> Spelled | None:
    """Return the parts of a date with a clock; None where the text is none, or holds more."""
    plain = _BEHIND.sub(r"GMT\1", _GREENWICH.sub("GMT", _plain(text)))
    clock = _clock(plain)
    if clock is None:
        return None
    before, behind = plain[: clock.start()], plain[clock.end() :]
    for languages in (COMMON, _ALL):
        if (around := _around_clock(before, behind, languages)) is None:
            continue
        date, half, zone = around
        hour, minute, second = (
            int(n) for n in (clock[1], clock[3] or clock[5], clock[4] or clock[6])
        )
        if half is not None:
            hour = day_periods.hour_of(hour, half) if hour <= 12 else 24
        return Spelled(*date, hour, minute, second, zone)
    return None


def gregorian(year: int) -> int:
    """Return the Gregorian year; one that can only be Buddhist, as in Thai dates, is 543 less."""
    return year - _BUDDHIST if year in _BUDDHIST_YEARS else year


def zone_of(text: str) -> str | None:
    """Return the name of the zone in such a text, if it has one."""
    found = parse(text)
    return None if found is None else found.zone


def _plain(text: str) -> str:
    """Return the text with plain spaces, ASCII digits and no marks that show nothing."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u066b", ":")
        text = "".join(map(_plain_character, text))
    return " ".join(text.split())


@lru_cache(maxsize=1024)
def _plain_character(character: str) -> str:
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    return "" if unicodedata.category(character) == "Cf" else character


def _clock(plain: str) -> re.Match[str] | None:
    """Return the clock of a text: the last of those with colons, else the last with points."""
    found = list(_CLOCK.finditer(plain))
    return next((one for one in reversed(found) if one[2] != "."), found[-1] if found else None)


_Date = tuple[tuple[int, int, int], bool]


@lru_cache(maxsize=4096)
def _around_clock(
    before: str, behind: str, languages: tuple[str, ...]
) -> tuple[_Date, Part | None, str | None] | None:
    """Return the date, the half of the day and the zone from the words around the clock."""
    names = _names(languages)
    offset = None
    pieces = [before, behind]
    for n, piece in enumerate(pieces):
        if offset is None and (found := _OFFSET.search(piece)):
            offset = re.sub(r"[\[\] ]", "", found[0])
            pieces[n] = f"{piece[: found.start()]} {piece[found.end() :]}"
    left, right = (_tokens(_HALF.sub(r"\1m", piece)) for piece in pieces)
    half, left, right = _take_half(left, right, names)
    zone, left, right = _take_zone(left, right, names) if offset is None else (offset, left, right)
    if names.zones is not None and right and not any(map(str.isdecimal, right)):
        return None  # perhaps a half of the day in a language that is not among these
    date = _date([*left, *right], " ".join(pieces), names)
    return None if date is None else (date, half, zone)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(_ABBREVIATED.sub("", _UNSPACED.sub(" ", text)))


def _take_half(
    left: list[str], right: list[str], names: _Names
) -> tuple[Part | None, list[str], list[str]]:
    """Return the half of the day directly next to the clock, and the remaining tokens."""
    for size in range(_LONGEST_NAME, 0, -1):
        if (half := names.halves.get(_name(right[:size]))) and len(right) >= size:
            return half, left, right[size:]
        if (half := names.halves.get(_name(left[-size:]))) and len(left) >= size:
            return half, left[:-size], right
    return None, left, right


def _take_zone(
    left: list[str], right: list[str], names: _Names
) -> tuple[str | None, list[str], list[str]]:
    """Return the zone's name next to the clock, and the remaining tokens.

    A zone is a word that is not part of a date.
    """
    if right and _may_be_zone(right[0], names):
        return right[0], left, right[1:]
    if left and _may_be_zone(left[-1], names):
        return left[-1], left[:-1], right
    return None, left, right


def _may_be_zone(word: str, names: _Names) -> bool:
    if word[0].isdecimal():
        return False
    name = word.casefold()
    if name in names.fillers or name in names.months or name in names.markers:
        return word.isupper() and len(word) > 1
    return names.zones is None or word in names.zones


def _name(words: list[str]) -> str:
    return " ".join(words).casefold()


def _date(tokens: list[str], written: str, names: _Names) -> _Date | None:
    """Return year, month and day, and whether their order is sure; None with other words left."""
    numbers: list[str] = []
    months: dict[int, list[str]] = {}
    marked: int | None = None
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.isdecimal():
            numbers.append(token)
            at += 1
            continue
        size, found = _month(tokens, at, names)
        name = token.casefold()
        if found and not months:
            months = found
        elif name in names.markers:
            marked = len(numbers) - (not names.markers[name]) if marked is None else marked
        elif name not in names.fillers:
            return None
        at += size
    return _assembled(numbers, months, marked, written)


def _month(tokens: list[str], at: int, names: _Names) -> tuple[int, dict[int, list[str]]]:
    """Return how many tokens a month's name takes there, and the months that it may be."""
    for size in range(_LONGEST_NAME, 0, -1):
        if found := names.months.get(_name(tokens[at : at + size])):
            return min(size, len(tokens) - at), found
    return 1, {}


def _assembled(
    numbers: list[str], months: Mapping[int, list[str]], marked: int | None, written: str
) -> _Date | None:
    years = [n for n, digits in enumerate(numbers) if len(digits) == 4]
    if len(years) != 1 or len(numbers) != (2 if months else 3):
        return None
    if any(len(digits) > 2 for n, digits in enumerate(numbers) if n != years[0]):
        return None
    year = gregorian(int(numbers[years[0]]))
    small = [int(digits) for n, digits in enumerate(numbers) if n != years[0]]
    if months:
        return (year, _meant(months, year, small[0], written), small[0]), True
    if marked is not None:
        nth = marked - (years[0] < marked)
        return ((year, small[nth], small[1 - nth]), True) if nth in (0, 1) else None
    return _of_numbers(years[0] == 0, year, small, written)


def _of_numbers(year_first: bool, year: int, small: list[int], written: str) -> _Date:
    if year_first:
        return (year, small[0], small[1]), True
    day, month = small
    dotted = re.search(r"\d\. ?\d", written) is not None
    if month > 12 and not dotted:
        return (year, day, month), True
    return (year, month, day), dotted or day > 12 or day == month


def _meant(months: Mapping[int, list[str]], year: int, day: int, written: str) -> int:
    """Return the month of a name; the layout of the date decides between two.

    Where it does not, the first language in `COMMON` decides.
    """
    if len(months) > 1:
        plain = _plain(written)
        for month, languages in months.items():
            for language in languages:
                for layout in _laid_out(language, year, month, day):
                    if re.search(rf"(?<![\w.]){re.escape(layout)}(?![\w.])", plain, re.IGNORECASE):
                        return month
    return next(iter(months))


def _laid_out(language: str, year: int, month: int, day: int) -> Iterator[str]:
    from babel.dates import format_date  # noqa: PLC0415 - costs a fifth of a second

    try:
        wanted = date(year, month, day)
    except ValueError:
        return
    for width in ("medium", "long", "full"):
        yield _plain(format_date(wanted, width, language))


# --- data of CLDR -----------------------------------------------------------------------------


@cache
def _names(languages: tuple[str, ...]) -> _Names:
    """Return the names in some languages; of two that disagree on a half, the first's."""
    from babel import Locale  # noqa: PLC0415 - costs a fifth of a second

    locales = [Locale.parse(one) for one in languages]
    months: dict[str, dict[int, list[str]]] = {}
    halves: dict[str, Part] = {}
    parts: dict[str, Part] = {}
    fillers: set[str] = set()
    markers: dict[str, bool] = {}
    for locale in locales:
        for name, number in _month_names(locale):
            if any(character.isdecimal() for character in name):
                words = name.split()
                before = not words[0].isdecimal()
                markers.update(dict.fromkeys((w for w in words if not w.isdecimal()), before))
            else:
                months.setdefault(name, {}).setdefault(number, []).append(str(locale))
        halves.update(_halves(locale))
        for name, part in _parts_of_day(locale):
            parts.setdefault(name, part)
        fillers.update(_between(locale))
    halves = parts | halves
    zones = _zones() if languages is COMMON else None
    return _Names(months, halves, frozenset((fillers | _AT) - months.keys()), markers, zones)


def _zones() -> frozenset[str]:
    """Return the short names of zones: CLDR's in the common languages, and the zones' own."""
    from babel import Locale  # noqa: PLC0415

    found: set[str] = set()
    for language in COMMON:
        for zone in Locale.parse(language).meta_zones.values():
            found.update(zone.get("short", {}).values())
    days = [datetime(2020, month, 1, tzinfo=UTC) for month in (1, 7)]
    for name in available_timezones():
        zone = ZoneInfo(name)
        found.update(day.astimezone(zone).tzname() or "" for day in days)
    return frozenset(found)


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _tokens(_plain(name))]


#: What a layout writes together with a month's name: `בינואר`, `urtarrilaren`.
_JOINED = re.compile(
    r"(?:'([^'\s]*)'|([^\s'\w.,/()-]|[^\W\d_a-zA-Z])?)?MMM+(?:'([^'\s]*)'|([^\W\d_a-zA-Z]+))?"
)


def _month_names(locale: Locale) -> Iterator[tuple[str, int]]:
    joined = {("", "")}
    for layout in locale.date_formats.values():
        for found in _JOINED.finditer(layout.pattern):
            joined.add((found[1] or found[2] or "", found[3] or found[4] or ""))
    for context in ("format", "stand-alone"):
        for width in ("abbreviated", "wide"):
            for number, name in locale.months.get(context, {}).get(width, {}).items():
                for before, behind in joined:
                    yield " ".join(_words(f"{before}{name}{behind}")), number


def _halves(locale: Locale) -> Iterator[tuple[str, Part]]:
    """Return the names of a day's halves, and what each covers."""
    return _periods(locale, {"am": day_periods.AM, "pm": day_periods.PM})


def _parts_of_day(locale: Locale) -> Iterator[tuple[str, Part]]:
    """Return the same for the finer parts, such as `凌晨`."""
    names = locale.day_period_rules.get(None) or ()
    found = ((name, day_periods.rule_of(locale, name)) for name in names)
    return _periods(locale, {name: part for name, part in found if part is not None})


def _periods(locale: Locale, parts: Mapping[str, Part]) -> Iterator[tuple[str, Part]]:
    for context in ("format", "stand-alone"):
        for width in ("abbreviated", "wide"):
            found = locale.day_periods.get(context, {}).get(width, {})
            for name, part in parts.items():
                if word := found.get(name):
                    yield " ".join(_words(_HALF.sub(r"\1m", _plain(word)))), part


_LITERAL = re.compile(r"'([^']*)'|([^a-zA-Z'{}\d]+)")


def _between(locale: Locale) -> Iterator[str]:
    """Yield a language's week days, and the words that its layouts put between the parts."""
    for context in ("format", "stand-alone"):
        for width in ("abbreviated", "wide"):
            for name in locale.days.get(context, {}).get(width, {}).values():
                yield from _words(name)
    if "G" in _LITERAL.sub("", locale.date_formats["long"].pattern):  # Thai names the era
        yield from _words(locale.eras["abbreviated"][1])
    layouts = [
        *(layout.pattern for layout in locale.date_formats.values()),
        *(layout.pattern for layout in locale.time_formats.values()),
        *(str(layout) for layout in locale.datetime_formats.values()),
    ]
    for layout in layouts:
        for quoted, bare in _LITERAL.findall(layout):
            yield from _words(quoted or bare)
