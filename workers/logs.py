"""Structured logs: JSON for machines, plain lines for a terminal, no content of records."""

from __future__ import annotations

import logging
import sys

import structlog

from workers.setting_types import LogFormat
from workers.settings import Settings


def configure(settings: Settings) -> None:
    """Send this product's lines and the libraries' through one formatter to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_traceback,
                _renderer(settings.log_format),
            ],
        )
    )
    logging.raiseExceptions = False  # its report on an unwritable line quotes everything
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    # One line a task is for Flower, not for the log of a million chunks.
    for noisy in ("celery.worker.strategy", "celery.app.trace", "kombu", "amqp", "watchfiles"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # While the database is down this product reports it itself, without the address.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _without_traceback(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Remove the text of an exception, which may hold a record's content; keep its class."""
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[0] is not None:
        event["error"] = info[0].__name__
    event.pop("exception", None)
    return event


def _renderer(form: LogFormat) -> structlog.typing.Processor:
    plain = form is LogFormat.CONSOLE or (form is LogFormat.AUTO and sys.stderr.isatty())
    return structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer()
