"""The part of a worker that talks to the broker."""

from __future__ import annotations

import structlog
from celery.worker.consumer import Consumer

log = structlog.get_logger("datapunk.consumer")


class SteadyConsumer(Consumer):
    """Celery's consumer, which outlives a broker that goes away again just after it came back."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of a connection that broke; the consumer opens another.

        kombu 5.7 closes a broken Redis connection twice. The first time stops at a channel that
        can't reach the broker; the second gives back what was not acknowledged through a transport
        that is gone by then, and that `AttributeError` would end the worker. The ledger sends
        again what is lost by this.
        """
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError:
            log.warning("messages under way can't be given back to the broker; they're sent again")
