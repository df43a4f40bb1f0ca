"""The entries of a tar, read forwards from any stream.

`tarfile` parses the headers; this module adds its missing checks: headers of any size in memory, a
damaged header that is silently taken for the end, and links.
"""

from __future__ import annotations

import re
import struct
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from pipeline.archives.streams import Readable
from schemas.errors import Rejected
from schemas.reasons import Reason

_BLOCK = 512
_CHUNK = 256 * 1024
#: How many bytes tarfile may read for one entry's headers: it holds them in memory.
_HEADER_BYTES = 256 * 1024
#: Runs of digits make tarfile's search of pax headers quadratic (CVE-2024-6232).
_DIGITS = re.compile(rb"\d{1000}")
_DAMAGE = (
    tarfile.TarError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    RecursionError,
    struct.error,
)


class Entry:
    """One entry; its content can be read until the next entry is requested."""

    def __init__(self, info: tarfile.TarInfo, stream: Forward) -> None:
        self.name, self.size, self.is_folder = info.name, info.size, info.isdir()
        self._is_file = info.type in _FILES and not info.issparse()
        self._stream, self._left = stream, info.size

    def check(self) -> None:
        """Refuse everything but a regular file; a setuid bit has no effect. Raises `Rejected`."""
        if not self._is_file:
            raise Rejected(Reason.LINK_OR_DEVICE, "It is a link, a device or a sparse file.")

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes of the content, none at its end."""
        data = self._stream.take(min(size, self._left))
        if self._left and not data:
            raise _truncated()
        self._left -= len(data)
        return data


_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)


def entries(stream: Readable) -> Iterator[Entry]:
    """Yield every entry in order.

    Raises `Rejected` (`TRUNCATED`, `ARCHIVE_BROKEN`) if the archive breaks off, is damaged, or
    continues after its end mark.
    """
    forward = Forward(stream)
    with _opened(forward) as archive:
        while (info := _following(archive, forward)) is not None:
            yield Entry(info, forward)
            archive.members = []  # type: ignore[attr-defined]  # it keeps every header it has seen
    forward.check_end()


def _opened(forward: Forward) -> tarfile.TarFile:
    forward.grant()
    try:
        return tarfile.open(fileobj=cast("BinaryIO", forward), mode="r:")
    except _DAMAGE:
        raise _damaged() from None


def _following(archive: tarfile.TarFile, forward: Forward) -> tarfile.TarInfo | None:
    forward.grant()
    try:
        info = archive.next()
    except _DAMAGE:
        raise _damaged() from None
    if info is not None and info.size < 0:
        raise _damaged()
    return info


class Forward:
    """A stream that tarfile may read and skip in, forwards only.

    Each entry has a budget for reads by tarfile; `take` reads content.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream, self._at, self._budget = stream, 0, 0
        self._last = b""

    def grant(self) -> None:
        """Allow the headers of one more entry."""
        self._budget = _HEADER_BYTES

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._at

    def seek(self, offset: int) -> int:
        """Skip to an offset.

        Raises `Rejected` if the stream ends before it, or is already after it.
        """
        if offset < self._at:
            raise _damaged()
        while self._at < offset:
            if not self.take(min(_CHUNK, offset - self._at)):
                raise _truncated()
        return self._at

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes unless the stream ends."""
        self._budget -= size
        if size < 0 or self._budget < 0:
            raise _damaged()
        data = b""
        while len(data) < size and (more := self.take(size - len(data))):
            data += more
        if size > _BLOCK and _DIGITS.search(data):
            raise _damaged()
        self._last = data
        return data

    def take(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        data = self._stream.read(size)
        self._at += len(data)
        return data

    def check_end(self) -> None:
        """Check for an end mark of zeros, and only zeros after it. Raises `Rejected`."""
        if len(self._last) < _BLOCK:
            raise _truncated()
        if self._last.strip(b"\0"):
            raise _damaged()
        while data := self.take(_CHUNK):
            if data.strip(b"\0"):
                raise Rejected(Reason.ARCHIVE_BROKEN, "The data after the end mark are not read.")


def _truncated() -> Rejected:
    return Rejected(Reason.TRUNCATED, "The tar archive breaks off.")


def _damaged() -> Rejected:
    return Rejected(Reason.ARCHIVE_BROKEN, "A header of the tar archive is damaged.")
