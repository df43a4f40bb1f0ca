"""The Celery tasks, one for each stage. Each takes ledger ids and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from celery import Task, shared_task
from celery.exceptions import Ignore

from schemas.errors import place_of
from schemas.progress import Stage
from tasks.derived import embedding_backfill as behind
from tasks.derived import search_index
from tasks.ingest import chunk as record_stages
from tasks.ingest import loading, poison, upload
from tasks.ingest.finish import finish_job
from tasks.runtime import stage_runner
from tasks.runtime.context import as_ids, runtime
from tasks.runtime.dispatch import TASK_PREFIX

log = structlog.get_logger("datapunk.stages")


class _ReportedTask(Task[Any, Any]):
    """A task whose messages are reported by the worker however they end."""

    Request = "tasks.runtime.request:ReportedRequest"


def _task(work: Callable[..., None]) -> Callable[..., None]:
    """Return a task of the function's name.

    An error that leaves it is reported by class and place alone: Celery's own report, in its log
    and to the broker, holds the error's text, and so maybe a record's.
    """

    @wraps(work)
    def reported(**ids: Any) -> None:
        try:
            work(**ids)
        except Ignore:
            raise
        except Exception as error:
            where = place_of(error)
            log.error("a task failed", task=work.__name__, error=type(error).__name__, where=where)  # noqa: TRY400 - its text may hold content
            raise Ignore from None

    task: Callable[..., None] = shared_task(
        name=TASK_PREFIX + work.__name__, bind=False, base=_ReportedTask
    )(reported)
    return task


@_task
def validate(*, chunk: Any, job_id: Any) -> None:
    """Measure, type and scan a dropped file."""
    stage_runner.perform(Stage.VALIDATE, chunk, job_id, upload.validate_upload)


@_task
def extract(*, chunk: Any, job_id: Any) -> None:
    """Cut the members of an archive into chunks."""
    stage_runner.perform(Stage.EXTRACT, chunk, job_id, upload.extract_upload)


@_task
def normalise(*, chunk: Any, job_id: Any) -> None:
    """Turn slices into records."""
    stage_runner.perform(Stage.NORMALISE, chunk, job_id, poison.normalise_or_split)


@_task
def screen(*, chunk: Any, job_id: Any) -> None:
    """Quarantine rejections and drop duplicates."""
    stage_runner.perform(Stage.SCREEN, chunk, job_id, record_stages.screen_chunk)


@_task
def embed(*, chunk: Any, job_id: Any) -> None:
    """Turn texts into vectors."""
    stage_runner.perform(Stage.EMBED, chunk, job_id, record_stages.embed_chunk)


@_task
def load(*, chunk: Any, job_id: Any) -> None:
    """Insert rows and vectors into the lake."""
    stage_runner.perform(Stage.LOAD, chunk, job_id, loading.load_chunk)


@_task
def finish(*, chunk: Any, job_id: Any) -> None:
    """End a job."""
    stage_runner.perform(Stage.FINISH, chunk, job_id, finish_job)


@_task
def deepen(*, user_id: Any, model: Any) -> None:
    """Embed what a tier lacks, for a while."""
    behind.in_background(runtime(), as_ids(user_id), str(model))


@_task
def index(*, user_id: Any) -> None:
    """Make some of what has loaded findable."""
    search_index.in_background(runtime(), as_ids(user_id))
