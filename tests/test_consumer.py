"""A worker outlives a broker that goes away at the worst moments."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from celery import Celery
from celery.worker.consumer import Consumer

from workers import bootstrap, local
from workers.consumer import SteadyConsumer
from workers.settings import Settings, load

pytestmark = pytest.mark.services


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Settings]:
    """A broker of its own, and no database."""
    tmp_path.chmod(0o711)
    settings = load(data_dir=tmp_path / "data", database_url="postgresql://x@127.0.0.1:1/x")
    with local.servers(settings):
        yield settings


def _kill(settings: Settings) -> None:
    found = local.processes_in(settings.valkey_dir, "valkey-server")
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=10)
    assert found


def _at_work(kind: type[Consumer], app: Celery) -> Consumer:
    """A consumer that holds one message, and waits for the next on two channels."""
    controller = SimpleNamespace(use_eventloop=False)
    consumer = kind(on_task_request=print, app=app, hostname="a@b", controller=controller)
    connection = consumer.connection = app.connection_for_read()
    queue = app.amqp.queues["load"](connection.default_channel)
    queue.declare()
    app.amqp.Producer(connection.default_channel).publish({}, routing_key="load", exchange="load")
    taken: list[object] = []
    queue.consume("first", callback=taken.append)
    while not taken:
        connection.drain_events(timeout=5)
    second = connection.channel()
    queue(second).consume("second", callback=taken.append)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.2)
    return consumer


@pytest.mark.parametrize("kind", [Consumer, SteadyConsumer])
def test_a_lost_connection_is_let_go(kind: type[Consumer], broker: Settings) -> None:
    app = bootstrap.make_app(broker)
    consumer = _at_work(kind, app)
    _kill(broker)
    lost = ConnectionError("gone")
    if kind is Consumer:  # when this fails, Celery can do it itself: away with ours
        with pytest.raises(AttributeError):
            consumer.on_connection_error_after_connected(lost)
    else:
        consumer.on_connection_error_after_connected(lost)
    assert consumer.connection is None


def test_workers_run_with_that_consumer(broker: Settings) -> None:
    app = bootstrap.make_app(broker)
    assert app.conf.worker_consumer == f"{SteadyConsumer.__module__}:{SteadyConsumer.__name__}"


_BREAKS = """
from workers.consumer import SteadyConsumer

def start(self):
    raise RuntimeError("what no worker survives")

SteadyConsumer.start = start
from workers.cli import main
main()
"""


def test_a_worker_that_breaks_ends_with_a_code_that_says_so(broker: Settings) -> None:
    words = [sys.executable, "-c", _BREAKS, "worker", "--queues", "load", "--concurrency", "1"]
    environment = {**os.environ, **broker.environment()}
    ended = subprocess.run(words, env=environment, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
