"""A piece of work in a child of this process, so that what it reads can't end us."""

from __future__ import annotations

import math
import multiprocessing
import signal
from collections.abc import Callable

#: The child shares what this process has loaded, and needs nothing sent to it.
_FORK = multiprocessing.get_context("fork")


def apart(work: Callable[[], None], *, seconds: float) -> bool:
    """Do `work` in a child; whether it came to its end within so many seconds.

    The child must leave alone what other threads of this process use: pools, sockets.
    """
    child = _FORK.Process(target=_quietly, args=(work, math.ceil(seconds)))
    child.start()
    child.join()
    ended_well = child.exitcode == 0
    child.close()
    return ended_well


def _quietly(work: Callable[[], None], seconds: int) -> None:
    """Without a traceback, which would quote what was read."""
    # The alarm ends it in any state, and even if its parent was killed meanwhile.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    try:
        work()
    except BaseException:
        raise SystemExit(1) from None
