"""The watcher: files in `staging/<user>/` become jobs once they have stopped growing.

Events only trigger a look. The contents of staging decide, so a lost event costs a rescan's wait
and nothing more.
"""

from __future__ import annotations

import errno
import logging
import os
import pwd
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import structlog
import watchfiles

from pipeline.archives.measure import open_regular
from schemas.errors import (
    ConfigurationError,
    DatapunkError,
    PermanentError,
    Rejected,
    TransientError,
)
from schemas.folders import Folders
from sql.store import Ledger
from tasks.runtime.context import Options
from workers import intake, staging
from workers.embedded.guard import Guard
from workers.embedded.unprivileged import act_as, act_as_root, lake_user
from workers.health import beat
from workers.passed_over import Notice, PassedOver
from workers.put_aside import move_aside
from workers.settings import Settings
from workers.staging import Found
from workers.stores import open_ledger
from workers.wiring import make_app, options

log = structlog.get_logger("datapunk.watcher")

_TICK_S = 1.0
_DATABASE_WAIT_S = 5.0
#: After this time a scan starts again, so that newer items have their turn.
_SCAN_S = 5.0

_NO_DATABASE = "The database does not answer."


class Watcher:
    """Repeated passes over staging, without state that a restart would miss.

    Each item is independent: an item that can't be taken in is put aside, and one that can't be put
    aside either is passed over, with its reason, and tried again after a growing wait.
    """

    def __init__(
        self,
        ledger: Ledger,
        folders: Folders,
        *,
        settle_s: float,
        options: Options,
        user: pwd.struct_passwd | None = None,
    ) -> None:
        self._ledger, self._folders, self._options, self._user = ledger, folders, options, user
        self._stability, self._prints = staging.StabilityCheck(settle_s), staging.Prints()
        self._passed, self._notice = PassedOver(folders.data), Notice(folders)
        self._stopped: str | None = None
        self._unfinished, self._more, self._turn = False, False, 0

    @property
    def waiting(self) -> bool:
        """Whether something in staging is still changing, or its turn has not come."""
        return self._more or len(self._stability) > 0

    @property
    def due(self) -> bool:
        """Whether there is something to do now, such as another attempt at a passed-over item."""
        return self.waiting or self._stopped is not None or self._passed.due

    @property
    def blocked_reason(self) -> str | None:
        """Why something stays in staging that no longer changes; None if nothing does."""
        if self._stopped is None and (items := self._passed.items()):
            return f"{len(items)} passed over, such as {items[0].name}: {items[0].reason}"
        return self._stopped

    def recover(self) -> list[UUID]:
        """Finish intakes that a crash or an error left behind."""
        with act_as(self._user):
            return self._recover()

    def _recover(self) -> list[UUID]:
        self._unfinished = False
        return intake.recover(
            self._ledger,
            self._folders,
            self._options,
            passed=self._passed.waits,
            trouble=self._leave_claim,
        )

    def _leave_claim(self, note: Path, error: Exception) -> None:
        self._unfinished = True
        self._pass_over(note, None, error)

    def scan(self) -> list[UUID]:
        """Take in, put aside or pass over items that stopped changing; return the new jobs.

        Raises `TransientError` while the database is down; then everything stays as it is.
        """
        with act_as(self._user):
            try:
                jobs = self._scan()
            except TransientError:
                self._report(_NO_DATABASE)
                raise
            self._report(self._stopped)
        return jobs

    def _report(self, stopped: str | None) -> None:
        with act_as_root():
            self._notice.say(self._passed.items(), len(self._stability), stopped)

    def _scan(self) -> list[UUID]:
        jobs = self._recover() if self._unfinished else []
        with act_as_root():
            self._passed.sweep()
            self._stopped = _shut(self._folders.staging)
        lists = [] if self._stopped else self._look()
        self._more = any(len(each) >= staging.WINDOW for each in lists)
        here = {found.path for each in lists for found in each}
        until = time.monotonic() + _SCAN_S
        for found in staging.in_turns(lists):
            if self._is_stable(found):
                jobs += self._take(found)
                if self._passed.waits(found.path) or not _exists(found.path):
                    here.discard(found.path)
            if time.monotonic() > until:
                self._more = True
                break
        self._stability.keep(here)
        self._prints.keep(here)
        return jobs

    def _look(self) -> list[list[Found]]:
        """Return the items to look at, another user first each time."""
        with act_as_root():
            try:
                lists = [
                    *staging.look(
                        self._folders.staging,
                        closed=self._passed.waits,
                        passed=self._passed.skips,
                        read=self._passed.forget,
                        trouble=self._pass_over,
                    )
                ]
            except OSError as error:
                self._stopped = f"staging can't be read: {os.strerror(error.errno or 0)}."
                return []
        self._prints.begin()
        self._turn = (self._turn + 1) % len(lists)
        return lists[self._turn :] + lists[: self._turn]

    def _is_stable(self, found: Found) -> bool:
        with act_as_root():
            mark = self._prints.of(found)
        if mark is None:
            self._more = True
            return False
        return self._stability.is_stable(found.path, mark, time.monotonic())

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
        except Exception as error:
            self._refuse(found, error)
            return []
        self._passed.forget(found.path)
        log.info("taken in", job_id=str(job))
        return [job]

    def _refuse(self, found: Found, error: Exception) -> None:
        """Put an item at fault aside; pass over an item that something else is at fault for."""
        if isinstance(error, FileNotFoundError) and not _exists(found.path):
            return  # another watcher was quicker, or its owner took it back
        if isinstance(error, Rejected):
            self._put_aside(found, error.reason, str(error))
        elif isinstance(error, PermanentError):
            self._put_aside(found, "not_taken", str(error))
        else:
            # The file may have moved already; first the intake is finished or undone.
            self._unfinished = True
            closed = isinstance(error, PermissionError) and _exists(found.path)
            if closed and _unreadable(found.path):
                self._put_aside(found, "not_readable", "The file can't be read; give us leave to.")
            else:
                self._pass_over(found.path, found.user, error)

    def _pass_over(self, path: Path, user: str | None, error: Exception) -> None:
        """Pass over an item.

        Raise `TransientError` if the database is down, which is not its fault.
        """
        if isinstance(error, TransientError) and error.code is None:
            self._ledger.rows("jobs", "user_id", name=user or "")
        code, why = _code_and_text(error)
        with act_as_root():
            self._passed.note(path, user, code, why)

    def _put_aside(self, found: Found, code: str, why: str) -> None:
        """Move an item out of staging into `failed/`, next to a file with the reason."""
        try:
            move_aside(self._folders, found, code, why)
        except FileNotFoundError as error:
            if _exists(found.path):
                self._pass_over(found.path, found.user, error)
        except Exception as error:
            other, reason = _code_and_text(error)
            log.warning("can't be put aside", code=other)
            with act_as_root():
                self._passed.note(
                    found.path, found.user, code, f"{why} It can't be put aside: {reason}"
                )
        else:
            self._passed.forget(found.path)
            log.warning("put aside", code=str(code))


