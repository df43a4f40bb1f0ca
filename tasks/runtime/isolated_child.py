"""Run a callable in a forked child, so that malformed input cannot crash this process.

The child is forked here and not by `multiprocessing`, whose processes may not be started from a
child of a Celery pool, which is daemonic. This one may be started from any process and thread.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

# Linux, sys/prctl.h; looked up here, since a child of a process with threads loads no library.
_SET_DEATH_SIGNAL = 1
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)

#: The parent's signal handlers must not run in the child.
_TO_DEFAULT = (
    signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGCHLD,
)  # fmt: skip


def run_isolated(work: Callable[[], None], *, seconds: float) -> bool:
    """Run `work` in a child; return whether it succeeded within `seconds`.

    The child must not use what other threads of this process use: pools, sockets. An error that is
    raised here meanwhile, such as a time limit of Celery's, ends the child.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()  # buffered output is written once, and not by the child too
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _in_child(work, math.ceil(seconds), parent)
    try:
        _, status = os.waitpid(pid, 0)
    except BaseException:
        _end(pid)
        raise
    return os.waitstatus_to_exitcode(status) == 0


def allow(seconds: float) -> None:
    """Allow the child `seconds` from now on; called in the child."""
    signal.alarm(math.ceil(seconds))


def _end(pid: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _in_child(work: Callable[[], None], seconds: int, parent: int) -> NoReturn:
    """Run `work` without a traceback, which would quote input, or the parent's clean-up."""
    code = 1
    try:
        for number in _TO_DEFAULT:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # The alarm ends the child in any state, even without its parent where prctl is missing.
        signal.alarm(seconds)
        _die_with(parent)
        work()
        code = 0
    except BaseException:  # noqa: S110 - the exit code reports it
        pass
    finally:
        os._exit(code)


def _die_with(parent: int) -> None:
    """End this process when its parent ends, where the system can."""
    if _PRCTL is not None:
        _PRCTL(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the call
            os._exit(1)
