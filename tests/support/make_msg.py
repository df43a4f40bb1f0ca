"""Writes small compound files and mails of Outlook for tests.

python -m tests.support.make_msg OUT.msg
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SECTOR, _PIECE = 512, 64
#: 2026-03-01T08:00:00Z, in tenths of a microsecond since 1601.
SENT = (1_772_352_000 + 11_644_473_600) * 10_000_000

#: A stream is bytes, a storage is a dict.
Tree = dict[str, Any]


def compound(root: Tree) -> bytes:
    """A file with these streams and storages."""
    entries: list[list[Any]] = [["Root Entry", 5, _FREE, _FREE, _FREE, _END, 0]]
    small, large = bytearray(), list[tuple[int, bytes]]()
    small_table: list[int] = []

    def add(parent: int, tree: Tree) -> None:
        before = None
        for name, value in tree.items():
            number = len(entries)
            folder = isinstance(value, dict)
            entries.append([name, 1 if folder else 2, _FREE, _FREE, _FREE, _END, 0])
            if before is None:
                entries[parent][4] = number
            else:
                entries[before][3] = number
            before = number
            if folder:
                add(number, value)
            elif len(value) >= 4096:
                large.append((number, value))
                entries[number][6] = len(value)
            elif value:
                entries[number][5], entries[number][6] = len(small) // _PIECE, len(value)
                pieces = -(-len(value) // _PIECE)
                first = len(small_table)
                small_table.extend([*range(first + 1, first + pieces), _END])
                small.extend(value.ljust(pieces * _PIECE, b"\0"))

    add(0, root)
    sectors: list[bytes] = []
    table: list[int] = []

    def put(data: bytes) -> int:
        if not data:
            return _END
        first = len(sectors)
        count = -(-len(data) // _SECTOR)
        sectors.extend(
            data[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(data), _SECTOR)
        )
        table.extend([*range(first + 1, first + count), _END])
        return first

    for number, value in large:
        entries[number][5] = put(value)
    entries[0][5], entries[0][6] = put(bytes(small)), len(small)
    minis = put(struct.pack(f"<{len(small_table)}I", *small_table))
    directory = put(b"".join(map(_entry, entries)))
    width = _SECTOR // 4
    count = 1
    while len(table) + count > count * width:
        count += 1
    assert count <= 109, "the header names no more"
    places = range(len(table), len(table) + count)
    table += [_FAT] * count
    table += [_FREE] * (count * width - len(table))
    sectors.append(struct.pack(f"<{len(table)}I", *table))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    header += struct.pack("<HHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, count, directory, 0, 4096,
                          minis, 1, _END, 0, places[0])  # fmt: skip
    header += struct.pack("<108I", *places[1:], *[_FREE] * (109 - count))
    return header + b"".join(sectors)


def _entry(entry: list[Any]) -> bytes:
    name, kind, left, right, child, start, size = entry
    text = (name + "\0").encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIQ", text, len(text), kind, 1, left, right, child, start, size)


def texts(above: int, numbers: dict[tuple[int, int], int], **values: str | bytes) -> Tree:
    """The properties of a storage: texts and bytes by `p0037`, numbers by type and id."""
    lines = b"".join(struct.pack("<HHIQ", kind, name, 6, n) for (kind, name), n in numbers.items())
    found: Tree = {"__properties_version1.0": bytes(above) + lines}
    for name, value in values.items():
        kind, data = (
            ("001F", value.encode("utf-16-le")) if isinstance(value, str) else ("0102", value)
        )
        found[f"__substg1.0_{name[1:].upper()}{kind}"] = data
    return found


def person(name: str, address: str, kind: int = 1) -> Tree:
    return texts(8, {(3, 0x0C15): kind}, p3001=name, p39fe=address)


def mail() -> bytes:
    """A mail without header fields, with a file, a large one, and a mail within."""
    within: Tree = texts(
        24,
        {(0x40, 0x0039): SENT - 600_000_000},
        p0037="Bring oars",
        p1000="Two of them.",
        p0c1a="Ben",
        p5d01="ben@example.org",
        p1035="<oars@lake.example>",
        p001a="IPM.Note",
    )
    within["__recip_version1.0_#00000000"] = person("Ana", "ana@example.org")
    within["__attach_version1.0_#00000000"] = texts(8, {}, p3707='the "oar" ü.txt', p3701=b"ash\n")
    holder = texts(8, {(3, 0x3705): 5}, p3001="Bring oars")
    holder["__substg1.0_3701000D"] = within
    root: Tree = texts(
        32,
        {(0x40, 0x0039): SENT, (3, 0x3FFD): 1252},
        p0037="Boat plan für Żaneta",
        p1000="We meet at the pier.\r\nAna",
        p0c1a="Ana Lake",
        p0c1f="/O=LAKE/CN=ANA",
        p5d01="ana@example.org",
        p1035="<plan@lake.example>",
        p1042="<oars@lake.example>",
        p001a="IPM.Note",
    )
    root["__nameid_version1.0"] = {"__substg1.0_00020102": b""}
    root["__recip_version1.0_#00000000"] = person("Ben", "ben@example.org")
    root["__recip_version1.0_#00000001"] = person("Żaneta, the miller", "zaneta@example.org", 2)
    root["__attach_version1.0_#00000000"] = texts(
        8, {}, p3707="chart of the lake.txt", p370e="text/plain", p3701=b"deep here\n" * 500
    )
    root["__attach_version1.0_#00000001"] = holder
    return compound(root)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(mail())
