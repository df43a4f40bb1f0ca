"""Google Chat of Takeout, of any size: groups of a hundred messages each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.google_support import (
    WORDS,
    added,
    is_bad,
    moment,
    opened,
    write_array,
)

_A_GROUP = 100
_PEOPLE = [
    {"name": name, "email": f"{name.lower()}@example.org", "user_type": "Human"}
    for name in ("Ana", "Bo", "Zoë")
]


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` messages; returns how many outcomes of each kind they are."""
    random = Random(seed)
    groups = range(0, records, _A_GROUP)
    for first in groups:
        place = folder / "Takeout" / "Google Chat" / "Groups" / f"Space G{first}"
        with opened(place / "group_info.json") as out:
            json.dump({"name": f"Choir {first}", "members": _PEOPLE}, out, ensure_ascii=False)
        with opened(place / "messages.json") as out:
            out.write('{"messages": ')
            write_array(out, _messages(first, min(first + _A_GROUP, records), random))
            out.write("}")
    return added({"message": records}, {"conversation": len(groups)})


def _messages(first: int, end: int, random: Random) -> Iterator[dict[str, Any]]:
    for number in range(first, end):
        at = moment(number)
        clock = f"{at.hour % 12 or 12}:{at:%M:%S}\u202f{'AM' if at.hour < 12 else 'PM'} UTC"
        written = f"{at:%A}, {at:%B} {at.day}, {at.year} at {clock}"
        yield {
            "creator": random.choice(_PEOPLE),
            "created_date": "some day" if is_bad(number) else written,
            "text": " ".join(random.choices(WORDS, k=5)),
            "topic_id": f"t{number}",
            "message_id": f"G{first}/t{number}/m{number}",
        }
