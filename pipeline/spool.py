"""A chunk's records between stages: written once, in columns, and read only where needed.

A spool is a file of named sections, each compressed on its own (zstd, level 1), behind a JSON
index. It is written to a temporary file, synced and renamed, so that a name that exists is whole.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec
import zstandard

from pipeline import durable

Sections: TypeAlias = Mapping[str, bytes]

_MAGIC = b"DPKSPL01"
_LENGTH = struct.Struct("<Q")


class BrokenSpool(Exception):
    """The file is not a whole spool; the stage that made it runs again."""


def write(path: Path, sections: Sections) -> None:
    """Write a spool so that `path` is either whole or not there."""
    packer = zstandard.ZstdCompressor(level=1, write_checksum=True)
    packed = {name: packer.compress(data) for name, data in sections.items()}
    index = msgspec.json.encode({name: len(data) for name, data in packed.items()})
    with durable.written(path) as out:
        durable.put(out, _MAGIC + _LENGTH.pack(len(index)) + index)
        for data in packed.values():
            durable.put(out, data)


def read(path: Path, *names: str) -> dict[str, bytes]:
    """The sections of those names; raises BrokenSpool if the file is missing or not whole."""
    try:
        with path.open("rb") as source:
            if source.read(len(_MAGIC)) != _MAGIC:
                raise BrokenSpool(path.name)
            (size,) = _LENGTH.unpack(source.read(_LENGTH.size))
            if size > path.stat().st_size:
                raise BrokenSpool(path.name)
            index = msgspec.json.decode(source.read(size), type=dict[str, int])
            start = source.tell()
            return {name: _section(source.fileno(), start, index, name) for name in names}
    except (OSError, struct.error, msgspec.DecodeError, zstandard.ZstdError, KeyError) as error:
        raise BrokenSpool(path.name) from error


def _section(descriptor: int, start: int, index: dict[str, int], name: str) -> bytes:
    for other, size in index.items():
        if other == name:
            return zstandard.ZstdDecompressor().decompress(os.pread(descriptor, size, start))
        start += size
    raise KeyError(name)
