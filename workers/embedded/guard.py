"""Restart the supervisor when it is gone."""

from __future__ import annotations

import os
import subprocess
import time

import structlog

from workers.embedded.programs import MARK, command_of, mark_of, pid_file
from workers.settings import Settings

#: How long a process that lost its supervisor waits before it starts it once more.
_ANEW_S = 60.0

log = structlog.get_logger("datapunk.supervise")


class Guard:
    """Restarts the supervisor for a process that has lost it.

    Nothing else would restart processes that end from then on.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._supervised = os.environ.get(MARK) == mark_of(settings)
        self._due = 0.0

    def look(self) -> None:
        """Check that the supervisor runs; else run `datapunk up --again`, once in a while."""
        if not self._supervised or time.monotonic() < self._due or not self._lost():
            return
        self._due = time.monotonic() + _ANEW_S
        log.error("the supervisor is gone; starting it again")
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        with (self._settings.folders.logs / "up.log").open("ab") as out:
            subprocess.Popen(
                command_of("up", "--again"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env=environment,
            )

    def _lost(self) -> bool:
        """Tell whether the parent is not the supervisor, which may have ended earlier."""
        try:
            return os.getppid() != int(pid_file(self._settings).read_text())
        except (OSError, ValueError):
            return False  # it was stopped, or is being started
