"""The ledger and the lake of the settings. This module loads no other part of the system."""

from __future__ import annotations

import os
import pwd
import socket

from sql.connection import open_pool
from sql.store import Lake, Ledger
from tasks.runtime.alerts import Thresholds
from workers.settings import Settings


def thresholds(settings: Settings) -> Thresholds:
    """Return the limits from which quarantined and doubtful records are an alert."""
    return Thresholds(
        share=settings.quarantine_alert_share,
        records=settings.quarantine_alert_records,
        completeness=settings.quality_least_completeness,
        accuracy=settings.quality_least_accuracy,
        consistency=settings.quality_least_consistency,
    )


def actor(settings: Settings) -> str:
    """Return the name in the audit trail for this process."""
    return settings.actor or f"{_system_user()}@{socket.gethostname()}"


def _system_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return str(os.getuid())


def open_ledger(settings: Settings, *, size: int = 1, timeout: float = 30.0) -> Ledger:
    """Return the ledger; its pool is opened here, so call it in the process that uses it."""
    url = settings.url("ledger")
    return Ledger(open_pool(url, size=size, timeout=timeout, actor=actor(settings)))


def reader(settings: Settings) -> Lake:
    """Return the lake as the role that only reads, one user at a time."""
    return Lake(open_pool(settings.url("reader"), size=1))
