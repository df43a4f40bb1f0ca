from __future__ import annotations

import configparser
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import psycopg
import pytest

from schemas.errors import ConfigurationError, ServiceDown
from schemas.progress import QUEUES
from tests.support import progress
from tests.support.place import ROOT, clean_place, free_port, open_folder, small_settings
from workers import wiring
from workers.cli import doctor
from workers.cli.verbs import status
from workers.embedded import (
    local_servers,
    ports,
    postgres,
    program_states,
    programs,
    stop,
    supervisor,
)
from workers.settings import Settings, load

IDLE = (sys.executable, "-c", "import time; time.sleep(3000)")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with open_folder() as folder:
        clean_place(monkeypatch, folder)
        yield small_settings(folder / "data")
        monkeypatch.chdir("/")


def parsed(settings: Settings) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(programs.configuration(settings))
    return parser


def test_every_process_is_there_and_is_restarted(settings: Settings) -> None:
    sections = parsed(settings)
    names = [s.removeprefix("program:") for s in sections.sections() if s.startswith("program:")]
    assert names == [
        "postgres", "valkey", "worker", "worker-embed", "reconciler", "watcher", "flower",
    ]  # fmt: skip
    assert all(sections[f"program:{name}"]["autorestart"] == "true" for name in names)


def test_external_servers_are_not_supervised(settings: Settings) -> None:
    given = {"database_url": "postgresql://h/d", "broker_url": "redis://h"}
    names = [p.name for p in programs.programs(settings.model_copy(update=given))]
    assert "postgres" not in names
    assert "valkey" not in names


def test_every_queue_has_a_worker(settings: Settings) -> None:
    commands = [p.command for p in programs.programs(settings) if "--queues" in p.command]
    served = [q for c in commands for q in c[c.index("--queues") + 1].split(",")]
    assert sorted(served) == sorted(set(QUEUES.values()))


def test_workers_end_as_soon_as_their_tasks_do(settings: Settings) -> None:
    # Celery's soft shutdown, by QUIT, sleeps for its whole time-out over any task.
    workers = [p for p in programs.programs(settings) if p.name.startswith("worker")]
    assert {p.stop for p in workers} == {"TERM"}
    assert max(p.grace_s for p in workers) == 30


def test_no_port_is_opened_by_the_supervisor(settings: Settings) -> None:
    assert "inet_http_server" not in parsed(settings)


def test_workers_stop_before_servers(settings: Settings) -> None:
    order = {p.name: p.order for p in programs.programs(settings)}
    assert max(order["postgres"], order["valkey"]) < min(order["worker"], order["worker-embed"])


def test_a_percent_sign_or_a_space_in_a_path_survives(settings: Settings, tmp_path: Path) -> None:
    odd = small_settings(tmp_path / "100% mine")
    text = programs.configuration(odd)
    assert "100%% mine" in text
    assert programs._joined(["a b", 'c"d e']) == '"a b" "c\\"d e"'