def _code_and_text(error: Exception) -> tuple[str, str]:
    """Return the code of an error, and its text, which names no path."""
    if isinstance(error, OSError) and error.errno == errno.EXDEV:
        return f"os_{error.errno}", (
            "failed/ lies on another file system, where only files and links can be moved to."
        )
    if isinstance(error, OSError):
        return f"os_{error.errno}", f"{os.strerror(error.errno or 0)}."
    if isinstance(error, TransientError):
        return error.code or "database", str(error)
    if isinstance(error, DatapunkError):
        return "not_taken", str(error)
    log.error("a defect met at an item", error=type(error).__name__)
    return "defect", f"A defect of Datapunk Lake ({type(error).__name__}); please report it."


def _shut(folder: Path) -> str | None:
    """Return why nothing can be taken out of staging, if its file system is read-only."""
    with suppress(OSError):
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return "staging is mounted read-only; nothing is taken in until it can be written."
    return None


def _exists(path: Path) -> bool:
    with act_as_root():
        return os.path.lexists(path)


def _unreadable(path: Path) -> bool:
    try:
        with act_as_root():
            open_regular(path).close()
    except PermissionError:
        return True
    except (OSError, Rejected):
        return False
    return False


def _require_place(found: Found) -> None:
    """Raise `PermanentError` for what can't be an upload in its place."""
    if found.user is None:
        raise PermanentError("Files belong into a user's folder: staging/<user>/.")
    intake.check_user(found.user)
    if stat.S_ISDIR(found.state.st_mode):
        raise PermanentError(
            "A folder is not taken in; pack it as a zip or tar.gz file, or use: datapunk add"
        )


