"""The other files of an export, as the ledger lists them over all parts of its set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from pipeline.ports import Neighbour, Neighbours, T
from sql.store import Lake

#: Folders that are remembered: files of a chunk lie in few, one after the other.
_FOLDERS = 4


class SetNeighbours(Neighbours):
    """The sibling files of one job's files; of the job alone where it is not part of a set.

    Caches its answers: use it only while the set stays the same.
    """

    def __init__(self, lake: Lake, user_id: UUID, job_id: UUID, *, folders: int = _FOLDERS) -> None:
        self._lake, self._user, self._job, self._most = lake, user_id, job_id, folders
        self._folders: dict[str, list[Neighbour]] = {}
        self._known: dict[tuple[str, Any], Any] = {}

    def folder(self, path: str) -> Sequence[Neighbour]:
        """List a folder; see `Neighbours`."""
        folder = path[: path.rfind("/") + 1]
        if folder not in self._folders:
            if len(self._folders) >= self._most:
                self._drop(next(iter(self._folders)))
            self._folders[folder] = self._ask("folder", path=path)
        return self._folders[folder]

    def known(self, path: str, make: Callable[[Sequence[Neighbour]], T]) -> T:
        """Return what `make` makes of a folder; see `Neighbours`."""
        files = self.folder(path)
        key = (path[: path.rfind("/") + 1], make)
        if key not in self._known:
            self._known[key] = make(files)
        found: T = self._known[key]
        return found

    def _drop(self, folder: str) -> None:
        del self._folders[folder]
        self._known = {key: answer for key, answer in self._known.items() if key[0] != folder}

    def bare(self) -> Sequence[Neighbour]:
        """List parts that are one media file; see `Neighbours`."""
        return self._bare

    @cached_property
    def _bare(self) -> list[Neighbour]:
        return self._ask("bare")

    def _ask(self, query: str, **more: str) -> list[Neighbour]:
        rows = self._lake.rows(self._user, "sets", query, job_id=self._job, **more)
        return [msgspec.convert(row, Neighbour) for row in rows]


class Memory:
    """The sibling files that a process used last.

    Each photo is a chunk, and its folder's thousands of files need not be read again for each one.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._key: tuple[UUID, UUID, datetime] | None = None
        self._found: SetNeighbours | None = None

    def of(self, user_id: UUID, job_id: UUID) -> SetNeighbours:
        """Return the sibling files of a job's files, as they are now."""
        rows = self._lake.rows(user_id, "sets", "settled", job_id=job_id)
        since = rows[0]["since"] if rows else None
        if since is None:
            return SetNeighbours(self._lake, user_id, job_id)
        key = (user_id, job_id, since)
        if self._found is None or self._key != key:
            self._key, self._found = key, SetNeighbours(self._lake, user_id, job_id)
        return self._found