def test_secrets_are_not_written_down(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPUNK_DATABASE_URL", "postgresql://u:kingfisher@h/d")
    given = small_settings(settings.data_dir)
    assert "kingfisher" in given.url("owner")
    assert "kingfisher" not in programs.configuration(given)


def test_nothing_runs_and_nothing_is_stopped(settings: Settings) -> None:
    assert program_states.state(settings) == []
    assert supervisor.down(settings) is False


def test_a_taken_port_is_named_before_anything_starts(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = settings.model_copy(update={"flower_port": port})
        with pytest.raises(ConfigurationError, match=rf"port {port} .*DATAPUNK_FLOWER_PORT"):
            supervisor.up(taken, say=silent)
        (check,) = doctor._port(taken)
        assert (check.level, "DATAPUNK_FLOWER_PORT" in check.advice) == ("fail", True)
    assert program_states.state(taken) == []
    assert not taken.data_dir.exists(), "nothing that would be a lake from then on"
    (check,) = doctor._port(taken)
    assert check.level == "ok"
    nowhere = settings.model_copy(update={"flower_address": "192.0.2.1"})
    with pytest.raises(ConfigurationError, match="DATAPUNK_FLOWER_ADDRESS"):
        ports.require_free(nowhere)


# From here on a real supervisor runs real servers, and sleepers for workers.


@pytest.fixture
def lake(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    sleepers = [
        programs.Program(name="worker", command=IDLE, order=10, stop="QUIT"),
        programs.Program(name="watcher", command=IDLE, order=11),
    ]
    monkeypatch.setattr(programs, "_workers", lambda settings: sleepers)
    yield settings
    supervisor.down(settings)


def silent(_line: str) -> None:
    pass


def until(done: Callable[[], bool]) -> None:
    progress.until(done, lambda: None)


def pid_of(settings: Settings, name: str) -> int | None:
    return next((s.pid for s in program_states.state(settings) if s.name == name), None)


@pytest.mark.services
def test_up_twice_then_a_kill_then_down(lake: Settings) -> None:
    lines: list[str] = []
    migrated: list[bool] = []
    assert supervisor.up(
        lake, migrate=lambda: migrated.append(postgres.postgres_ready(lake)), say=lines.append
    )
    assert migrated == [True]
    assert lines == ["postgres is up", "valkey is up", "worker is up", "watcher is up"]
    assert supervisor.up(lake, say=lines.append) is False
    assert "already up" in lines[-1]

    first = {name: pid_of(lake, name) for name in ("worker", "postgres", "valkey")}
    for pid in first.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(pid_of(lake, name) not in (None, pid) for name, pid in first.items()))
    local_servers.wait_ready(lake)

    every = [psutil.Process(s.pid) for s in program_states.state(lake) if s.pid]
    assert supervisor.down(lake, say=silent) is True
    assert program_states.state(lake) == []
    assert not [p for p in every if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert stop.orphans(lake) == []


@pytest.mark.services
def test_a_program_with_a_port_is_up_once_it_listens(
    lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    serve = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    listening = programs.Program(name="flower", command=serve, order=10, port=port)
    monkeypatch.setattr(programs, "_workers", lambda settings: [listening])
    lines: list[str] = []
    supervisor.up(lake.model_copy(update={"flower_port": port}), say=lines.append)
    assert lines[-1] == "flower is up"
    connection = program_states.Connection(lake)
    assert supervisor._stays_up(connection, listening)
    deaf = msgspec.structs.replace(listening, port=free_port())
    assert not supervisor._stays_up(connection, deaf), "it runs, and does not listen there"


@pytest.mark.services
def test_a_lake_comes_back_by_itself_though_its_port_is_taken(
    lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sleeper, _ = programs._workers(lake)
        flower = programs.Program(name="flower", command=("/bin/false",), order=13, port=port)
        monkeypatch.setattr(programs, "_workers", lambda settings: [sleeper])
        supervisor.up(lake, say=silent)
        os.kill(program_states.Connection(lake).call("getPID"), signal.SIGKILL)
        until(lambda: program_states.state(lake) == [])
        monkeypatch.setattr(programs, "_workers", lambda settings: [sleeper, flower])
        lines: list[str] = []
        taken = lake.model_copy(update={"flower_port": port})
        assert supervisor.up(taken, say=lines.append, again=True)
    assert "worker is up" in lines
    assert "flower is up" not in lines
    assert pid_of(lake, "worker")


@pytest.mark.services
def test_settings_that_changed_since_the_start_are_named(lake: Settings) -> None:
    supervisor.up(lake, say=silent)
    lines: list[str] = []
    supervisor.up(lake.model_copy(update={"settle_s": 9.0}), say=lines.append)
    assert lines[0] == "settings that differ from those at the start: DATAPUNK_SETTLE_S"
    supervisor.up(lake, say=lines.append)
    assert [line for line in lines if "differ" in line] == lines[:1]


@pytest.mark.services
def test_what_a_killed_supervisor_left_is_cleared_by_the_next_up(lake: Settings) -> None:
    supervisor.up(lake, say=silent)
    left = pid_of(lake, "worker")
    assert left is not None
    os.kill(program_states.Connection(lake).call("getPID"), signal.SIGKILL)
    until(lambda: program_states.state(lake) == [])
    assert psutil.pid_exists(left)
    lines: list[str] = []
    assert supervisor.up(lake, say=lines.append)
    assert "had lost their supervisor" in lines[0]
    assert not psutil.pid_exists(left)


@pytest.mark.services
def test_a_worker_that_can_not_start_is_named_and_nothing_stays(
    lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = programs.Program(name="worker", command=("/bin/false",), order=10)
    monkeypatch.setattr(programs, "_workers", lambda settings: [broken])
    with pytest.raises(ServiceDown, match=r"worker .*worker\.log"):
        supervisor.up(lake, say=silent, seconds=15)
    assert program_states.state(lake) == []
    assert postgres.postmaster(lake.folders.postgres) is None


# From here on the workers are real, too.


@pytest.fixture
def site(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    changes: dict[str, Any] = {
        "scanner": "off",
        "settle_s": 0.2,
        "embed_types": "none",
        "worker_concurrency": 1,
    }
    changes |= {"memory_mb": 512, "lease_s": 6, "heartbeat_s": 2}
    monkeypatch.setenv("DATAPUNK_FLOWER_PORT", str(free_port()))  # also for `up --again`
    changed = load(data_dir=settings.data_dir, **changes)
    every, wanted = programs._workers, ("worker", "reconciler", "watcher")
    monkeypatch.setattr(
        programs, "_workers", lambda settings: [p for p in every(settings) if p.name in wanted]
    )
    yield changed
    supervisor.down(changed)


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(progress.TIMEOUT_S)
@pytest.mark.threat("supervisor", seen="killed: started anew by itself, the import done")
def test_a_supervisor_that_was_killed_is_started_anew(site: Settings) -> None:
    supervisor.up(site, migrate=lambda: wiring.migrate(site) and None, say=silent)
    before = {each.pid for each in program_states.state(site)}
    os.kill(program_states.Connection(site).call("getPID"), signal.SIGKILL)
    until(lambda: program_states.state(site) == [])
    left = stop.orphans(site)
    said = [check for check in doctor._processes(site) if check.name == "processes"]
    assert not left or said[0].level == "fail" or program_states.state(site)

    (site.folders.staging / "ana@example.org").mkdir()
    rows = b"".join(b'{"id": %d, "name": "row"}\n' % n for n in range(2_000))
    (site.folders.staging / "ana@example.org" / "rows.ndjson").write_bytes(rows)
    until(lambda: bool(states := program_states.state(site)) and all(s.running for s in states))
    assert not before & {each.pid for each in program_states.state(site)}
    until(lambda: ended(site) == [("done", 2_000)])

    assert supervisor.down(site, say=silent) is True
    assert (program_states.state(site), stop.orphans(site)) == ([], [])
    again = [sys.executable, "-m", "workers.cli", "up", "--again"]
    subprocess.run(again, env={**os.environ, **site.environment()}, check=True, cwd=ROOT)
    assert program_states.state(site) == [], "what was stopped stays so"


def ended(settings: Settings) -> list[tuple[str, int]]:
    """The jobs that have ended; none while the database does not answer."""
    query = "SELECT status, records_loaded FROM imports.jobs WHERE completed_at IS NOT NULL"
    try:
        with psycopg.connect(settings.url("admin")) as connection:
            return connection.execute(query).fetchall()
    except psycopg.OperationalError:
        return []


@pytest.mark.services
@pytest.mark.threat("supervisor", seen="`status` and `doctor` say what runs without it")
def test_what_runs_without_a_supervisor_is_told(lake: Settings) -> None:
    supervisor.up(lake, say=silent)
    os.kill(program_states.Connection(lake).call("getPID"), signal.SIGKILL)
    until(lambda: program_states.state(lake) == [])
    (check,) = doctor._processes(lake)
    assert (check.level, check.advice) == ("fail", "datapunk up")
    assert check.detail.startswith("2 run without a supervisor")
    services = {"processes": [], "without_supervisor": 2, "open_jobs": 0, "scanner": "off",
                "disk_free_mb": 1, "data_dir": "/lake", "settings_changed": []}  # fmt: skip
    assert [line for line in status.footer(services) if "run: datapunk up" in line]
    assert supervisor.down(lake, say=silent) is True
    assert (stop.orphans(lake), postgres.postmaster(lake.folders.postgres)) == ([], None)
