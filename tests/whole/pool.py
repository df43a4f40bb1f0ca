"""`datapunk` whose workers also do what is otherwise done by a command, in a child of their pool.

    python -m tests.whole.pool worker --queues …

The poisonous format is in its folder too. What a task came to is written into the file it names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import billiard
import msgspec
from celery import shared_task, signature

from schemas.errors import place_of
from tasks.derived import near_duplicates
from tasks.maintenance import reconcile, sweep
from tasks.operations import quarantine, reparse
from tasks.runtime.context import Runtime, as_ids, runtime
from tests.support import poison


def _retry(run: Runtime, user: Any) -> Any:
    return msgspec.structs.asdict(quarantine.retry(run, user, quarantine.Choice()))


def _reparse(run: Runtime, user: Any) -> Any:
    """Every format that the user has files of, read again as if it were better now."""
    rows = run.lake.pool.connection
    with rows() as connection:
        connection.execute("SELECT set_config('app.user_id', %s, false)", (str(user),))
        found = connection.execute(
            "SELECT DISTINCT format FROM imports.files WHERE format IS NOT NULL"
        ).fetchall()
    done = {}
    for name in sorted(row["format"] for row in found):
        order = reparse.order(name, every=True)
        came = [each for _, each in reparse.reparse(run, user, order)]
        done[name] = {"files": sum(c.files for c in came), "passed": [c.passed_over for c in came]}
    return done


def _reconcile(run: Runtime, _: Any) -> Any:
    sweep.sweep(run)
    return reconcile.reconcile(run)


def _compare(run: Runtime, user: Any) -> Any:
    return near_duplicates.compare_user(run, user, seconds=60, patience=10)


VERBS: dict[str, Callable[[Runtime, Any], Any]] = {
    "retry": _retry,
    "reparse": _reparse,
    "compare": _compare,
    "reconcile": _reconcile,
}


@shared_task(name="tests.in_pool", bind=False)
def in_pool(*, verb: str, user: str, out: str) -> None:
    """Do it, and write down what came of it, or the error's class and place."""
    said: dict[str, Any] = {"daemon": billiard.current_process().daemon, "pid": os.getpid()}
    try:
        said["came"] = VERBS[verb](runtime(), as_ids(user))
    except Exception as error:
        said["error"] = f"{type(error).__name__} at {place_of(error)}"
    part = Path(out).with_suffix(".part")
    part.write_text(json.dumps(said, default=str))
    part.rename(out)


def send(verb: str, user: object, out: Path) -> None:
    """Have a worker do it."""
    signature(
        "tests.in_pool",
        kwargs={"verb": verb, "user": str(user), "out": str(out)},
        immutable=True,
        options={"queue": "maintenance"},
    ).apply_async()


if __name__ == "__main__":
    from workers.cli import main

    poison.add_format()
    main()
