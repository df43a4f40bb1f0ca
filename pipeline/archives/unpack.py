"""The members of an archive, one after another, under names that we choose.

Nothing is ever extracted by the archive's own names, links or sizes. Each entry gets an ordinal
in the order of the walk, archives within archives included, so the same file gives the same
ordinals on every run. An archive that is opened is not a member itself: its members stand for it.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import msgspec
import numpy as np

from pipeline.archives import media_types, tar, zip_directory, zip_names
from pipeline.archives.streams import (
    ArchiveLimits,
    Expanded,
    Gauge,
    Over,
    Readable,
    gunzip,
    unbzip2,
    unxz,
    unzstd,
)
from pipeline.storage.atomic_files import put, written
from schemas.errors import Rejected
from schemas.files import Listed, Member, SourceFile
from schemas.progress import Disposition
from schemas.reasons import Reason

__all__ = ["ArchiveLimits", "Inspection", "inspect_archive", "members"]

_CHUNK = 256 * 1024
_DEFLATE_MOST = 1032  # bytes out for a byte in, at the most (zlib technical notes)
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
#: Archives that we know and don't open, as libmagic names them.
_OTHER_ARCHIVES = {
    "application/x-7z-compressed": "7z",
    "application/x-rar": "rar",
    "application/vnd.rar": "rar",
    "application/x-cpio": "cpio",
    "application/vnd.ms-cab-compressed": "cab",
}


_EXPAND: dict[str, Callable[[BinaryIO, Gauge], Expanded]] = {
    media_types.GZIP: gunzip,
    media_types.ZSTD: unzstd,
    media_types.BZIP2: unbzip2,
    media_types.XZ: unxz,
    media_types.LZMA: unxz,
}


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What a zip's directory says: its entries, counted by us, and the bytes it declares.

    `missing` is how many entries the end record speaks of that are not there. All are 0 for
    archives without a directory.
    """

    entries: int = 0
    declared: int = 0
    missing: int = 0


def inspect_archive(path: Path, limits: ArchiveLimits) -> Inspection:
    """Check the limits of an archive before anything is unpacked.

    Raises `Rejected`: `ARCHIVE_MEMBERS`, `ARCHIVE_OVERLAP`, `ARCHIVE_TOTAL`, `ARCHIVE_RATIO`,
    `ARCHIVE_BROKEN`, `TRUNCATED`, `EMPTY`. Only a zip has a directory to check; the others are
    held to the limits while they stream.
    """
    with path.open("rb") as stream:
        if media_types.archive_type(stream.read(512)) != media_types.ZIP:
            return Inspection()
        return _inspect_zip(stream, path.stat().st_size, limits)


def members(
    source: SourceFile,
    workdir: Path,
    limits: ArchiveLimits,
    *,
    have: Callable[[int, str], bool] = lambda ordinal, path: False,
    durable: bool = True,
) -> Iterator[Member | Listed]:
    """Everything in `source`, each entry once: a `Member` with its bytes on disk, or `Listed`.

    Members lie in `workdir/members/<ordinal>`, fsynced if `durable`; a plain file is its own one
    member and is not copied. Entries for which `have(ordinal, path)` is true are passed over.
    Raises `Rejected` where the whole upload can't be taken (a bomb, or nothing in it can be
    read), and `TransientError` where the disk won't take a member.
    """
    if source.media_type not in media_types.ARCHIVES:
        return _plain(source, have)
    return _Walk(workdir, limits, have, durable).upload(source)


def _plain(source: SourceFile, have: Callable[[int, str], bool]) -> Iterator[Member]:
    _refuse_other_archive(source.media_type)
    name = shown(source.name)
    if not have(0, name):
        yield Member(
            path=name,
            ordinal=0,
            file=source.path,
            size=source.size,
            sha256=source.sha256,
            media_type=source.media_type,
            upload=name,
        )


def _refuse_other_archive(media_type: str) -> None:
    kind = _OTHER_ARCHIVES.get(media_type)
    if kind is not None:
        raise Rejected(
            Reason.UNSUPPORTED_TYPE, f"{kind} archives are not opened; pack it as zip or tar.gz."
        )


class _Kept(msgspec.Struct, frozen=True):
    """A member as it was written: its file, size in bytes, SHA-256 and first bytes."""

    file: Path
    size: int
    sha256: str
    head: bytes


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """The archive that is being walked, and those around it."""

    name: str
    """The archive's own path, as shown."""
    prefix: str
    """What the paths of its members begin with."""
    gauge: Gauge
    hashes: tuple[str, ...]
    """SHA-256 of this archive and of those around it."""


