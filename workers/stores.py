"""The ledger and the lake of the settings, opened for who asks; no more of the system is loaded."""

from __future__ import annotations

import os
import pwd
import socket

from sql.connection import open_pool
from sql.store import Lake, Ledger
from tasks.runtime.alerts import Thresholds
from workers.settings import Settings


def thresholds(settings: Settings) -> Thresholds:
    """From when on records in quarantine, and doubtful ones, are an alert."""
    return Thresholds(
        share=settings.quarantine_alert_share,
        records=settings.quarantine_alert_records,
        completeness=settings.quality_least_completeness,
        accuracy=settings.quality_least_accuracy,
        consistency=settings.quality_least_consistency,
    )


def actor(settings: Settings) -> str:
    """Who stands in the audit trail for this process."""
    return settings.actor or f"{_system_user()}@{socket.gethostname()}"


def _system_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return str(os.getuid())


def open_ledger(settings: Settings, *, size: int = 1, timeout: float = 30.0) -> Ledger:
    """The ledger; its pool is opened here, so call it in the process that uses it."""
    url = settings.url("ledger")
    return Ledger(open_pool(url, size=size, timeout=timeout, actor=actor(settings)))


def reader(settings: Settings) -> Lake:
    """The lake as the role that only reads, one user at a time."""
    return Lake(open_pool(settings.url("reader"), size=1))
