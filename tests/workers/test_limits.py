"""What a process that parses may take, and that it has no network; each tried in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workers import wiring
from workers.settings import load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has these limits")

_ALONE = """
import os, socket, sys
from workers import limits

if sys.argv[2] == "nobody":
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
before = os.getuid(), os.getgid()
print("cut" if limits.cut_network() else "not allowed")
assert (os.getuid(), os.getgid()) == before
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(sys.argv[3]))),
    (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
    (socket.AF_UNIX, socket.SOCK_STREAM, sys.argv[1]),
):
    try:
        socket.socket(family, kind).connect(address)
        print("reached")
    except OSError as error:
        print(error.errno)
"""

_SPENDING = """
import sys
from workers import limits

limits.limit_time(1)
limits.limit_time(float(sys.argv[1]))
while True:
    pass
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("user", ["self", "nobody"])
def test_a_process_without_a_network_reaches_its_own_sockets(tmp_path: Path, user: str) -> None:
    import socket
    import tempfile

    if user == "nobody" and os.getuid() != 0:
        pytest.skip("only root becomes nobody; everybody else tries it as themselves")
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket() as remote,
    ):
        Path(folder).chmod(0o755)
        local.bind(f"{folder}/socket")
        Path(f"{folder}/socket").chmod(0o777)
        local.listen()
        remote.bind(("127.0.0.1", 0))
        remote.listen()
        ran = run(_ALONE, f"{folder}/socket", user, str(remote.getsockname()[1]))
    lines = ran.stdout.split()
    if lines[:1] != ["cut"] and lines[:2] == ["not", "allowed"]:
        assert lines[-1] == "reached"
        return  # a container may forbid it; doctor says so
    assert lines == ["cut", "101", "101", "reached"], ran.stderr


def test_a_process_that_spends_its_time_is_ended() -> None:
    ran = run(_SPENDING, "0")
    assert ran.returncode == -signal.SIGXCPU


def test_the_network_is_needed_for_what_has_no_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    def needs(**given: str) -> tuple[str, ...]:
        return wiring.needs_network(load(**given))

    assert needs() == ()
    assert needs(clamd_host="av.example") == ("clamd",)
    assert needs(clamd_host="av.example", clamd_socket="/run/clamd") == ()
    assert needs(clamd_host="av.example", scanner="off") == ()
    assert needs(broker_url="redis://127.0.0.1:6379/0") == ("the broker",)
    assert needs(database_url="postgresql:///lake?host=/run/postgresql") == ()
    assert needs(database_url="postgresql://db.example/lake") == ("the database",)
