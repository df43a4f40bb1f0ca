"""The one port of a lake, Flower's: whether it is free, and whether Flower listens on it."""

from __future__ import annotations

import errno
import socket

import psutil

from schemas.errors import ConfigurationError
from workers.settings import Settings


def require_free(settings: Settings) -> None:
    """Raise `ConfigurationError` with the setting to change where Flower can't listen."""
    address, port = settings.flower_address, settings.flower_port
    try:
        found = socket.getaddrinfo(
            address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, where in found:
            _bind(family, kind, protocol, where)
    except OSError as error:
        raise ConfigurationError(_advice(error, address, port)) from None


def _bind(family: int, kind: int, protocol: int, where: tuple[object, ...]) -> None:
    with socket.socket(family, kind, protocol) as probe:
        # As Flower does; else the port of one that ended just now seems taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind(where)


def _advice(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {address}, which Flower needs, is taken; end the program that has it, "
            "or set DATAPUNK_FLOWER_PORT to a free port"
        )
    if error.errno == errno.EACCES:
        return f"Flower may not use port {port}; set DATAPUNK_FLOWER_PORT to one above 1023"
    return f"Flower can't listen on {address} ({error.strerror}); set DATAPUNK_FLOWER_ADDRESS"


def listens(pid: int, port: int) -> bool:
    """Return whether a process listens on a TCP port; True where the system does not tell."""
    try:
        found = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)
