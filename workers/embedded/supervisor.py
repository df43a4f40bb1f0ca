"""Every process under one supervisor (the library `supervisor`), and its start, stop and state.

The supervisor's own socket stands beside the servers' sockets; it opens no port.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec
import psutil
import structlog
from supervisor.xmlrpc import SupervisorTransport

from schemas.errors import ServiceDown
from workers.embedded import local_servers, machine
from workers.settings import Settings

#: In the environment of every supervised process: whose it is, should the supervisor be killed.
MARK = "DATAPUNK_SUPERVISED"
#: How long a process that lost its supervisor waits until it starts it once more.
_ANEW_S = 60.0
GENERAL_QUEUES = ("intake", "extract", "normalise", "load", "maintenance")

log = structlog.get_logger("datapunk.supervise")

Say = Callable[[str], None]


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One supervised process. `order` is the order of the start; the stop goes the other way."""

    name: str
    command: tuple[str, ...]
    order: int
    stop: str = "TERM"
    grace_s: int = 20
    server: bool = False


class ProgramState(msgspec.Struct, frozen=True):
    """How one supervised process is doing; `state` is one of supervisor's words in capitals."""

    name: str
    state: str
    pid: int | None
    uptime_s: int
    detail: str

    @property
    def running(self) -> bool:
        """Whether the process has stayed up long enough to count."""
        return self.state == "RUNNING"


def programs(settings: Settings) -> list[Program]:
    """What runs under `datapunk up`, in the order of its start."""
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
    # QUIT is Celery's soft shutdown: tasks get worker_soft_shutdown_timeout (30 s) to end, where
    # TERM would wait for hours. What is cut off, the ledger gives to another.
    for name, queues, processes in (("worker", GENERAL_QUEUES, cores), ("embed", ("embed",), 1)):
        worker = ("worker", "--queues", ",".join(queues), "--concurrency", str(processes))
        yield Program(
            name="worker" if name == "worker" else "worker-embed",
            command=_verb(*worker, "--name", name),
            order=10,
            stop="QUIT",
            grace_s=45,
        )
    yield Program(name="reconciler", command=_verb("reconcile"), order=11)
    yield Program(name="watcher", command=_verb("watch"), order=12)
    yield Program(name="flower", command=_verb("flower"), order=13)


def _verb(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "workers.cli", *words)


def configuration(settings: Settings) -> str:
    """The supervisor's configuration file, whole."""
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
    """As root, supervisor wants to be told that root is meant."""
    return "user=root\n" if os.getuid() == 0 else ""


def _places(settings: Settings) -> dict[str, str]:
    places = {
        "socket": _socket(settings),
        "logs": settings.logs,
        "run": settings.run,
        "here": Path.cwd(),
    }
    return {name: _escaped(str(path)) for name, path in places.items()}


def _escaped(text: str) -> str:
    """supervisor expands %(…)s in every value."""
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
        # A server stops its own children; what a killed worker leaves must go with it.
        f"killasgroup={'false' if program.server else 'true'}",
        "redirect_stderr=true",
        f"stdout_logfile={_escaped(str(settings.logs / program.name))}.log",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
    ]
    return "\n".join([*lines, ""])


def _joined(command: Sequence[str]) -> str:
    return " ".join(_quoted(word) for word in command)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' if " " in word else word


def _environment(settings: Settings) -> dict[str, str]:
    """The supervisor's environment, which its children inherit, secrets included."""
    # Our own root first, so that children find the same packages from whatever folder we are in.
    roots = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    own = {
        MARK: _mark(settings),
        "PYTHONPATH": os.pathsep.join(filter(None, roots)),
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **settings.environment(), **own}


def _mark(settings: Settings) -> str:
    return str(settings.data_dir)


def _socket(settings: Settings) -> Path:
    return settings.socket_dir / "supervisor.sock"


