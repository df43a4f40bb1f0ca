"""The loop that sends lost work again: any number may run, one at a time works."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import structlog
from kombu.exceptions import KombuError

from schemas.errors import ServiceDown, TransientError, place_of
from tasks.derived.embedding_backfill import Lacking
from tasks.maintenance import reconcile, sweep
from tasks.runtime import steps
from tasks.runtime.context import Runtime
from workers.embedded.guard import Guard
from workers.health import beat
from workers.notifier import Notifier
from workers.settings import Settings
from workers.wiring import make_app, make_runtime

log = structlog.get_logger("datapunk.reconciler")

_SWEEP_EVERY = 60


def run(settings: Settings, *, once: bool = False) -> None:
    """Reconcile every few seconds until a signal; wait for services that are down."""
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    make_app(settings)
    runtime = make_runtime(settings)
    turns, notifier = Turns(runtime, settings.reconcile_every_s), Notifier(settings, runtime)
    if not once:
        notifier.start(stop)
    guard = Guard(settings)
    while True:
        guard.look()
        beat(settings)
        turns.take()
        if once:
            notifier.turn()
        if once or stop.wait(settings.reconcile_every_s):
            return


class Turns:
    """The turns of one process, and the work of some of them only. No error ends them."""

    def __init__(self, runtime: Runtime, every_s: float) -> None:
        self._run, self._every_s = runtime, every_s
        self._lacking = Lacking()
        self._begun = False
        self._count = 0

    def take(self) -> None:
        """Take one turn."""
        sweeps = self._count % _SWEEP_EVERY == 0
        self._count += 1
        try:
            if not self._begun:
                steps.try_now(self._run)
                self._begun = True
            self._step("lacking", lambda: self._lacking.add(self._run))
            done = reconcile.reconcile(self._run, window_s=self._every_s * 3)
            if any(done.values()):
                log.info("reconciled", **done)
            if sweeps:
                sweep.sweep(self._run)
        except (TransientError, ServiceDown, KombuError, OSError) as error:
            log.warning("a service is down", error=type(error).__name__)
        except Exception as error:
            log.error("a turn failed", error=type(error).__name__, where=place_of(error))  # noqa: TRY400 - the text may hold content

    def _step(self, name: str, work: Callable[[], int]) -> None:
        steps.run_step(self._run, name, work, 0)