class _Walk:
    """One pass through an upload. It counts entries and hands out ordinals."""

    def __init__(
        self, workdir: Path, limits: ArchiveLimits, have: Callable[[int, str], bool], durable: bool
    ) -> None:
        self._folder = workdir / "members"
        self._limits, self._have, self._durable = limits, have, durable
        self._next, self._entries = 0, 0
        self._upload = ""

    def upload(self, source: SourceFile) -> Iterator[Member | Listed]:
        """Walk the outermost archive. Ordinal 0 is the archive itself, shown if it is broken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        own, name = self._ordinal(), shown(source.name)
        self._upload = name
        gauge = Gauge(source.size, self._limits)
        place = _Place(name=name, prefix="", gauge=gauge, hashes=(source.sha256,))
        try:
            yield from self._archive(source.path, source.media_type, place)
        except Over:
            raise
        except Rejected as broken:
            if not self._entries or broken.reason is Reason.ARCHIVE_MEMBERS:
                raise
            yield _rejected(name, own, broken, source.size)

    def _archive(self, file: Path, kind: str, place: _Place) -> Iterator[Member | Listed]:
        with file.open("rb") as stream:
            if kind == media_types.ZIP:
                yield from self._zip(stream, file.stat().st_size, place)
            elif kind == media_types.TAR:
                yield from self._tar(Expanded(stream, place.gauge), place)
            else:
                yield from self._compressed(_EXPAND[kind](stream, place.gauge), place)

    def _compressed(self, stream: Expanded, place: _Place) -> Iterator[Member | Listed]:
        if media_types.is_tar(stream.peek(512)):
            yield from self._tar(stream, place)
            return
        name = re.sub(
            rf"\.({media_types.COMPRESSED})$", "", PurePosixPath(place.name).name, flags=re.I
        )
        ordinal, path = self._entry(place, name)
        if self._have(ordinal, path):
            self._entries += 1
            return
        kept = self._keep(ordinal, stream)  # if it is broken, so is the archive
        self._entries += 1
        yield from self._judge(kept, ordinal, path, place)

    def _zip(self, stream: BinaryIO, size: int, place: _Place) -> Iterator[Member | Listed]:
        seen = _inspect_zip(stream, size, self._limits, self._entries)
        directory = zip_directory.find(stream)
        for entry in zip_directory.entries(stream, directory):
            if isinstance(entry, zip_directory.Broken):
                yield self._broken_entry(entry, place)
            else:
                yield from self._zip_entry(*entry, directory, place)
        if seen.missing:
            raise _broken(f"{seen.missing} entries that the zip speaks of are not in it.")

    def _broken_entry(self, entry: zip_directory.Broken, place: _Place) -> Listed:
        ordinal, path = self._entry(place, shown(entry.name))
        self._count(place)
        return _rejected(path, ordinal, _broken("The entry in the zip's directory is damaged."), 0)

    def _zip_entry(
        self, archive: ZipFile, info: ZipInfo, directory: zip_directory.Directory, place: _Place
    ) -> Iterator[Member | Listed]:
        name = zip_names.name_of(info)
        ordinal, path = self._entry(place, shown(name))
        self._count(place)
        if self._have(ordinal, path):
            place.gauge.charge(self._on_disk(ordinal))
            return
        is_folder = name.endswith("/") and not info.file_size
        listed = self._aside(ordinal, path, name, info.file_size, is_folder=is_folder)
        if listed is not None:
            yield listed
            return
        try:
            _check_zip_entry(info, directory)
            with _zip_damage(), archive.open(info) as stream:
                kept = self._keep(ordinal, Expanded(stream, place.gauge))
        except Over:
            raise
        except Rejected as bad:
            yield _rejected(path, ordinal, bad, info.file_size)
        else:
            yield from self._judge(kept, ordinal, path, place)

    def _tar(self, stream: Expanded, place: _Place) -> Iterator[Member | Listed]:
        for entry in tar.entries(stream):
            ordinal, path = self._entry(place, shown(entry.name))
            self._count(place)
            if self._have(ordinal, path):
                continue
            listed = self._aside(ordinal, path, entry.name, entry.size, is_folder=entry.is_folder)
            if listed is not None:
                yield listed
                continue
            try:
                entry.check()
                kept = self._keep(ordinal, entry)
            except Over:
                raise
            except Rejected as bad:
                yield _rejected(path, ordinal, bad, entry.size)
            else:
                yield from self._judge(kept, ordinal, path, place)

    def _aside(
        self, ordinal: int, path: str, name: str, size: int, *, is_folder: bool
    ) -> Listed | None:
        """The entries that are not read at all: folders, litter, names beyond the limit."""
        reason = None
        if is_folder:
            reason = Reason.DIRECTORY
        elif _is_litter(name):
            reason = Reason.LITTER
        elif len(path.encode("utf-8", "replace")) > self._limits.path_bytes:
            long = Rejected(Reason.TOO_LARGE, f"Its name is over {self._limits.path_bytes} bytes.")
            return _rejected(path[:200] + "…", ordinal, long, size)
        if reason is None:
            return None
        return Listed(
            path=path, ordinal=ordinal, disposition=Disposition.IGNORED, reason=reason, size=size
        )

    def _judge(
        self, kept: _Kept, ordinal: int, path: str, place: _Place
    ) -> Iterator[Member | Listed]:
        """What a member is, now that its bytes are here: a file, another archive, or nothing."""
        try:
            media_type = media_types.media_type(kept.head, path, kept.file)
            _refuse_other_archive(media_type)
            if kept.head.startswith(b"PK") and media_type != media_types.ZIP:
                inspect_archive(kept.file, self._limits)  # its reader will unpack it by itself
        except Rejected as bad:
            kept.file.unlink(missing_ok=True)
            yield _rejected(path, ordinal, bad, kept.size, sha256=kept.sha256)
            return
        if media_type in media_types.ARCHIVES:
            try:
                yield from self._nested(kept, media_type, ordinal, path, place)
            finally:
                kept.file.unlink(missing_ok=True)
            return
        yield Member(
            path=path,
            ordinal=ordinal,
            file=kept.file,
            size=kept.size,
            sha256=kept.sha256,
            media_type=media_type,
            upload=self._upload,
        )

    def _nested(
        self, kept: _Kept, kind: str, ordinal: int, path: str, outer: _Place
    ) -> Iterator[Member | Listed]:
        """The members of an archive in an archive; if it is bad, only it is set aside."""
        place = _Place(
            name=path,
            prefix=f"{path}!/",
            gauge=Gauge(kept.size, self._limits, outer.gauge),
            hashes=(*outer.hashes, kept.sha256),
        )
        try:
            self._check_nesting(kept.sha256, outer)
            yield from self._archive(kept.file, kind, place)
        except Rejected as bad:
            beyond = isinstance(bad, Over) and bad.gauge is not place.gauge
            if beyond or bad.reason is Reason.ARCHIVE_MEMBERS:
                raise
            yield _rejected(path, ordinal, bad, kept.size, kind, kept.sha256)

    def _check_nesting(self, sha256: str, outer: _Place) -> None:
        if sha256 in outer.hashes:
            raise Rejected(Reason.ARCHIVE_RECURSION, "The archive holds itself.")
        if len(outer.hashes) > self._limits.depth:
            raise Rejected(
                Reason.ARCHIVE_DEPTH, f"It lies over {self._limits.depth} archives deep in others."
            )

    def _keep(self, ordinal: int, stream: Readable) -> _Kept:
        """Write one member, counting and hashing it; on any trouble no file stays."""
        file, size, digest, head = self._folder / str(ordinal), 0, hashlib.sha256(), b""
        with written(file, durable=self._durable) as out:
            while data := stream.read(_CHUNK):
                size += len(data)
                if size > self._limits.member:
                    raise Rejected(Reason.TOO_LARGE, f"Over {self._limits.member} bytes.")
                digest.update(data)
                if len(head) < media_types.HEAD:
                    head += data[: media_types.HEAD - len(head)]
                put(out, data)
        return _Kept(file, size, digest.hexdigest(), head)

    def _entry(self, place: _Place, name: str) -> tuple[int, str]:
        return self._ordinal(), place.prefix + name

    def _ordinal(self) -> int:
        self._next += 1
        return self._next - 1

    def _count(self, place: _Place) -> None:
        place.gauge.check_time()
        self._entries += 1
        if self._entries > self._limits.members:
            raise _too_many(self._limits)

    def _on_disk(self, ordinal: int) -> int:
        """What an earlier run wrote counts against the limits as well."""
        file = self._folder / str(ordinal)
        return file.stat().st_size if file.exists() else 0


def shown(name: str | bytes) -> str:
    """An entry's name as text that can be stored and printed, otherwise verbatim.

    Bytes that are no UTF-8, control characters, and the mark that we set between an archive and
    its member are shown as escapes. Nothing is normalised.
    """
    raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    text = raw.decode("utf-8", "backslashreplace").replace("!/", "\\x21/")
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)


def _is_litter(name: str) -> bool:
    *folders, last = re.split(r"[/\\]", name)
    return last.startswith("._") or last.lower() in _LITTER or "__MACOSX" in folders


def _rejected(
    path: str,
    ordinal: int,
    why: Rejected,
    size: int,
    media_type: str | None = None,
    sha256: str | None = None,
) -> Listed:
    return Listed(
        path=path,
        ordinal=ordinal,
        disposition=Disposition.REJECTED,
        reason=why.reason,
        detail=str(why),
        size=size,
        media_type=media_type,
        sha256=sha256,
    )


def _broken(message: str) -> Rejected:
    return Rejected(Reason.ARCHIVE_BROKEN, message)


def _too_many(limits: ArchiveLimits) -> Rejected:
    return Rejected(Reason.ARCHIVE_MEMBERS, f"It has over {limits.members} entries.")


# ---- zip


def _inspect_zip(
    stream: BinaryIO, size: int, limits: ArchiveLimits, already: int = 0
) -> Inspection:
    directory = zip_directory.find(stream)
    starts, ends, declared, count = array("Q"), array("Q"), 0, 0
    for count, entry in enumerate(zip_directory.entries(stream, directory), 1):
        if already + count > limits.members:
            raise _too_many(limits)
        if isinstance(entry, zip_directory.Broken):
            continue
        info = entry[1]
        if not _runs_out(info, directory):  # or it will be refused by itself
            starts.append(info.header_offset)
            ends.append(info.header_offset + 30 + len(info.orig_filename) + info.compress_size)
            declared += _most_bytes(info)
    _check_overlap(starts, ends)
    if declared > limits.total:
        raise Rejected(Reason.ARCHIVE_TOTAL, f"It declares over {limits.total} bytes.")
    if declared > max(size * limits.ratio, limits.ratio_from):
        raise Rejected(Reason.ARCHIVE_RATIO, "It declares far more bytes than its size allows.")
    # The end record's count is kept modulo 65,536 without ZIP64, so it may well be too small.
    return Inspection(entries=count, declared=declared, missing=max(0, directory.declared - count))


def _most_bytes(info: ZipInfo) -> int:
    """What an entry declares, if that is possible at all; a lie must not condemn its siblings."""
    if info.compress_type == ZIP_STORED:
        return min(info.file_size, info.compress_size)
    return min(info.file_size, info.compress_size * _DEFLATE_MOST)


def _check_overlap(starts: array[int], ends: array[int]) -> None:
    """Two entries that share bytes: how 12 kB become 500 MB (Fifield, "A better zip bomb")."""
    begin, end = np.asarray(starts, np.uint64), np.asarray(ends, np.uint64)
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], end[order]
    if bool(np.any(begin[1:] < end[:-1])):
        raise Rejected(Reason.ARCHIVE_OVERLAP, "Entries of the zip share the same bytes.")


def _check_zip_entry(info: ZipInfo, directory: zip_directory.Directory) -> None:
    """What can be told from the directory alone. Raises `Rejected`."""
    kind = (info.external_attr >> 16) & 0o170000
    if kind not in (0, 0o100000, 0o040000):
        raise Rejected(Reason.LINK_OR_DEVICE, "It is a link, a device or a pipe, not a file.")
    if info.flag_bits & _ENCRYPTED_FLAGS:
        raise Rejected(Reason.ENCRYPTED, "It is encrypted; unpack it and drop it without.")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Rejected(
            Reason.METHOD, f"Compression method {info.compress_type} is not read; use deflate."
        )
    if _runs_out(info, directory):
        raise Rejected(Reason.TRUNCATED, "Its data run past the end of the archive.")


def _runs_out(info: ZipInfo, directory: zip_directory.Directory) -> bool:
    """Whether an entry's data would reach into the directory or beyond the file."""
    return info.header_offset + 30 + info.compress_size > directory.start - directory.shift


@contextmanager
def _zip_damage() -> Iterator[None]:
    """The errors of the standard library's reader as ours."""
    try:
        yield
    except EOFError:
        raise Rejected(Reason.TRUNCATED, "Its data break off.") from None
    except BadZipFile as error:
        if "CRC" in str(error):
            raise Rejected(Reason.BAD_CHECKSUM, "Its checksum does not fit its data.") from None
        raise _broken("Its header is damaged.") from None
    except (zlib.error, NotImplementedError, ValueError, struct.error):
        raise _broken("Its data are damaged.") from None
