"""A command of `datapunk` that writes down the seconds of each task, and of each turn of the
reconciler, into the file that `BENCH_TIMES` names: a line each, `stage seconds`.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_prerun

from tasks.maintenance import reconcile as maintenance_reconcile

VARIABLE = "BENCH_TIMES"
#: What the reconciler does beside an import: words, statistics, likeness, scores.
BEHIND = "behind"


def sums(path: Path) -> dict[str, float]:
    """Seconds by stage."""
    total: dict[str, float] = defaultdict(float)
    for line in path.read_text().splitlines():
        stage, seconds = line.split()
        total[stage] += float(seconds)
    return dict(total)


def _note(stage: str, seconds: float) -> None:
    # Short lines that are appended in one write don't mix, whichever process they come from.
    with Path(os.environ[VARIABLE]).open("a") as times:
        times.write(f"{stage} {seconds:.6f}\n")


def _time_tasks() -> None:
    began: dict[str, float] = {}

    def begins(task_id: str = "", **_: Any) -> None:
        began[task_id] = time.perf_counter()

    def ends(task_id: str = "", task: Any = None, **_: Any) -> None:
        if task_id in began:
            _note(task.name.rpartition(".")[2], time.perf_counter() - began.pop(task_id))

    task_prerun.connect(begins, weak=False)
    task_postrun.connect(ends, weak=False)


def _timed(reconcile: Callable[..., dict[str, int]]) -> Callable[..., dict[str, int]]:
    def turn(*given: Any, **named: Any) -> dict[str, int]:
        start = time.perf_counter()
        done = reconcile(*given, **named)
        if any(done.values()):
            _note(BEHIND, time.perf_counter() - start)
        return done

    return turn


def main() -> None:
    """Run as `python -m workers.cli` does."""
    from workers.cli import main as command

    _time_tasks()
    maintenance_reconcile.reconcile = _timed(maintenance_reconcile.reconcile)
    command()


if __name__ == "__main__":
    main()