class _Connection:
    """supervisor's XML-RPC over its Unix socket."""

    def __init__(self, settings: Settings) -> None:
        self._path = _socket(settings)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call one method of the namespace `supervisor`. Raises `ServiceDown`."""
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self._path}")
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(server.supervisor, method)(*arguments)
        except (OSError, HTTPException) as error:
            raise ServiceDown("the supervisor does not run; start it with: datapunk up") from error
        except xmlrpc.client.Fault as fault:
            raise ServiceDown(f"the supervisor refused {method}: {fault.faultString}") from fault
        finally:
            transport.close()


def state(settings: Settings) -> list[ProgramState]:
    """How every supervised process is doing, in the order of the start; empty if nothing is up."""
    try:
        rows = _Connection(settings).call("getAllProcessInfo")
    except ServiceDown:
        return []
    order = {program.name: n for n, program in enumerate(programs(settings))}
    rows.sort(key=lambda row: order.get(row["name"], len(order)))
    return [_state(row) for row in rows]


def _state(row: dict[str, Any]) -> ProgramState:
    running = row["pid"] != 0
    uptime = int(row["now"]) - int(row["start"]) if running else 0
    detail = row["spawnerr"] or row["description"]
    return ProgramState(row["name"], row["statename"], row["pid"] or None, uptime, detail)


def up(
    settings: Settings,
    *,
    migrate: Callable[[], None] = lambda: None,
    say: Say = print,
    seconds: float = 120,
    again: bool = False,
) -> bool:
    """Start everything and wait until it is healthy; False if it all ran already.

    `migrate` runs when the servers answer and before any worker starts. Raises `ServiceDown`
    with the log to read; what was started then is stopped again. With `again`, nothing is started
    that `down` has stopped since.
    """
    local_servers.prepare_folders(settings)
    with _alone(settings):
        if again and not _wanted(settings).exists():
            return False
        if state(settings):
            return _mend(settings, migrate, say, seconds)
        _clear(settings, say)
        local_servers.prepare_lake(settings)
        try:
            _start_supervisor(settings, seconds)
            _start_programs(settings, migrate, say, seconds)
        except BaseException:
            _clear(settings, say)
            raise
        _wanted(settings).touch()
    return True


def _wanted(settings: Settings) -> Path:
    """A file that is there from `up` until `down`."""
    return settings.run / "up"


class Guard:
    """Starts the supervisor anew for a process that has lost it: nothing else would restart what
    ends from then on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._supervised = os.environ.get(MARK) == _mark(settings)
        self._due = 0.0

    def look(self) -> None:
        """Whether the supervisor is there; else `datapunk up --again`, once in a while."""
        if not self._supervised or time.monotonic() < self._due or not self._lost():
            return
        self._due = time.monotonic() + _ANEW_S
        log.error("the supervisor is gone; starting it anew")
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        with (self._settings.logs / "up.log").open("ab") as out:
            subprocess.Popen(
                _verb("up", "--again"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env=environment,
            )

    def _lost(self) -> bool:
        """Whether our parent is another than the supervisor, which may have ended before us."""
        try:
            return os.getppid() != int(_pid_file(self._settings).read_text())
        except (OSError, ValueError):
            return False  # it was stopped, or is being started


def _mend(settings: Settings, migrate: Callable[[], None], say: Say, seconds: float) -> bool:
    """Start what does not run under a living supervisor; what runs is left alone."""
    if configuration(settings) != _config(settings).read_text():
        say("the settings have changed since the start; `datapunk down` and `up` apply them")
    states = state(settings)
    if all(each.running for each in states):
        say(f"already up: {len(states)} processes; see: datapunk status")
        return False
    _start_programs(settings, migrate, say, seconds)
    return True


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time."""
    with (settings.run / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pid_file(settings: Settings) -> Path:
    return settings.run / "supervisor.pid"


def _config(settings: Settings) -> Path:
    return settings.run / "supervisord.conf"


def _start_supervisor(settings: Settings, seconds: float) -> None:
    if settings.embeds_postgres:
        local_servers.prepare_postgres(settings)
    _config(settings).write_text(configuration(settings))
    subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(_config(settings))],
        check=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=_environment(settings),
    )
    _wait(partial(_answers, _Connection(settings)), seconds, "the supervisor", settings)


def _answers(connection: _Connection) -> bool:
    with suppress(ServiceDown):
        return bool(connection.call("getPID"))
    return False


def _start_programs(
    settings: Settings, migrate: Callable[[], None], say: Say, seconds: float
) -> None:
    """Servers, then the migrations, then all that needs both."""
    every = programs(settings)
    _start_some(settings, [p for p in every if p.server], say, seconds)
    local_servers.wait_ready(settings, seconds=seconds)
    migrate()
    _start_some(settings, [p for p in every if not p.server], say, seconds)


def _start_some(settings: Settings, some: list[Program], say: Say, seconds: float) -> None:
    """Start those that don't run, all at once; then report each as it comes up."""
    connection = _Connection(settings)
    idle = [p.name for p in some if not _runs(connection, p.name)]
    for name in idle:
        with suppress(ServiceDown):  # it is being started already
            connection.call("startProcess", name, False)
    for name in idle:
        _wait(partial(_stays, connection, name), seconds, name, settings)
        say(f"{name} is up")


def _runs(connection: _Connection, name: str) -> bool:
    return bool(connection.call("getProcessInfo", name)["statename"] == "RUNNING")


def _stays(connection: _Connection, name: str) -> bool:
    """Whether a program runs for good. Raises `ServiceDown` if the supervisor has given it up."""
    row = connection.call("getProcessInfo", name)
    if row["statename"] == "FATAL":
        raise ServiceDown(f"{name} does not start: {row['spawnerr'] or 'it exits at once'}")
    return bool(row["statename"] == "RUNNING")


def _wait(done: Callable[[], bool], seconds: float, name: str, settings: Settings) -> None:
    log = settings.logs / f"{name.removeprefix('the ')}.log"
    until = time.monotonic() + seconds
    try:
        while not done():
            _require_time(until, f"{name} is not up after {seconds:g} s")
            time.sleep(0.1)
    except ServiceDown as error:
        raise ServiceDown(f"{error}; see {log}") from error


def _require_time(until: float, message: str) -> None:
    if time.monotonic() > until:
        raise ServiceDown(message)


def down(settings: Settings, *, say: Say = print) -> bool:
    """Stop everything, workers before servers, and see that no process is left; False if none ran.

    Raises `ServiceDown` naming the processes that would not go.
    """
    if not settings.run.is_dir():
        return False
    _wanted(settings).unlink(missing_ok=True)
    with _alone(settings):
        return _clear(settings, say)


def _clear(settings: Settings, say: Say) -> bool:
    """Stop the supervisor if there is one, then whatever is left of it."""
    ran = _stop_supervisor(settings, say)
    left = orphans(settings)
    for process in left:
        with suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=10)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    servers = local_servers.stop_servers(settings)
    if left or servers:
        say(f"stopped {len(left) + len(servers)} processes that had lost their supervisor")
    _, stubborn = psutil.wait_procs(orphans(settings), timeout=5)
    if stubborn:
        raise ServiceDown(f"these processes do not go: {sorted(p.pid for p in stubborn)}")
    for name in (_socket(settings), _pid_file(settings)):
        name.unlink(missing_ok=True)
    return ran or bool(left or servers)


