"""The folders around items of a file, found in one pass over it and queried in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

#: The maximum number of beginnings and ends of folders; items after them have no folder.
_STEPS = 20_000
#: The maximum number of nested folders of an item, from the top.
_DEPTH = 100

#: Where a folder begins, its name and other values; or where one ends, and None.
Step: TypeAlias = list[Any]


class Outline:
    """The beginnings and ends of folders, gathered as `steps` for a context."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._open = 0

    @property
    def full(self) -> bool:
        """Return whether no more steps are kept."""
        return len(self.steps) >= _STEPS

    def begin(self, at: int, name: str, *values: Any) -> Step:
        """Note a folder; its step can be named later, as long as it is kept."""
        step = [at, name, *values]
        if not self.full:
            self._open += 1
            self.steps.append(step)
            self._close_all(at)
        return step

    def end(self, at: int) -> None:
        """Note that the innermost folder ends."""
        if self._open and not self.full:
            self._open -= 1
            self.steps.append([at, None])
            self._close_all(at)

    def _close_all(self, at: int) -> None:
        """Close all open folders if no more steps are kept: no later item is in a folder."""
        if self.full:
            self.steps.extend([at, None] for _ in range(self._open))


class Folders:
    """The open folders at rising offsets."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = iter(steps)
        self._next = next(self._steps, None)
        self._open: list[Step] = []

    def at(self, offset: int) -> list[Step]:
        """Return the steps of the named folders that are open at `offset`, from the top."""
        while self._next is not None and self._next[0] < offset:
            if self._next[1] is not None:
                self._open.append(self._next)
            elif self._open:
                self._open.pop()
            self._next = next(self._steps, None)
        return [step for step in self._open[:_DEPTH] if step[1]]
