"""The verbs that are processes: `watch`, `worker`, `reconcile`, `flower`."""

from __future__ import annotations

import os
import pwd
from typing import Annotated

import typer
from celery.utils.nodenames import host_format

from schemas.progress import QUEUES, Stage
from workers import health, limits, logs, reconciler, watcher, wiring
from workers.adapters import presidio
from workers.adapters.clamd import clamd_socket
from workers.embedded import data_folders, machine, programs, unprivileged
from workers.embedded.flower import flower_login
from workers.settings import Settings, load

_ALL_QUEUES = ",".join(dict.fromkeys(QUEUES.values()))
Once = Annotated[bool, typer.Option("--once", help="One turn, then end.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    for verb in (watch, worker, reconcile, flower):
        app.command()(verb)


def _own_user(settings: Settings) -> pwd.struct_passwd | None:
    """Return the user that a process of root's works as.

    Under `up` the lake already belongs to it.
    """
    supervised = programs.MARK in os.environ
    return unprivileged.lake_user(settings) if supervised else data_folders.prepare_lake(settings)


def watch(once: Once = False) -> None:
    """Import files that are dropped into staging/<user>/."""
    settings = load()
    _own_user(settings)
    logs.configure(settings)
    watcher.run(settings, once=once)


def reconcile(once: Once = False) -> None:
    """Send lost work again, dead-letter what can't be done, remove leftovers."""
    settings = load()
    unprivileged.lower(settings, _own_user(settings), socket=None)
    logs.configure(settings)
    reconciler.run(settings, once=once)


def worker(
    queues: Annotated[str, typer.Option(help="Queues, with commas between.")] = _ALL_QUEUES,
    concurrency: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")] = 0,
    name: Annotated[str, typer.Option(help="The worker's name, once a machine.")] = "worker",
) -> None:
    """Run a Celery worker in this process."""
    unknown = set(queues.split(",")) - set(QUEUES.values())
    if unknown:
        raise typer.BadParameter(f"no such queue: {', '.join(sorted(unknown))}")
    settings = load()
    presidio.names(settings)  # a missing package is reported here once, and not by every child
    processes = concurrency or settings.worker_concurrency or machine.cores()
    app = wiring.make_app(settings)
    health.beat_with_celery(settings)
    user = _own_user(settings)
    if QUEUES[Stage.EMBED] in queues.split(","):
        wiring.embed_apart(settings)
    else:  # no limit for a model
        # Root alone can remove the network everywhere, and its children are not root.
        may = user is not None and not wiring.needs_network(settings)
        wiring.limit_children(settings, cut=may and limits.cut_network())
    unprivileged.lower(settings, user, socket=clamd_socket(settings))
    process = app.Worker(
        hostname=host_format(f"{name}@%h"),
        queues=queues,
        concurrency=processes,
        loglevel=settings.log_level,
        pool_cls="prefork",
        task_events=True,
        # Gossip and mingle let workers talk to each other, which these do not need.
        without_gossip=True,
        without_mingle=True,
    )
    process.start()
    raise typer.Exit(process.exitcode or 0)


def flower() -> None:
    """Run Flower on 127.0.0.1, behind a password that only this user can read."""
    settings = load()
    # Through the environment: every user of this machine can read the arguments.
    os.environ["FLOWER_BASIC_AUTH"] = flower_login(settings)
    app = wiring.make_app(settings)
    unprivileged.lower(settings, _own_user(settings), socket=None)
    app.start(["flower", f"--address={settings.flower_address}", f"--port={settings.flower_port}"])
