"""Malware scans by clamd, with an open file passed over its Unix socket."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import clamd

from pipeline.ports import Scan, Scanner, Verdict
from schemas.errors import ServiceDown, TransientError
from workers.setting_types import ScannerMode
from workers.settings import Settings

#: Debian's place, and that of most other distributions.
USUAL_SOCKETS = (
    Path("/run/clamav/clamd.ctl"),
    Path("/run/clamav/clamd.sock"),
    Path("/run/clamd.scan/clamd.sock"),
)

#: clamd counts bytes in a signed 32-bit integer.
MOST_BYTES = 2**31 - 1

_REPLY = re.compile(r"^[^:]*: (?:(?P<name>.+) )?(?P<outcome>OK|FOUND|ERROR)$")
# clamd answers FOUND to these too (AlertExceedsMax, AlertEncrypted): it found that it can't scan.
_CANNOT_LOOK = re.compile(r"Heuristics\.(Limits|Encrypted)\.")
# Its own transient errors (memory, temporary files), in the words of libclamav's cl_strerror.
_OUT_OF_ROOM = re.compile(
    r"Can't (allocate memory|create temporary (file|directory)|write to file) ERROR$"
)
_LONGEST_REPLY = 64 * 1024
#: The time limit for one file: 2 GB at 25 MB/s, clamd's speed for a zip.
_TIMEOUT_S = 90.0
#: How long a daemon that did not answer is not asked again, where scanning is optional.
_PAUSE_S = 30.0


class Clamd(Protocol):
    """A way to reach a daemon. Both raise `OSError` or `clamd.ClamdError` if it is down."""

    def ask(self, file: BinaryIO) -> str:
        """Return clamd's one line about one open file."""

    def version(self) -> str:
        """Return the daemon's version and that of its signatures."""


class UnixClamd:
    """A daemon on the first of these Unix sockets that exists.

    It reads the file through this process's descriptor: no limit on a stream, no need to reach its
    path.
    """

    def __init__(self, paths: Sequence[Path] = USUAL_SOCKETS, timeout: float = _TIMEOUT_S) -> None:
        self._paths, self._timeout = paths, timeout

    def ask(self, file: BinaryIO) -> str:
        """Return clamd's one line about one file.

        `zFILDES`, clamd(8): a NUL ends command and reply.
        """
        with self._connected(b"zFILDES\0") as connection:
            socket.send_fds(connection, [b"\0"], [file.fileno()])
            return _line(connection)

    def version(self) -> str:
        """Return the daemon's version and that of its signatures."""
        with self._connected(b"zVERSION\0") as connection:
            return _line(connection)

    @contextmanager
    def _connected(self, command: bytes) -> Iterator[socket.socket]:
        path = next((path for path in self._paths if path.exists()), self._paths[0])
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout)
            connection.connect(str(path))
            connection.sendall(command)
            yield connection


class TcpClamd:
    """A daemon on another machine: the file is streamed, up to its StreamMaxLength."""

    def __init__(self, host: str, port: int, timeout: float = _TIMEOUT_S) -> None:
        self._client = clamd.ClamdNetworkSocket(host, port, timeout)

    def ask(self, file: BinaryIO) -> str:
        """Return clamd's one line about one file."""
        try:
            found = self._client.instream(file)
        except (clamd.BufferTooLongError, BrokenPipeError, ConnectionResetError):
            # Over its limit, clamd hangs up in the middle of the file.
            return "stream: over StreamMaxLength ERROR"
        if not found:
            raise ConnectionError
        outcome, name = found["stream"]
        return f"stream: {name} {outcome}" if name else f"stream: {outcome}"

    def version(self) -> str:
        """Return the daemon's version and that of its signatures."""
        return str(self._client.version())


