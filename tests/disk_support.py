"""A disk without room: said to one process at a chosen write, or a real small one filled up."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_ROOMS = tuple(str(_ROOT / room) for room in ("schemas", "pipeline", "sql", "tasks", "workers"))
#: The one write path, and that of spools: who called them says what is written.
_PATHS = tuple(str(_ROOT / "pipeline" / name) for name in ("durable.py", "spool.py"))


class FullDisk:
    """Answers "no space left" to this process, from the first pass of a named write until freed.

    A name is our function that writes and what it asks of the system: `spool.write:open`. With
    None nothing happens, and the names are gathered. Only what is of that kind fails from then
    on, since on a full disk a rename may well go where a write does not. Every write takes half of
    what it is given, as one does that fills a disk up.
    """

    def __init__(self, at: str | None) -> None:
        self._at = at
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
        """Room again, for good."""
        self._at = self._fails = None

    def ask(self, operation: str) -> None:
        """Raises `OSError` where there is no room."""
        name = f"{_writer()}:{operation}"
        if name not in self.names:
            self.names.append(name)
        if name == self._at and self._fails is None:
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
    """The function of ours that is nearest to the disk."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if file.startswith(_ROOMS) and file not in _PATHS:
            return f"{Path(file).stem}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "?"
