"""A disk without room: said to one process at a chosen write, or a real small one filled up."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.storm import worker

_ROOT = Path(__file__).parents[2]
_ROOMS = tuple(str(_ROOT / room) for room in ("schemas", "pipeline", "sql", "tasks", "workers"))
#: The one write path, and that of spools: who called them says what is written.
_PATHS = tuple(
    str(_ROOT / "pipeline" / "storage" / name) for name in ("atomic_files.py", "spool_file.py")
)


class FullDisk:
    """Answers "no space left" to this process, from the first pass of a named write until freed,
    one name after another.

    A name is our function that writes and what it asks of the system: `spool.write:open`. The
    names that are passed are gathered. Only what is of that kind fails from then
    on, since on a full disk a rename may well go where a write does not. Every write takes half of
    what it is given, as one does that fills a disk up.
    """

    def __init__(self, at: Sequence[str]) -> None:
        self.waiting = list(at)
        self._fails: str | None = None
        self.names: list[str] = []

    @property
    def full(self) -> bool:
        """Whether it is full now."""
        return self._fails is not None

    def install(self) -> None:
        """Stand between this process and its disk, for good."""
        for name in ("mkdir", "rename", "replace", "fsync"):
            setattr(os, name, self._asked(name, getattr(os, name)))
        opened = Path.open

        def open_(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if mode != "wb":  # what is written, is written as bytes
                return opened(path, mode, *args, **kwargs)
            self.ask("open")
            return _Stream(self, path)

        Path.open = open_  # type: ignore[method-assign,assignment]

    def free(self) -> None:
        """Room again, until the next name."""
        self.waiting = self.waiting[1:]
        self._fails = None

    def ask(self, operation: str) -> None:
        """Raises `OSError` where there is no room."""
        name = f"{_writer()}:{operation}"
        if name not in self.names:
            self.names.append(name)
        if self._fails is None and self.waiting[:1] == [name]:
            self._fails = operation
        if self._fails == operation:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _asked(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **kwargs: Any) -> Any:
            self.ask(name)
            return call(*args, **kwargs)

        return asked


class _Stream(io.FileIO):
    def __init__(self, disk: FullDisk, path: Path) -> None:
        super().__init__(path, "wb")
        self._disk = disk

    def write(self, data: Any) -> int:
        if data:
            self._disk.ask("write")
        return super().write(data[: len(data) // 2 or None])


def _writer() -> str:
    """The function of this project that is nearest to the disk."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if file.startswith(_ROOMS) and file not in _PATHS:
            return f"{Path(file).stem}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "?"


class SmallDisk:
    """A disk for a site's files that can be filled up: a tmpfs, or a word to its processes."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self._filler = folder / "filler"
        self._mounted = mounted

    @property
    def environment(self) -> dict[str, str]:
        """What tells `tests.storm.worker` where to look, if nothing is mounted."""
        return {} if self._mounted else {worker.FULL: str(self._filler)}

    def fill(self) -> None:
        """Take all that is left of it."""
        with self._filler.open("wb", buffering=0) as out:
            while self._mounted:
                try:
                    out.write(bytes(1024 * _PAGE))
                except OSError:
                    return

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


def unmount(top: Path) -> None:
    """Let go of the disk under `top`; a process that still uses it loses it then."""
    subprocess.run(["umount", "--lazy", str(top / "disk")], check=False, capture_output=True)


_PAGE = 4096


def may_mount() -> bool:
    """Whether this user may mount a tmpfs in a mount namespace of its own."""
    mount = [*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(mount, capture_output=True, check=False, timeout=10).returncode == 0
    except OSError:
        return False


#: What is mounted there goes with the last process that is in it, however that ends.
IN_A_NAMESPACE = ("unshare", "--mount", "--propagation", "private")


def small_disk(top: Path, data: Path, megabytes: int, *, mounted: bool) -> SmallDisk:
    """A small disk for the files of the lake that will lie in `data`, but not for its servers'."""
    folder = top / "disk"
    folder.mkdir()
    if mounted:
        options = f"size={megabytes}m,mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    data.mkdir(0o711)
    # A killed server keeps what it wrote; and other programs may use the disk.
    (data / "postgresql.local.conf").write_text("fsync = off\nfull_page_writes = off\n")
    for name in ("staging", ".work", "processed", "failed", "blobs"):
        (folder / name).mkdir(0o700)
        (data / name).symlink_to(folder / name)
    return SmallDisk(folder, mounted=mounted)
