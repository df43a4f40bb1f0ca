"""Packages of the embedded servers, and their processes."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

from schemas.errors import ConfigurationError


def package_folder(name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"the package {name} is not installed; run: make setup")
    return Path(spec.origin).parent


#: The environment of a server: no secrets, and messages in English.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def processes_in(folder: Path, program: str) -> list[psutil.Process]:
    """Return the processes of one program that run in one folder; both servers run in their own."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.info["name"] == program and process.cwd() == str(folder.resolve()):
                found.append(process)
    return found


def end_processes(processes: list[psutil.Process], *, grace_s: float) -> None:
    """Wait for processes to exit, then kill those that did not."""
    _, left = psutil.wait_procs(processes, timeout=grace_s)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)
