"""What leaves a task as an error is told by its class: its text may be that of a record."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from celery import Celery
from celery.app.trace import build_tracer

from tasks import celery_tasks
from tasks.runtime.dispatch import TASK_PREFIX
from workers import logs
from workers.settings import Settings

SECRET = "planted canary 4711"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    made = Celery("test", broker="memory://", set_as_current=False)
    made.config_from_object("celeryconfig")
    made.finalize()

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError(SECRET)

    handlers = [*logging.getLogger().handlers]
    monkeypatch.setattr(celery_tasks, "runtime", lambda: None)
    monkeypatch.setattr(celery_tasks.behind, "in_background", broken)
    monkeypatch.setattr(celery_tasks.search_index, "in_background", broken)
    monkeypatch.setattr(celery_tasks.stage_runner, "perform", broken)
    yield made
    logging.getLogger().handlers = handlers
    structlog.reset_defaults()


NAMES = (
    "validate", "extract", "normalise", "screen", "embed", "load", "finish", "deepen", "index",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_text_of_an_error_gets_out_of_no_task(
    app: Celery, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings(data_dir="/nowhere"))
    task = app.tasks[TASK_PREFIX + name]
    ids = {"chunk": "1", "job_id": str(uuid4())}
    if name in ("deepen", "index"):
        ids = {"user_id": str(uuid4()), **({"model": "static"} if name == "deepen" else {})}
    carry_out = build_tracer(task.name, task, app=app, eager=False)
    request = {"id": "1", "delivery_info": {}, "argsrepr": "()", "kwargsrepr": "{}"}
    found = carry_out(str(uuid4()), (), ids, request)
    said = capsys.readouterr()
    assert SECRET not in said.err + said.out + repr(found)
    assert '"error": "ValueError"' in said.err
    assert "test_task_errors.py" in said.err
