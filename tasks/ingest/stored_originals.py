"""Read stored data again: members from an archived original, items from quarantined bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.archives import unpack
from pipeline.storage.atomic_files import put
from schemas.files import Listed, Member, Slice, SourceFile
from schemas.lease import ChunkRef, Lease
from tasks.runtime.context import Runtime


def source_of(run: Runtime, job: Mapping[str, Any]) -> SourceFile:
    """Return the original of a job (a row with its names, size and digest) at its present path."""
    path = run.folders.original(job["id"], job["source_name"])
    if job["archived_path"]:
        path = run.folders.data / job["archived_path"]
    return SourceFile(
        path=path,
        name=job["source_name"],
        size=job["size_bytes"],
        sha256=job["sha256"],
        media_type=job["media_type"],
    )


def of_lease(run: Runtime, lease: Lease) -> SourceFile:
    """Return the original of the open job that a chunk belongs to, in the work folder."""
    path = run.folders.original(lease.ref.job_id, lease.source_name)
    return SourceFile(
        path=path,
        name=lease.source_name,
        size=path.stat().st_size,
        sha256=lease.sha256 or "",
        media_type=lease.media_type or "",
    )


def entries(run: Runtime, job: Mapping[str, Any], work: Path) -> Iterator[Member | Listed]:
    """Yield the members of a job's original, each until the next is asked for.

    Their bytes lie in `work/members`, and texts made from them may lie in `work/text`. Raises
    `Rejected` and `FileNotFoundError` where the original can't be read again.
    """
    source = source_of(run, job)
    for entry in unpack.members(source, work, run.options.archive, durable=False):
        yield entry
        for folder in ("members", "text"):
            (work / folder / str(entry.ordinal)).unlink(missing_ok=True)


def with_bytes(
    row: Mapping[str, Any], part: Slice, raw: bytes, target: Path, *, by_hand: bool
) -> tuple[Member, Slice]:
    """Return a member (`row` of the ledger) that holds `raw` at the place of an item.

    Also returns the item's slice in it. `by_hand` says that a user put the bytes there, which may
    be of another length.
    """
    whole = (part.start, part.end) == (0, row["size_bytes"])
    with target.open("wb") as out:
        out.seek(part.start)  # a hole, which takes no room: offsets stay the same
        put(out, raw)
        if by_hand or part.end != row["size_bytes"]:
            # The next byte of the member: readers take an item at the very end for cut off.
            put(out, b"" if whole else b"\n")
    member = Member(
        path=row["path"],
        ordinal=row["ordinal"],
        file=target,
        size=len(raw) if whole else row["size_bytes"],
        sha256=sha256(raw).hexdigest() if whole else row["sha256"],
        media_type=row["media_type"],
        encoding=row["encoding"],
    )
    return member, Slice(part.start, part.start + len(raw))


def place_of(locator: str) -> Slice:
    """Return the byte range that a quarantined record's locator names."""
    start, end = locator.removeprefix("bytes ").split("-")
    return Slice(int(start), int(end))


def ref_of(
    row: Mapping[str, Any], chunk: int, slices: Sequence[tuple[int, int, int]] = ()
) -> ChunkRef:
    """Return the ids for the rows of a chunk that is done.

    `row` has `job_id`, `user_id`, `format`, `embed` and the job's `zone`.
    """
    return ChunkRef(
        id=chunk,
        job_id=row["job_id"],
        user_id=row["user_id"],
        format=row["format"],
        embed=row["embed"],
        slices=list(slices),
        zone=row["zone"],
    )
