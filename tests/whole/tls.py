"""Servers that speak TLS in front of the embedded ones, which are built without it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What a client of Postgres sends before it begins TLS: a length of 8, and this code.
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class Front:
    """A port of loopback whose connections go on to a Unix socket; `plain` counts those refused."""

    def __init__(self, target: Path, context: ssl.SSLContext, *, postgres: bool) -> None:
        self._target, self._context, self._postgres = target, context, postgres
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.encrypted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if self._postgres:
                if client.recv(8) != _SSL_REQUEST:
                    return  # as under hostssl: nothing without TLS
                client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as secure:
                self.encrypted += 1
                with socket.socket(socket.AF_UNIX) as server:
                    server.connect(str(self._target))
                    _join(secure, server)


def _join(secure: ssl.SSLSocket, server: socket.socket) -> None:
    """Pass bytes both ways until one side ends."""
    import select

    while True:
        ready = [secure] if secure.pending() else select.select([secure, server], [], [])[0]
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (server if source is secure else secure).sendall(data)


@contextmanager
def front(target: Path, folder: Path, *, postgres: bool) -> Iterator[Front]:
    """Yield a port with the certificate in `folder`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    made = Front(target, context, postgres=postgres)
    try:
        yield made
    finally:
        made.close()
