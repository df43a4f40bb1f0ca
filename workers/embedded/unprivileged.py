"""Run the servers and the workers as an ordinary system user where the command runs as root.

Postgres refuses to run as root, and a process that reads untrusted bytes must not. So root chooses
or creates a system user, gives it the data folders and lets it reach the programs. Any other user
runs everything as itself. A process that must stay root (a watcher that moves files of any owner
out of staging, a command that reads a file of root's) acts as that user, and as root only within
`act_as_root`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from schemas.errors import ConfigurationError
from schemas.folders import Folders
from workers.settings import Settings

USER = "datapunk-db"
_ROOMS = ("schemas", "pipeline", "sql", "tasks", "workers", "celeryconfig.py")


def system_user(settings: Settings) -> pwd.struct_passwd | None:
    """Return the system user for the embedded servers, or None if this is not root.

    An existing database keeps its owner. Raises `ConfigurationError` if there is no such user.
    """
    if os.getuid() != 0:
        return None
    if settings.system_user:
        return _named(settings.system_user)
    if settings.folders.postgres.exists() and (uid := settings.folders.postgres.stat().st_uid) != 0:
        return _numbered(uid)
    return lake_user(settings) or _found(USER) or _new_user(USER) or _named("nobody")


def lake_user(settings: Settings) -> pwd.struct_passwd | None:
    """Return the owner of the lake's files, if this is root and they are not root's own."""
    if os.getuid() != 0 or not settings.folders.work.exists():
        return None
    state = settings.folders.work.stat()
    if state.st_uid == 0:
        return None
    try:
        return pwd.getpwuid(state.st_uid)
    except KeyError:  # of another machine, on a shared disk
        name = str(state.st_uid)
        return pwd.struct_passwd((name, "x", state.st_uid, state.st_gid, "", "/", ""))


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


def _new_user(name: str) -> pwd.struct_passwd | None:
    """Return a new system user without home or shell; None where this system can't make one."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd:
        command = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", name], check=False, capture_output=True
        )
    return _found(name)  # also where another process was quicker


