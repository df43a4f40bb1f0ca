"""The embedded servers, for real: made, started, killed, started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from schemas import crash
from schemas.errors import ConfigurationError, ServiceDown
from tests.support.place import ROOT, clean_place, open_folder, small_settings
from workers.embedded import data_folders, flower, local_servers, postgres, server_processes, valkey
from workers.settings import Settings

pytestmark = pytest.mark.services


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with open_folder() as made:
        clean_place(monkeypatch, made)
        yield made
        monkeypatch.chdir("/")


@pytest.fixture
def settings(folder: Path) -> Iterator[Settings]:
    made = small_settings(folder / "data")
    yield made
    local_servers.stop_servers(made)


def ask(settings: Settings, question: str) -> object:
    with psycopg.connect(settings.url("admin")) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
    return row[0]


def test_both_servers_run_for_a_block_and_leave_nothing(settings: Settings) -> None:
    with local_servers.servers(settings):
        assert ask(settings, "SELECT current_database() || getdatabaseencoding()") == "datapunkUTF8"
        assert ask(settings, "SELECT current_setting('listen_addresses')") == ""
        assert ask(settings, "SELECT current_setting('shared_buffers')") == "128MB"
        assert valkey.valkey_ready(settings)
        processes = [
            *server_processes.processes_in(settings.folders.postgres, "postgres"),
            *server_processes.processes_in(settings.folders.valkey, "valkey-server"),
        ]
        assert len(processes) > 2
        assert not [c for p in processes for c in p.net_connections("inet")], "a port is open"
    assert not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_a_cluster_whose_making_was_cut_off_is_made_anew(settings: Settings) -> None:
    for point, there in (("before", False), ("after", True)):
        code = (
            "from workers.embedded.postgres import prepare_postgres\n"
            "from workers.settings import load\n"
            "prepare_postgres(load())"
        )
        armed = {crash.VARIABLE: f"cluster.{point}_rename", **settings.environment()}
        with subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT), **armed}
        ) as maker:
            assert maker.wait(120) == -signal.SIGKILL
        assert (settings.folders.postgres / "PG_VERSION").exists() == there
    with local_servers.servers(settings):
        assert ask(settings, "SELECT 1") == 1
    assert not list(settings.data_dir.glob("postgres.*"))


def test_only_its_user_can_enter_the_folder_of_the_sockets(settings: Settings) -> None:
    with local_servers.servers(settings):
        assert stat.S_IMODE(settings.server_socket_dir.stat().st_mode) == 0o700
        owner = settings.server_socket_dir.stat().st_uid
        assert owner == settings.folders.postgres.stat().st_uid
        assert (owner != 0) or os.getuid() != 0
    assert stat.S_IMODE(settings.folders.staging.stat().st_mode) == 0o700


def test_servers_that_run_are_used_and_left_running(settings: Settings) -> None:
    with local_servers.servers(settings):
        with local_servers.servers(settings):
            pass
        assert postgres.postgres_ready(settings)
        with pytest.raises(ServiceDown, match="already"):
            valkey.prepare_valkey(settings)


def test_a_killed_server_starts_again_with_its_rows(settings: Settings) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(local_servers.servers(settings))
        with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        main = postgres.postmaster(settings.folders.postgres)
        assert main is not None
        broker = server_processes.processes_in(settings.folders.valkey, "valkey-server")[0]
        for process in (main, broker):
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs([main, broker], timeout=5)
    assert (settings.folders.postgres / "postmaster.pid").exists()
    with local_servers.servers(settings):
        assert ask(settings, "SELECT n FROM kept") == 42


def test_a_lock_whose_number_went_to_another_program_blocks_nothing(settings: Settings) -> None:
    postgres.prepare_postgres(settings)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lock = settings.folders.postgres / "postmaster.pid"
        lock.write_text(f"{stranger.pid}\n{settings.folders.postgres}\n0\n5432\n\n\n0 0\n")
        with local_servers.servers(settings):
            assert ask(settings, "SELECT 1") == 1
        assert stranger.poll() is None, "the stranger must be left alone"
        stranger.kill()


def test_a_start_that_was_cut_off_is_begun_anew(settings: Settings) -> None:
    data_folders.prepare_folders(settings)
    half = settings.data_dir / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with local_servers.servers(settings):
        assert not half.exists()


def test_a_lost_cluster_is_not_hidden_by_a_new_one(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="no database"):
        postgres.prepare_postgres(settings, create=False)


def test_a_cluster_of_another_release_is_refused_with_a_way_out(settings: Settings) -> None:
    postgres.prepare_postgres(settings)
    (settings.folders.postgres / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigurationError, match="made by Postgres 15"):
        postgres.prepare_postgres(settings)


def test_a_foreign_folder_is_never_turned_into_a_database(settings: Settings) -> None:
    settings.folders.postgres.mkdir(parents=True)
    (settings.folders.postgres / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match="no database"):
        postgres.prepare_postgres(settings)
    assert (settings.folders.postgres / "thesis.txt").exists()


def test_a_long_and_odd_path_and_a_strict_umask_work(settings: Settings, folder: Path) -> None:
    odd = small_settings(folder / ("it's 100% " + "x" * 90) / "data")
    before = os.umask(0o077)
    try:
        with local_servers.servers(odd):
            assert ask(odd, "SELECT 1") == 1
            assert odd.socket_dir != odd.folders.run
    finally:
        os.umask(before)
        local_servers.stop_servers(odd)
        shutil.rmtree(odd.socket_dir)


def test_an_operators_own_settings_win(settings: Settings) -> None:
    data_folders.prepare_folders(settings)
    (settings.data_dir / "postgresql.local.conf").write_text("work_mem = '7MB'\n")
    with local_servers.servers(settings):
        assert ask(settings, "SELECT current_setting('work_mem')") == "7MB"


def test_errors_leave_nothing_of_a_record_in_the_servers_log(settings: Settings) -> None:
    with local_servers.servers(settings), pytest.raises(psycopg.errors.InvalidTextRepresentation):
        ask(settings, "SELECT 'kingfisher'::int")
    assert "kingfisher" not in (settings.folders.logs / "postgres.log").read_text()


def test_the_flower_login_is_made_once_and_for_our_eyes(settings: Settings) -> None:
    data_folders.prepare_folders(settings)
    login = flower.flower_login(settings)
    assert login == flower.flower_login(settings)
    assert len(login.partition(":")[2]) >= 20
    assert stat.S_IMODE(settings.flower_password_path.stat().st_mode) == 0o600
    settings.flower_password_path.write_text("no colon")
    with pytest.raises(ConfigurationError, match="user:password"):
        flower.flower_login(settings)
