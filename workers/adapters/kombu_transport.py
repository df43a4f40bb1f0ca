"""The connection to the broker: kombu's, with one fault fixed, and without its long waits."""

from __future__ import annotations

from typing import Any

import kombu
from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as Lost

#: The first, the further and the longest wait between two attempts to reach a broker, in seconds.
_LOOKS = {"interval_start": 1, "interval_step": 1, "interval_max": 2}


class _ClosedConnection:
    """The replacement for a closed channel's connection; any use of it raises `Lost`."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        raise Lost("this channel was closed")


class Channel(redis.Channel):
    """kombu's channel, which raises an error when its connection is gone.

    A message that was taken before the broker went away is acknowledged, or given back, over its
    old channel, and a sender that is used again sends over it. kombu 5.7 meets None there, and the
    `AttributeError` ends the worker or the step; a connection error is handled, and the ledger
    sends again what is lost by it.
    """

    def close(self) -> None:
        """Close the channel and the connections that it opened."""
        super().close()
        self.connection = _ClosedConnection()  # type: ignore[assignment]

    def _connparams(self, asynchronous: bool = False) -> Any:
        """Return how to open one more connection; raises `Lost` if the channel's own was closed."""
        if self.connection.client is None:
            raise Lost("this channel's connection was closed")
        return super()._connparams(asynchronous)  # type: ignore[misc]  # the types lack it


class Transport(redis.Transport):
    """kombu's Redis transport with this channel."""

    Channel = Channel


class Connection(kombu.Connection):
    """kombu's connection, which tries to reach a lost broker every few seconds, without end.

    kombu's own would wait up to 30 s.
    """

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Wait until the broker is reachable, as a worker does that has lost it."""
        return super().ensure_connection(*args, **{**_LOOKS, **kwargs})


def use_ours() -> None:
    """Use this transport for every URL of a Redis or Valkey; call it before one is opened."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
