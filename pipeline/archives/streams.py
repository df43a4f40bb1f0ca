"""The content of a compressed file, counted as it is unpacked: no declared size is trusted."""

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

#: Its stub declares the class as an instance.
_ISAL_ERROR = cast("type[Exception]", isal_zlib.error)

# zstd has no bounded output: one block of 4 bytes may hold 128 KiB, so 1 KiB in is 32 MiB out.
_ZSTD_FEED = 1024
#: The zstd program's own limit without --long; memory is reserved for the whole window.
_ZSTD_WINDOW = 128 * 1024 * 1024
#: The memory limit of xz and lzma: `xz -9` needs 65 MiB to unpack (xz(1), the table of presets).
_LZMA_MEMORY = 128 * 1024 * 1024
#: Bytes of compressed input at a time.
_FEED = 64 * 1024


class ArchiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits for opening an archive. The defaults accept exports of hundreds of GB."""

    total: int = 500 * 10**9
    """Maximum of bytes unpacked from the whole upload, including nested archives."""
    member: int = 500 * 10**9
    """Maximum size of one member in bytes."""
    ratio: float = 200
    """Maximum of bytes unpacked from an archive for each byte of its file."""
    ratio_from: int = 100 * 10**6
    """The ratio counts from this many unpacked bytes on: small text may shrink a thousandfold."""
    members: int = 2_000_000
    """Maximum of entries of the whole upload, of every kind."""
    depth: int = 3
    """Maximum nesting of archives within the outermost one; 0 allows none."""
    path_bytes: int = 4096
    """Maximum length of a member's path in UTF-8."""
    seconds: float = 4 * 3600
    """Maximum processor time of one walk.

    It is not wall-clock time, which also passes while a laptop sleeps or a disk is slow.
    """


class Over(Rejected):
    """A byte limit was exceeded; `gauge` is that of the archive."""

    def __init__(self, reason: Reason, message: str, gauge: Gauge) -> None:
        super().__init__(reason, message)
        self.gauge = gauge


class Gauge:
    """A counter of the bytes unpacked from one archive and those within it, and of the time."""

    def __init__(self, size: int, limits: ArchiveLimits, outer: Gauge | None = None) -> None:
        self._outer, self._out = outer, 0
        self._seconds, self._until = limits.seconds, time.thread_time() + limits.seconds
        self._by_ratio = max(size * limits.ratio, limits.ratio_from)
        self._total = limits.total if outer is None else None

    def charge(self, size: int) -> None:
        """Count bytes. Raises `Over`, for the outermost archive that exceeds its limit."""
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
        """Check the time. Raises `Over` when the walk takes longer than allowed."""
        if self._outer is not None:
            self._outer.check_time()
        elif time.thread_time() > self._until:
            message = f"It takes over {self._seconds:.0f} seconds of processor time to unpack."
            raise Over(Reason.ARCHIVE_TIME, message, self)


class Readable(Protocol):
    """The part of a stream's interface that the walk needs."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""


class Expanded:
    """The content of a compressed file, counted by a gauge.

    Damage is raised as `Rejected` (`TRUNCATED`, `BAD_CHECKSUM`, `ARCHIVE_BROKEN`), and again at
    every later read: the bytes after it are lost.
    """

    def __init__(self, source: Readable, gauge: Gauge) -> None:
        self._source, self._gauge = source, gauge
        self._failed: Rejected | None = None
        self._ahead = b""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        return self._charged(size)

    def peek(self, size: int) -> bytes:
        """Return the next bytes without consuming them; call it once, before reading."""
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
    """Return the content of a gzip file, of all its members in sequence."""
    return Expanded(igzip.GzipFile(fileobj=source, mode="rb"), gauge)  # type: ignore[no-untyped-call]


def unzstd(source: BinaryIO, gauge: Gauge) -> Expanded:
    """Return the content of a zstd file, of all its frames in sequence."""
    return Expanded(_Zstd(source), gauge)


def unbzip2(source: BinaryIO, gauge: Gauge) -> Expanded:
    """Return the content of a bzip2 file, of all its streams in sequence."""
    return Expanded(_Streams(source, bz2.BZ2Decompressor), gauge)


def unxz(source: BinaryIO, gauge: Gauge) -> Expanded:
    """Return the content of an xz or an lzma file, of all its streams in sequence."""

    def begin() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)

    return Expanded(_Streams(source, begin, padding=b"\0"), gauge)


class _Decompressor(Protocol):
    """The common interface of the decompressors of bz2 and lzma."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


class _Streams:
    """Compressed streams in sequence, with bounded output for any input.

    The library's own files ignore bytes after a stream that are not another; this does not.
    `padding` may follow a stream (the xz file format, 2.2).
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
        """Return a decompressor for the next stream; None at the end of the file."""
        while not (rest := self._input.lstrip(self._padding) if self._padding else self._input):
            self._input = self._source.read(_FEED)
            if not self._input:
                return None
        self._input = rest
        return self._begin()


class _Zstd:
    """A zstd reader that reports a truncated frame, which the library's own reader does not."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._output, self._input = source, b"", b""
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def read(self, size: int, /) -> bytes:
        while not self._output and self._feed():
            pass
        data, self._output = self._output[:size], self._output[size:]
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
        self._output = frame.decompress(self._input)
        self._input = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame
        return True


@contextmanager
def _damage() -> Iterator[None]:
    """Raise the decompressors' own errors as `Rejected`."""
    try:
        yield
    except EOFError:
        raise Rejected(Reason.TRUNCATED, "The compressed data break off.") from None
    except BadGzipFile as error:
        if "check" in str(error).lower():
            raise Rejected(Reason.BAD_CHECKSUM, "The checksum does not fit the data.") from None
        raise Rejected(
            Reason.ARCHIVE_BROKEN, "The bytes after a gzip member are not gzip data."
        ) from None
    except (zlib.error, _ISAL_ERROR):
        raise Rejected(Reason.ARCHIVE_BROKEN, "The compressed data are damaged.") from None
    except OSError as error:
        # the disk's own; bz2 reports "Invalid data stream" as an OSError
        if error.errno is not None:
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
