"""Make the folders of a lake, for the user that works in them."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from schemas.errors import ConfigurationError
from schemas.folders import Folders
from workers.embedded.unprivileged import (
    hand_over,
    hand_over_all,
    let_run,
    let_through,
    system_user,
)
from workers.settings import Settings


def prepare_folders(settings: Settings) -> None:
    """Make the data folder and its folders, closed to others except for passing through.

    Raises `ConfigurationError` where the folder can't be made or written.
    """
    passable = 0o711 if os.getuid() == 0 else 0o700  # the servers' user passes, and reads nothing
    private = [
        settings.folders.staging,
        settings.folders.processed,
        settings.folders.failed,
        settings.folders.work,
    ]
    private += [settings.folders.all_blobs, settings.folders.logs]
    try:
        for folder in (settings.data_dir, settings.folders.run):
            _make(folder, passable)
        for folder in private:
            _make(folder, 0o700)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} can't be made: {error.strerror}; set DATAPUNK_DATA_DIR"
        ) from None
    if not os.access(settings.data_dir, os.W_OK):
        raise ConfigurationError(f"{settings.data_dir} can't be written; set DATAPUNK_DATA_DIR")
    if settings.embeds_postgres or settings.embeds_broker:
        _prepare_sockets(settings, passable)


def prepare_lake(settings: Settings) -> pwd.struct_passwd | None:
    """Give the lake's files to the user that works on them, if this is root; return that user.

    This happens once. Staging stays root's, as do the logs and the files in `run`. Raises
    `ConfigurationError` where the user can't reach the lake, or the programs.
    """
    prepare_folders(settings)
    user = system_user(settings)
    if user is None:
        return None
    folders = Folders(settings.data_dir)
    own = [
        settings.folders.processed,
        settings.folders.failed,
        settings.folders.all_blobs,
        folders.infected,
        folders.models,
    ]
    for folder in [*own, settings.folders.work]:  # the last marks that all are given
        _make(folder, 0o700)
        let_through(folder, user)
        hand_over_all(folder, user)
    let_run(settings, user)
    return user


def _make(folder: Path, mode: int) -> None:
    """Make a folder with this mode regardless of the umask; an existing one keeps its own."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(mode)


def _prepare_sockets(settings: Settings, mode: int) -> None:
    """Make the sockets' folders. A folder in a public place must be this user's alone."""
    folder = settings.socket_dir
    if folder != settings.folders.run:
        _make(folder, mode)
        state = folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
            raise ConfigurationError(f"{folder} is not ours alone; remove it, or ask who made it")
        publish(settings.socket_record, f"{folder}\n")
    user = system_user(settings)
    for place in (settings.folders.run / "postgresql.conf", settings.server_socket_dir):
        let_through(place, user)
    hand_over(settings.server_socket_dir, user)


def refuse_foreign(folder: Path) -> None:
    """Refuse a server's folder that another user owns, unless this is root."""
    if os.getuid() != 0 and folder.exists() and (uid := folder.stat().st_uid) != os.getuid():
        raise ConfigurationError(f"{folder} belongs to user {uid}; go on as that user, or as root")


def publish(path: Path, text: str) -> None:
    """Write a file that the servers' user can read regardless of the umask."""
    path.write_text(text)
    path.chmod(0o644)
