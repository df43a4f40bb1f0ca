"""The scanner against a real clamd, and against one that is down, slow or cut off."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.ports import Scan, Verdict
from schemas.errors import Rejected, ServiceDown, TransientError
from schemas.reasons import Reason
from tests.support import hostile
from tests.support.clamd import SIGNATURE, eicar, running_clamd
from workers.adapters import clamd
from workers.adapters.clamd import ClamdScanner, NoScanner, TcpClamd, UnixClamd, verdict


@pytest.fixture(scope="module")
def daemon() -> Iterator[Path]:
    with running_clamd() as path:
        yield path


@pytest.fixture
def scan(daemon: Path, tmp_path: Path) -> Callable[[bytes], Verdict]:
    def scan_bytes(data: bytes) -> Verdict:
        path = tmp_path / "file"
        path.write_bytes(data)
        path.chmod(0o600)  # the daemon reads our descriptor, it need not reach the path
        return ClamdScanner(UnixClamd([daemon]), required=True).scan(path)

    return scan_bytes


@pytest.mark.clamav
class TestARealDaemon:
    def test_calls_a_harmless_file_clean(self, scan: Callable[[bytes], Verdict]) -> None:
        assert scan(b'{"a": 1}') == Verdict(Scan.CLEAN)

    @pytest.mark.threat("malware", seen="clamd on the test file of EICAR: infected")
    def test_finds_malware(self, scan: Callable[[bytes], Verdict]) -> None:
        found = scan(eicar())
        assert found.scan is Scan.INFECTED
        assert found.detail.startswith(SIGNATURE)

    def test_finds_malware_in_a_zip(self, scan: Callable[[bytes], Verdict]) -> None:
        assert scan(hostile.zipped([("a.txt", eicar())])).scan is Scan.INFECTED

    @pytest.mark.threat("malware")
    def test_does_not_call_a_file_over_its_limit_clean(
        self, scan: Callable[[bytes], Verdict], seen: Callable[[object], None]
    ) -> None:
        found = scan(os.urandom(1 << 20) * 21)
        assert found.scan is Scan.NOT_SCANNED
        assert found.detail.startswith("Heuristics.Limits")
        seen(f"over its limit: {found.scan}, {found.detail}")

    @pytest.mark.threat("malware")
    def test_does_not_call_an_encrypted_zip_infected(
        self, scan: Callable[[bytes], Verdict], seen: Callable[[object], None]
    ) -> None:
        found = scan(hostile.encrypted_zip())
        assert found.scan is Scan.NOT_SCANNED
        assert found.detail.startswith("Heuristics.Encrypted")
        seen(f"encrypted: {found.scan}, {found.detail}")

    def test_tells_its_version(self, daemon: Path) -> None:
        told = ClamdScanner(UnixClamd([daemon]), required=True).version()
        assert told.startswith("ClamAV")

    def test_is_reached_over_tcp_and_says_what_it_did_not_read(self, tmp_path: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        good, bad, big = tmp_path / "good", tmp_path / "bad", tmp_path / "big"
        good.write_bytes(b"harmless")
        bad.write_bytes(eicar())
        big.write_bytes(b"x" * (4 << 20))
        with running_clamd(stream_max="1M", tcp=port):
            over = ClamdScanner(TcpClamd("127.0.0.1", port, 10), required=True)
            assert over.scan(good).scan is Scan.CLEAN
            assert over.scan(bad).scan is Scan.INFECTED
            assert over.scan(big).scan is Scan.NOT_SCANNED


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("fd[10]: OK", Verdict(Scan.CLEAN)),
        ("fd[10]: Win.Test.EICAR_HDB-1 FOUND", Verdict(Scan.INFECTED, "Win.Test.EICAR_HDB-1")),
        (
            "fd[10]: Heuristics.Limits.Exceeded.MaxFileSize FOUND",
            Verdict(Scan.NOT_SCANNED, "Heuristics.Limits.Exceeded.MaxFileSize"),
        ),
        (
            "fd[10]: Heuristics.Encrypted.Zip FOUND",
            Verdict(Scan.NOT_SCANNED, "Heuristics.Encrypted.Zip"),
        ),
        (
            "fd[10]: Heuristics.Phishing.Email FOUND",
            Verdict(Scan.INFECTED, "Heuristics.Phishing.Email"),
        ),
        ("fd[10]: Can't allocate memory ERROR", Verdict(Scan.NOT_SCANNED, "Can't allocate memory")),
        ("fd[10]: ERROR", Verdict(Scan.NOT_SCANNED, "clamd failed")),
        ("UNKNOWN COMMAND", Verdict(Scan.NOT_SCANNED, "clamd's answer can't be read")),
        ("", Verdict(Scan.NOT_SCANNED, "clamd's answer can't be read")),
    ],
)
def test_a_reply_is_understood(reply: str, expected: Verdict) -> None:
    assert verdict(reply) == expected


@contextmanager
def fake(*answers: bytes | None) -> Iterator[tuple[Path, list[bytes]]]:
    """A daemon that gives each connection the next answer; None: it says nothing until the end."""
    heard: list[bytes] = []
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "socket"
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(10)

        def serve() -> None:
            for answer in answers:
                with listener.accept()[0] as connection:
                    files: list[int] = []
                    while not files:
                        files = socket.recv_fds(connection, 64, 1)[1]
                    heard.append(os.pread(files[0], 100, 0))
                    os.close(files[0])
                    if answer is None:
                        stop.wait(10)
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path, heard
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


@pytest.mark.threat("clamd", seen="hangs up: asked again")
def test_a_daemon_that_hangs_up_is_asked_again(file: Path) -> None:
    with fake(b"", b"fd[1]: O", b"fd[1]: OK\0") as (path, heard):
        assert ClamdScanner(UnixClamd([path]), required=True).scan(file).scan is Scan.CLEAN
    assert heard == [b"content"] * 3


@pytest.mark.parametrize("answer", [b"fd[1]: OK", None], ids=["cut off", "silent"])
@pytest.mark.threat("clamd", seen="half an answer or none: no answer")
def test_half_an_answer_is_no_answer(file: Path, answer: bytes | None) -> None:
    with fake(answer) as (path, _), pytest.raises(TransientError):
        ClamdScanner(UnixClamd([path], 0.2), required=True, attempts=1).scan(file)


@pytest.mark.threat("clamd", seen="required: waits")
def test_where_scans_are_required_nothing_goes_on_without_one(file: Path, tmp_path: Path) -> None:
    down = ClamdScanner(UnixClamd([tmp_path / "none"]), required=True, attempts=1)
    with pytest.raises(TransientError):
        down.scan(file)
    with pytest.raises(ServiceDown):
        down.version()


@pytest.mark.threat("clamd", seen="auto: not scanned, and marked")
def test_elsewhere_a_file_is_marked_and_the_daemon_left_alone_for_a_while(file: Path) -> None:
    with fake(b"", b"fd[1]: OK\0") as (path, heard):
        auto = ClamdScanner(UnixClamd([path]), required=False, attempts=1, pause=1000)
        verdicts = [auto.scan(file) for _ in range(3)]
        awake = ClamdScanner(UnixClamd([path]), required=False, attempts=1, pause=0)
        assert awake.scan(file).scan is Scan.CLEAN
    assert verdicts == [Verdict(Scan.NOT_SCANNED, "clamd does not answer")] * 3
    assert len(heard) == 2


def test_a_daemon_that_comes_up_later_is_found(file: Path, tmp_path: Path) -> None:
    with fake(b"fd[1]: OK\0") as (path, _):
        auto = ClamdScanner(UnixClamd([tmp_path / "none", path]), required=False, pause=0)
        assert auto.scan(file).scan is Scan.CLEAN


def test_only_regular_files_are_opened(tmp_path: Path, file: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(Rejected) as refused:
        ClamdScanner(UnixClamd([tmp_path / "none"]), required=False).scan(link)
    assert refused.value.reason is Reason.NOT_REGULAR


@pytest.mark.threat("malware")
def test_what_clamd_cannot_count_is_not_sent(
    tmp_path: Path, seen: Callable[[object], None]
) -> None:
    giant = tmp_path / "giant"
    with giant.open("wb") as out:
        out.truncate(clamd.MOST_BYTES + 1)  # holes only: no disk is used
    found = ClamdScanner(UnixClamd([tmp_path / "none"]), required=True).scan(giant)
    assert found.scan is Scan.NOT_SCANNED
    seen(f"over 2 GiB: {found.scan}")


def test_switched_off_means_not_scanned(file: Path) -> None:
    assert NoScanner().scan(file).scan is Scan.NOT_SCANNED


def test_the_settings_choose_the_scanner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = {
        mode: type(clamd.make_scanner(clamd.Settings(scanner=mode))) for mode in clamd.ScannerMode
    }
    assert chosen == {"off": NoScanner, "auto": ClamdScanner, "required": ClamdScanner}
