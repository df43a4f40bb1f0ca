"""The central directory of a zip, read in bounded memory and without trust.

The standard library reads entries well, but it holds the whole directory in memory and trusts its
counts. So the directory is walked here, record by record, and passed to `zipfile` in batches: each
batch is a small zip of its own, seen through a window over the real file. Offsets and signatures:
PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

import msgspec

from schemas.errors import Rejected
from schemas.reasons import Reason

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_RECORD = struct.Struct("<4s24x3H12x")  # signature, lengths of name, extra field and comment
#: The errors of zipfile for an unreadable record; a name may also be invalid UTF-8.
_UNREADABLE = (BadZipFile, NotImplementedError, ValueError, struct.error)

_BATCH = 1000
_BATCH_BYTES = 4 * 1024 * 1024


class Directory(msgspec.Struct, frozen=True):
    """The position of a zip's directory in the file: `[start, end)`, in bytes.

    `shift` is the number of bytes before the zip itself; `declared` the number of entries in the
    end record (modulo 65,536 without ZIP64).
    """

    start: int
    end: int
    shift: int
    declared: int
    zip64: bool


class Broken(msgspec.Struct, frozen=True):
    """A record of the directory that cannot be read; `name` is its raw bytes."""

    name: bytes


def find(stream: BinaryIO) -> Directory:
    """Return the directory of an open zip.

    Raises `Rejected`: `TRUNCATED`, `ARCHIVE_BROKEN`, `EMPTY`.
    """
    at = _find_end(stream)
    if at is None:
        raise Rejected(
            Reason.TRUNCATED,
            "The zip breaks off before its directory; the download was not complete.",
        )
    stream.seek(at)
    _, disk, first_disk, _, count, size, offset, _ = _END.unpack(stream.read(_END.size))
    end, zip64 = at, _find_end64(stream, at)
    if zip64 is not None:
        end, (_, _, _, _, disk, first_disk, _, count, size, offset) = zip64
    if disk or first_disk:
        raise _broken("This is one part of a split zip; join the parts first.")
    if not count and not size:
        raise Rejected(Reason.EMPTY, "The zip has no entries.")
    start = _find_start(stream, end, size, offset)
    return Directory(start, end, start - offset, count, zip64 is not None)


def records(stream: BinaryIO, directory: Directory) -> Iterator[bytes]:
    """Yield the raw records of the directory, for any number that it states."""
    at = directory.start
    while at + 4 <= directory.end:
        stream.seek(at)
        fixed = stream.read(_RECORD.size)
        if fixed[:4] in (b"PK\x05\x05", b"PK\x06\x08"):  # a signature over the directory
            return
        if fixed[:4] != b"PK\x01\x02" or len(fixed) < _RECORD.size:
            raise _broken("The directory of the zip is damaged.")
        size = _RECORD.size + sum(_RECORD.unpack(fixed)[1:])
        at += size
        if at > directory.end:
            raise _broken("The directory of the zip is damaged.")
        yield fixed + stream.read(size - _RECORD.size)


def entries(stream: BinaryIO, directory: Directory) -> Iterator[tuple[ZipFile, ZipInfo] | Broken]:
    """Yield every entry in the directory's order, each with a `ZipFile` that can open it."""
    for batch in _batches(records(stream, directory)):
        try:
            opened = _window(stream, directory, batch)
        except _UNREADABLE:
            yield from _one_by_one(stream, directory, batch)
        else:
            yield from ((opened, info) for info in opened.infolist())


def some_names(path: Path, most: int = 200) -> list[str]:
    """Return the first names in a zip's directory; none if it has no readable one."""
    names: list[str] = []
    with path.open("rb") as stream:
        try:
            for record in records(stream, find(stream)):
                (length,) = struct.unpack_from("<H", record, 28)
                names.append(record[46 : 46 + length].decode("utf-8", "replace"))
                if len(names) == most:
                    break
        except Rejected:
            pass  # the code that opens it reports what is wrong
    return names


