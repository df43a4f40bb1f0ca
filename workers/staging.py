"""Read staging in bounded pieces.

A user's folder may hold any number of files, and a dropped folder may hold any number of entries.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

import msgspec

#: Downloads under way, hidden files, and files of operating systems; in small letters.
_IGNORED = (
    "*.part", "*.partial", "*.crdownload", "*.download", "*.tmp", ".*", "~*", "*~", "*.sha256",
    "thumbs.db", "desktop.ini", "__macosx", "lost+found",
)  # fmt: skip

#: How many items of one user are read together; the others follow as these go.
WINDOW = 1_000
#: Deeper folders are listed but not entered: each level holds an open descriptor.
_DEEPEST = 100

#: Values that change while something is being written: size, times, and how many entries.
Print: TypeAlias = tuple[int, ...]


class Found(msgspec.Struct, frozen=True):
    """An item in staging, and the user whose folder it is in; None for one directly in staging."""

    path: Path
    user: str | None
    state: os.stat_result


def is_ignored(name: str) -> bool:
    """Tell whether a name in staging is ignored.

    These are files of operating systems, unfinished downloads, and checksums of other files.
    """
    return any(fnmatchcase(name.lower(), pattern) for pattern in _IGNORED)


def look(
    staging: Path,
    *,
    closed: Callable[[Path], bool] = lambda _: False,
    passed: Callable[[Path, str | None], bool] = lambda *_: False,
    read: Callable[[Path], None] = lambda _: None,
    trouble: Callable[[Path, str, OSError], None] = lambda *_: None,
) -> Iterator[list[Found]]:
    """Yield, for each user and for staging itself, a window on the items that are not ignored.

    No link is followed. Folders of users that are `closed`, and items for which `passed` returns
    true, are left out. A user's folder that was read goes to `read`, and one that can't be read to
    `trouble`; staging itself raises its `OSError`.
    """
    window: list[Found] = []
    users: list[str] = []
    with os.scandir(staging) as entries:
        for entry in entries:
            if is_ignored(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not closed(Path(entry.path)):
                    users.append(entry.name)
            elif len(window) < WINDOW and not passed(Path(entry.path), None):
                window += _found(entry, None)
    yield _sorted(window)
    for user in sorted(users):
        try:
            window = _window(staging / user, user, passed)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            trouble(staging / user, user, error)
        else:
            read(staging / user)
            yield window


def _window(folder: Path, user: str, passed: Callable[[Path, str | None], bool]) -> list[Found]:
    found: list[Found] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not is_ignored(entry.name) and not passed(Path(entry.path), user):
                found += _found(entry, user)
            if len(found) >= WINDOW:
                break
    return _sorted(found)


def _found(entry: os.DirEntry[str], user: str | None) -> Iterator[Found]:
    with suppress(FileNotFoundError):  # another watcher was quicker
        yield Found(Path(entry.path), user, entry.stat(follow_symlinks=False))


def _sorted(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda each: each.path.name)


def in_turns(lists: Iterable[list[Found]]) -> Iterator[Found]:
    """Yield the first of each list, then the second of each, until the lists are empty."""
    for row in zip_longest(*lists):
        yield from (each for each in row if each is not None)


class Walk:
    """A walk over everything in a dropped folder, a few entries at a time, with bounded memory."""

    def __init__(self, found: Found) -> None:
        self._count, self._size, self._latest = 0, 0, found.state.st_mtime_ns
        self._open: list[os._ScandirIterator[str]] = []
        self._enter(found.path)

    def step(self, most: int) -> tuple[Print | None, int]:
        """Continue over at most `most` entries.

        Returns the fingerprint of the folder if the end was reached, and how many entries of `most`
        are left.
        """
        while self._open and most > 0:
            entry = self._next()
            if entry is None:
                self._open.pop().close()
                continue
            most -= 1
            self._add(entry)
        return (None, most) if self._open else ((self._size, self._latest, self._count), most)

    def close(self) -> None:
        """Close the open folders."""
        while self._open:
            self._open.pop().close()

    def _enter(self, path: Path | str) -> None:
        # An unreadable folder doesn't change what is seen here: the item is put aside unread.
        with suppress(OSError):
            self._open.append(os.scandir(path))

    def _next(self) -> os.DirEntry[str] | None:
        with suppress(OSError):
            return next(self._open[-1], None)
        return None

    def _add(self, entry: os.DirEntry[str]) -> None:
        self._count += 1
        with suppress(OSError):
            state = entry.stat(follow_symlinks=False)
            self._size += state.st_size
            self._latest = max(self._latest, state.st_mtime_ns)
            if stat.S_ISDIR(state.st_mode) and len(self._open) < _DEEPEST:
                self._enter(entry.path)


class Prints:
    """The fingerprints of the items in staging.

    At one look at most `most` entries of dropped folders are read; a large folder has its
    fingerprint some looks later.
    """

    def __init__(self, most: int = 5_000) -> None:
        self._most = self._left = most
        self._walks: dict[Path, Walk] = {}

    def begin(self) -> None:
        """Begin a look."""
        self._left = self._most

    def of(self, found: Found) -> Print | None:
        """Return size and time of a file; of a folder, those of everything in it.

        None if a folder's are not known yet.
        """
        if not stat.S_ISDIR(found.state.st_mode):
            return found.state.st_size, found.state.st_mtime_ns
        if self._left == 0 and found.path not in self._walks:
            return None
        walk = self._walks.pop(found.path, None) or Walk(found)
        mark, self._left = walk.step(self._left)
        if mark is None:
            self._walks[found.path] = walk
        return mark

    def keep(self, paths: set[Path]) -> None:
        """Forget the walks through folders that are not among `paths`."""
        for path in self._walks.keys() - paths:
            self._walks.pop(path).close()


def fingerprint(found: Found) -> Print:
    """Return the fingerprint, computed at once."""
    return Prints(most=2**63).of(found) or ()


class StabilityCheck:
    """Tells when an item has stopped changing."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._seen: dict[Path, tuple[Print, float]] = {}

    def is_stable(self, path: Path, now_as: Print, at_s: float) -> bool:
        """Tell whether `path` was `now_as` for long enough, at the monotonic time `at_s`."""
        before, since = self._seen.get(path, (None, at_s))
        if before != now_as:
            since = at_s
        self._seen[path] = (now_as, since)
        return at_s - since >= self._wait_s

    def keep(self, paths: set[Path]) -> None:
        """Forget items that are not among `paths`."""
        self._seen = {p: s for p, s in self._seen.items() if p in paths}

    def __len__(self) -> int:
        return len(self._seen)
