"""Unpack members that were deleted from the work folder again, from the job's original."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from pipeline.archives import unpack
from pipeline.registry import format_named
from pipeline.storage.atomic_files import locked
from pipeline.text.charset_labels import UTF_8
from schemas.crash import crash_here
from schemas.files import Member
from schemas.lease import Lease
from tasks.ingest import members, stored_originals
from tasks.runtime.context import Runtime

log = structlog.get_logger("datapunk.restore")


def restore(run: Runtime, lease: Lease, files: Sequence[Mapping[str, Any]]) -> None:
    """Make sure that the bytes of a chunk's files exist; `files` are their rows of the ledger.

    Missing members are unpacked for the whole job at once. Raises `FileNotFoundError` where the
    original is gone too.
    """
    if not any(_is_missing(run, lease, row) for row in files):
        return
    folder = run.folders.job(lease.ref.job_id)
    with locked(folder):  # one of several chunks that miss their files restores them
        rows = run.lake.rows(lease.ref.user_id, "jobs", "handled_files", job_id=lease.ref.job_id)
        missing = {row["ordinal"]: row["sha256"] for row in rows if _is_missing(run, lease, row)}
        if missing:
            log.warning("members are gone; unpacking them again", members=len(missing))
            _unpack(run, lease, folder / "again", missing)


def _is_missing(run: Runtime, lease: Lease, row: Mapping[str, Any]) -> bool:
    """Tell whether a member is missing.

    A plain file is copied only if it was rewritten in UTF-8.
    """
    if (run.folders.members(lease.ref.job_id) / str(row["ordinal"])).exists():
        return False
    if row["ordinal"] != 0:
        return True
    form = format_named(row["format"])
    return row["encoding"] not in (None, UTF_8) and form.reader.wants_utf8


def _unpack(run: Runtime, lease: Lease, aside: Path, missing: Mapping[int, str]) -> None:
    """Unpack members aside and then move them, so that a member is whole or absent."""
    source = stored_originals.of_lease(run, lease)
    place = run.folders.members(lease.ref.job_id)
    place.mkdir(parents=True, exist_ok=True)
    try:
        for entry in unpack.members(
            source,
            aside,
            run.options.archive,
            have=lambda ordinal, _path: ordinal not in missing,
            durable=False,
        ):
            if isinstance(entry, Member) and missing.get(entry.ordinal) == entry.sha256:
                found = members.prepare(entry, aside / "members")
                unpacked = found.member.file if isinstance(found, members.Readable) else entry.file
                if unpacked != source.path:
                    crash_here("restore.before_rename")
                    unpacked.replace(place / str(entry.ordinal))
                    crash_here("restore.after_rename")
    finally:
        shutil.rmtree(aside, ignore_errors=True)
