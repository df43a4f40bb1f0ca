"""X's archive: posts in parts, likes, direct messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.support import counted, moment, multiples, sentence, shares, write_array

_PART, _BROKEN, _TALK = 50_000, 250, 100


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Of ten records six are posts, the 250th of a part has no number; two likes; two messages."""
    random = Random(seed)
    tweets, likes, messages = shares(records, 6, 2, 2)
    sizes = [min(_PART, tweets - first) for first in range(0, tweets, _PART)]
    for part, size in enumerate(sizes):
        name = f"tweets-part{part}.js" if part else "tweets.js"
        begin = f"window.YTD.tweets.part{part} = ["
        write_array(folder / "data" / name, _tweets(random, part * _PART, size, locale), begin)
    liked = ({"like": {"tweetId": str(n), "fullText": "x"}} for n in range(likes))
    write_array(folder / "data" / "like.js", liked, "window.YTD.like.part0 = [")
    talks = -(-messages // _TALK)
    write_array(
        folder / "data" / "direct-messages.js",
        _talks(random, messages, locale),
        "window.YTD.direct_messages.part0 = [",
    )
    broken = sum(multiples(size, _BROKEN) for size in sizes)
    return counted(
        post=tweets - broken,
        rejected=broken,
        reaction=likes,
        message=messages,
        conversation=talks,
    )


def _tweets(random: Random, first: int, size: int, locale: str) -> Iterator[dict[str, Any]]:
    for number in range(size):
        at = moment(first + number).strftime("%a %b %d %H:%M:%S +0000 %Y")
        broken = number and number % _BROKEN == 0
        tweet = {
            "id_str": "" if broken else str(10**15 + first + number),
            "created_at": at,
            "full_text": f"{sentence(random, locale)} &amp; more",
            "entities": {"urls": [], "hashtags": []},
            "favorite_count": "0",
        }
        yield {"tweet": tweet}


def _talks(random: Random, messages: int, locale: str) -> Iterator[dict[str, Any]]:
    for first in range(0, messages, _TALK):
        size = min(_TALK, messages - first)
        sent = [
            {
                "messageCreate": {
                    "id": str(first + number),
                    "senderId": "11",
                    "recipientId": str(1000 + first),
                    "text": sentence(random, locale),
                    "mediaUrls": [],
                    "urls": [],
                    "createdAt": moment(first + number).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                }
            }
            for number in range(size)
        ]
        yield {"dmConversation": {"conversationId": f"11-{1000 + first}", "messages": sent}}
