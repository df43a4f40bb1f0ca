"""What comes out of a compressed file, counted as it comes: no declared size is ever believed."""

from __future__ import annotations

import bz2
import lzma
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from typing import BinaryIO, Protocol, cast

import msgspec
import zstandard
from isal import igzip, isal_zlib

from schemas.errors import Rejected
from schemas.reasons import Reason

#: Its stub takes the class for an instance.
_ISAL_ERROR = cast("type[Exception]", isal_zlib.error)

# zstd has no bounded output: one block of 4 bytes may hold 128 KiB, so 1 KiB in is 32 MiB out.
_ZSTD_FEED = 1024
#: The zstd program's own limit without --long; memory is set aside for the whole window.
_ZSTD_WINDOW = 128 * 1024 * 1024
#: What xz and lzma may set aside: `xz -9` needs 65 MiB to unpack (xz(1), the table of presets).
_LZMA_MEMORY = 128 * 1024 * 1024
#: Bytes of compressed input at a time.
_FEED = 64 * 1024


class ArchiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How far an archive may be opened. The defaults let exports of hundreds of GB through."""

    total: int = 500 * 10**9
    """Bytes out of the whole upload, nested archives included."""
    member: int = 500 * 10**9
    """Bytes of one member."""
    ratio: float = 200
    """Bytes out of an archive for each byte of its file..."""
    ratio_from: int = 100 * 10**6
    """...from this many bytes out on: small text may shrink a thousandfold and harms nobody."""
    members: int = 2_000_000
    """Entries of the whole upload, of every kind."""
    depth: int = 3
    """How deep archives may lie within the outermost one; 0: not at all."""
    path_bytes: int = 4096
    """A member's name in UTF-8."""
    seconds: float = 4 * 3600
    """Processor time of one walk. Not by the clock: a laptop sleeps, a scanner and a disk are
    slow, and none of that is the archive's doing."""


class Over(Rejected):
    """A byte limit was passed; `gauge` tells which archive's."""

    def __init__(self, reason: Reason, message: str, gauge: Gauge) -> None:
        super().__init__(reason, message)
        self.gauge = gauge


class Gauge:
    """Counts the bytes that really came out of one archive and of those within it, and the time."""

    def __init__(self, size: int, limits: ArchiveLimits, outer: Gauge | None = None) -> None:
        self._outer, self._out = outer, 0
        self._seconds, self._until = limits.seconds, time.thread_time() + limits.seconds
        self._by_ratio = max(size * limits.ratio, limits.ratio_from)
        self._total = limits.total if outer is None else None

    def charge(self, size: int) -> None:
        """Raises `Over`, for the outermost archive that passes its limit."""
        if self._outer is not None:
            self._outer.charge(size)
        else:
            self.check_time()
        self._out += size
        if self._total is not None and self._out > self._total:
            raise Over(Reason.ARCHIVE_TOTAL, f"It unpacks to over {self._total} bytes.", self)
        if self._out > self._by_ratio:
            raise Over(Reason.ARCHIVE_RATIO, "It unpacks to far more than its size allows.", self)

    def check_time(self) -> None:
        """Raises `Over` once the walk took longer than allowed."""
        if self._outer is not None:
            self._outer.check_time()
        elif time.thread_time() > self._until:
            message = f"It takes over {self._seconds:.0f} seconds of processor time to unpack."
            raise Over(Reason.ARCHIVE_TIME, message, self)


class Readable(Protocol):
    """The little that the walk needs of a stream."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, none at the end."""


class Expanded:
    """The content of a compressed file, charged to a gauge.

    Damage is raised as `Rejected` (`TRUNCATED`, `BAD_CHECKSUM`, `ARCHIVE_BROKEN`), and again at
    every later read: what is behind it is lost.
    """

    def __init__(self, source: Readable, gauge: Gauge) -> None:
        self._source, self._gauge = source, gauge
        self._failed: Rejected | None = None
        self._ahead = b""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, none at the end."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        return self._charged(size)

    def peek(self, size: int) -> bytes:
        """The next bytes, left to be read; call it once, before reading."""
        while len(self._ahead) < size and (data := self._charged(size - len(self._ahead))):
            self._ahead += data
        return self._ahead[:size]

    def _charged(self, size: int) -> bytes:
        if self._failed is not None:
            raise self._failed
        try:
            with _damage():
                data = self._source.read(size)
        except Rejected as failed:
            self._failed = failed
            raise
        self._gauge.charge(len(data))
        return data


