"""Running the embedded servers as an ordinary system user when we are root.

Postgres refuses to run as root. So root picks or makes a system user, hands it the servers' data
folders and lets it through to the servers' programs; everybody else just is that user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import ConfigurationError
from workers.settings import Settings

USER = "datapunk-db"


def server_user(settings: Settings) -> pwd.struct_passwd | None:
    """The system user for the embedded servers, or None where we are not root.

    An existing database keeps its owner. Raises `ConfigurationError` if there is no such user.
    """
    if os.getuid() != 0:
        return None
    if settings.system_user:
        return _named(settings.system_user)
    if settings.postgres_dir.exists() and (uid := settings.postgres_dir.stat().st_uid) != 0:
        return _numbered(uid)
    return _found(USER) or _made(USER) or _named("nobody")


def _found(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _named(name: str) -> pwd.struct_passwd:
    user = _found(name)
    if user is None or user.pw_uid == 0:
        raise ConfigurationError(
            f"the servers need a system user other than root, and {name} is none; "
            "name one in DATAPUNK_SYSTEM_USER"
        )
    return user


def _numbered(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise ConfigurationError(
            f"the database belongs to user {uid}, who is unknown on this machine; "
            "give the postgres and valkey folders to a system user, or make that user"
        ) from None


def _made(name: str) -> pwd.struct_passwd | None:
    """A new system user without home or shell; None where this system can't make one."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd:
        command = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", name], check=False, capture_output=True
        )
    return _found(name)  # also where another process was quicker


def hand_over(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make a folder of mode 0700 that belongs to `user`, else to us."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user is None or folder.stat().st_uid == user.pw_uid:
        return
    try:
        os.chown(folder, user.pw_uid, user.pw_gid)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} can't be given to {user.pw_name} ({error.strerror}); "
            "put DATAPUNK_DATA_DIR on a disk with owners, or don't run as root"
        ) from None


def let_through(path: Path, user: pwd.struct_passwd | None) -> None:
    """Let `user` pass the folders above `path`: the one missing bit on each that blocks, aloud."""
    if user is None:
        return
    for folder in dict.fromkeys([*reversed(path.parents), *reversed(path.resolve().parents)]):
        if bit := _missing(folder.stat(), user, stat.S_IXOTH):
            _add(folder, bit)
            print(
                f"datapunk: let {user.pw_name} pass through {folder} (chmod o+x)", file=sys.stderr
            )


def let_read(top: Path, user: pwd.struct_passwd | None) -> None:
    """Let `user` read and run a tree of programs that was installed for root's eyes only."""
    if user is None or not any(_unreadable(path, user) for path in _tree(top)):
        return
    for path in _tree(top):
        if bits := _unreadable(path, user):
            _add(path, bits)
    print(f"datapunk: let {user.pw_name} read {top} (chmod o+rX)", file=sys.stderr)


def _tree(top: Path) -> Iterator[Path]:
    yield top
    if top.is_dir():
        yield from (path for path in top.rglob("*") if not path.is_symlink())


def _unreadable(path: Path, user: pwd.struct_passwd) -> int:
    state = path.stat()
    wanted = stat.S_IROTH
    if stat.S_ISDIR(state.st_mode) or state.st_mode & stat.S_IXUSR:
        wanted |= stat.S_IXOTH
    return _missing(state, user, wanted)


def _missing(state: os.stat_result, user: pwd.struct_passwd, wanted: int) -> int:
    """Which of the bits for others in `wanted` the user lacks; the bits of the class (owner,
    group or others) that Unix looks at for this user."""
    if state.st_uid == user.pw_uid:
        wanted <<= 6
    elif state.st_gid in os.getgrouplist(user.pw_name, user.pw_gid):
        wanted <<= 3
    return wanted & ~state.st_mode


def _add(path: Path, bits: int) -> None:
    try:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | bits)
    except OSError as error:
        raise ConfigurationError(
            f"{path} is closed to the servers' system user and can't be opened "
            f"({error.strerror}); run: chmod o+x {path}"
        ) from None


def become(user: pwd.struct_passwd | None) -> None:
    """Give up root for good, in this process; nothing happens where there is no such user."""
    if user is not None:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
