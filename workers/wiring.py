"""The composition root: settings in, a wired runtime or Celery app out."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID

import psutil
import psycopg
import redis
import structlog
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Celery, signals
from psycopg.conninfo import conninfo_to_dict

from pipeline.archives.streams import ArchiveLimits
from pipeline.enrich.text_pieces import EmbedPolicy
from pipeline.ports import Models
from schemas.errors import ServiceDown
from schemas.files import SliceLimits
from schemas.folders import Folders
from schemas.progress import QUEUES, Stage, Tier
from sql.connection import open_pool
from sql.store import Lake, Ledger
from tasks.runtime import context, stage_runner
from tasks.runtime.blob_store import FileBlobs
from tasks.runtime.dispatch import BEHIND, TASK_PREFIX
from tasks.runtime.privacy_policy import PolicyFile
from workers import down, limits, logs
from workers.adapters import kombu_transport, model_child, presidio
from workers.adapters.clamd import make_scanner
from workers.adapters.embedding_models import ModelsApart, ModelsHere, tiers
from workers.embedded import unprivileged
from workers.setting_types import Infected, ScannerMode
from workers.settings import Settings, load
from workers.stores import actor, open_ledger, thresholds

log = structlog.get_logger("datapunk.bootstrap")

#: A key in the broker that shows that it was not emptied since.
_MARK = "datapunk.mark"

#: Stages that may take hours: a whole upload or job, or the texts of 500 long mails on a slow CPU.
_LONG = (Stage.VALIDATE, Stage.EXTRACT, Stage.EMBED, Stage.FINISH)


def options(settings: Settings) -> context.Options:
    """Return the settings of tasks."""
    return context.Options(
        worker=f"{socket.gethostname()}:{os.getpid()}",
        lease_s=settings.lease_s,
        heartbeat_s=settings.heartbeat_s,
        max_attempts=settings.max_attempts,
        dispatch_window=settings.dispatch_window,
        scan_required=settings.scanner is ScannerMode.REQUIRED,
        infected_key=settings.infected_key if settings.infected is Infected.ENCRYPT else None,
        zone=settings.zone,
        max_upload_bytes=settings.max_upload_bytes,
        set_wait_s=settings.set_wait_s,
        archive=ArchiveLimits(
            total=settings.archive_max_bytes,
            ratio=settings.archive_max_ratio,
            members=settings.archive_max_members,
            depth=settings.archive_max_depth,
            member=settings.archive_max_member_bytes,
            path_bytes=settings.archive_max_path_bytes,
            seconds=settings.archive_max_seconds,
        ),
        slices=SliceLimits(records=settings.chunk_records, size=settings.chunk_bytes),
        embed=EmbedPolicy(types=settings.embed_types),
        most_pieces=settings.embed_pieces,
        tiers=tiers(settings),
        near_duplicates=settings.near_duplicate_similarity if settings.near_duplicates else None,
        alert=thresholds(settings),
        apart_limit_s=settings.chunk_hard_limit_s,
        privacy=PolicyFile(
            settings.privacy_policy, settings.privacy_key_file, presidio.names(settings)
        ),
        bound=lambda: _bound_apart(settings),
        receipt=lambda ledger, job_id: _receipt(settings, ledger, job_id),
    )


def _receipt(settings: Settings, ledger: Ledger, job_id: UUID) -> str:
    from workers.cli import receipt_file  # noqa: PLC0415 - at the end of a job alone

    return receipt_file.text(settings, ledger, job_id)


def _open_lake(settings: Settings) -> Lake:
    url, size = settings.url("ingest"), settings.db_pool_size
    return Lake(open_pool(url, size=size, actor=actor(settings)))


def make_runtime(settings: Settings, models: Models | None = None) -> context.Runtime:
    """Return a runtime of this process: pools are opened here, so call it in the child."""
    return context.Runtime(
        options=options(settings),
        folders=Folders(settings.data_dir),
        ledger=open_ledger(settings, size=settings.db_pool_size),
        lake=_open_lake(settings),
        scanner=make_scanner(settings),
        models=models or ModelsHere(settings),
        make_blobs=FileBlobs,
        broker=context.Broker(
            queue_lengths=lambda: queue_lengths(settings),
            is_marked=lambda: broker_is_marked(settings),
            mark=lambda: mark_broker(settings),
        ),
    )


def broker_client(settings: Settings) -> redis.Redis:
    """Return a plain client of the broker."""
    url = settings.broker().replace("redis+socket://", "unix://", 1)
    return redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=3)


@contextmanager
def _asked(settings: Settings) -> Iterator[redis.Redis]:
    """Yield a client of the broker for one question; raises ServiceDown if there is no answer."""
    try:
        with broker_client(settings) as client:
            yield client
    except redis.RedisError as error:
        raise ServiceDown("The broker does not answer; start it with `datapunk up`.") from error


def queue_lengths(settings: Settings) -> dict[str, int]:
    """Return how many messages wait in each queue; raises ServiceDown without an answer."""
    with _asked(settings) as client:
        return {name: int(client.llen(name)) for name in {*QUEUES.values(), BEHIND}}


def broker_is_marked(settings: Settings) -> bool:
    """Tell whether the broker has the mark, which it loses together with the messages.

    Raises ServiceDown if it does not answer.
    """
    with _asked(settings) as client:
        return bool(client.exists(_MARK))


def mark_broker(settings: Settings) -> None:
    """Set the mark in the broker; raises ServiceDown if it does not answer."""
    with _asked(settings) as client:
        client.set(_MARK, 1)


def migrate(settings: Settings) -> list[str]:
    """Set up roles and extensions, and apply pending migrations; return their names."""
    from sql import migrate as migrations  # noqa: PLC0415 - one verb needs what migrates

    try:
        migrations.bootstrap(settings.url("admin"), login=settings.embeds_postgres)
        return migrations.upgrade(settings.url("owner"))
    except psycopg.OperationalError as error:
        raise ServiceDown(down.why(error)) from error


def make_app(settings: Settings) -> Celery:
    """Return the Celery app.

    It is made of `celeryconfig.py`, the broker from the settings, the tasks of all stages.
    """
    _SETTINGS[:] = [settings]
    kombu_transport.use_ours()
    app = Celery("datapunk")
    app.config_from_object("celeryconfig")
    app.amqp.Connection = kombu_transport.Connection
    app.conf.update(broker_url=settings.broker(), include=["tasks.celery_tasks"])
    lease = max(settings.lease_s, settings.chunk_hard_limit_s)
    transport = dict(app.conf.broker_transport_options)
    app.conf.broker_transport_options = {**transport, "visibility_timeout": 2 * lease}
    app.conf.task_annotations = _time_limits(settings)
    app.set_default()
    context.install(lambda: make_runtime(settings))
    return app


def _time_limits(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the time limits: short for chunks, long for work on a whole upload."""
    short = {
        "soft_time_limit": settings.chunk_soft_limit_s,
        "time_limit": settings.chunk_hard_limit_s,
    }
    long = {
        "soft_time_limit": settings.upload_limit_s - 30,
        "time_limit": settings.upload_limit_s,
    }
    stages = {f"{TASK_PREFIX}{s}": long if s in _LONG else short for s in Stage}
    return {**stages, f"{TASK_PREFIX}deepen": long, f"{TASK_PREFIX}index": short}


