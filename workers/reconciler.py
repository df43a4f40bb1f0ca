"""The loop that sends again what was lost: any number may run, one at a time works."""

from __future__ import annotations

import signal
import threading

import structlog
from kombu.exceptions import KombuError

from schemas.errors import ServiceDown, TransientError
from tasks import deepen, housekeeping
from workers.bootstrap import make_app, make_runtime
from workers.settings import Settings
from workers.supervise import Guard

log = structlog.get_logger("datapunk.reconciler")

_SWEEP_EVERY = 60


def run(settings: Settings, *, once: bool = False) -> None:
    """Reconcile every few seconds until told to stop; services that are down are waited for."""
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    make_app(settings)
    turns = make_runtime(settings)
    turn, filled = 0, False
    guard = Guard(settings)
    while True:
        guard.look()
        try:
            if not filled:
                deepen.add_all_lacking(turns)
                filled = True
            done = housekeeping.reconcile(turns, window_s=settings.reconcile_every_s * 3)
            if any(done.values()):
                log.info("reconciled", **done)
            if turn % _SWEEP_EVERY == 0:
                housekeeping.sweep(turns)
        except (TransientError, ServiceDown, KombuError, OSError) as error:
            log.warning("a service is down", error=type(error).__name__)
        turn += 1
        if once or stop.wait(settings.reconcile_every_s):
            return
