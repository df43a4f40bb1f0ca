"""Move the original of an ended job to its place, and find it there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from pipeline.storage.atomic_files import move, put, written
from schemas.folders import Folders
from schemas.reasons import category_of
from sql.connection import Connection
from tasks.ingest import malware
from tasks.runtime.dispatch import CHUNKS


def archive_paths(folders: Folders, job: Mapping[str, Any], *, well: bool) -> tuple[Path, Path]:
    """Return the places for an original: by its plain name, and by a name of this job's own."""
    folder = folders.failed / job["user_name"]
    if well:
        folder = folders.processed / job["user_name"] / f"{job['created_at']:%Y-%m-%d}"
    name = job["source_name"]
    return folder / name, folder / f"{str(job['id'])[:8]}-{name}"


def find_original(folders: Folders, connection: Connection, job_id: UUID) -> Path | None:
    """Return the original of a job: where the ledger says, or where a finish left it."""
    job = connection.execute(CHUNKS["original_of"], {"job_id": job_id}).fetchone()
    if job is None:
        return None
    if job["archived_path"] and os.path.isfile(folders.data / job["archived_path"]):  # noqa: PTH113
        return folders.data / str(job["archived_path"])
    found = find_unrecorded(folders, connection, job)
    return folders.data / found if found else None


def find_unrecorded(folders: Folders, connection: Connection, job: Mapping[str, Any]) -> str | None:
    """Return the original of a job without a recorded place, relative to the data folder."""
    rests = [archive_paths(folders, job, well=well) for well in (True, False)]
    places = [
        malware.place_of_original(folders, job["user_id"], job["id"]),
        folders.original(job["id"], job["source_name"]),
        *(own for _, own in rests),
        *(plain for plain, _ in rests),
    ]
    names = [str(place.relative_to(folders.data)) for place in places]
    asked = {"job_id": job["id"], "places": names}
    taken = {
        row["archived_path"] for row in connection.execute(CHUNKS["archived_by_others"], asked)
    }
    there = (
        name
        for place, name in zip(places, names, strict=True)
        if name not in taken and os.path.isfile(place)  # noqa: PTH113 - never raises
    )
    return next(there, None)


def archive_original(folders: Folders, job: dict[str, Any], *, well: bool) -> str | None:
    """Move the original of a job out of the work folder; a repeated call finds it there.

    Returns its path relative to the data folder; None where it was deleted.
    """
    source = folders.original(job["id"], job["source_name"])
    plain, own = archive_paths(folders, job, well=well)
    # The job's own name where the plain one is taken; a retry asks again, since the name may be
    # free.
    target = own if own.exists() or (source.exists() and plain.exists()) else plain
    if source.exists():
        # First under the job's own name: a retry recognises an interrupted copy to another disk by
        # it.
        move(source, own)
        if target != own:
            move(own, target)
    if not well:
        write_error(target, job)
    return str(target.relative_to(folders.data)) if target.exists() else None


def write_error(target: Path, job: dict[str, Any]) -> None:
    """Write an error file next to the original: what happened, and what to do next."""
    lines = (
        f"file:    {target.name}",
        f"job:     {job['id']}",
        f"ended:   {job['outcome']}",
        f"code:    {job['error_code']} ({category_of(job['error_code'])})",
        f"reason:  {job['error_detail']}",
        f"retry:   datapunk retry {job['id']}",
        "",
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with written(target.with_name(target.name + ".error.txt")) as out:
        put(out, "\n".join(lines).encode())
