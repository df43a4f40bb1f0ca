"""The folders that items of a file lie in, learned in one pass over it and asked for in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

#: Beginnings and ends of folders that are kept; items behind them have no folder.
_STEPS = 20_000
#: Folders within each other that an item is told of, from the top.
_DEPTH = 100

#: Where a folder begins, its name and what else is said of it; or where one ends, and None.
Step: TypeAlias = list[Any]


class Outline:
    """Gathers where folders begin and end; `steps` stands in a context."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._open = 0

    @property
    def full(self) -> bool:
        """Whether no more steps are kept."""
        return len(self.steps) >= _STEPS

    def begin(self, at: int, name: str, *said: Any) -> Step:
        """Note a folder; its step can be named later, as long as it is kept."""
        step = [at, name, *said]
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
        """Once no more is kept, close what is open, so that nothing behind is in a folder."""
        if self.full:
            self.steps.extend([at, None] for _ in range(self._open))


class Folders:
    """Which folders are open, for offsets that rise."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = iter(steps)
        self._next = next(self._steps, None)
        self._open: list[Step] = []

    def at(self, offset: int) -> list[Step]:
        """The steps of the folders that are open at `offset` and have a name, from the top."""
        while self._next is not None and self._next[0] < offset:
            if self._next[1] is not None:
                self._open.append(self._next)
            elif self._open:
                self._open.pop()
            self._next = next(self._steps, None)
        return [step for step in self._open[:_DEPTH] if step[1]]