def run(settings: Settings, *, once: bool = False) -> None:
    """Watch until a signal; with `once`, until everything in staging is taken in.

    Root takes files of any owner out of staging and does the rest as the lake's own user. Raises
    `DatapunkError` with `once` if something had to stay.
    """
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # else a line for each event
    make_app(settings)
    folders = Folders(settings.data_dir)
    ledger = open_ledger(settings, timeout=_DATABASE_WAIT_S)
    watcher = Watcher(
        ledger,
        folders,
        settle_s=settings.settle_s,
        options=options(settings),
        user=lake_user(settings),
    )
    guard = Guard(settings)
    try:
        if once:
            _until_empty(watcher, settings)
        while not once and not stop.is_set():
            _watch(watcher, settings, stop, guard)
    finally:
        ledger.pool.close(timeout=1)


def _until_empty(watcher: Watcher, settings: Settings) -> None:
    _make_staging(settings)
    watcher.recover()
    watcher.scan()
    while watcher.waiting:
        time.sleep(min(_TICK_S, max(settings.settle_s, 0.05)))
        watcher.scan()
    watcher.recover()
    if why := watcher.blocked_reason:
        raise DatapunkError(why)


def _make_staging(settings: Settings) -> None:
    """Make the folder if it is missing. Where it can't be made there is nothing to take in."""
    with suppress(OSError):
        settings.folders.staging.mkdir(mode=0o700, parents=True, exist_ok=True)


def _watch(watcher: Watcher, settings: Settings, stop: threading.Event, guard: Guard) -> None:
    """Listen for one rescan period. A fresh listener then sees folders that were made again."""
    _make_staging(settings)
    began, due, dirty = time.monotonic(), 0.0, True
    recovered = False
    for changes in _ticks(settings, stop):
        guard.look()
        beat(settings)
        now = time.monotonic()
        dirty = dirty or bool(changes)
        if now >= due and (dirty or watcher.due):
            try:
                if not recovered:
                    watcher.recover()
                    recovered = True
                watcher.scan()
                dirty = False
            except (TransientError, OSError, ConfigurationError) as error:
                log.warning("trying again", error=type(error).__name__)
                due, dirty, recovered = now + _DATABASE_WAIT_S, True, False
        if now - began >= settings.rescan_s or not os.path.lexists(settings.folders.staging):
            return


def _ticks(settings: Settings, stop: threading.Event) -> Iterator[bool]:
    """Yield True when something changed, False about once a second when nothing did.

    The first is True: the listener does not announce earlier changes.
    """
    fresh = True
    try:
        for changes in watchfiles.watch(
            settings.folders.staging,
            watch_filter=None,
            stop_event=stop,
            debounce=200,
            rust_timeout=int(_TICK_S * 1000),
            yield_on_timeout=True,
            force_polling=settings.watch_polling,
            raise_interrupt=False,
            ignore_permission_denied=True,  # one closed folder must not cost the others' events
        ):
            yield fresh or bool(changes)
            fresh = False
    except OSError as error:
        # No events here (inotify's limits, a strange mount): poll.
        log.warning("no events on this mount; polling", error=type(error).__name__)
        while not stop.wait(_TICK_S):
            yield True
