"""Google Contacts of Takeout, of any size: all cards in one file."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.generators.google_support import (
    WORDS,
    a_month_later,
    added,
    grown,
    is_bad,
    is_changed,
    opened,
    split,
)

_NAMES = {"de": ("Google Kontakte", "Alle Kontakte")}


def generate(
    folder: Path, records: int, seed: int, *, locale: str = "en", later: bool = False
) -> dict[str, int]:
    """Writes `records` cards; returns how many outcomes of each kind they are. `later`: as they
    are a month later, some with another number and some new."""
    random, records = Random(seed), grown(records, later=later)
    product, everyone = _NAMES.get(locale, ("Contacts", "All Contacts"))
    with opened(folder / "Takeout" / product / everyone / f"{everyone}.vcf") as out:
        for number in range(records):
            out.write(_card(number, random, again=is_changed(number, later=later)))
    return {name: count for name, count in split(records, "contact").items() if count}


def _card(number: int, random: Random, *, again: bool) -> str:
    name = "" if is_bad(number) else f"{random.choice(WORDS)} {number}"
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{name}"]
    if not is_bad(number):
        lines += [
            f"item1.EMAIL;TYPE=INTERNET:person{number}@example.org",
            "item1.X-ABLabel:Choir",
            f"TEL;TYPE=CELL:+49 {40 if again else 30} {number:06}",
        ]
    return "\r\n".join([*lines, "CATEGORIES:myContacts", "END:VCARD", ""])


def after(records: int) -> dict[str, int]:
    """What becomes of the second export."""
    return added(a_month_later(records))