def gunzip(source: BinaryIO, gauge: Gauge) -> Expanded:
    """What a gzip file holds, all of its members in a row."""
    return Expanded(igzip.GzipFile(fileobj=source, mode="rb"), gauge)  # type: ignore[no-untyped-call]


def unzstd(source: BinaryIO, gauge: Gauge) -> Expanded:
    """What a zstd file holds, all of its frames in a row."""
    return Expanded(_Zstd(source), gauge)


def unbzip2(source: BinaryIO, gauge: Gauge) -> Expanded:
    """What a bzip2 file holds, all of its streams in a row."""
    return Expanded(_Streams(source, bz2.BZ2Decompressor), gauge)


def unxz(source: BinaryIO, gauge: Gauge) -> Expanded:
    """What an xz or an lzma file holds, all of its streams in a row."""

    def begin() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)

    return Expanded(_Streams(source, begin, padding=b"\0"), gauge)


class _Decompressor(Protocol):
    """What the decompressors of bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


class _Streams:
    """Compressed streams in a row, with bounded output for whatever input.

    The library's own files pass over what follows a stream and is none; this does not.
    `padding` is what may stand behind a stream (the xz file format, 2.2).
    """

    def __init__(
        self, source: BinaryIO, begin: Callable[[], _Decompressor], *, padding: bytes = b""
    ) -> None:
        self._source, self._begin, self._padding = source, begin, padding
        self._now: _Decompressor | None = None
        self._input = b""

    def read(self, size: int, /) -> bytes:
        data = b""
        while size and not data and (now := self._now or self._next()) is not None:
            if now.needs_input and not self._input:
                self._input = self._source.read(_FEED)
                if not self._input:
                    raise EOFError
            data = now.decompress(self._input, max_length=size)
            self._input, self._now = (now.unused_data, None) if now.eof else (b"", now)
        return data

    def _next(self) -> _Decompressor | None:
        """A decompressor for the stream that follows; None at the end of the file."""
        while not (rest := self._input.lstrip(self._padding) if self._padding else self._input):
            self._input = self._source.read(_FEED)
            if not self._input:
                return None
        self._input = rest
        return self._begin()


class _Zstd:
    """The library's own reader takes a truncated frame for the end of the file; this does not."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._held, self._input = source, b"", b""
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def read(self, size: int, /) -> bytes:
        while not self._held and self._feed():
            pass
        data, self._held = self._held[:size], self._held[size:]
        return data

    def _feed(self) -> bool:
        """Decompress one more piece; False at the end of the file."""
        if not self._input:
            self._input = self._source.read(_ZSTD_FEED)
        if not self._input:
            if self._frame is not None:
                raise EOFError
            return False
        frame = self._frame or self._context.decompressobj()
        self._held = frame.decompress(self._input)
        self._input = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame
        return True


@contextmanager
def _damage() -> Iterator[None]:
    """The decompressors' own errors as ours."""
    try:
        yield
    except EOFError:
        raise Rejected(Reason.TRUNCATED, "The compressed data break off.") from None
    except BadGzipFile as error:
        if "check" in str(error).lower():
            raise Rejected(Reason.BAD_CHECKSUM, "The checksum does not fit the data.") from None
        raise Rejected(Reason.ARCHIVE_BROKEN, "What follows is not gzip data.") from None
    except (zlib.error, _ISAL_ERROR):
        raise Rejected(Reason.ARCHIVE_BROKEN, "The compressed data are damaged.") from None
    except OSError as error:
        if error.errno is not None:  # the disk's own; bz2 says "Invalid data stream" by an OSError
            raise
        raise Rejected(Reason.ARCHIVE_BROKEN, "The compressed data are damaged.") from None
    except lzma.LZMAError as error:
        raise Rejected(*_lzma_fault(str(error))) from None
    except zstandard.ZstdError as error:
        raise Rejected(*_zstd_fault(str(error))) from None


def _lzma_fault(text: str) -> tuple[Reason, str]:
    if "Memory usage limit" in text:
        return (
            Reason.METHOD,
            "It needs more memory to unpack than allowed; pack with xz -9 or less.",
        )
    if "integrity check" in text:
        return Reason.METHOD, "Its kind of checksum is not known; pack with xz --check=crc64."
    return Reason.ARCHIVE_BROKEN, "The compressed data are damaged."


def _zstd_fault(text: str) -> tuple[Reason, str]:
    if "checksum" in text:
        return Reason.BAD_CHECKSUM, "The checksum does not fit the data."
    if "too much memory" in text or "window" in text.lower():
        return Reason.METHOD, "It needs more memory to unpack than allowed; pack without --long."
    return Reason.ARCHIVE_BROKEN, "The compressed data are damaged."
