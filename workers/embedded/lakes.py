"""The lakes of this machine that run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from workers.embedded.programs import MARK
from workers.settings import Settings


def running() -> list[Path]:
    """Return the data folders of the lakes that run, as far as this user sees their processes."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if mark := process.environ().get(MARK):
                found.add(Path(mark))
    return sorted(found)


def elsewhere(settings: Settings) -> str:
    """Return a clause that names the lakes that run in other folders; empty if there are none."""
    others = [str(folder) for folder in running() if folder != settings.data_dir]
    if not others:
        return ""
    setting = f"DATAPUNK_DATA_DIR={others[0]}"
    return f"; a lake runs in {', '.join(others)} (to use it, set {setting})"