class ClamdScanner:
    """`pipeline.ports.Scanner` by clamd.

    With `required`, an unreachable daemon raises `TransientError`: nothing continues unscanned.
    Without, the file is not scanned, the verdict says why, and the daemon is not asked again for
    `pause` seconds. A call is tried `attempts` times, with short waits.
    """

    def __init__(
        self, daemon: Clamd, *, required: bool, attempts: int = 3, pause: float = _PAUSE_S
    ) -> None:
        self._daemon, self._required, self._pause = daemon, required, pause
        self._asleep_until = 0.0
        import tenacity  # noqa: PLC0415 - not for who only asks for the version

        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((OSError, clamd.ClamdError)),
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
            reraise=True,
        )

    def scan(self, path: Path) -> Verdict:
        """Scan one file. Raises `Rejected` if it is no regular file."""
        from pipeline.archives.measure import open_regular  # noqa: PLC0415 - loads libmagic

        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                return Verdict(Scan.NOT_SCANNED, "over 2 GiB, which clamd can't scan")
            if time.monotonic() < self._asleep_until:
                return self._down()
            try:
                return verdict(self._retrying(self._ask, file))
            except (OSError, clamd.ClamdError):
                return self._down()

    def version(self) -> str:
        """Return the daemon's version. Raises `ServiceDown` if it does not answer."""
        try:
            return self._daemon.version()
        except (OSError, clamd.ClamdError):
            raise ServiceDown("clamd does not answer.") from None

    def answers(self) -> bool:
        """Tell whether the daemon answers, after one question."""
        with suppress(ServiceDown):
            return bool(self.version())
        return False

    def _ask(self, file: BinaryIO) -> str:
        file.seek(0)
        reply = self._daemon.ask(file)
        if _OUT_OF_ROOM.search(reply):
            raise OSError("clamd has no room to work in")
        return reply

    def _down(self) -> Verdict:
        if self._required:
            raise TransientError(
                "clamd does not answer, and files must be scanned.", code="scanner_down"
            ) from None
        if time.monotonic() >= self._asleep_until:
            self._asleep_until = time.monotonic() + self._pause
        return Verdict(Scan.NOT_SCANNED, "clamd does not answer")


class NoScanner:
    """A scanner that scans nothing, as each file's verdict says."""

    def scan(self, path: Path) -> Verdict:
        """Return NOT_SCANNED; `path` is not even opened."""
        del path
        return Verdict(Scan.NOT_SCANNED, "scanning is off")

    def answers(self) -> bool:
        """Return true: there is nothing to wait for."""
        return True


def make_scanner(settings: Settings) -> Scanner:
    """Return the scanner that the settings ask for; it connects when it is first needed."""
    if settings.scanner is ScannerMode.OFF:
        return NoScanner()
    return ClamdScanner(make_clamd(settings), required=settings.scanner is ScannerMode.REQUIRED)


def clamd_socket(settings: Settings) -> Path | None:
    """Return the existing socket of clamd, if a socket is used."""
    if settings.scanner is ScannerMode.OFF or (
        settings.clamd_socket is None and settings.clamd_host is not None
    ):
        return None
    places = USUAL_SOCKETS if settings.clamd_socket is None else (settings.clamd_socket,)
    return next((place for place in places if place.exists()), None)


def make_clamd(settings: Settings) -> Clamd:
    """Return the daemon by its socket, else by its host, else by the usual sockets."""
    if settings.clamd_socket is not None:
        return UnixClamd([settings.clamd_socket])
    if settings.clamd_host is not None:
        return TcpClamd(settings.clamd_host, settings.clamd_port)
    return UnixClamd()


def verdict(reply: str) -> Verdict:
    """Return the verdict in clamd's line about a file."""
    found = _REPLY.match(reply)
    if found is None:
        return Verdict(Scan.NOT_SCANNED, "clamd's answer can't be read")
    name = found["name"] or ""
    if found["outcome"] == "OK":
        return Verdict(Scan.CLEAN)
    if found["outcome"] == "ERROR" or _CANNOT_LOOK.match(name):
        return Verdict(Scan.NOT_SCANNED, name or "clamd failed")
    return Verdict(Scan.INFECTED, name)


def _line(connection: socket.socket) -> str:
    """Return the reply up to its NUL. Raises `ConnectionError` if the daemon hangs up before it."""
    reply = b""
    while not reply.endswith(b"\0"):
        data = connection.recv(4096)
        if not data or len(reply) > _LONGEST_REPLY:
            raise ConnectionError("clamd hung up")
        reply += data
    return reply[:-1].decode("utf-8", "backslashreplace").strip()
