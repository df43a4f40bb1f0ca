"""Waits that are limited by progress: a busy machine may be slow, but must not stand still.

A limit in seconds says how fast a machine is; a test that waits for work to end gives up when
nothing of it has moved for long, and after a time that no machine needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import psutil

#: Seconds without any progress: longer than the longest wait that the ledger gives a chunk (300 s).
STILL_S = 400.0
#: Seconds after which even what moves is given up: a loop that gets nowhere moves as well. CI gives
#: up after 4,500 s, and would not say which test it was.
MOST_S = 1200.0
#: For `@pytest.mark.timeout`: later than either, so that the helper's own message is seen.
TIMEOUT_S = 1500


class Limits(NamedTuple):
    """For how long nothing may move, and for how long all of it may take."""

    still_s: float = STILL_S
    most_s: float = MOST_S


class Standstill(AssertionError):
    """What was waited for did not come, and nothing moves any more."""


def until(
    done: Callable[[], bool],
    moves: Callable[[], Any],
    *,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    every_s: float = 0.05,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until `done`; raises `Standstill` when what `moves` returns stays the same for too long.

    `done` and `moves` are asked in turn; either may do what has to be done meanwhile.
    """
    begin = since = clock()
    last: Any = object()
    while not done():
        now, at = moves(), clock()
        if now != last:
            last, since = now, at
        if at - since > limits.still_s:
            raise Standstill(f"nothing has moved for {limits.still_s:g} s: {last}")
        if at - begin > limits.most_s:
            raise Standstill(f"it is not done after {limits.most_s:g} s: {last}")
        sleep(every_s)


def processor_time(pid: int) -> float | None:
    """The seconds that a process and those below it have computed; None when it is gone.

    It moves as long as a process without a ledger works, however little it is given.
    """
    with suppress(psutil.Error):
        top = psutil.Process(pid)
        return round(sum(_computed(each) for each in (top, *top.children(recursive=True))), 2)
    return None


def _computed(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


#: What moves while an import is carried out: leases (each takes a number of the fence), chunks
#: that are done, attempts, events, and what follows behind the rows.
LEDGER = """
SELECT jsonb_build_array(
    (SELECT last_value FROM imports.fence),
    (SELECT jsonb_build_array(count(*), count(*) FILTER (WHERE status = 'done'), sum(attempt))
        FROM imports.chunks),
    (SELECT jsonb_build_array(count(*), count(completed_at), sum(remaining)) FROM imports.jobs),
    (SELECT count(*) FROM imports.files),
    (SELECT count(*) FROM imports.events),
    (SELECT jsonb_build_array(count(*), sum(attempts)) FROM vectors.waiting),
    (SELECT count(*) FROM user_data.unindexed))
"""
