"""What generators of exports share: invented texts, rising times, files written item by item."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

_WORDS = {
    "en": ("the", "heron", "stood", "by", "a", "river", "until", "rain", "came", "down", "over"),
    "de": ("der", "Reiher", "stand", "am", "Fluss", "bis", "Regen", "über", "alte", "Steine"),
}
_START = datetime(2015, 1, 1, tzinfo=UTC)


def sentence(random: Random, locale: str) -> str:
    """Three to fifteen words."""
    words = _WORDS.get(locale, _WORDS["en"])
    return " ".join(random.choices(words, k=random.randrange(3, 16)))


def moment(number: int) -> datetime:
    """Each record has a second of its own, so that no two are one."""
    return _START + timedelta(seconds=61 * number)


def write_array(path: Path, items: Iterable[Any], before: str = "[", after: str = "]") -> None:
    """A JSON array, written as its items come; `before` and `after` may hold what is around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        out.write(before)
        stream = iter(items)
        for first in islice(stream, 1):
            out.write(json.dumps(first, ensure_ascii=False))
        for item in stream:
            out.write(",\n" + json.dumps(item, ensure_ascii=False))
        out.write(after)


def shares(records: int, *weights: int) -> list[int]:
    """`records` in parts of these weights; the first takes what is left over."""
    parts = [records * weight // sum(weights) for weight in weights]
    parts[0] += records - sum(parts)
    return parts


def counted(**counts: int) -> dict[str, int]:
    """Only what there is any of."""
    return {name: count for name, count in counts.items() if count}


def multiples(end: int, step: int) -> int:
    """How many of the numbers 1 to `end` - 1 are multiples of `step`: those that are odd ones."""
    return max(0, end - 1) // step


def mojibake(text: str) -> str:
    """A text as Meta writes it: each byte of its UTF-8 as a character of latin-1."""
    return text.encode().decode("latin-1")
