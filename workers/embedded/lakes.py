"""The lakes of this machine that run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from workers import setting_places
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
    """Return a sentence that names a lake that runs in another folder; empty if there is none.

    Of several it is the one that was started last, or else the first by name.
    """
    others = [folder for folder in running() if folder != settings.data_dir]
    if not others:
        return ""
    latest = setting_places.last()
    named = latest if latest in others else others[0]
    more = f", and {len(others) - 1} more run" if len(others) > 1 else ""
    return f" A lake runs in {named}{more}; to use it, set DATAPUNK_DATA_DIR={named}"
