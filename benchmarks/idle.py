"""`python -m benchmarks.idle`: the memory of a lake that has nothing to do, process by process.

A lake is started in a temporary folder, imports the sample, and is looked at once its models have
been made and rest. With `--here` the lake of the settings is looked at as it is.
Shares of what processes have in common are counted once (PSS, proc_pid_smaps_rollup(5)).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from workers import wiring
from workers.adapters import model_child
from workers.cli import console
from workers.embedded import supervisor
from workers.embedded.programs import pid_file
from workers.embedded.stop import stop_all
from workers.settings import Settings, load

_MB = 1024 * 1024


def processes(settings: Settings) -> list[psutil.Process]:
    """Return the supervisor of a lake and its child processes."""
    top = psutil.Process(int(pid_file(settings).read_text()))
    return [top, *top.children(recursive=True)]


def memory(settings: Settings) -> Counter[str]:
    """Bytes of each program, what it shares with others divided among them."""
    found = Counter[str]()
    for process in processes(settings):
        with suppress(psutil.Error):
            found[_name(process)] += process.memory_full_info().pss
    return found


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    if "postgres" in process.name():
        return "postgres"
    if model_child.is_one(process):
        return "a model"
    if "workers.cli" in words:
        verb = words[words.index("workers.cli") + 1]
        return f"{verb} {words[-1]}" if verb == "worker" else verb
    return next((word for word in words if "supervisord" in word), process.name()).split("/")[-1]


def at_rest(settings: Settings) -> bool:
    """Tell whether no model is in memory or being made."""
    for process in processes(settings):
        with suppress(psutil.Error):
            if model_child.is_one(process):
                return False
    return True


@contextmanager
def _lake() -> Iterator[Settings]:
    """Yield a new lake that runs until the block ends."""
    with tempfile.TemporaryDirectory(prefix="datapunk-idle-") as folder:
        Path(folder).chmod(0o711)
        os.environ["DATAPUNK_DATA_DIR"] = str(Path(folder) / "data")
        os.environ["DATAPUNK_EMBED_IDLE_S"] = "5"
        settings = load()

        def migrate() -> None:
            wiring.migrate(settings)

        supervisor.up(settings, migrate=migrate, say=console.say)
        try:
            yield settings
        finally:
            stop_all(settings, console.say)


def _show(settings: Settings) -> None:
    found = memory(settings)
    rows = [(name, f"{size / _MB:.0f}") for name, size in found.most_common()]
    console.table(("program", "MB"), [*rows, ("all", f"{found.total() / _MB:.0f}")])


def main() -> int:
    """Start a lake, wait until it rests, print its memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="the lake of the settings, as it is")
    if parser.parse_args().here:
        _show(load())
        return 0
    with _lake() as settings:
        rested = 0
        while rested < 5:  # seconds on end: a turn may begin between two looks
            time.sleep(1)
            rested = rested + 1 if at_rest(settings) else 0
        _show(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
