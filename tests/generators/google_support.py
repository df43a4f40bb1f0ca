"""What the generators of Google's small products share: arrays written item by item, and words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

START = datetime(2015, 1, 1, tzinfo=UTC)
WORDS = ("Brezel", "garden", "Übung", "см. ниже", "雨", "list", "🥨", "walk", "Käse", "Elm Hill")
#: One record in this number must be refused.
BAD_OF = 50


#: A month later one record in this number is another, and as many are new.
CHANGED_OF = 20


def is_changed(number: int, *, later: bool) -> bool:
    """Never one that is refused: those have odd numbers."""
    return later and number % CHANGED_OF == CHANGED_OF // 2


def grown(records: int, *, later: bool) -> int:
    """How many records there are a month later."""
    return records + records // CHANGED_OF if later else records


def is_bad(number: int) -> bool:
    return number % BAD_OF == BAD_OF - 1


def moment(number: int) -> datetime:
    """A minute for each record, so that no two are one."""
    return START + timedelta(minutes=number)


def iso(number: int) -> str:
    return moment(number).strftime("%Y-%m-%dT%H:%M:%SZ")


def opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="")


def write_array(out: TextIO, items: Iterable[Any]) -> None:
    """A JSON array, an item a line; nothing is held."""
    out.write("[")
    for at, item in enumerate(items):
        out.write("\n" if at == 0 else ",\n")
        out.write(json.dumps(item, ensure_ascii=False))
    out.write("\n]")


def added(*counts: dict[str, int]) -> dict[str, int]:
    """The sums, without what there is none of."""
    names = sorted({name for one in counts for name in one})
    sums = {name: sum(one.get(name, 0) for one in counts) for name in names}
    return {name: number for name, number in sums.items() if number}


def split(records: int, kind: str) -> dict[str, int]:
    """How many of `records` numbered from 0 are good, and how many are refused."""
    return {kind: records - records // BAD_OF, "rejected": records // BAD_OF}


def a_month_later(records: int, *, undated: bool = False) -> dict[str, int]:
    """What becomes of `grown(records)` records where `records` of the month before are held:
    those that are `new`, that are `newer` versions, `duplicate`, and `rejected`. `undated`: what is
    bad of them is their time, and they stay."""
    total = grown(records, later=True)
    newer = len(range(CHANGED_OF // 2, records, CHANGED_OF))
    if undated:
        return {"new": total - records, "newer": newer, "duplicate": records - newer}
    held, good = split(records, "good")["good"], split(total, "good")["good"]
    counts = {"new": good - held, "newer": newer, "duplicate": held - newer}
    return {**counts, "rejected": split(total, "good")["rejected"]}


def only_grown(records: int) -> dict[str, int]:
    """The same where nothing that is held ever changes."""
    held, total = split(records, "good"), split(grown(records, later=True), "good")
    new = total["good"] - held["good"]
    return {"new": new, "duplicate": held["good"], "rejected": total["rejected"]}
