"""A chunk's records between stages: written once, in columns, and read only where needed.

A spool is a file of named sections, each compressed on its own (zstd, level 1), after a JSON index
with the length and the CRC-32 of each compressed section. The head holds the CRC-32 of the index,
so that no byte can change unnoticed: reading returns what was written or raises BrokenSpool. A
spool is written to a temporary file, synced and renamed, so that a name that exists is whole.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias

import msgspec
import zstandard
from isal import isal_zlib

from pipeline.storage import atomic_files

Sections: TypeAlias = Mapping[str, bytes]

_MAGIC = b"DPKSPL02"
#: The length of the index, and the CRC-32 of that length and the index.
_LENGTH, _CHECK = struct.Struct("<Q"), struct.Struct("<I")


class BrokenSpool(Exception):
    """The file is not a whole spool; the stage that made it runs again."""


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """A section in the index."""

    size: int
    check: int


def write(path: Path, sections: Sections) -> None:
    """Write a spool so that `path` is either whole or absent."""
    packer = zstandard.ZstdCompressor(level=1)
    packed = {name: packer.compress(data) for name, data in sections.items()}
    index = msgspec.json.encode(
        {name: _Place(len(data), isal_zlib.crc32(data)) for name, data in packed.items()}
    )
    length = _LENGTH.pack(len(index))
    with atomic_files.written(path) as out:
        atomic_files.put(
            out, _MAGIC + length + _CHECK.pack(isal_zlib.crc32(length + index)) + index
        )
        for data in packed.values():
            atomic_files.put(out, data)


def read(path: Path, *names: str) -> dict[str, bytes]:
    """Return the sections of those names.

    Raises BrokenSpool if the file is missing or not as written.
    """
    try:
        with path.open("rb") as source:
            start, index = _index(source)
            unpack = zstandard.ZstdDecompressor().decompress
            return {name: unpack(_packed(source.fileno(), start, index, name)) for name in names}
    except (OSError, struct.error, KeyError) as error:
        raise BrokenSpool(path.name) from error


def check(path: Path) -> None:
    """Raise BrokenSpool unless every byte of the file is as it was written."""
    try:
        with path.open("rb") as source:
            start, index = _index(source)
            for name in index:
                _packed(source.fileno(), start, index, name)
    except (OSError, struct.error) as error:
        raise BrokenSpool(path.name) from error


def _index(source: BinaryIO) -> tuple[int, dict[str, _Place]]:
    """Return where the sections begin, and their index."""
    file_size = os.fstat(source.fileno()).st_size
    if source.read(len(_MAGIC)) != _MAGIC:
        raise BrokenSpool("magic")
    length = source.read(_LENGTH.size)
    (expected,) = _CHECK.unpack(source.read(_CHECK.size))
    (size,) = _LENGTH.unpack(length)
    if size > file_size:
        raise BrokenSpool("length")
    data = source.read(size)
    if isal_zlib.crc32(length + data) != expected:
        raise BrokenSpool("index")
    index = msgspec.json.decode(data, type=dict[str, _Place])
    start = source.tell()
    if start + sum(place.size for place in index.values()) != file_size:
        raise BrokenSpool("size")
    return start, index


def _packed(descriptor: int, start: int, index: dict[str, _Place], name: str) -> bytes:
    """Return a section as it lies in the file."""
    wanted = index[name]
    for other, place in index.items():
        if other == name:
            break
        start += place.size
    data = os.pread(descriptor, wanted.size, start)
    if isal_zlib.crc32(data) != wanted.check:
        raise BrokenSpool(name)
    return data
