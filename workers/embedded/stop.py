"""Stop all processes of a lake."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from schemas.errors import ServiceDown
from workers.embedded import local_servers
from workers.embedded.program_states import Connection, state
from workers.embedded.programs import MARK, Program, mark_of, pid_file, programs, socket_path
from workers.settings import Settings

Say = Callable[[str], None]

#: Seconds to wait for programs to stop; longer than the grace time of each.
_STOP_S = 60.0


def stop_all(settings: Settings, say: Say) -> bool:
    """Stop the supervisor if there is one, then everything that is left of it."""
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
    for name in (socket_path(settings), pid_file(settings)):
        name.unlink(missing_ok=True)
    return ran or bool(left or servers)


def _stop_supervisor(settings: Settings, say: Say) -> bool:
    """Stop the workers all at once, then the rest in order, then the supervisor itself."""
    connection = Connection(settings)
    try:
        supervisor = psutil.Process(connection.call("getPID"))
    except (ServiceDown, psutil.Error):
        return False
    names = {p.name: p for p in programs(settings)}
    going = [each.name for each in state(settings) if each.pid]
    servers = [name for name in going if _is_server(names, name)]
    say("stopping: tasks under way get up to 30 s")
    _stop(connection, [name for name in going if name not in servers])
    _stop(connection, servers)  # by itself the supervisor takes a second for each step
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


def _stop(connection: Connection, names: list[str]) -> None:
    """Stop programs, all at once; the supervisor kills those that exceed their grace time."""
    for name in names:
        with suppress(ServiceDown):  # it went by itself in between
            connection.call("stopProcess", name, False)
    until = time.monotonic() + _STOP_S
    while time.monotonic() < until:
        rows = connection.call("getAllProcessInfo")
        if not any(row["pid"] for row in rows if row["name"] in names):
            return
        time.sleep(0.1)


def orphans(settings: Settings) -> list[psutil.Process]:
    """Return supervised processes of this data folder without a supervisor, except servers."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark_of(settings) and process.pid != os.getpid():
                found.append(process)
    return found
