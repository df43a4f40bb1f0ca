"""The watcher: files in `staging/<user>/` become jobs once they have stopped growing.

Events only say that it is time to look. What counts is what lies in staging, so a lost event
costs a rescan's wait and nothing more.
"""

from __future__ import annotations

import logging
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias
from uuid import UUID, uuid4

import msgspec
import structlog
import watchfiles

from pipeline.durable import put, written
from schemas.crash import crash_here
from schemas.errors import ConfigurationError, PermanentError, Rejected, TransientError
from schemas.folders import Folders
from schemas.reasons import category_of
from sql.store import Ledger
from tasks.context import Options
from workers import intake
from workers.bootstrap import make_app, open_ledger, options
from workers.settings import Settings
from workers.supervise import Guard

log = structlog.get_logger("datapunk.watcher")

#: Downloads under way, hidden files, and what systems leave lying about; by small letters.
_IGNORED = (
    "*.part", "*.partial", "*.crdownload", "*.download", "*.tmp", ".*", "~*", "*~", "*.sha256",
    "thumbs.db", "desktop.ini", "__macosx", "lost+found",
)  # fmt: skip
_TICK_S = 1.0
_DATABASE_WAIT_S = 5.0

#: What tells that something is still being written: size, times, and how many entries.
Print: TypeAlias = tuple[int, ...]


def ignored(name: str) -> bool:
    """Whether a name in staging is passed by: it is litter, unfinished, or beside a file."""
    return any(fnmatchcase(name.lower(), pattern) for pattern in _IGNORED)


class Settling:
    """Tells when what lies somewhere has stopped changing."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._seen: dict[Path, tuple[Print, float]] = {}

    def settled(self, path: Path, now_as: Print, at_s: float) -> bool:
        """Whether `path` looked like `now_as` for long enough, at the monotonic time `at_s`."""
        before, since = self._seen.get(path, (None, at_s))
        if before != now_as:
            since = at_s
        self._seen[path] = (now_as, since)
        return at_s - since >= self._wait_s

    def keep(self, paths: set[Path]) -> None:
        """Forget whatever is not among `paths` any more."""
        self._seen = {p: s for p, s in self._seen.items() if p in paths}

    def __len__(self) -> int:
        return len(self._seen)


class Found(msgspec.Struct, frozen=True):
    """Something in staging, and the user whose folder it lies in; None right under staging."""

    path: Path
    user: str | None
    state: os.stat_result


def look(staging: Path) -> Iterator[Found]:
    """What lies in staging and is not ignored, each user's folder looked into, no link followed."""
    for entry in _entries(staging):
        if not entry.is_dir(follow_symlinks=False):
            yield from _found(entry, None)
            continue
        for inner in _entries(Path(entry.path)):
            yield from _found(inner, entry.name)


def _found(entry: os.DirEntry[str], user: str | None) -> Iterator[Found]:
    with suppress(FileNotFoundError):  # another watcher was quicker
        yield Found(Path(entry.path), user, entry.stat(follow_symlinks=False))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not ignored(e.name)), key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        log.warning("a folder in staging can't be read", folder=folder.name)
        return []


def fingerprint(found: Found) -> Print:
    """Size and time of a file; of a folder, those of all that is in it."""
    if not stat.S_ISDIR(found.state.st_mode):
        return found.state.st_size, found.state.st_mtime_ns
    count, size, latest = 0, 0, found.state.st_mtime_ns
    for top, folders, files in os.walk(found.path):
        for name in (*folders, *files):
            state = os.lstat(Path(top) / name)
            count, size = count + 1, size + state.st_size
            latest = max(latest, state.st_mtime_ns)
    return size, latest, count


