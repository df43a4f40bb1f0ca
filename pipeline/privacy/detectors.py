"""Where personal data stands in a text, and how sure that is.

Patterns find what may be something; check digits, ranges and the words before it decide. Nothing
is guessed from randomness alone: a secret is known by its prefix, or by the word before it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pipeline.privacy import prefilter
from pipeline.privacy.find_addresses import emails, ips, ips_of_six, macs
from pipeline.privacy.find_numbers import cards, ibans, phones
from pipeline.privacy.find_places import birth_dates, coordinates, degrees
from pipeline.privacy.find_secrets import passwords, tokens
from pipeline.privacy.findings import REGIONS, Finder, Finding, Text
from pipeline.privacy.national_ids import digital_ids, lettered_ids

#: What no finding can do without; and what is a time and nothing else.
_ANYTHING = re.compile(r"[\d@:_]").search
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)?").fullmatch


#: What programs and keyboards put for a plain character, one for one: spaces that don't break,
#: hyphens and dashes, wide signs, digits of other scripts.
_ALIKE = str.maketrans(
    dict.fromkeys("\u00a0\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " ")
    | dict.fromkeys("\u2212\ufe63\uff0d" + "".join(map(chr, range(0x2010, 0x2016))), "-")
    | dict(zip("\uff08\uff09\uff0b\uff0e\uff0f\uff1a\uff20", "()+./:@", strict=True))
    | {chr(zero + n): str(n) for zero in (0x660, 0x6F0, 0x966, 0xFF10) for n in range(10)}
)


def find(text: str, *, hint: str = "", regions: tuple[str, ...] = REGIONS) -> list[Finding]:
    """All findings, which may overlap, in no order. `hint` is the name of the field it stands in.

    `regions` are ISO 3166 countries whose phone numbers are known without a country code.
    """
    if _ANYTHING(text) is None or _STAMP(text):
        return []
    plain = text if text.isascii() else text.translate(_ALIKE)
    finders = _known_finders(plain) if len(plain) <= _SHORT_TEXT else _finders(plain)
    if not finders:
        return []
    within = Text(plain, hint, regions)
    found = [finding for finder in finders for finding in finder(within)]
    return found if len(found) < 2 else _without_echoes(found)


def _finders(plain: str) -> tuple[Finder, ...]:
    """Return those of whose clues the text holds one."""
    return tuple(_FINDERS[name] for name in prefilter.finders(plain.encode("utf-8", "replace")))


#: The names of fields, and much of what stands in them, are the same in record after record.
_SHORT_TEXT = 120
_known_finders = lru_cache(maxsize=8_192)(_finders)


def _without_echoes(found: list[Finding]) -> list[Finding]:
    """A number that is a card for sure is no phone number: what lies in a surer finding goes.

    Taken are marked letter by letter: the findings of one finder don't overlap, so that takes no
    longer than the text is long, however many there are.
    """
    ranked = sorted(found, key=lambda f: (-f.confidence, f.start - f.end))
    first = min((one.start for one in found), default=0)
    taken = bytearray(max((one.end for one in found), default=0) - first)
    kept: list[Finding] = []
    for one in ranked:
        start, end = one.start - first, one.end - first
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * (end - start)
            kept.append(one)
    return kept


#: By the names that `prefilter` has for them.
_FINDERS: dict[str, Finder] = {
    "emails": emails,
    "cards": cards,
    "ibans": ibans,
    "digital_ids": digital_ids,
    "lettered_ids": lettered_ids,
    "phones": phones,
    "ips": ips,
    "ips_of_six": ips_of_six,
    "macs": macs,
    "tokens": tokens,
    "passwords": passwords,
    "coordinates": coordinates,
    "degrees": degrees,
    "birth_dates": birth_dates,
}
