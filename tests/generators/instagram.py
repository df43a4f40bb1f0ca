"""Instagram of 2025: threads of messages, posts, likes and followers."""

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

_ROOT = "your_instagram_activity"
_BROKEN = 120


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Of eight records five are messages, all in one thread; the 120th post has no file."""
    random = Random(seed)
    messages, posts, likes, followers = shares(records, 5, 1, 1, 1)
    around = {"title": "zoe", "thread_path": "inbox/zoe_1", "participants": [{"name": "zoe"}]}
    write_array(
        folder / _ROOT / "messages" / "inbox" / "zoe_1" / "message_1.json",
        _messages(random, messages, locale),
        json.dumps(around)[:-1] + ', "messages": [',
        "]}",
    )
    write_array(folder / _ROOT / "media" / "posts_1.json", _posts(random, posts, locale))
    path = folder / _ROOT / "likes" / "liked_posts.json"
    write_array(path, _listed("zoe", likes), '{"likes_media_likes": [', "]}")
    path = folder / "connections" / "followers_and_following" / "followers_1.json"
    write_array(path, _listed("", followers))
    broken = multiples(posts, _BROKEN)
    return counted(
        message=messages,
        conversation=int(messages > 0),
        post=posts - broken,
        rejected=broken,
        reaction=likes,
        connection=followers,
    )


def _messages(random: Random, size: int, locale: str) -> Iterator[dict[str, Any]]:
    for number in range(size):
        yield {
            "sender_name": ("zoe", "ana")[number % 2],
            "timestamp_ms": int(moment(size - number).timestamp() * 1000),
            "content": mojibake(f"{sentence(random, locale)} ❤"),
        }


def _posts(random: Random, size: int, locale: str) -> Iterator[dict[str, Any]]:
    for number in range(size):
        at = int(moment(number).timestamp())
        title = mojibake(sentence(random, locale) + " é")
        said = {"uri": f"media/posts/{number}.jpg", "title": title}
        if number and number % _BROKEN == 0:
            said = {}  # neither a file nor words
        yield {"media": [{"creation_timestamp": at, **said}]}


def _listed(title: str, size: int) -> Iterator[dict[str, Any]]:
    for number in range(size):
        entry = {"href": f"https://www.instagram.com/{number}", "timestamp": 1_500_000_000 + number}
        value = {} if title else {"value": f"name{number}"}
        yield {"title": title, "string_list_data": [{**entry, **value}]}
