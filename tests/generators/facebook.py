"""Facebook of 2024 and later: threads of messages, posts and friends, texts as Meta writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.support import (
    counted,
    mojibake,
    moment,
    multiples,
    sentence,
    shares,
    write_array,
)

_THREAD, _BROKEN = 500, 90
_ROOT = "your_facebook_activity"


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Of ten records eight are messages; of a thread the 90th message has no sender."""
    random = Random(seed)
    messages, posts, friends = shares(records, 8, 1, 1)
    sizes = [_THREAD] * (messages // _THREAD) + ([messages % _THREAD] if messages % _THREAD else [])
    for thread, size in enumerate(sizes):
        name = f"zoe_{thread}"
        around = {"title": mojibake("Zoë"), "thread_path": f"inbox/{name}"}
        around |= {"participants": [{"name": mojibake("Zoë")}, {"name": "Ana"}]}
        write_array(
            folder / _ROOT / "messages" / "inbox" / name / "message_1.json",
            _messages(random, size, locale),
            json.dumps(around)[:-1] + ', "messages": [',
            "]}",
        )
    path = folder / _ROOT / "posts" / "your_posts__check_ins__photos_and_videos_1.json"
    write_array(path, _posts(random, posts, locale))
    people = ({"name": f"Friend {n}", "timestamp": 1_400_000_000 + n} for n in range(friends))
    path = folder / "connections" / "friends" / "your_friends.json"
    write_array(path, people, '{"friends_v2": [', "]}")
    broken = sum(multiples(size, _BROKEN) for size in sizes)
    return counted(
        message=messages - broken,
        rejected=broken,
        conversation=len(sizes),
        post=posts,
        connection=friends,
    )


def _messages(random: Random, size: int, locale: str) -> Iterator[dict[str, Any]]:
    """Newest first."""
    for number in range(size):
        fields: dict[str, Any] = {
            "sender_name": mojibake(("Zoë", "Ana")[number % 2]),
            "timestamp_ms": int(moment(size - number).timestamp() * 1000),
            "content": mojibake(f"{sentence(random, locale)} ☕"),
        }
        if number and number % _BROKEN == 0:
            del fields["sender_name"]
        yield fields


def _posts(random: Random, size: int, locale: str) -> Iterator[dict[str, Any]]:
    for number in range(size):
        words = mojibake(f"{sentence(random, locale)} – {number}")
        at = int(moment(number).timestamp())
        yield {"timestamp": at, "data": [{"post": words}], "title": "Ana posted."}
