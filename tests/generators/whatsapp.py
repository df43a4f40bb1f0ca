"""WhatsApp chats as text, of 20,000 messages each: Android's spelling of the locale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.generators.support import counted, moment, sentence, shares

_CHAT = 20_000
_SYSTEM, _BROKEN, _LONG = 50, 1_000, 7
#: The first is of the 30th of a month, so that days are told from months.
_LATE = 29 * 24 * 60
_NAMES = ("Ana", "Bo Li", "Zoë")


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Of a chat's messages the 50th is the system's, and the 1,000th, which stays undated, of a day
    that never was."""
    random = Random(seed)
    chats = max(1, -(-records // _CHAT))
    counts = {"message": 0, "activity": 0}
    for chat, size in enumerate(shares(records, *[1] * chats)):
        word = "with" if locale == "en" else "mit"
        path = folder / f"WhatsApp Chat {word} {chat}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as out:
            out.writelines(_lines(random, size, locale, counts))
    return counted(**counts)


def _lines(random: Random, size: int, locale: str, counts: dict[str, int]) -> Iterator[str]:
    for number in range(size):
        at = moment(number + _LATE)
        date = at.strftime("%d.%m.%y, %H:%M")
        if locale == "en":
            date = f"{at.month}/{at.day}/{at:%y}, {at.hour % 12 or 12}:{at:%M}\u202f{at:%p}"
        words = f"{_NAMES[number % 3]}: {number} {sentence(random, locale)}"
        kind = "message"
        if number % _BROKEN == _BROKEN - 1:
            date = date.replace(date.split(",")[0], _never(locale))
        elif number % _SYSTEM == _SYSTEM - 1:
            kind, words = "activity", f"{number} joined"
        elif number % _LONG == 0:
            words += f"\nsecond line {number}\n"
        counts[kind] += 1
        yield f"{date} - {words}\n"


def _never(locale: str) -> str:
    return "2/30/15" if locale == "en" else "30.02.15"
