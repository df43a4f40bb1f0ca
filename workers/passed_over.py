"""Items that could not be taken in and stay in place: why, since when, and the next attempt.

Each watcher writes its items into a file of its own under `run`, for `status` and `doctor`.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from pipeline.storage.atomic_files import put, written
from schemas.errors import TransientError
from schemas.folders import Folders
from workers.staging import WINDOW
from workers.watching import EVERY_S, Item, WatcherReport

log = structlog.get_logger("datapunk.watcher")

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
#: How many items the file names; it counts the others.
_NAMED = 100


class _Entry(msgspec.Struct):
    item: Item
    user: str | None
    mark: tuple[int, ...]
    again_at: float


class PassedOver:
    """Every item in trouble, by its path; at most a window of items for one user."""

    def __init__(self, data: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._data, self._clock = data, clock
        self._entries: dict[Path, _Entry] = {}
        self._by_user: Counter[str | None] = Counter()

    def note(self, path: Path, user: str | None, code: str, reason: str) -> None:
        """Note one more failed attempt at `path`; each time the wait doubles."""
        mark = _mark(path)
        if mark is None:
            log.warning("gone, after an error", code=code)
            return
        before = self._entries.get(path)
        tries = before.item.tries + 1 if before else 1
        since = before.item.since if before else datetime.now(UTC)
        if before is None:
            self._by_user[user] += 1
            log.warning("passed over; it is tried again", code=code)
        item = Item(
            name=readable(path, self._data), code=code, reason=reason, tries=tries, since=since
        )
        wait = min(_FIRST_WAIT_S * 2 ** min(tries - 1, 30), _LONGEST_WAIT_S)
        self._entries[path] = _Entry(item, user, mark, self._clock() + wait)

    def waits(self, path: Path) -> bool:
        """Tell whether `path` was passed over and its wait is not over."""
        entry = self._entries.get(path)
        return entry is not None and self._clock() < entry.again_at

    def skips(self, path: Path, user: str | None) -> bool:
        """Tell whether an item is not to be tried now.

        It waits, or the limit of items that are remembered for its user is reached.
        """
        full = self._by_user[user] >= WINDOW and path not in self._entries
        return full or self.waits(path)

    def forget(self, path: Path) -> None:
        """Forget an item that is taken in, put aside or gone."""
        if entry := self._entries.pop(path, None):
            self._by_user[entry.user] -= 1

    def sweep(self) -> None:
        """Forget items that are gone, and end the wait of changed ones."""
        for path, entry in [*self._entries.items()]:
            now_as = _mark(path)
            if now_as is None:
                self.forget(path)
            elif now_as != entry.mark:
                entry.again_at = self._clock()

    @property
    def due(self) -> bool:
        """Whether the wait of some item is over."""
        now = self._clock()
        return any(entry.again_at <= now for entry in self._entries.values())

    def items(self) -> list[Item]:
        """Return what was passed over, the longest first."""
        return sorted((entry.item for entry in self._entries.values()), key=lambda item: item.since)


def _mark(path: Path) -> tuple[int, ...] | None:
    """Return values that change with an item; None if it is gone."""
    try:
        state = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ()
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def readable(path: Path, data: Path) -> str:
    """Return a path in the data folder as text; bytes that are not text are shown as escapes."""
    with suppress(ValueError):
        path = path.relative_to(data)
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class Notice:
    """The file with a watcher's report.

    It is written when the report has changed, and now and then to show that the watcher lives.
    """

    def __init__(self, folders: Folders) -> None:
        self._host = socket.gethostname()
        self._path = folders.run / f"watcher-{self._host.replace('/', '_')}.json"
        self._written: WatcherReport | None = None

    def say(self, items: list[Item], waiting: int, stopped: str | None) -> None:
        """Write a report. A disk that refuses it stops nothing."""
        now = datetime.now(UTC)
        state = WatcherReport(
            host=self._host,
            pid=os.getpid(),
            at=self._written.at if self._written else now,
            stopped=stopped,
            waiting=waiting,
            passed_over=items[:_NAMED],
            others=max(0, len(items) - _NAMED),
        )
        if state == self._written and (now - state.at).total_seconds() < EVERY_S:
            return
        state = msgspec.structs.replace(state, at=now)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with written(self._path, durable=False) as out:
                os.fchmod(out.fileno(), 0o600)  # it holds names of people's files
                put(out, msgspec.json.encode(state))
            self._written = state
        except (OSError, TransientError) as error:
            log.warning("the state of the watcher can't be written", error=type(error).__name__)
