"""What a worker reports of a message that ends with `Ignore`."""

from __future__ import annotations

from typing import Any

from celery.exceptions import Ignore
from celery.worker.request import Request


class ReportedRequest(Request):
    """A request whose end is always reported: Celery itself says nothing of an ignored one.

    Flower would show such a task as started for ever. It shows it as revoked: the message found
    nothing to do, or its chunk was given back and is sent again. It would take a rejection for
    older than the start.
    """

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        """Acknowledge or report the end of a task that did not succeed."""
        ended = super().on_failure(exc_info, send_failed_event, return_ok)
        # As Celery unwraps it: an exception comes out of a child together with its traceback.
        if isinstance(getattr(exc_info.exception, "exc", exc_info.exception), Ignore):
            self.send_event("task-revoked", terminated=False, signum=None, expired=False)
        return ended
