"""Writes a small CAR file for tests: blocks of DAG-CBOR, a tree of two nodes, a commit.

python -m tests.support.make_car OUT.car
"""

from __future__ import annotations

import struct
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.syntax.car_files import Link

ACCOUNT = "did:plc:noraexample"
_AT = "2026-03-01T08:00:00.000Z"
RECORDS: dict[str, dict[str, Any]] = {
    "app.bsky.actor.profile/self": {
        "$type": "app.bsky.actor.profile",
        "displayName": "Nora",
        "description": "Herons.",
        "avatar": {
            "$type": "blob",
            "ref": Link(b"\x01\x55\x12\x20" + bytes(32)),
            "mimeType": "image/jpeg",
            "size": 70_000,
        },
    },
    "app.bsky.feed.like/3kaaa": {
        "$type": "app.bsky.feed.like",
        "createdAt": _AT,
        "subject": {"uri": "at://did:plc:bo/app.bsky.feed.post/3k1", "cid": "bafyx"},
    },
    "app.bsky.feed.post/3kbbb": {
        "$type": "app.bsky.feed.post",
        "createdAt": _AT,
        "text": "Grüezi 👋",
        "langs": ["de"],
    },
    "app.bsky.feed.repost/3kccc": {
        "$type": "app.bsky.feed.repost",
        "createdAt": _AT,
        "subject": {"uri": "at://did:plc:bo/app.bsky.feed.post/3k2", "cid": "bafyy"},
    },
    "app.bsky.graph.block/3kddd": {
        "$type": "app.bsky.graph.block",
        "createdAt": _AT,
        "subject": "did:plc:rude",
    },
    "app.bsky.graph.follow/3keee": {
        "$type": "app.bsky.graph.follow",
        "createdAt": _AT,
        "subject": "did:plc:bo",
    },
    "org.example.note/1": {
        "$type": "org.example.note",
        "n": -2,
        "deep": {"bytes": b"\x00\xff", "float": 1.5, "none": None, "yes": True},
    },
}


def encode(value: Any) -> bytes:
    """A value as DAG-CBOR."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, Link):
        return b"\xd8\x2a" + encode(b"\0" + bytes(value))
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    inner = sorted(value.items(), key=lambda pair: (len(pair[0]), pair[0]))
    return _head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in inner)


def _head(major: int, number: int) -> bytes:
    for short, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 24:
            return bytes((major << 5 | number,))
        if number < 1 << 8 * size:
            return bytes((major << 5 | short,)) + number.to_bytes(size)
    raise ValueError(number)


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes((number & 127 | 128,))
        number >>= 7
    return out + bytes((number,))


class Car:
    """Blocks, as they are added."""

    def __init__(self) -> None:
        self.blocks: list[tuple[Link, bytes]] = []

    def add(self, value: Any) -> Link:
        data = encode(value)
        link = Link(b"\x01\x71\x12\x20" + sha256(data).digest())
        self.blocks.append((link, data))
        return link

    def node(self, records: dict[str, Any], left: Link | None = None) -> Link:
        """A node with these records, whose keys share what they can."""
        entries, before = [], b""
        for name in sorted(records):
            key = name.encode()
            shared = next((n for n in range(len(before), 0, -1) if key[:n] == before[:n]), 0)
            link = self.add(records[name])
            entries.append({"p": shared, "k": key[shared:], "v": link, "t": None})
            before = key
        return self.add({"l": left, "e": entries})

    def written(self, root: Link) -> bytes:
        header = encode({"roots": [root], "version": 1})
        parts = [varint(len(header)), header]
        for link, data in self.blocks:
            parts += [varint(len(link) + len(data)), bytes(link), data]
        return b"".join(parts)


def commit(tree: Link) -> dict[str, Any]:
    """What signs a tree."""
    said = {"did": ACCOUNT, "version": 3, "rev": "3kzzz", "prev": None, "sig": bytes(64)}
    return {**said, "data": tree}


def repository(records: dict[str, Any]) -> bytes:
    """A repository, in a tree of two nodes."""
    car, names = Car(), sorted(records)
    half = len(names) // 2
    left = car.node({name: records[name] for name in names[:half]})
    tree = car.node({name: records[name] for name in names[half:]}, left)
    return car.written(car.add(commit(tree)))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(repository(RECORDS))
