"""The sign of life of a process, for the health check of a container."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from celery import signals

from workers.settings import Settings


def beat(settings: Settings) -> None:
    """Touch the health file, if the settings name one; a disk that refuses ends no process."""
    if settings.health_file is not None:
        with suppress(OSError):
            settings.health_file.touch()


def beat_with_celery(settings: Settings) -> None:
    """Touch the health file with each heartbeat of a worker, which stop with its broker."""

    @signals.heartbeat_sent.connect(weak=False)
    def sent(**_: Any) -> None:
        beat(settings)
