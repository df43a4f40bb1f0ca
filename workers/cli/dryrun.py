"""Find out what an import of a file would do, without any service.

The pure stages run in a temporary folder.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from pipeline.archives import unpack, zip_checks
from pipeline.archives.measure import measure, media_type
from pipeline.normalise import ReadContext
from pipeline.quality import key_of, occurrence_key
from pipeline.read import read_records
from schemas.files import Listed, Member, SourceFile
from schemas.progress import Disposition
from schemas.records import Record, Rejection
from tasks.ingest import members
from tasks.operations.occurrences import Occurrences, occurrences
from tasks.runtime.context import Options


class DryFile(msgspec.Struct, kw_only=True):
    """One member: its disposition, and how many records it would give."""

    path: str
    disposition: Disposition
    reason: str | None = None
    detail: str = ""
    format: str | None = None
    seen: int = 0
    duplicate: int = 0
    quarantined: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def quarantined_records(self) -> int:
        """How many of its records would go to quarantine."""
        return sum(self.quarantined.values())


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What an import of the file would do, without what the lake and the scanner know."""

    file: str
    size_bytes: int
    sha256: str
    media_type: str
    seen: int
    duplicate: int
    quarantined: int
    files: list[DryFile]


def dry_run(path: Path, options: Options) -> DryRun:
    """Read one file through. Raises `Rejected` where the whole of it would be refused."""
    size, sha256 = measure(path, limit=options.max_upload_bytes)
    with path.open("rb") as stream:
        kind = media_type(stream.read(members.HEAD), path.name, path)
    zip_checks.inspect_archive(path, options.archive)
    source = SourceFile(path=path, name=path.name, size=size, sha256=sha256, media_type=kind)
    with TemporaryDirectory(prefix="datapunk-") as work:
        files = _walk(source, Path(work), options)
    return DryRun(
        file=path.name,
        size_bytes=size,
        sha256=sha256,
        media_type=kind,
        seen=sum(f.seen for f in files),
        duplicate=sum(f.duplicate for f in files),
        quarantined=sum(f.quarantined_records for f in files),
        files=files,
    )


def _walk(source: SourceFile, work: Path, options: Options) -> list[DryFile]:
    files = []
    with occurrences(work, "keys") as keys, occurrences(work, "repeats") as repeats:
        seen = _Seen(keys, repeats)
        for entry in unpack.members(source, work, options.archive, durable=False):
            files.append(_look_at(entry, work / "members", seen, options))
            (work / "members" / str(entry.ordinal)).unlink(missing_ok=True)
    return files


class _Seen(NamedTuple):
    """The keys of all records so far, and of those of one file without their numbers."""

    keys: Occurrences
    repeats: Occurrences


def _look_at(entry: Member | Listed, work: Path, seen: _Seen, options: Options) -> DryFile:
    found = members.prepare(entry, work) if isinstance(entry, Member) else entry
    if isinstance(found, Listed):
        return DryFile(
            path=found.path,
            disposition=found.disposition,
            reason=found.reason,
            detail=found.detail,
        )
    file = DryFile(path=found.member.path, disposition=Disposition.HANDLED, format=found.form.name)
    _count(file, found, seen, options)
    return file


def _count(file: DryFile, found: members.Readable, seen: _Seen, options: Options) -> None:
    reader = found.form.reader
    reading = ReadContext(form=found.form, member=found.member, context=found.context)
    seen.repeats.clear()
    with found.member.file.open("rb") as stream, found.member.file.open("rb") as again:
        for part in reader.slices(stream, found.context, options.slices):
            for _, _, outcome in read_records(reading, again, part):
                file.seen += 1
                if isinstance(outcome, Rejection):
                    code = str(outcome.reason)
                    file.quarantined[code] = file.quarantined.get(code, 0) + 1
                    continue
                key = key_of(outcome)
                if found.form.repeats and isinstance(outcome, Record):
                    key = occurrence_key(key, seen.repeats.number(key))
                file.duplicate += seen.keys.number(key) > 1
