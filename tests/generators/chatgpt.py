"""ChatGPT's `conversations.json`: conversations of eight messages, the second reworded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.support import counted, moment, multiples, sentence, write_array

_TURNS, _BROKEN = 8, 60


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """A conversation for each eight records, at least one; the 60th has no id."""
    random = Random(seed)
    size = max(1, records // _TURNS)
    write_array(folder / "conversations.json", _conversations(random, size, locale))
    broken = multiples(size, _BROKEN)
    sound = size - broken
    # The rewording is one more.
    return counted(conversation=sound, message=sound * (_TURNS + 1), rejected=broken)


def _conversations(random: Random, size: int, locale: str) -> Iterator[dict[str, Any]]:
    for number in range(size):
        at = moment(number * _TURNS).timestamp()
        fields = {
            "id": f"c-{number}",
            "title": sentence(random, locale),
            "create_time": at,
            "update_time": at + 100,
            "mapping": _mapping(random, at, locale),
            "current_node": f"n{_TURNS - 1}",
        }
        if number and number % _BROKEN == 0:
            del fields["id"]
        yield fields


def _mapping(random: Random, at: float, locale: str) -> dict[str, Any]:
    nodes: dict[str, Any] = {"root": {"id": "root", "parent": None, "message": None}}
    parent = "root"
    for turn in range(_TURNS):
        names = [f"n{turn}", *(["other"] if turn == 1 else [])]
        for name in names:
            nodes[name] = {"id": name, "parent": parent, "children": []}
            nodes[name]["message"] = {
                "author": {"role": ("user", "assistant")[turn % 2]},
                "create_time": at + turn,
                "content": {"content_type": "text", "parts": [sentence(random, locale)]},
                "metadata": {},
            }
        parent = f"n{turn}"
    return nodes
