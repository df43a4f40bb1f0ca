"""A watcher without a database, and a file system that refuses what it is told to refuse."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import TransientError
from schemas.folders import Folders
from tasks.runtime.context import Options
from workers import intake, passed_over, watching
from workers.watcher import Watcher

#: What a file system may answer to anything.
ERRORS = (
    errno.ENAMETOOLONG, errno.EXDEV, errno.EACCES, errno.EIO, errno.EROFS, errno.ENOSPC,
    errno.ESTALE, errno.EPERM, errno.EBUSY,
)  # fmt: skip


class MemoryLedger:
    """What the watcher asks of the ledger, kept in memory."""

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}
        """The names of the jobs' files by job."""
        self.down = False
        self._user = UUID(int=1)

    def rows(self, *what: str, **values: Any) -> list[dict[str, Any]]:
        """Answer `user_id` and `one_job`."""
        self._check()
        known = what[1] == "one_job" and values["prefix"] in self.jobs
        return [{"id": values["prefix"]}] if known else []

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A connection that only knows `jobs`."""
        self._check()
        yield self

    def execute(self, _: str, values: dict[str, Any]) -> Any:
        """Note a job once."""
        row: dict[str, Any] | None = {"user_id": self._user}
        if "source_name" in values:
            new = str(values["job_id"]) not in self.jobs
            self.jobs[str(values["job_id"])] = values["source_name"]
            row = row if new else None
        return SimpleNamespace(fetchone=lambda: row)

    def _check(self) -> None:
        if self.down:
            raise TransientError("down")


class Clock:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A data folder with a watcher on it, and what may be asked of both."""

    def __init__(self, top: Path, patch: pytest.MonkeyPatch) -> None:
        self.folders, self.ledger, self.clock = Folders(top), MemoryLedger(), Clock()
        for folder in (self.folders.staging, self.folders.work, self.folders.run):
            folder.mkdir(parents=True)
        patch.setattr(intake, "_send", lambda *_: None)
        self.watcher = self.new_watcher()

    def new_watcher(self, settle_s: float = 0.0) -> Watcher:
        """A watcher that knows nothing yet."""
        made = Watcher(
            self.ledger,  # type: ignore[arg-type]
            self.folders,
            settle_s=settle_s,
            options=Options(),
        )
        made._passed = passed_over.PassedOver(self.folders.data, self.clock)
        return made

    def drop(self, name: str, data: bytes = b"hello", user: str = "anna") -> Path:
        """A file in a user's folder."""
        path = self.folders.staging / user / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def said(self) -> watching.WatcherReport:
        """What another process reads of the watcher."""
        (found,) = watching.read_reports(self.folders)
        return found

    def let_time_pass(self) -> None:
        """The waits of all that was passed over end."""
        self.clock.now += 1_000

    def kept(self) -> Counter[bytes]:
        """The bytes of all that was dropped, wherever they lie now, without what says why."""
        folders = self.folders
        places = [*folders.staging.rglob("*"), *folders.work.glob("*/original/*")]
        places += folders.failed.rglob("*")
        files = [p for p in places if p.is_file() and not p.is_symlink()]
        beside = (".error.txt", ".part")  # what a sweep removes holds nothing that is nowhere else
        return Counter(p.read_bytes() for p in files if not p.name.endswith(beside))


class Refusing:
    """Answers an error to some calls of the system that concern some paths."""

    def __init__(self, patch: pytest.MonkeyPatch, concerns: Callable[[str], bool]) -> None:
        self._patch, self._concerns = patch, concerns
        self.calls: list[str] = []
        self._errors: dict[int, int] = {}
        for name in (
            "open", "stat", "lstat", "mkdir", "rename", "replace", "unlink", "fsync", "scandir",
            "rmdir",
        ):  # fmt: skip
            patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
        opened = Path.open

        def open_(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            self._ask("open", (path,))
            return opened(path, mode, *args, **kwargs)

        patch.setattr(Path, "open", open_)

    def refuse(self, errors: dict[int, int]) -> None:
        """From now on the calls with these numbers fail with these errors."""
        self.calls, self._errors = [], errors

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **kwargs: Any) -> Any:
            self._ask(name, args)
            return call(*args, **kwargs)

        return asked

    def _ask(self, name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            args = (str(Path(f"/proc/self/fd/{args[0]}").readlink()),)
        texts = [os.fspath(arg) for arg in args if isinstance(arg, str | os.PathLike)]
        if not any(self._concerns(text) for text in texts):
            return
        self.calls.append(name)
        if number := self._errors.get(len(self.calls) - 1):
            raise OSError(number, os.strerror(number))
