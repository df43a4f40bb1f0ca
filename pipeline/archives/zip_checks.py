"""Checks of a zip's directory, before any of its entries is unpacked."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipInfo

import msgspec
import numpy as np

from pipeline.archives import media_types, zip_directory
from pipeline.archives.streams import (
    ArchiveLimits,
)
from schemas.errors import Rejected
from schemas.reasons import Reason

_DEFLATE_MOST = 1032  # the maximum of bytes out for a byte in (zlib technical notes)
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The entries in a zip's directory, counted by this module, and the bytes it declares.

    `missing` is the number of entries in the end record that are not in the directory. All are 0
    for archives without a directory.
    """

    entries: int = 0
    declared: int = 0
    missing: int = 0


def inspect_archive(path: Path, limits: ArchiveLimits) -> Inspection:
    """Check the limits of an archive before anything is unpacked.

    Raises `Rejected`: `ARCHIVE_MEMBERS`, `ARCHIVE_OVERLAP`, `ARCHIVE_TOTAL`, `ARCHIVE_RATIO`,
    `ARCHIVE_BROKEN`, `TRUNCATED`, `EMPTY`. Only a zip has a directory to check; the limits of the
    others apply while they stream.
    """
    with path.open("rb") as stream:
        if media_types.archive_type(stream.read(512)) != media_types.ZIP:
            return Inspection()
        return inspect_zip(stream, path.stat().st_size, limits)


def broken(message: str) -> Rejected:
    """Return the refusal of something damaged."""
    return Rejected(Reason.ARCHIVE_BROKEN, message)


def too_many_entries(limits: ArchiveLimits) -> Rejected:
    """Return the refusal of an archive with more entries than the limit."""
    return Rejected(Reason.ARCHIVE_MEMBERS, f"It has over {limits.members} entries.")


def inspect_zip(stream: BinaryIO, size: int, limits: ArchiveLimits, already: int = 0) -> Inspection:
    """Check a zip of `size` bytes as `inspect_archive` does, after `already` other entries."""
    directory = zip_directory.find(stream)
    starts, ends, declared, count = array("Q"), array("Q"), 0, 0
    for count, entry in enumerate(zip_directory.entries(stream, directory), 1):
        if already + count > limits.members:
            raise too_many_entries(limits)
        if isinstance(entry, zip_directory.Broken):
            continue
        info = entry[1]
        if not _runs_out(info, directory):  # else it is refused by itself
            starts.append(info.header_offset)
            ends.append(info.header_offset + 30 + len(info.orig_filename) + info.compress_size)
            declared += _most_bytes(info)
    _check_overlap(starts, ends)
    if declared > limits.total:
        raise Rejected(Reason.ARCHIVE_TOTAL, f"It declares over {limits.total} bytes.")
    if declared > max(size * limits.ratio, limits.ratio_from):
        raise Rejected(Reason.ARCHIVE_RATIO, "It declares far more bytes than its size allows.")
    # The end record's count is kept modulo 65,536 without ZIP64, so it may be too small.
    return Inspection(entries=count, declared=declared, missing=max(0, directory.declared - count))


def _most_bytes(info: ZipInfo) -> int:
    """Return an entry's declared size, if possible; a false one must not affect other entries."""
    if info.compress_type == ZIP_STORED:
        return min(info.file_size, info.compress_size)
    return min(info.file_size, info.compress_size * _DEFLATE_MOST)


def _check_overlap(starts: array[int], ends: array[int]) -> None:
    """Refuse entries that share bytes: how 12 kB become 500 MB (Fifield, "A better zip bomb")."""
    begin, end = np.asarray(starts, np.uint64), np.asarray(ends, np.uint64)
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], end[order]
    if bool(np.any(begin[1:] < end[:-1])):
        raise Rejected(Reason.ARCHIVE_OVERLAP, "Entries of the zip share the same bytes.")


def check_entry(info: ZipInfo, directory: zip_directory.Directory) -> None:
    """Raise `Rejected` for an entry that can be refused from the directory alone."""
    kind = (info.external_attr >> 16) & 0o170000
    if kind not in (0, 0o100000, 0o040000):
        raise Rejected(Reason.LINK_OR_DEVICE, "It is a link, a device or a pipe, not a file.")
    if info.flag_bits & _ENCRYPTED_FLAGS:
        raise Rejected(Reason.ENCRYPTED, "It is encrypted; unpack it and drop it unencrypted.")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Rejected(
            Reason.METHOD, f"Compression method {info.compress_type} is not supported; use deflate."
        )
    if _runs_out(info, directory):
        raise Rejected(Reason.TRUNCATED, "Its data extend past the end of the archive.")


def _runs_out(info: ZipInfo, directory: zip_directory.Directory) -> bool:
    """Return whether an entry's data would extend into the directory or beyond the file."""
    return info.header_offset + 30 + info.compress_size > directory.start - directory.shift


@contextmanager
def zip_damage() -> Iterator[None]:
    """Raise the errors of the standard library's reader as `Rejected`."""
    try:
        yield
    except EOFError:
        raise Rejected(Reason.TRUNCATED, "Its data break off.") from None
    except BadZipFile as error:
        if "CRC" in str(error):
            raise Rejected(Reason.BAD_CHECKSUM, "Its checksum does not match its data.") from None
        raise broken("Its header is damaged.") from None
    except (zlib.error, NotImplementedError, ValueError, struct.error):
        raise broken("Its data are damaged.") from None