def ends_as_zip(path: Path) -> bool:
    """Return whether a file ends exactly with an end record that points to a real directory."""
    with path.open("rb") as stream:
        at = _find_end(stream, exact=True)
        if at is None:
            return False
        try:
            find(stream)
        except Rejected:
            return False
    return True


def _find_end(stream: BinaryIO, *, exact: bool = False) -> int | None:
    """Return the offset of the end record: the last one whose comment ends with the file.

    Without `exact`, else the last one in the file: some tools append bytes.
    """
    size = stream.seek(0, io.SEEK_END)
    base = max(0, size - _END.size - 0xFFFF)
    stream.seek(base)
    tail = stream.read()
    at = last = tail.rfind(b"PK\x05\x06", 0, max(0, len(tail) - _END.size + 4))
    while at >= 0:
        (comment,) = struct.unpack_from("<H", tail, at + 20)
        if at + _END.size + comment == len(tail):
            return base + at
        at = tail.rfind(b"PK\x05\x06", 0, at + 3)
    return None if exact or last < 0 else base + last


def _find_end64(stream: BinaryIO, end: int) -> tuple[int, tuple[int, ...]] | None:
    """Return the offset and fields of the ZIP64 end record, if there is a locator for one."""
    if end < _LOCATOR.size:
        return None
    stream.seek(end - _LOCATOR.size)
    signature, _, stated, _ = _LOCATOR.unpack(stream.read(_LOCATOR.size))
    if signature != b"PK\x06\x07":
        return None
    # Directly before the locator, unless further fields follow; with bytes before the zip the
    # stated offset is too small.
    for at in (end - _LOCATOR.size - _END64.size, stated):
        stream.seek(max(0, min(at, end)))
        raw = stream.read(_END64.size)
        if len(raw) == _END64.size and raw.startswith(b"PK\x06\x06"):
            return at, _END64.unpack(raw)
    raise _broken("The ZIP64 end record is missing.")


def _find_start(stream: BinaryIO, end: int, size: int, offset: int) -> int:
    for start in (end - size, offset):
        if not offset <= start < end:
            continue
        stream.seek(start)
        if stream.read(4) == b"PK\x01\x02":
            return start
    raise _broken("The end record of the zip does not point to its directory.")


def _batches(all_records: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for record in all_records:
        batch.append(record)
        size += len(record)
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _one_by_one(
    stream: BinaryIO, directory: Directory, batch: list[bytes]
) -> Iterator[tuple[ZipFile, ZipInfo] | Broken]:
    """Yield the entries of a batch singly, so that an unreadable record affects only itself."""
    for record in batch:
        try:
            opened = _window(stream, directory, [record])
        except _UNREADABLE:
            (length,) = struct.unpack_from("<H", record, 28)
            yield Broken(record[46 : 46 + length])
        else:
            yield opened, opened.infolist()[0]


def _window(stream: BinaryIO, directory: Directory, batch: list[bytes]) -> ZipFile:
    """Return a zip of these entries only, over the data of the real file."""
    head, data = directory.start - directory.shift, b"".join(batch)
    ends = _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, len(batch), len(batch), len(data), head)
    ends += _LOCATOR.pack(b"PK\x06\x07", 0, head + len(data), 1)
    ends += _END.pack(b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    window = _Window(stream, directory.shift, head, data + ends)
    return ZipFile(cast("BinaryIO", io.BufferedReader(window, 64 * 1024)))


class _Window(io.RawIOBase):
    """`length` bytes of a file from `start`, followed by other bytes."""

    def __init__(self, stream: BinaryIO, start: int, length: int, tail: bytes) -> None:
        self._stream, self._start, self._length, self._tail = stream, start, length, tail
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._at, self._length + len(self._tail))[whence]
        if base + offset < 0:
            raise ValueError("the seek is to before the start")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, and fewer at the seam, as the buffer above allows."""
        if self._at < self._length:
            self._stream.seek(self._start + self._at)
            data = self._stream.read(min(size, self._length - self._at))
        else:
            begin = self._at - self._length
            data = self._tail[begin : begin + size]
        self._at += len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _broken(message: str) -> Rejected:
    return Rejected(Reason.ARCHIVE_BROKEN, message)
