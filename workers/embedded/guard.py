"""Start the supervisor anew where it is gone."""

from __future__ import annotations

import os
import subprocess
import time

import structlog

from workers.embedded.programs import MARK, command_of, mark_of, pid_file
from workers.settings import Settings

#: How long a process that lost its supervisor waits until it starts it once more.
_ANEW_S = 60.0

log = structlog.get_logger("datapunk.supervise")


class Guard:
    """Starts the supervisor anew for a process that has lost it: nothing else would restart what
    ends from then on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._supervised = os.environ.get(MARK) == mark_of(settings)
        self._due = 0.0

    def look(self) -> None:
        """Tell whether the supervisor is there; else `datapunk up --again`, once in a while."""
        if not self._supervised or time.monotonic() < self._due or not self._lost():
            return
        self._due = time.monotonic() + _ANEW_S
        log.error("the supervisor is gone; starting it anew")
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
        """Whether our parent is another than the supervisor, which may have ended before us."""
        try:
            return os.getppid() != int(pid_file(self._settings).read_text())
        except (OSError, ValueError):
            return False  # it was stopped, or is being started
