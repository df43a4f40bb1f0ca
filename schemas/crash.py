"""Named points at which a test may end a process as a power cut would.

In production they do nothing. The tests name one in the environment, as
`DATAPUNK_CRASH_AT=load.before_commit` or `atomic_files.before_rename:3` for its third pass, and the
process kills itself there with SIGKILL: no handler, no `finally`, no flush.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "DATAPUNK_CRASH_AT"


class _Armed:
    """The armed point of this process, and how many passes are left to it."""

    name = ""
    passes = 0


def arm() -> None:
    """Read the variable again; a forked process may have another value."""
    name, _, nth = os.environ.get(VARIABLE, "").partition(":")
    _Armed.name, _Armed.passes = name, int(nth or 1)


def crash_here(point: str, stage: str = "") -> None:
    """End this process if this point is armed. With a stage its name is `stage.point`."""
    if not _Armed.name or (f"{stage}.{point}" if stage else point) != _Armed.name:
        return
    _Armed.passes -= 1
    if _Armed.passes == 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm()
