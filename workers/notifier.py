"""The thread of the reconciler that sends messages: a receiver that is slow holds nothing up."""

from __future__ import annotations

import threading
from copy import copy

import structlog

from schemas.errors import ServiceDown, TransientError, place_of
from tasks.maintenance import notices
from tasks.runtime.context import Runtime
from workers.adapters.receivers import receivers
from workers.settings import Settings
from workers.stores import open_ledger

log = structlog.get_logger("datapunk.notifier")


class Notifier:
    """Sends what is due, a turn at a time. Without a receiver it does nothing."""

    def __init__(self, settings: Settings, run: Runtime) -> None:
        self._receivers = receivers(settings)
        self._every_s, self._names = settings.reconcile_every_s, settings.notify_names
        self._run = copy(run)
        self._ready = False
        if self._receivers:
            # A message is sent within a transaction, and its failure is noted by another.
            self._run.ledger = open_ledger(settings, size=2)

    def start(self, stop: threading.Event) -> None:
        """Take turns in a thread until `stop`."""
        if self._receivers:
            threading.Thread(target=self._loop, args=(stop,), name="notifier", daemon=True).start()
        else:
            self.turn()

    def _loop(self, stop: threading.Event) -> None:
        self.turn()  # a receiver gets what ends after it is known
        while not stop.wait(self._every_s):
            self.turn()

    def turn(self) -> None:
        """Take one turn. No error ends the next."""
        try:
            if not self._ready:
                notices.prepare(self._run.ledger, [each.key for each in self._receivers])
                self._ready = True
            notices.send_due(self._run, self._receivers, names=self._names)
        except (TransientError, ServiceDown) as error:
            log.warning("a service is down", error=type(error).__name__)
        except Exception as error:
            log.error("no message was sent", error=type(error).__name__, where=place_of(error))  # noqa: TRY400 - the text may hold an address
