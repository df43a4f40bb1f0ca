"""A real clamd with one hand-written signature, for the tests of the scanner."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support import progress
from workers.adapters.clamd import UnixClamd

# In two halves, so that no scanner takes this file for what it looks for.
_EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
SIGNATURE = "Local.Eicar-Test"


def eicar() -> bytes:
    """The 68 bytes that every scanner agrees to call malware (eicar.org)."""
    return "".join(_EICAR).encode()


def where_clamd_is() -> str | None:
    """The program, if it is installed."""
    return shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def find_clamd() -> str:
    """The program, or a skip; a failure where DATAPUNK_REQUIRE_CLAMD=1 is set."""
    found = where_clamd_is()
    if found is None and os.environ.get("DATAPUNK_REQUIRE_CLAMD") == "1":
        pytest.fail("clamd is not installed, and DATAPUNK_REQUIRE_CLAMD=1 wants it")
    if found is None:
        pytest.skip("clamd is not installed (Debian: apt-get install clamav-daemon)")
    return found


@contextmanager
def running_clamd(*, stream_max: str = "2000M", tcp: int | None = None) -> Iterator[Path]:
    """A daemon with its folder under a short path; yields its Unix socket."""
    with daemon(find_clamd(), stream_max=stream_max, tcp=tcp) as made:
        yield made.socket


@contextmanager
def daemon(program: str, *, stream_max: str = "2000M", tcp: int | None = None) -> Iterator[Clamd]:
    """A daemon that runs, to be stopped and started."""
    with tempfile.TemporaryDirectory(prefix="clamd-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = Clamd(program, folder, _configure(folder, stream_max, tcp))
        try:
            made.start()
            yield made
        finally:
            made.stop()


class Clamd:
    """One daemon; it may be away for a while."""

    def __init__(self, program: str, folder: Path, config: Path) -> None:
        self._command = [program, "-c", str(config)]
        self._folder = folder
        self.socket = folder / "socket"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        _wait(self.process, self._folder)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Stop it, in mid-scan if it is at one; its socket stays after a SIGKILL."""
        if self.process is not None:
            self.process.send_signal(how)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:  # it waits until all connections are closed
                self.process.kill()
                self.process.wait()
            self.process = None


def _configure(folder: Path, stream_max: str, tcp: int | None) -> Path:
    database = folder / "db"
    database.mkdir()
    (database / "local.ndb").write_text(f"{SIGNATURE}:0:*:{eicar().hex()}\n")
    lines = [
        f"LocalSocket {folder / 'socket'}",
        f"DatabaseDirectory {database}",
        f"TemporaryDirectory {folder}",
        f"User {pwd.getpwuid(os.getuid()).pw_name}",
        f"StreamMaxLength {stream_max}",
        "Foreground yes",
        "MaxFileSize 20M",  # so that "over the limit" can be tried without gigabytes
        "MaxScanSize 40M",
        "MaxScanTime 600000",
        "MaxRecursion 17",
        "AlertExceedsMax yes",
        "AlertEncrypted yes",
        "SelfCheck 0",
    ]
    if tcp is not None:
        lines += [f"TCPSocket {tcp}", "TCPAddr 127.0.0.1"]
    config = folder / "clamd.conf"
    config.write_text("\n".join(lines) + "\n")
    return config


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, f"it ended: {(folder / 'log').read_text()[-2000:]}"
        with suppress(OSError):
            return bool(UnixClamd([folder / "socket"], 5).version())
        return False

    progress.until(answers, lambda: progress.processor_time(process.pid))