def _stop_supervisor(settings: Settings, say: Say) -> bool:
    """Workers all at once, then the rest in order, then the supervisor itself."""
    connection = _Connection(settings)
    try:
        supervisor = psutil.Process(connection.call("getPID"))
    except (ServiceDown, psutil.Error):
        return False
    names = {p.name: p for p in programs(settings)}
    going = [each for each in state(settings) if each.pid and not _is_server(names, each.name)]
    for each in going:
        with suppress(ServiceDown):  # it went by itself in between
            connection.call("stopProcess", each.name, False)
    say("stopping: tasks under way get up to 30 s")
    _wait_stopped(connection, [each.name for each in going], seconds=60)
    connection.call("shutdown")
    try:
        supervisor.wait(120)
    except psutil.TimeoutExpired:
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait(5)
    say("everything is stopped")
    return True


def _is_server(names: dict[str, Program], name: str) -> bool:
    return name in names and names[name].server


def _wait_stopped(connection: _Connection, names: list[str], *, seconds: float) -> None:
    """The supervisor itself kills what outstays its own grace; so this only waits."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        rows = connection.call("getAllProcessInfo")
        if not any(row["pid"] for row in rows if row["name"] in names):
            return
        time.sleep(0.1)


def orphans(settings: Settings) -> list[psutil.Process]:
    """Supervised processes of this data folder that have no supervisor, servers left out."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == _mark(settings) and process.pid != os.getpid():
                found.append(process)
    return found
