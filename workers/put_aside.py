"""Move what can't be taken in out of staging, next to a file with the reason."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pipeline.storage.atomic_files import absent, move, put, written
from schemas.crash import crash_here
from schemas.errors import (
    PermanentError,
)
from schemas.folders import Folders
from schemas.reasons import category_of
from workers import intake
from workers.embedded.unprivileged import act_as_root, pin_folder
from workers.staging import Found


def move_aside(folders: Folders, found: Found, code: str, why: str) -> None:
    """Move an item into `failed/`, after writing the file with the reason."""
    # The top folders may be links to other disks: only the owner could put one there.
    folder = folders.failed.resolve() / _folder_name(found.user)
    home = found.path.parent if found.user is not None else folders.staging.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    room = intake.room_for_names([folder])
    target = folder / intake.storable_name(found.path.name, room)
    item = f"item:    {found.state.st_ino}-{found.state.st_mtime_ns}"
    if not absent(target) and not _is_of(item, target):
        target = folder / f"{uuid4().hex[:8]}-{target.name}"
    lines = (
        f"file:    {target.name}",
        f"code:    {code} ({category_of(code)})",
        f"reason:  {why}",
        item,
        "retry:   put it into staging/<user>/ again, or: datapunk add FILE --user USER",
        "",
    )
    # The reason first: a crash in between leaves the file in staging, and it comes here again.
    reason = reason_file(target)
    with written(reason) as out:
        put(out, "\n".join(lines).encode())
    crash_here("put_aside.before_rename")
    try:
        with (
            pin_folder(home, dropped=True) as old,
            pin_folder(folder, dropped=False) as new,
            act_as_root(),
        ):
            move(old / found.path.name, new / target.name)
    except BaseException:
        with suppress(OSError):
            if absent(target):
                reason.unlink()
        raise
    crash_here("put_aside.after_rename")


def _is_of(item: str, target: Path) -> bool:
    """Tell whether `target` was left by an interrupted move of this item to another file system."""
    try:
        return item in reason_file(target).read_text().splitlines()
    except FileNotFoundError:
        return False


def reason_file(target: Path) -> Path:
    """Return the file with the reason why another is in `failed`."""
    return target.with_name(target.name + ".error.txt")


def _folder_name(user: str | None) -> str:
    """Return the folder of refused files: the user's, or the top where the name is no user's."""
    try:
        return intake.check_user(user or "")
    except PermanentError:
        return ""
