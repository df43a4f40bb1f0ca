"""The Celery tasks, one a stage. Each takes ledger ids and nothing else."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from schemas.progress import Stage
from tasks import chunk as record_stages
from tasks import deepen as behind
from tasks import housekeeping, loading, poison, shell, upload
from tasks.context import as_ids, runtime


@shared_task(name="datapunk.validate", bind=False)
def validate(*, chunk: Any, job_id: Any) -> None:
    """Measure, type and scan a dropped file."""
    shell.perform(Stage.VALIDATE, chunk, job_id, upload.validate_upload)


@shared_task(name="datapunk.extract", bind=False)
def extract(*, chunk: Any, job_id: Any) -> None:
    """Cut the members of an archive into chunks."""
    shell.perform(Stage.EXTRACT, chunk, job_id, upload.extract_upload)


@shared_task(name="datapunk.normalise", bind=False)
def normalise(*, chunk: Any, job_id: Any) -> None:
    """Turn slices into records."""
    shell.perform(Stage.NORMALISE, chunk, job_id, poison.normalise_or_split)


@shared_task(name="datapunk.screen", bind=False)
def screen(*, chunk: Any, job_id: Any) -> None:
    """Set rejections aside and drop duplicates."""
    shell.perform(Stage.SCREEN, chunk, job_id, record_stages.screen_chunk)


@shared_task(name="datapunk.embed", bind=False)
def embed(*, chunk: Any, job_id: Any) -> None:
    """Turn texts into vectors."""
    shell.perform(Stage.EMBED, chunk, job_id, record_stages.embed_chunk)


@shared_task(name="datapunk.load", bind=False)
def load(*, chunk: Any, job_id: Any) -> None:
    """Put rows and vectors into the lake."""
    shell.perform(Stage.LOAD, chunk, job_id, loading.load_chunk)


@shared_task(name="datapunk.finish", bind=False)
def finish(*, chunk: Any, job_id: Any) -> None:
    """End a job."""
    shell.perform(Stage.FINISH, chunk, job_id, housekeeping.finish_job)


@shared_task(name="datapunk.deepen", bind=False)
def deepen(*, user_id: Any, model: Any) -> None:
    """Embed what a tier lacks, for a while."""
    behind.in_background(runtime(), as_ids(user_id), str(model))
