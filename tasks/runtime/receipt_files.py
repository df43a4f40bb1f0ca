"""The receipt of an import as a file beside its original, so that the folder alone tells the story.

What changes a number of a job that has ended puts it into `imports.receipts_due` in the same
transaction (triggers, sql/functions/imports.sql). The file is written after that commit: by the
worker that ends the job, else by the reconciler. So a full disk stops no job, and a crash leaves a
receipt that is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from pipeline.storage.atomic_files import put, written
from schemas.crash import crash_here
from schemas.errors import TransientError
from schemas.folders import Folders
from sql.connection import Connection
from sql.queries import queries
from tasks.runtime import steps
from tasks.runtime.context import Runtime
from tasks.runtime.dispatch import CHUNKS

_RECEIPTS = queries("receipts")
STEP = "receipts"
ENDING = ".receipt.txt"

#: How many are written in one turn of the reconciler.
_AT_ONCE = 50


def write_due(run: Runtime) -> int:
    """Write receipts that are due; return how many."""
    if run.options.receipt is None:
        return 0
    jobs = [row["job_id"] for row in run.ledger.rows("receipts", "due", n=_AT_ONCE)]
    return steps.each(run, STEP, jobs, lambda job: write(run, job))


def write_soon(run: Runtime, job_id: UUID) -> None:
    """Write the receipt of a job that has just ended; what fails is left to the reconciler."""
    with suppress(TransientError):
        steps.run_step(run, STEP, lambda: write(run, job_id), 0, subject=job_id)


def write(run: Runtime, job_id: UUID) -> int:
    """Write the receipt of one job if it is due and no other process writes it.

    Returns how many were written. Raises `TransientError` where the disk refuses it.
    """
    if run.options.receipt is None:
        return 0
    due = [row["id"] for row in run.ledger.rows("receipts", "due_of", job_id=job_id)]
    if not due:
        return 0
    # Before the transaction: it reads through connections of its own, and who waits for an
    # exclusive lock would stand between the two.
    text = run.options.receipt(run.ledger, job_id)
    with run.ledger.transaction() as connection:
        if not connection.execute(_RECEIPTS["take"], {"job_id": job_id, "ids": due}).fetchall():
            return 0
        crash_here("receipt.before_write")
        target = _place(run.folders, connection, job_id)
        if target is not None:
            with written(target) as out:
                put(out, text.encode())
        crash_here("receipt.after_write")
    return 1


def remove(folders: Folders, original: Path, job: Mapping[str, Any]) -> None:
    """Remove the receipt beside an original that leaves its place."""
    if folders.processed in original.parents:
        for path in _names(original, job["id"]):
            if _is_of(path, job["id"]):
                path.unlink()


def receipt_of(original: Path, job_id: UUID) -> Path | None:
    """Return the receipt beside an original; None if there is none of this job."""
    return next((path for path in _names(original, job_id) if _is_of(path, job_id)), None)


def _place(folders: Folders, connection: Connection, job_id: UUID) -> Path | None:
    """Return where a job's receipt goes; None where its original lies in no folder of receipts."""
    row = connection.execute(_RECEIPTS["place"], {"job_id": job_id}).fetchone()
    original = folders.data / ((row and row["archived_path"]) or "")
    if folders.processed not in original.parents or not original.is_file():
        return None
    places = {str(path.relative_to(folders.data)): path for path in _names(original, job_id)}
    asked = {"job_id": job_id, "places": [*places]}
    others = {
        row["archived_path"] for row in connection.execute(CHUNKS["archived_by_others"], asked)
    }
    free = (
        path
        for name, path in places.items()
        if name not in others and (not path.exists() or _is_of(path, job_id))
    )
    return next(free, None)


def _names(original: Path, job_id: UUID) -> tuple[Path, Path]:
    """Return the names for a receipt: the plain one, and one where another file has that."""
    short = str(job_id)[:8]
    own = original.name if original.name.startswith(f"{short}-") else f"{short}-{original.name}"
    return original.with_name(original.name + ENDING), original.with_name(own + ENDING)


def _is_of(path: Path, job_id: UUID) -> bool:
    """Tell whether a file is the receipt of this job: a dropped file may have its name."""
    try:
        with path.open("rb") as file:
            return file.readline(100).split() == [b"job", str(job_id).encode()]
    except FileNotFoundError:
        return False