class Watcher:
    """One pass after another over staging; keeps nothing that a restart would miss."""

    def __init__(
        self, ledger: Ledger, folders: Folders, *, settle_s: float, options: Options
    ) -> None:
        self._ledger, self._folders, self._options = ledger, folders, options
        self._settling = Settling(settle_s)

    @property
    def waiting(self) -> bool:
        """Whether something in staging is not taken in yet."""
        return len(self._settling) > 0

    def recover(self) -> list[UUID]:
        """Finish claims that a crash left behind."""
        return intake.recover(self._ledger, self._folders, self._options)

    def scan(self) -> list[UUID]:
        """Take in or put aside whatever has settled; the new jobs.

        Raises `TransientError` while the database is down; then everything stays as it is.
        """
        jobs: list[UUID] = []
        here: set[Path] = set()
        for found in look(self._folders.staging):
            try:
                mark = fingerprint(found)
            except FileNotFoundError:
                continue
            here.add(found.path)
            if self._settling.settled(found.path, mark, time.monotonic()):
                jobs += self._take(found)
                if not os.path.lexists(found.path):
                    here.discard(found.path)
        self._settling.keep(here)
        return jobs

    def _take(self, found: Found) -> list[UUID]:
        try:
            _require_place(found)
            job = intake.take_in(
                self._ledger,
                self._folders,
                found.path,
                found.user or "",
                move=True,
                options=self._options,
            )
        except FileNotFoundError:
            return []  # another watcher was quicker, or its owner took it back
        except PermissionError:
            self._put_aside(found, "not_readable", "The file can't be read; give us leave to.")
        except Rejected as error:
            self._put_aside(found, error.reason, str(error))
        except PermanentError as error:
            self._put_aside(found, "not_taken", str(error))
        else:
            log.info("taken in", job_id=str(job))
            return [job]
        return []

    def _put_aside(self, found: Found, code: str, why: str) -> None:
        """Out of staging into `failed/`, with a file beside it that says why."""
        folder = self._folders.failed / _folder_name(found.user)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / intake.storable_name(found.path.name)
        if os.path.lexists(target):
            target = folder / f"{uuid4().hex[:8]}-{target.name}"
        lines = (
            f"file:    {target.name}",
            f"code:    {code} ({category_of(code)})",
            f"reason:  {why}",
            "retry:   put it into staging/<user>/ again, or: datapunk add FILE --user USER",
            "",
        )
        # The reason first: a crash in between leaves the file in staging, and it comes here again.
        with written(target.with_name(target.name + ".error.txt")) as out:
            put(out, "\n".join(lines).encode())
        crash_here("put_aside.before_rename")
        found.path.rename(target)
        crash_here("put_aside.after_rename")
        log.warning("put aside", code=str(code))


def _require_place(found: Found) -> None:
    """Raises `PermanentError` for what can't be an upload where it lies."""
    if found.user is None:
        raise PermanentError("Files belong into a user's folder: staging/<user>/.")
    intake.check_user(found.user)
    if stat.S_ISDIR(found.state.st_mode):
        raise PermanentError("A folder is not taken in; pack it as a zip or tar.gz file.")


def _folder_name(user: str | None) -> str:
    """Where refused files go: the user's folder, or the top where the name is no user's."""
    try:
        return intake.check_user(user or "")
    except PermanentError:
        return ""


def run(settings: Settings, *, once: bool = False) -> None:
    """Watch until told to stop; with `once`, until everything that lies in staging is taken in."""
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # else a line for each event
    make_app(settings)
    folders = Folders(settings.data_dir)
    ledger = open_ledger(settings, timeout=_DATABASE_WAIT_S)
    watcher = Watcher(ledger, folders, settle_s=settings.settle_s, options=options(settings))
    guard = Guard(settings)
    try:
        if once:
            _until_empty(watcher, settings)
        while not once and not stop.is_set():
            _watch(watcher, settings, stop, guard)
    finally:
        ledger.pool.close(timeout=1)


def _until_empty(watcher: Watcher, settings: Settings) -> None:
    settings.staging.mkdir(parents=True, exist_ok=True)
    watcher.recover()
    watcher.scan()
    while watcher.waiting:
        time.sleep(min(_TICK_S, max(settings.settle_s, 0.05)))
        watcher.scan()


def _watch(watcher: Watcher, settings: Settings, stop: threading.Event, guard: Guard) -> None:
    """Listen for one rescan period. A fresh listener then sees folders that were made anew."""
    settings.staging.mkdir(mode=0o700, parents=True, exist_ok=True)
    began, due, dirty = time.monotonic(), 0.0, True
    recovered = False
    for changes in _ticks(settings, stop):
        guard.look()
        now = time.monotonic()
        dirty = dirty or bool(changes)
        if now >= due and (dirty or watcher.waiting):
            try:
                if not recovered:
                    watcher.recover()
                    recovered = True
                watcher.scan()
                dirty = False
            except (TransientError, OSError, ConfigurationError) as error:
                log.warning("trying again", error=type(error).__name__)
                due, dirty, recovered = now + _DATABASE_WAIT_S, True, False
        if now - began >= settings.rescan_s or not settings.staging.is_dir():
            return


def _ticks(settings: Settings, stop: threading.Event) -> Iterator[bool]:
    """True when something changed, False about once a second when nothing did.

    The first is True: what came before the listener stood is not announced by it.
    """
    fresh = True
    try:
        for changes in watchfiles.watch(
            settings.staging,
            watch_filter=None,
            stop_event=stop,
            debounce=200,
            rust_timeout=int(_TICK_S * 1000),
            yield_on_timeout=True,
            force_polling=settings.watch_polling,
            raise_interrupt=False,
        ):
            yield fresh or bool(changes)
            fresh = False
    except OSError as error:
        # No listening here (inotify's limits, a strange mount): look by ourselves.
        log.warning("no events on this mount; polling", error=type(error).__name__)
        while not stop.wait(_TICK_S):
            yield True
