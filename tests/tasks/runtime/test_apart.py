"""Work in a child: from every kind of process, bounded, and with no word of what it read."""

from __future__ import annotations

import ast
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tasks.runtime.isolated_child import allow, run_isolated
from tests.support.place import ROOT


def _fails() -> None:
    raise ValueError("content of a record")


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _sleeps() -> None:
    while True:
        try:
            time.sleep(60)
        except BaseException:  # what no signal handler of its own may stop
            continue


WORK: dict[str, tuple[Callable[[], None], bool]] = {
    "nothing": (lambda: None, True),
    "error": (_fails, False),
    "exit": (lambda: sys.exit(0), False),
    "signal": (_killed, False),
    "hang": (_sleeps, False),
}


def _all_of_it() -> list[bool]:
    return [run_isolated(work, seconds=1) for work, _ in WORK.values()]


def _in_thread(work: Callable[[], list[bool]]) -> list[bool]:
    found: list[list[bool]] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def _daemonic(channel: multiprocessing.connection.Connection) -> None:
    assert multiprocessing.current_process().daemon
    channel.send([_all_of_it(), _in_thread(_all_of_it)])


EXPECTED = [well for _, well in WORK.values()]


def test_from_a_process_and_from_a_thread() -> None:
    assert _all_of_it() == EXPECTED
    assert _in_thread(_all_of_it) == EXPECTED


def test_from_a_daemonic_child() -> None:
    """As a child of Celery's pool is."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_daemonic, args=(there,), daemon=True)
    child.start()
    there.close()
    assert here.recv() == [EXPECTED, EXPECTED]
    child.join()


def test_no_word_of_what_it_read(capfd: pytest.CaptureFixture[str]) -> None:
    print("said before", end="")
    assert not run_isolated(_fails, seconds=5)
    assert capfd.readouterr() == ("said before", "")


def test_a_child_may_be_given_more_time(tmp_path: Path) -> None:
    def patient() -> None:
        for n in range(3):
            allow(2)
            time.sleep(0.8)
            (tmp_path / str(n)).touch()

    assert run_isolated(patient, seconds=1)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_error_meanwhile_ends_the_child(tmp_path: Path) -> None:
    """Celery's soft time limit is an error that a signal raises."""

    class Limit(Exception):
        pass

    def over(*_: object) -> None:
        raise Limit

    def work() -> None:
        (tmp_path / str(os.getpid())).touch()
        _sleeps()

    before = signal.signal(signal.SIGUSR1, over)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(Limit):
            run_isolated(work, seconds=60)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    (pid,) = (int(path.name) for path in tmp_path.iterdir())
    assert not psutil.pid_exists(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the alarm alone ends it")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path\n"
        "from tasks.runtime.isolated_child import run_isolated\n"
        "def work():\n"
        "    Path(sys.argv[1], str(os.getpid())).touch()\n"
        "    time.sleep(300)\n"
        "run_isolated(work, seconds=300)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    while not (pids := list(tmp_path.iterdir())):
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    child = int(pids[0].name)
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=30)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"


#: What starts processes; a pool's child may start none by `multiprocessing`.
_STARTERS = {"multiprocessing", "concurrent", "subprocess", "billiard.process", "billiard.pool"}


def test_apart_is_the_one_way_to_a_child() -> None:
    """Whatever a stage calls may run in a child of a pool."""
    found = []
    for room in ("schemas", "pipeline", "sql", "tasks"):
        for path in sorted((ROOT / room).rglob("*.py")):
            where = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                elif isinstance(node, ast.Attribute) and node.attr.startswith(
                    ("fork", "spawn", "popen", "posix_spawn")
                ):
                    names = [f"os.{node.attr}"]
                for name in names:
                    starts = name in _STARTERS or name.partition(".")[0] in _STARTERS
                    if (
                        starts or name.startswith("os.")
                    ) and where != "tasks/runtime/isolated_child.py":
                        found.append(f"{where}:{node.lineno} {name}")
    assert found == []
