"""Telegram's `result.json` of a whole account: a large chat, and small ones of ten messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.support import counted, moment, multiples, sentence, shares

_SMALL, _SERVICE, _BROKEN = 10, 40, 700
_HEAD = {
    "about": "Here is the data you requested.",
    "personal_information": {"user_id": 11, "first_name": "Ana"},
    "contacts": {
        "about": "contacts",
        "list": [
            {"first_name": "Bo", "phone_number": f"004100000000{n}", "date": "2020-01-02T03:04:05"}
            for n in range(3)
        ],
    },
}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Messages are `records`; of a chat the 40th is a call, the 700th has no number."""
    random = Random(seed)
    large, rest = shares(records, 3, 1)
    sizes = [large, *([_SMALL] * (rest // _SMALL)), rest % _SMALL]
    sizes = [size for size in sizes if size]
    path = folder / "DataExport" / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        out.write(json.dumps(_HEAD)[:-1] + ', "chats": {"about": "chats", "list": [')
        for chat, size in enumerate(sizes):
            out.write(f'{"," * (chat > 0)}\n{{"name": "chat {chat}", "type": "personal_chat", ')
            out.write(f'"id": {7000 + chat}, "messages": [')
            out.writelines(_messages(random, chat, size, locale))
            out.write("]}")
        out.write("]}}")
    broken = sum(multiples(size, _BROKEN) for size in sizes)
    both = sum(multiples(size, _BROKEN * _SERVICE // 20) for size in sizes)
    service = sum(multiples(size, _SERVICE) for size in sizes) - both
    return counted(
        message=records - broken - service,
        call=service,
        rejected=broken,
        conversation=len(sizes),
        contact=3,
        profile=1,
    )


def _messages(random: Random, chat: int, size: int, locale: str) -> Iterator[str]:
    for number in range(size):
        at = moment(number)
        fields: dict[str, Any] = {
            "id": number + 1,
            "type": "message",
            "date": at.strftime("%Y-%m-%dT%H:%M:%S"),
            "date_unixtime": str(int(at.timestamp())),
            "from": ("Ana", "Bo")[number % 2],
            "from_id": ("user11", "user22")[number % 2],
            "text": sentence(random, locale),
            "text_entities": [],
        }
        if number and number % _SERVICE == 0:
            fields |= {"type": "service", "action": "phone_call", "actor": "Ana"}
        if number and number % _BROKEN == 0:
            fields |= {"id": None}
        yield f"{',' * (number > 0)}\n{json.dumps(fields, ensure_ascii=False)}"
