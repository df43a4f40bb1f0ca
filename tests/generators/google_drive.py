"""Documents of Google Drive in Takeout, any number of them: texts, each another."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.generators.google_support import WORDS, added, opened


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` documents; returns how many outcomes of each kind they are."""
    random = Random(seed)
    for number in range(records):
        with opened(
            folder / "Takeout" / "Drive" / f"Notes {number // 100}" / f"{number}.txt"
        ) as out:
            out.write(f"Paper {number}\n\n{' '.join(random.choices(WORDS, k=40))}\n")
    return added({"document": records})
