"""Discord of 2024: own messages in JSON (an older account's in CSV), channels, activity."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.generators.support import counted, moment, multiples, sentence, shares, write_array

_CHANNEL, _BROKEN = 1_000, 350
_COLUMNS = ("ID", "Timestamp", "Contents", "Attachments")


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Half the records are messages, every other channel in CSV; the 350th has no number."""
    random = Random(seed)
    events, messages = shares(records, 1, 1)
    sizes = [min(_CHANNEL, messages - first) for first in range(0, messages, _CHANNEL)]
    for channel, size in enumerate(sizes):
        number = 10**17 + channel
        at = folder / "Messages" / f"c{number}"
        at.mkdir(parents=True, exist_ok=True)
        about = {"id": str(number), "type": "GUILD_TEXT", "name": f"channel {channel}"}
        (at / "channel.json").write_text(json.dumps(about), encoding="utf-8")
        rows = _messages(random, channel * _CHANNEL, size, locale)
        if channel % 2:
            with (at / "messages.csv").open("w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(_COLUMNS)
                writer.writerows(rows)
        else:
            objects = (dict(zip(_COLUMNS, row, strict=True)) for row in rows)
            write_array(at / "messages.json", objects)
    _events(folder / "Activity" / "analytics" / "events-2024-00000-of-00001.json", events)
    broken = sum(multiples(size, _BROKEN) for size in sizes)
    return counted(
        message=messages - broken, rejected=broken, conversation=len(sizes), activity=events
    )


def _messages(random: Random, first: int, size: int, locale: str) -> Iterator[list[str]]:
    for number in range(size):
        at = moment(first + number).strftime("%Y-%m-%d %H:%M:%S")
        own_id = "" if number and number % _BROKEN == 0 else str(2 * 10**17 + first + number)
        yield [own_id, at, sentence(random, locale), ""]


def _events(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for number in range(size):
            at = f'"{moment(number).strftime("%Y-%m-%dT%H:%M:%S.000Z")}"'
            event = {"event_type": "app_opened", "event_id": f"E{number}", "timestamp": at}
            out.write(json.dumps({**event, "os": "Linux"}) + "\n")
