"""A worker outlives a broker that goes away at the worst moments."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from celery import Celery
from celery.worker.consumer import Consumer
from kombu import Message
from kombu.exceptions import OperationalError
from kombu.transport import redis
from redis.exceptions import ConnectionError as Lost

from workers import wiring
from workers.adapters import kombu_transport
from workers.embedded import local_servers, server_processes
from workers.settings import Settings, load

pytestmark = [
    pytest.mark.services,
    # Celery says at each loss that it could drop the tasks under way, which celeryconfig.py denies.
    pytest.mark.filterwarnings("ignore::celery.exceptions.CPendingDeprecationWarning"),
]


@pytest.fixture
def lone_broker(tmp_path: Path) -> Iterator[Settings]:
    """A broker of its own, and no database."""
    tmp_path.chmod(0o711)
    settings = load(data_dir=tmp_path / "data", database_url="postgresql://x@127.0.0.1:1/x")
    with local_servers.servers(settings):
        yield settings


def _kill(settings: Settings) -> None:
    found = server_processes.processes_in(settings.folders.valkey, "valkey-server")
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=10)
    assert found


def _at_work(app: Celery) -> tuple[Consumer, Message]:
    """A consumer that waits for more on two channels, and the message that it holds."""
    consumer = Consumer(
        on_task_request=print,
        app=app,
        hostname="a@b",
        controller=SimpleNamespace(use_eventloop=False),
        pool=SimpleNamespace(num_processes=1, is_green=False),
    )
    connection = consumer.connection = app.connection_for_read()
    queue = app.amqp.queues["load"](connection.default_channel)
    queue.declare()
    app.amqp.Producer(connection.default_channel).publish({}, routing_key="load", exchange="load")
    taken: list[Message] = []
    queue.consume("first", callback=taken.append)
    while not taken:
        connection.drain_events(timeout=5)
    queue(connection.channel()).consume("second", callback=taken.append)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.2)
    return consumer, taken[0]


def _let_go(consumer: Consumer, message: Message) -> None:
    consumer.on_connection_error_after_connected(Lost("gone"))


def _acknowledge_late(consumer: Consumer, message: Message) -> None:
    errors = consumer.connection_errors
    with suppress(*errors, AttributeError):
        _let_go(consumer, message)
    message.ack_log_error(logging.getLogger(), errors)


@pytest.mark.parametrize("step", [_let_go, _acknowledge_late])
def test_what_a_lost_broker_leaves_to_do_ends_no_worker(
    step: Callable[[Consumer, Message], None], lone_broker: Settings
) -> None:
    consumer, message = _at_work(wiring.make_app(lone_broker))
    _kill(lone_broker)
    step(consumer, message)
    assert consumer.connection is None


@pytest.mark.parametrize("step", [_let_go, _acknowledge_late])
def test_kombu_does_not_do_it_itself(
    step: Callable[[Consumer, Message], None],
    lone_broker: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When this fails, workers/adapters/kombu_transport.py can go."""
    monkeypatch.setattr(kombu_transport.Transport, "Channel", redis.Channel)
    consumer, message = _at_work(wiring.make_app(lone_broker))
    _kill(lone_broker)
    with pytest.raises(AttributeError, match="hostname"):
        step(consumer, message)


_USES: dict[str, Callable[[Any], object]] = {
    "publish": lambda channel: channel.basic_publish(_message(channel), "load", "load"),
    "declare a queue": lambda channel: channel.queue_declare("load"),
    "declare an exchange": lambda channel: channel.exchange_declare("load"),
    "bind": lambda channel: channel.queue_bind("load", "load", "load"),
    "delete": lambda channel: channel.queue_delete("load"),
    "purge": lambda channel: channel.queue_purge("load"),
    "get": lambda channel: channel.basic_get("load"),
    "consume": lambda channel: channel.basic_consume("load", True, print, "tag"),
    "acknowledge": lambda channel: channel.basic_ack("1"),
    "reject": lambda channel: channel.basic_reject("1"),
    "recover": lambda channel: channel.basic_recover(True),
    "drain": lambda channel: channel.drain_events(timeout=0.1),
}


def _message(channel: Any) -> Any:
    return channel.prepare_message("text", properties={"delivery_mode": 2})


@pytest.mark.parametrize("ended", ["channel", "connection"])
def test_whatever_a_closed_channel_is_asked_is_an_error_of_the_connection(
    ended: str, lone_broker: Settings
) -> None:
    for name, use in _USES.items():
        connection = wiring.make_app(lone_broker).connection_for_write()
        channel = connection.channel()
        channel.queue_declare("load")
        (channel if ended == "channel" else connection).close()
        with pytest.raises(connection.connection_errors):
            use(channel)
            pytest.fail(name)
        channel.close()  # once more does no harm


_BREAKS = """
from celery.worker.consumer import Consumer

def start(self):
    raise RuntimeError("what no worker survives")

Consumer.start = start
from workers.cli import main
main()
"""


def test_a_worker_that_breaks_ends_with_a_code_that_says_so(lone_broker: Settings) -> None:
    words = [sys.executable, "-c", _BREAKS, "worker", "--queues", "load", "--concurrency", "1"]
    environment = {**os.environ, **lone_broker.environment()}
    ended = subprocess.run(words, env=environment, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr


def test_a_worker_looks_for_its_broker_every_few_seconds(
    lone_broker: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is away; kombu's own waits would go up to 30 s."""
    connection = wiring.make_app(lone_broker).connection_for_read()
    _kill(lone_broker)
    waits: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)
    with pytest.raises(OperationalError):
        connection.ensure_connection(lambda _, wait: waits.append(wait), max_retries=30)
    assert len(waits) > 20
    assert max(waits) <= 2
