"""The members of an archive, one by one, under names that the lake assigns.

An archive's own names, links and sizes are never used for extraction. Each entry gets an ordinal in
the order of the walk, including archives within archives, so the same file gives the same ordinals
on every run. An archive that is opened is not a member itself: its members replace it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

import msgspec

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
from pipeline.archives.zip_checks import (
    broken,
    check_entry,
    inspect_archive,
    inspect_zip,
    too_many_entries,
    zip_damage,
)
from pipeline.storage.atomic_files import put, written
from schemas.errors import Rejected
from schemas.files import Listed, Member, SourceFile
from schemas.progress import Disposition
from schemas.reasons import Reason

_CHUNK = 256 * 1024
_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
#: Archives that are known and not opened, with libmagic's names.
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


def members(
    source: SourceFile,
    workdir: Path,
    limits: ArchiveLimits,
    *,
    have: Callable[[int, str], bool] = lambda ordinal, path: False,
    durable: bool = True,
) -> Iterator[Member | Listed]:
    """Yield each entry of `source` once: a `Member` with its bytes on disk, or `Listed`.

    Members are in `workdir/members/<ordinal>`, fsynced if `durable`; a plain file is its own one
    member and is not copied. Entries for which `have(ordinal, path)` is true are skipped. Raises
    `Rejected` if the whole upload is refused (a bomb, or nothing in it can be read), and
    `TransientError` if the disk refuses a member.
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


class _Written(msgspec.Struct, frozen=True):
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
    """One pass through an upload, which counts entries and assigns ordinals."""

    def __init__(
        self, workdir: Path, limits: ArchiveLimits, have: Callable[[int, str], bool], durable: bool
    ) -> None:
        self._folder = workdir / "members"
        self._limits, self._have, self._durable = limits, have, durable
        self._next, self._entries = 0, 0
        self._upload = ""

    def upload(self, source: SourceFile) -> Iterator[Member | Listed]:
        """Walk the outermost archive. Ordinal 0 is the archive itself, listed if it is broken."""
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
        written = self._keep(ordinal, stream)  # if it is broken, so is the archive
        self._entries += 1
        yield from self._judge(written, ordinal, path, place)

    def _zip(self, stream: BinaryIO, size: int, place: _Place) -> Iterator[Member | Listed]:
        seen = inspect_zip(stream, size, self._limits, self._entries)
        directory = zip_directory.find(stream)
        for entry in zip_directory.entries(stream, directory):
            if isinstance(entry, zip_directory.Broken):
                yield self._broken_entry(entry, place)
            else:
                yield from self._zip_entry(*entry, directory, place)
        if seen.missing:
            raise broken(f"{seen.missing} entries that the zip declares are not in it.")

    def _broken_entry(self, entry: zip_directory.Broken, place: _Place) -> Listed:
        ordinal, path = self._entry(place, shown(entry.name))
        self._count(place)
        return _rejected(path, ordinal, broken("The entry in the zip's directory is damaged."), 0)

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
            check_entry(info, directory)
            with zip_damage(), archive.open(info) as stream:
                written = self._keep(ordinal, Expanded(stream, place.gauge))
        except Over:
            raise
        except Rejected as bad:
            yield _rejected(path, ordinal, bad, info.file_size)
        else:
            yield from self._judge(written, ordinal, path, place)

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
                written = self._keep(ordinal, entry)
            except Over:
                raise
            except Rejected as bad:
                yield _rejected(path, ordinal, bad, entry.size)
            else:
                yield from self._judge(written, ordinal, path, place)

    def _aside(
        self, ordinal: int, path: str, name: str, size: int, *, is_folder: bool
    ) -> Listed | None:
        """Return an entry that is never read: a folder, litter, a name over the limit."""
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
        self, written: _Written, ordinal: int, path: str, place: _Place
    ) -> Iterator[Member | Listed]:
        """Yield a written member as a file, the members of an archive, or a rejection."""
        try:
            media_type = media_types.media_type(written.head, path, written.file)
            _refuse_other_archive(media_type)
            if written.head.startswith(b"PK") and media_type != media_types.ZIP:
                inspect_archive(written.file, self._limits)  # its reader will unpack it by itself
        except Rejected as bad:
            written.file.unlink(missing_ok=True)
            yield _rejected(path, ordinal, bad, written.size, sha256=written.sha256)
            return
        if media_type in media_types.ARCHIVES:
            try:
                yield from self._nested(written, media_type, ordinal, path, place)
            finally:
                written.file.unlink(missing_ok=True)
            return
        yield Member(
            path=path,
            ordinal=ordinal,
            file=written.file,
            size=written.size,
            sha256=written.sha256,
            media_type=media_type,
            upload=self._upload,
        )

    def _nested(
        self, written: _Written, kind: str, ordinal: int, path: str, outer: _Place
    ) -> Iterator[Member | Listed]:
        """Yield the members of an archive in an archive; if it is bad, only it is rejected."""
        place = _Place(
            name=path,
            prefix=f"{path}!/",
            gauge=Gauge(written.size, self._limits, outer.gauge),
            hashes=(*outer.hashes, written.sha256),
        )
        try:
            self._check_nesting(written.sha256, outer)
            yield from self._archive(written.file, kind, place)
        except Rejected as bad:
            beyond = isinstance(bad, Over) and bad.gauge is not place.gauge
            if beyond or bad.reason is Reason.ARCHIVE_MEMBERS:
                raise
            yield _rejected(path, ordinal, bad, written.size, kind, written.sha256)

    def _check_nesting(self, sha256: str, outer: _Place) -> None:
        if sha256 in outer.hashes:
            raise Rejected(Reason.ARCHIVE_RECURSION, "The archive contains itself.")
        if len(outer.hashes) > self._limits.depth:
            raise Rejected(
                Reason.ARCHIVE_DEPTH, f"It is nested more than {self._limits.depth} archives deep."
            )

    def _keep(self, ordinal: int, stream: Readable) -> _Written:
        """Write one member, counting and hashing it; after an error no file remains."""
        file, size, digest, head = self._folder / str(ordinal), 0, hashlib.sha256(), b""
        with written(file, durable=self._durable) as out:
            while data := stream.read(_CHUNK):
                size += len(data)
                if size > self._limits.member:
                    raise Rejected(
                        Reason.TOO_LARGE, f"The member is larger than {self._limits.member} bytes."
                    )
                digest.update(data)
                if len(head) < media_types.HEAD:
                    head += data[: media_types.HEAD - len(head)]
                put(out, data)
        return _Written(file, size, digest.hexdigest(), head)

    def _entry(self, place: _Place, name: str) -> tuple[int, str]:
        return self._ordinal(), place.prefix + name

    def _ordinal(self) -> int:
        self._next += 1
        return self._next - 1

    def _count(self, place: _Place) -> None:
        place.gauge.check_time()
        self._entries += 1
        if self._entries > self._limits.members:
            raise too_many_entries(self._limits)

    def _on_disk(self, ordinal: int) -> int:
        """Return the bytes that an earlier run wrote, which count against the limits."""
        file = self._folder / str(ordinal)
        return file.stat().st_size if file.exists() else 0


def shown(name: str | bytes) -> str:
    """Return an entry's name as text that can be stored and printed, otherwise verbatim.

    Invalid UTF-8, control characters, and the lake's mark between an archive and its member become
    escapes. Nothing is normalised.
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
