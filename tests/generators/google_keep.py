"""Google Keep of Takeout, of any size: one JSON file for each note."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from tests.generators.google_support import (
    WORDS,
    a_month_later,
    added,
    grown,
    is_bad,
    is_changed,
    moment,
    opened,
    split,
)


def generate(
    folder: Path, records: int, seed: int, *, locale: str = "en", later: bool = False
) -> dict[str, int]:
    """Writes `records` notes; returns how many outcomes of each kind they are. `later`: as they
    are a month later, some with another text and some new."""
    random, records = Random(seed), grown(records, later=later)
    for number in range(records):
        with opened(folder / "Takeout" / "Keep" / f"Note {number}.json") as out:
            note = _note(number, random, again=is_changed(number, later=later))
            json.dump(note, out, ensure_ascii=False)
    return added(split(records, "note"))


def _note(number: int, random: Random, *, again: bool) -> dict[str, object]:
    at = int(moment(number).timestamp()) * 1_000_000 + number
    texts = [*random.choices(WORDS, k=4), *(["once more"] if again else [])]
    listed = {"listContent": [{"text": text, "isChecked": False} for text in texts]}
    return {
        "color": "DEFAULT",
        "isTrashed": False,
        "isPinned": number % 10 == 0,
        "isArchived": False,
        **(listed if number % 3 == 0 else {"textContent": " ".join(texts)}),
        "title": number if is_bad(number) else texts[0],
        "userEditedTimestampUsec": at + (60_000_000 if again else 0),
        "createdTimestampUsec": at,
    }


def after(records: int) -> dict[str, int]:
    """What becomes of the second export."""
    return added(a_month_later(records))
