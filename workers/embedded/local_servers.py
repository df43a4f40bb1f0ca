"""The embedded servers: Postgres and Valkey from wheels, on Unix sockets under the data folder.

The supervisor runs `python -m workers.embedded.local_servers postgres|valkey`, which prepares the
server again at each start (so a stale lock after a kill blocks nothing), gives up root, and becomes
the server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from schemas.errors import ServiceDown
from workers.embedded import machine
from workers.embedded.postgres import (
    postgres_command,
    postgres_ready,
    postgres_runs,
    postmaster,
    prepare_postgres,
)
from workers.embedded.server_processes import ENVIRONMENT, end_processes, processes_in
from workers.embedded.unprivileged import (
    become,
    system_user,
)
from workers.embedded.valkey import prepare_valkey, valkey_command, valkey_ready
from workers.settings import Settings, load

#: A segment of Postgres's log and what its recovery writes, in MB.
_ROOM_MB = 32


def wait_ready(settings: Settings, *, seconds: float = 60) -> None:
    """Wait until the embedded servers answer. Raises `ServiceDown` with the place of their log."""
    checks = {"postgres": postgres_ready} if settings.embeds_postgres else {}
    if settings.embeds_broker:
        checks["valkey"] = valkey_ready
    until = time.monotonic() + seconds
    for name, ready in checks.items():
        while not ready(settings):
            if time.monotonic() > until:
                log = settings.folders.logs / f"{name}.log"
                raise ServiceDown(f"{name} did not answer in {seconds:g} s; see {log}")
            time.sleep(0.05)


@contextmanager
def servers(settings: Settings, *, seconds: float = 60) -> Iterator[None]:
    """Run the embedded servers for as long as the block runs, without a supervisor.

    Servers that run already, under `datapunk up`, are used and left running. A server that ends at
    once raises `ServiceDown` when the time is up.
    """
    with ExitStack() as stack:
        if settings.embeds_postgres and not postgres_runs(settings):
            prepare_postgres(settings)
            command = postgres_command(settings)
            stack.enter_context(server_process(settings, "postgres", command, signal.SIGINT))
        if settings.embeds_broker and not processes_in(settings.folders.valkey, "valkey-server"):
            prepare_valkey(settings)
            command = valkey_command(settings)
            stack.enter_context(server_process(settings, "valkey", command, signal.SIGTERM))
        wait_ready(settings, seconds=seconds)
        yield


@contextmanager
def server_process(
    settings: Settings, name: str, command: list[str], stop: signal.Signals
) -> Iterator[None]:
    """Run one server as a child, in a session of its own so that it does not receive Ctrl-C."""
    user = system_user(settings)
    with (settings.folders.logs / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
        )
    try:
        yield
    finally:
        child.send_signal(stop)
        try:
            child.wait(60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def stop_servers(settings: Settings, *, grace_s: float = 60) -> list[int]:
    """Stop embedded servers that have no supervisor; return the ids of their main processes."""
    stopped = []
    if main := postmaster(settings.folders.postgres):
        main.send_signal(signal.SIGINT)  # "fast": open transactions are rolled back
        stopped.append(main)
    for broker in processes_in(settings.folders.valkey, "valkey-server"):
        broker.terminate()
        stopped.append(broker)
    end_processes(stopped, grace_s=grace_s)
    return [process.pid for process in stopped]


def full_disk(settings: Settings) -> Path | None:
    """Return the folder of an embedded server whose disk is full for it; None if there is none."""
    used = ((settings.embeds_postgres, settings.folders.postgres),
            (settings.embeds_broker, settings.folders.valkey))  # fmt: skip
    return next((folder for embedded, folder in used if embedded and not _has_room(folder)), None)


def _has_room(folder: Path) -> bool:
    return not folder.is_dir() or machine.free_disk_mb(folder) >= _ROOM_MB


def await_room(*folders: Path) -> None:
    """Wait until the disk of each folder has room.

    A server that starts on a full disk ends at once, and the supervisor stops restarting a program
    that does so too often.
    """
    while not all(_has_room(folder) for folder in folders):
        time.sleep(1)


def main(server: str) -> None:
    """Prepare one server, give up root, and become it."""
    settings = load()
    await_room(
        settings.folders.run,
        settings.folders.postgres if server == "postgres" else settings.folders.valkey,
    )
    if server == "postgres":
        prepare_postgres(settings, create=False)
        command = postgres_command(settings)
    else:
        prepare_valkey(settings)
        command = valkey_command(settings)
    become(system_user(settings))
    os.chdir("/")
    os.execve(command[0], command, ENVIRONMENT)  # noqa: S606 (a fixed command)


if __name__ == "__main__":
    main(sys.argv[1])