def hand_over(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make a folder of mode 0700 that belongs to `user`, else to this process's user."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user is None or folder.stat().st_uid == user.pw_uid:
        return
    try:
        os.chown(folder, user.pw_uid, user.pw_gid)
    except OSError as error:
        raise _not_given(folder, user, error) from None


def hand_over_all(top: Path, user: pwd.struct_passwd) -> None:
    """Give a folder with everything in it to `user`, the folder itself last.

    A folder that belongs to the user counts as given. A file with another name outside the folder
    that is not root's keeps its owner.
    """
    top = top.resolve()
    if top.stat().st_uid == user.pw_uid:
        return
    if any(top.iterdir()):
        print(f"datapunk: give {top} to {user.pw_name} (chown -R)", file=sys.stderr)
    try:
        for _, folders, files, handle in os.fwalk(top, topdown=False):
            for name in (*folders, *files):
                _hand_over(name, handle, user)
        hand_over(top, user)
    except OSError as error:
        raise _not_given(top, user, error) from None


def _hand_over(name: str, folder: int, user: pwd.struct_passwd) -> None:
    state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind = stat.S_IFMT(state.st_mode)
    shared = kind != stat.S_IFDIR and state.st_nlink > 1 and state.st_uid != 0
    if state.st_uid == user.pw_uid or shared:
        return
    os.chown(name, user.pw_uid, user.pw_gid, dir_fd=folder, follow_symlinks=False)
    needed = {stat.S_IFDIR: stat.S_IRWXU, stat.S_IFREG: stat.S_IRUSR | stat.S_IWUSR}.get(kind, 0)
    if needed & ~state.st_mode:
        os.chmod(name, stat.S_IMODE(state.st_mode) | needed, dir_fd=folder)


def _not_given(folder: Path, user: pwd.struct_passwd, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{folder} can't be given to {user.pw_name} ({error.strerror}); "
        "put DATAPUNK_DATA_DIR on a disk with owners, or don't run as root"
    )


def let_run(settings: Settings, user: pwd.struct_passwd) -> None:
    """Let `user` run this Python with these packages, and read what the settings name; print it.

    Raises `ConfigurationError` for the key of a policy, which is never opened to others.
    """
    rooms = [Path(__file__).parents[2] / name for name in _ROOMS]
    lib = Path(sysconfig.get_path("purelib"))
    for path in (Path(sys.executable), Path(sys.base_prefix), lib, lib / "any"):
        let_through(path, user)
    for path in (*rooms, *_installed(user), *_named_files(settings)):
        let_through(path, user)
        let_read(path, user)
    key = settings.privacy_key_file
    if key is not None and key.is_file():
        let_through(key, user)
        if _missing(key.stat(), user, stat.S_IROTH):
            raise ConfigurationError(
                f"{key} can't be read by {user.pw_name}, who runs the workers; "
                f"run: chown {user.pw_name} {key}"
            )


def _installed(user: pwd.struct_passwd) -> Iterator[Path]:
    """Yield installed packages that are closed to `user`.

    Their first level shows it: a package that was installed for root only is closed there.
    """
    for folder in {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}:
        for path in Path(folder).iterdir():
            if not path.is_symlink() and _unreadable(path, user):
                yield path


def _named_files(settings: Settings) -> Iterator[Path]:
    """Yield the files that the settings name for workers, and the models' files."""
    models = [settings.embed_model, *(settings.privacy_models or {}).values()]
    paths = [settings.privacy_policy, *(Path(model) for model in models if model), model_cache()]
    yield from (path for path in paths if path is not None and path.is_absolute() and path.exists())


def model_cache() -> Path:
    """Return the Hugging Face cache of the user that runs this."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def let_through(path: Path, user: pwd.struct_passwd | None) -> None:
    """Let `user` pass the folders above `path`, by the one missing bit on each; print it."""
    if user is None:
        return
    for folder in dict.fromkeys([*reversed(path.parents), *reversed(path.resolve().parents)]):
        if bit := _missing(folder.stat(), user, stat.S_IXOTH):
            _add(folder, bit)
            print(
                f"datapunk: let {user.pw_name} pass through {folder} (chmod o+x)", file=sys.stderr
            )


def let_read(top: Path, user: pwd.struct_passwd | None) -> None:
    """Let `user` read and run a tree of programs that was installed for root only."""
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
    """Return which of the bits in `wanted` the user lacks.

    They are shifted to the class (owner, group or others) that Unix checks for this user.
    """
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


def become(user: pwd.struct_passwd | None, *, also: int | None = None) -> None:
    """Give up root permanently, in this process; do nothing without a user.

    `also` is a group that the process stays in besides the user's own.
    """
    if user is not None:
        groups = [] if also is None else [also]
        os.setgroups([*os.getgrouplist(user.pw_name, user.pw_gid), *groups])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


def lower(settings: Settings, user: pwd.struct_passwd | None, *, socket: Path | None) -> None:
    """Call `become` for a worker, with a home and models that it can read.

    It stays in the group of clamd's socket if only that group has access.
    """
    if user is None:
        return
    os.environ["HF_HUB_CACHE"] = str(model_cache())
    os.environ["HOME"] = str(Folders(settings.data_dir).models)
    state = socket.stat() if socket is not None and socket.exists() else None
    closed = state is not None and _missing(state, user, stat.S_IWOTH)
    become(user, also=state.st_gid if state is not None and closed else None)


class _Here(threading.local):
    """The user that this thread acts as for files, and whether it is root again for a moment."""

    user: pwd.struct_passwd | None = None
    as_root: bool = False


_here = _Here()


def _files_as(uid: int, gid: int) -> None:
    """Make the kernel treat this thread as a user for file access; root alone may."""
    try:
        libc = ctypes.CDLL(None)
        libc.setfsgid(gid)
        libc.setfsuid(uid)
    except AttributeError:  # not Linux: the whole process, then
        os.seteuid(0)
        os.setegid(gid)
        os.seteuid(uid)


@contextmanager
def act_as(user: pwd.struct_passwd | None) -> Iterator[None]:
    """Act as the user for files and folders, so that new files are theirs.

    Without a user, or while acting as one already, nothing changes. It applies to this thread
    alone.
    """
    if user is None or _here.user is not None:
        yield
        return
    _here.user = user
    _files_as(user.pw_uid, user.pw_gid)
    try:
        yield
    finally:
        _files_as(0, os.getgid())
        _here.user = None


@contextmanager
def act_as_root() -> Iterator[None]:
    """Be root again for files and folders, while root acts as a user; else do nothing."""
    user = _here.user
    if user is None or _here.as_root:
        yield
        return
    _here.as_root = True
    _files_as(0, os.getgid())
    try:
        yield
    finally:
        _files_as(user.pw_uid, user.pw_gid)
        _here.as_root = False


def become_acting_user() -> None:
    """Become permanently the user that this thread acts as.

    For a child that reads untrusted bytes.
    """
    become(_here.user)


def give(file: BinaryIO) -> None:
    """Give an open file to the user that this thread acts as, closed to all others."""
    if _here.user is not None:
        with act_as_root():
            os.fchown(file.fileno(), _here.user.pw_uid, _here.user.pw_gid)
            os.fchmod(file.fileno(), 0o600)


@contextmanager
def pin_folder(folder: Path, *, dropped: bool) -> Iterator[Path]:
    """Yield a path to the folder that exists now, even if another replaces it meanwhile.

    The path leads through no link, so root can work in a folder that a user may change. Root opens
    a folder that users `dropped`. Any other must belong to the user that this thread acts as.
    Raises `PermissionError` if it does not.
    """
    user = _here.user
    if user is None:
        yield folder
        return
    with act_as_root() if dropped else nullcontext():
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not dropped and os.fstat(handle).st_uid != user.pw_uid:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