#: The settings of the app: a process that gave up root may not read their files again.
_SETTINGS: list[Settings] = []


def _settings() -> Settings:
    return _SETTINGS[0] if _SETTINGS else load()


@signals.setup_logging.connect(weak=False)
def _logging(**_: Any) -> None:
    """Send Celery's own lines to the same log."""
    logs.configure(_settings())


@signals.task_failure.connect(weak=False)
def _lost(sender: Any = None, exception: Any = None, kwargs: Any = (), **_: Any) -> None:
    """Give back at once the lease of a child that died or was killed over its task."""
    if not isinstance(exception, WorkerLostError | TimeLimitExceeded) or "chunk" not in kwargs:
        return  # what a turn of `deepen` had taken is free when its lease expires
    killed = isinstance(exception, TimeLimitExceeded)
    settings = _settings()
    try:
        # No pool in a parent that forks: one connection, closed at once.
        ledger = open_ledger(settings, timeout=3)
        with closing(ledger.pool):
            stage_runner.release_lost(
                ledger,
                options(settings),
                stage=str(sender.name).removeprefix(TASK_PREFIX),
                **dict(kwargs),
                code="time_limit" if killed else "worker_lost",
                has_ended=lambda name: killed or not _alive(name),
            )
    except Exception as error:
        log.warning("could not give back; the lease will run out", error=type(error).__name__)


def _alive(name: str) -> bool:
    """Tell whether the process that a lease names may live; one on another machine may."""
    host, _, pid = name.rpartition(":")
    return host != socket.gethostname() or psutil.pid_exists(int(pid))


def limit_children(settings: Settings, *, cut: bool = False) -> None:
    """Limit the children of this worker, which read untrusted bytes.

    `cut` says that the worker has no network itself.
    """

    @signals.worker_process_init.connect(weak=False)
    def bound(**_: Any) -> None:
        _bound(settings)
        if not cut and (needs_network(settings) or not limits.cut_network()):
            log.warning("this process has the network; see docs/explanation/security.md")

    @signals.task_prerun.connect(weak=False)
    def bound_time(task: Any = None, **_: Any) -> None:
        limits.limit_time(task.time_limit)


def embed_apart(settings: Settings) -> None:
    """Keep the models of this worker's children in processes of their own, which end with it.

    Begin to make a missing static model. No import waits for it.
    """

    @signals.worker_process_init.connect(weak=False)
    def prepare(**_: Any) -> None:
        models = ModelsApart(settings)
        context.install(lambda: make_runtime(settings, models))
        if Tier.STATIC in tiers(settings):
            models.ready(Tier.STATIC)

    @signals.worker_shutting_down.connect(weak=False)
    def stop(**_: Any) -> None:
        # Else a batch of the full model would be waited for; the ledger takes its texts back.
        model_child.stop_for_good()


def _bound_apart(settings: Settings) -> None:
    """Limit a child of a command, which may run as root."""
    unprivileged.become_acting_user()
    _bound(settings)


def _bound(settings: Settings) -> None:
    largest = max(settings.archive_max_bytes, settings.max_upload_bytes)
    limits.limit_process(memory_mb=settings.task_memory_mb, file_bytes=largest)


def needs_network(settings: Settings) -> tuple[str, ...]:
    """Return the services that a child which reads records reaches over the network."""
    urls = (settings.url("ledger"), settings.url("ingest"))
    hosts = [str(conninfo_to_dict(url).get("host") or "/") for url in urls]
    scans = settings.scanner is not ScannerMode.OFF and settings.clamd_socket is None
    needed = {
        "the database": not all(host.startswith("/") for host in hosts),
        "the broker": not settings.broker().startswith("redis+socket://"),
        "clamd": scans and settings.clamd_host is not None,
    }
    return tuple(name for name, over_network in needed.items() if over_network)


@signals.worker_process_init.connect(weak=False)
def _child(**_: Any) -> None:
    """Prepare a new child: drop the parent's pools, and never collect the parent's objects."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    context.forget()
