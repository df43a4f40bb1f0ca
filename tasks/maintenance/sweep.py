"""Remove work folders that no open job needs, and files that a crash left."""

from __future__ import annotations

import filecmp
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from pipeline.storage.atomic_files import locked, move
from schemas.folders import Folders
from schemas.progress import RESUMABLE, JobStatus
from sql.connection import Connection
from tasks.ingest.archived_originals import archive_original, write_error
from tasks.runtime import dispatch, steps, temp_dirs
from tasks.runtime.context import Runtime

#: A file or folder not written to for this long was left by a crash.
_LEFT_S = 3600.0


def sweep(run: Runtime) -> int:
    """Remove work folders that no open job needs, and half-written files; return how many.

    A failed or cancelled job keeps its folder for `retry`. An error is noted for its folder alone.
    """
    folders, work = run.folders, run.folders.work
    steps.run_step(run, "forgotten", lambda: steps.forget_old(run), None)
    removed = steps.each(
        run, "scratch", temp_dirs.existing(work), lambda it: temp_dirs.remove(work / it)
    )
    jobs = [folder.name for folder in work.glob("*-*-*-*-*")]
    removed += steps.each(run, "cleared", jobs, lambda job: remove_work_folder(run, work / job))
    depths = {"processed": "*/*", "failed": "*", "infected": "*", "blobs": "*/*"}

    def sweep_place(name: str) -> int:
        return _sweep_parts((folders.data / name).glob(f"{depths[name]}/.*.part"))

    return removed + steps.each(run, "swept", depths, sweep_place)


def remove_work_folder(run: Runtime, folder: Path) -> bool:
    """Remove an ended job's work folder, its row locked; return whether it was removed."""
    try:
        job_id = UUID(folder.name)
    except ValueError:  # not a job's folder
        return False
    with run.ledger.transaction() as connection:
        job = connection.execute(dispatch.CHUNKS["lock_ended"], {"job_id": job_id}).fetchone()
        if job is None:
            return _sweep_nobodys(run, folder)
        if not _take_back(run.folders, connection, job) or job["status"] in RESUMABLE:
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True


def _take_back(folders: Folders, connection: Connection, job: dict[str, Any]) -> bool:
    """Move the original where it belongs; return False if another file took its place.

    An interrupted retry, or a job that ended without its finish, left it in the work folder.
    """
    original = folders.original(job["id"], job["source_name"])
    if not original.exists():
        return True
    archived = folders.data / (job["archived_path"] or "")
    if not job["archived_path"] or archived == original:
        well = job["status"] in (JobStatus.DONE, JobStatus.DUPLICATE)
        place = {"job_id": job["id"], "archived_path": archive_original(folders, job, well=well)}
        connection.execute(dispatch.CHUNKS["record_archived_path"], place)
    elif not archived.exists():
        move(original, archived)
        write_error(archived, job)
    elif not archived.is_file() or not filecmp.cmp(original, archived, shallow=False):
        return False
    return True


def _sweep_nobodys(run: Runtime, folder: Path) -> bool:
    """Remove the folder of a lease without a note; `intake.recover` has the others.

    The folder is locked meanwhile, since it may only look old because of a wrong clock.
    """
    if not _is_old(folder) or run.ledger.rows("jobs", "one_job", prefix=folder.name):
        return False
    with suppress(BlockingIOError, FileNotFoundError), locked(folder, wait=False):
        if (folder / "claim.json").exists() or list((folder / "original").glob("[!.]*")):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    return False


def _is_old(path: Path) -> bool:
    """Tell whether a path was left by a crash; False where another process removed it meanwhile."""
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > _LEFT_S
    return False


def _sweep_parts(parts: Iterable[Path]) -> int:
    """Remove left temporary files; return how many. The first error is raised at the end."""
    removed, errors = 0, []
    for part in parts:
        try:
            removed += _sweep_part(part)
        except OSError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return removed


def _sweep_part(part: Path) -> bool:
    """Remove a temporary file that was left by a crash; return whether it was removed."""
    with suppress(FileNotFoundError):
        if _is_old(part):
            part.unlink()
            return True
    return False
