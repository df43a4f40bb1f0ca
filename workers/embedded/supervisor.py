"""All processes under one supervisor (the library `supervisor`): start, stop and state.

The supervisor's own socket is next to the servers' sockets; it opens no port.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from schemas.errors import ServiceDown
from workers.embedded import data_folders, local_servers, ports, postgres, start_settings
from workers.embedded.program_states import Connection, state
from workers.embedded.programs import Program, configuration, environment, programs
from workers.embedded.stop import Say, stop_all
from workers.settings import Settings


def up(
    settings: Settings,
    *,
    migrate: Callable[[], None] = lambda: None,
    say: Say = print,
    seconds: float = 120,
    again: bool = False,
) -> bool:
    """Start everything and wait until it is healthy; return False if it all ran already.

    `migrate` runs when the servers answer and before any worker starts. Raises `ServiceDown` with
    the log to read; what was started is then stopped again. Raises `ConfigurationError` before
    anything starts where the port of a program is taken. With `again`, nothing is started that
    `down` has stopped since.
    """
    if not (again or settings.folders.run.exists()):  # no program of this lake can have the port
        _require_port(settings)
    data_folders.prepare_folders(settings)
    with _alone(settings):
        if again and not _wanted(settings).exists():
            return False
        if state(settings):
            return _mend(settings, migrate, say, seconds, again=again)
        stop_all(settings, say)
        if not again:
            _require_port(settings)
        data_folders.prepare_lake(settings)
        try:
            _start_supervisor(settings, seconds)
            _start_programs(settings, migrate, say, seconds, again=again)
        except BaseException:
            stop_all(settings, say)
            raise
        _wanted(settings).touch()
    return True


def _require_port(settings: Settings) -> None:
    """Raise `ConfigurationError` where a program needs the port and can't have it."""
    if any(program.port for program in programs(settings)):
        ports.require_free(settings)


def _wanted(settings: Settings) -> Path:
    """Return a file that exists from `up` until `down`."""
    return settings.folders.run / "up"


def _mend(
    settings: Settings, migrate: Callable[[], None], say: Say, seconds: float, *, again: bool
) -> bool:
    """Start what does not run under a living supervisor; leave the rest alone."""
    for line in start_settings.lines(start_settings.differing(settings)):
        say(line)
    states = state(settings)
    if all(each.running for each in states):
        say(f"already up: {len(states)} processes; see: datapunk status")
        return False
    if not again and any(each.name == "flower" and each.pid is None for each in states):
        ports.require_free(settings)
    _start_programs(settings, migrate, say, seconds, again=again)
    return True


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Allow one `up` or `down` at a time."""
    with (settings.folders.run / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _config(settings: Settings) -> Path:
    return settings.folders.run / "supervisord.conf"


def _start_supervisor(settings: Settings, seconds: float) -> None:
    if settings.embeds_postgres:
        postgres.prepare_postgres(settings)
    _config(settings).write_text(configuration(settings))
    start_settings.record(settings)
    subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(_config(settings))],
        check=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=environment(settings),
    )
    _wait(partial(_answers, Connection(settings)), seconds, "the supervisor", settings)


def _answers(connection: Connection) -> bool:
    with suppress(ServiceDown):
        return bool(connection.call("getPID"))
    return False


def _start_programs(
    settings: Settings, migrate: Callable[[], None], say: Say, seconds: float, *, again: bool
) -> None:
    """Start the servers, run the migrations, then start everything that needs both.

    With `again`, a program that does not get its port keeps nothing else from running.
    """
    every = programs(settings)
    _start_some(settings, [p for p in every if p.server], say, seconds, again=again)
    local_servers.wait_ready(settings, seconds=seconds)
    migrate()
    _start_some(settings, [p for p in every if not p.server], say, seconds, again=again)


def _start_some(
    settings: Settings, some: list[Program], say: Say, seconds: float, *, again: bool
) -> None:
    """Start programs that don't run, all at once; then report each as it comes up."""
    connection = Connection(settings)
    idle = [program for program in some if not _runs(connection, program.name)]
    for program in idle:
        with suppress(ServiceDown):  # it is being started already
            connection.call("startProcess", program.name, False)
    for program in idle:
        if again and program.port:
            continue
        _wait(partial(_stays_up, connection, program), seconds, program.name, settings)
        say(f"{program.name} is up")


def _runs(connection: Connection, name: str) -> bool:
    return bool(connection.call("getProcessInfo", name)["statename"] == "RUNNING")


def _stays_up(connection: Connection, program: Program) -> bool:
    """Tell whether a program stays up, and listens if it has a port.

    Raises `ServiceDown` if the supervisor stopped trying.
    """
    row = connection.call("getProcessInfo", program.name)
    if row["statename"] == "FATAL":
        raise ServiceDown(f"{program.name} does not start: {row['spawnerr'] or 'it exits at once'}")
    runs = bool(row["statename"] == "RUNNING")
    return runs and (program.port is None or ports.listens(row["pid"], program.port))


def _wait(done: Callable[[], bool], seconds: float, name: str, settings: Settings) -> None:
    log = settings.folders.logs / f"{name.removeprefix('the ')}.log"
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
    """Stop everything, workers before servers, and check that no process is left.

    Returns False if none ran. Raises `ServiceDown` naming the processes that did not stop.
    """
    if not settings.folders.run.is_dir():
        return False
    _wanted(settings).unlink(missing_ok=True)
    with _alone(settings):
        return stop_all(settings, say)
