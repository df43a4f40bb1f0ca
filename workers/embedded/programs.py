"""The programs under the supervisor, and the supervisor's configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from workers.embedded import machine
from workers.settings import Settings

#: In the environment of every supervised process: its lake, in case the supervisor is killed.
MARK = "DATAPUNK_SUPERVISED"
GENERAL_QUEUES = ("intake", "extract", "normalise", "load", "maintenance")


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One supervised process. `order` is the order of the start; the stop goes the other way.

    `port` is the TCP port that it is up on, if it has one.
    """

    name: str
    command: tuple[str, ...]
    order: int
    stop: str = "TERM"
    grace_s: int = 20
    server: bool = False
    port: int | None = None


def programs(settings: Settings) -> list[Program]:
    """Return the programs under `datapunk up`, in the order of their start."""
    return [*_servers(settings), *_workers(settings)]


def _servers(settings: Settings) -> Iterator[Program]:
    module = (sys.executable, "-m", "workers.embedded.local_servers")
    if settings.embeds_postgres:
        yield Program(
            name="postgres", command=(*module, "postgres"), order=1, stop="INT", grace_s=60,
            server=True,
        )  # fmt: skip
    if settings.embeds_broker:
        yield Program(name="valkey", command=(*module, "valkey"), order=2, server=True)


def _workers(settings: Settings) -> Iterator[Program]:
    cores = settings.worker_concurrency or machine.cores()
    # TERM is Celery's warm shutdown: a worker ends as soon as its tasks do. QUIT, the soft one,
    # sleeps for the whole of worker_soft_shutdown_timeout if a task runs. The supervisor kills a
    # worker that outlasts the grace, and the ledger gives its work to another.
    for name, queues, processes in (("worker", GENERAL_QUEUES, cores), ("embed", ("embed",), 1)):
        worker = ("worker", "--queues", ",".join(queues), "--concurrency", str(processes))
        yield Program(
            name="worker" if name == "worker" else "worker-embed",
            command=command_of(*worker, "--name", name),
            order=10,
            grace_s=30,
        )
    yield Program(name="reconciler", command=command_of("reconcile"), order=11)
    yield Program(name="watcher", command=command_of("watch"), order=12)
    flower = command_of("flower")
    yield Program(name="flower", command=flower, order=13, port=settings.flower_port)


def command_of(*words: str) -> tuple[str, ...]:
    """Return the command line of a verb of `datapunk`."""
    return (sys.executable, "-m", "workers.cli", *words)


def configuration(settings: Settings) -> str:
    """Return the supervisor's configuration file, whole."""
    sections = [_SUPERVISOR.format(**_places(settings), user=_own_name())]
    sections += [_section(settings, program) for program in programs(settings)]
    return "\n".join(sections)


_SUPERVISOR = """\
; Made by `datapunk up`.
[unix_http_server]
file={socket}
chmod=0700

[supervisord]
logfile={logs}/supervisor.log
logfile_maxbytes=10MB
logfile_backups=3
pidfile={run}/supervisor.pid
childlogdir={logs}
directory={here}
umask=077
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _own_name() -> str:
    """Return the line by which supervisor accepts to run as root."""
    return "user=root\n" if os.getuid() == 0 else ""


def _places(settings: Settings) -> dict[str, str]:
    places = {
        "socket": socket_path(settings),
        "logs": settings.folders.logs,
        "run": settings.folders.run,
        "here": _settings_folder(settings),
    }
    return {name: _escaped(str(path)) for name, path in places.items()}


def _settings_folder(settings: Settings) -> Path:
    """Return the folder in which every process finds the settings that this one has found."""
    folder = settings.place.settings
    return folder if folder.is_dir() else Path.cwd()


def _escaped(text: str) -> str:
    """Escape %, since supervisor expands %(…)s in every value."""
    return text.replace("%", "%%")


def _section(settings: Settings, program: Program) -> str:
    lines = [
        f"[program:{program.name}]",
        f"command={_escaped(_joined(program.command))}",
        f"priority={program.order}",
        "autostart=false",  # `up` starts servers, then migrates, then starts the rest
        "autorestart=true",
        "startsecs=1",
        "startretries=10",
        f"stopsignal={program.stop}",
        f"stopwaitsecs={program.grace_s}",
        # A server stops its own children; what a killed worker leaves must be killed with it.
        f"killasgroup={'false' if program.server else 'true'}",
        "redirect_stderr=true",
        f"stdout_logfile={_escaped(str(settings.folders.logs / program.name))}.log",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
    ]
    return "\n".join([*lines, ""])


def _joined(command: Sequence[str]) -> str:
    return " ".join(_quoted(word) for word in command)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' if " " in word else word


def environment(settings: Settings) -> dict[str, str]:
    """Return the supervisor's environment, which its children inherit, secrets included."""
    # The own root first, so that children find the same packages from any folder.
    roots = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    own = {
        MARK: mark_of(settings),
        "PYTHONPATH": os.pathsep.join(filter(None, roots)),
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **settings.environment(), **own}


def mark_of(settings: Settings) -> str:
    """Return the value of `MARK` in the processes of a lake."""
    return str(settings.data_dir)


def socket_path(settings: Settings) -> Path:
    """Return the supervisor's socket."""
    return settings.socket_dir / "supervisor.sock"


def pid_file(settings: Settings) -> Path:
    """Return the file with the supervisor's process id."""
    return settings.folders.run / "supervisor.pid"
