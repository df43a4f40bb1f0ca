"""Which cases of a large grid a run takes: a share that changes with the commit, or all of them.

Neighbours in such a grid differ little, and other tests come upon the same code by chance. The
share follows from the commit: two runs of one commit take the same, and each case has its turn
within some commits. `make test-all` sets `WHOLE_GRIDS`, which takes all cases.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from tests.support.place import ROOT

T = TypeVar("T")


def share(cases: Sequence[T], one_in: int, turn: int | None = None) -> Sequence[T]:
    """Every `one_in`th of some cases, and at least one; `turn` says which instead of the commit."""
    if os.environ.get("WHOLE_GRIDS") or not cases:
        return cases
    turn = _turn() if turn is None else turn
    return cases[turn % min(one_in, len(cases)) :: one_in]


@cache
def _turn() -> int:
    """A number of the commit; 0 where there is no repository."""
    asked = ["git", "rev-parse", "HEAD"]
    try:
        said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(said[:8], 16)
