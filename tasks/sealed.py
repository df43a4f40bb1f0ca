"""What the scanner found: kept apart sealed, or not at all, as the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from pipeline.seal import seal
from schemas.errors import PermanentError
from schemas.folders import Folders
from schemas.reasons import Reason
from sql.store import Claim
from tasks.context import Runtime


def keep_member(run: Runtime, claim: Claim, file: Path, ordinal: int) -> str:
    """Seal a member, if there is a key to seal it to; what became of it, for the receipt."""
    target = _place(run.folders, claim.user_id, claim.job_id, str(ordinal))
    return "sealed" if _sealed(run, file, target) else "not kept"


def keep_original(run: Runtime, claim: Claim, code: str | None) -> Path | None:
    """Seal a dropped file that is malware, and remove it unsealed; None where it stays as it is.

    A second try finds it sealed.
    """
    source = run.folders.original(claim.job_id, claim.source_name)
    target = place_of_original(run.folders, claim.user_id, claim.job_id)
    if code != Reason.MALWARE or not (target.exists() or _sealed(run, source, target)):
        return None
    source.unlink(missing_ok=True)
    return target


def refuse_sealed(folders: Folders, job: dict[str, Any]) -> None:
    """Raises `PermanentError` for a job whose original only the holder of the key can open."""
    if job["kept_as"] and folders.infected in (folders.data / job["kept_as"]).parents:
        raise PermanentError(
            "The file is sealed as malware. If you are sure that it is none, open it with your "
            "key (age --decrypt) and drop it again."
        )


def _sealed(run: Runtime, source: Path, target: Path) -> bool:
    key = run.options.infected_key
    if key is None:
        return False
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    seal(source, target, key)
    return True


def place_of_original(folders: Folders, user_id: UUID, job_id: UUID) -> Path:
    """Where the original of a job lies if it was sealed."""
    return _place(folders, user_id, job_id, "original")


def _place(folders: Folders, user_id: UUID, job_id: UUID, name: str) -> Path:
    return folders.infected / str(user_id) / f"{job_id}.{name}.age"
