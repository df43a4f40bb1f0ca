"""Find personal data in a text, and how sure that is.

Patterns find candidates; check digits, ranges and the words before them decide. Randomness alone is
never a reason: a secret is recognised by its prefix, or by the word before it.
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

#: A character that every finding needs; and a text that is only a time.
_ANYTHING = re.compile(r"[\d@:_]").search
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)?").fullmatch


#: What programs and keyboards write for a plain character, one for one: spaces that don't break,
#: hyphens and dashes, wide signs, digits of other scripts.
_ALIKE = str.maketrans(
    dict.fromkeys("\u00a0\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " ")
    | dict.fromkeys("\u2212\ufe63\uff0d" + "".join(map(chr, range(0x2010, 0x2016))), "-")
    | dict(zip("\uff08\uff09\uff0b\uff0e\uff0f\uff1a\uff20", "()+./:@", strict=True))
    | {chr(zero + n): str(n) for zero in (0x660, 0x6F0, 0x966, 0xFF10) for n in range(10)}
)


def find(text: str, *, hint: str = "", regions: tuple[str, ...] = REGIONS) -> list[Finding]:
    """Return all findings, which may overlap, in no order.

    `hint` is the name of the field with the text. `regions` are ISO 3166 countries whose phone
    numbers are recognised without a country code.
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
    """Return the finders that have a clue in the text."""
    return tuple(_FINDERS[name] for name in prefilter.finders(plain.encode("utf-8", "replace")))


#: The names of fields, and many of their values, are the same in record after record.
_SHORT_TEXT = 120
_known_finders = lru_cache(maxsize=8_192)(_finders)


def _without_echoes(found: list[Finding]) -> list[Finding]:
    """Return the findings without those that overlap a surer one.

    A number that is a card for sure is no phone number. Characters in a finding are marked one by
    one: the findings of one finder don't overlap, so the time depends on the length of the text
    only.
    """
    ranked = sorted(found, key=lambda f: (-f.confidence, f.start - f.end))
    first = min((one.start for one in found), default=0)
    taken = bytearray(max((one.end for one in found), default=0) - first)
    surest: list[Finding] = []
    for one in ranked:
        start, end = one.start - first, one.end - first
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * (end - start)
            surest.append(one)
    return surest


#: Keyed by the names in `prefilter`.
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
