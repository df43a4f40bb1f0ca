"""`docs/how-to/run-on-several-hosts.md` for real: its certificates, its URLs, and its scaling."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from ruamel.yaml import YAML

from tests.support.lake import Database
from tests.support.place import ROOT, free_port
from tests.whole.tls import Front, front
from workers.settings import Settings

PAGE = (ROOT / "docs" / "how-to" / "run-on-several-hosts.md").read_text()
ROWS = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(300))
PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def here(text: str, folder: Path) -> str:
    """The same for this machine: alpha is loopback, and its files lie in `folder`."""
    named = text.replace("DNS:alpha", "DNS:localhost").replace("192.0.2.0/24", "127.0.0.1/32")
    return named.replace("192.0.2.1", "127.0.0.1").replace("/etc/datapunk", str(folder))


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """What the page's first step makes."""
    folder = tmp_path / "etc"
    folder.mkdir()
    script = here(blocks("sh")[0], folder)
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    assert (folder / "server.key").stat().st_mode & 0o77 == 0
    return folder


def exported(folder: Path, postgres: int, broker: int, database: str) -> dict[str, str]:
    """The settings of the page's fifth step."""
    script = here(blocks("sh")[1], folder)
    here_is = f"datapunk_admin@localhost:{postgres}/{database}"
    script = script.replace("lake@alpha:5432/lake", here_is)
    script = script.replace("alpha:6380", f"localhost:{broker}")
    done = subprocess.run(
        ["sh", "-c", f"{script}\nenv"], capture_output=True, text=True, check=True, env={}
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return {name: value for name, value in found.items() if name.startswith("DATAPUNK_")}


@pytest.fixture
def fronts(servers: Settings, certificates: Path) -> Iterator[tuple[Front, Front]]:
    postgres = servers.server_socket_dir / ".s.PGSQL.5432"
    with (
        front(postgres, certificates, postgres=True) as database,
        front(servers.broker_socket, certificates, postgres=False) as broker,
    ):
        yield database, broker


def _datapunk(environment: dict[str, str], *words: str) -> list[str]:
    return [sys.executable, "-m", "workers.cli", *words]


@pytest.mark.services
@pytest.mark.slow
def test_a_worker_of_another_host_works_over_tls(
    place: Settings, database_name: str, database: Database, certificates: Path,
    fronts: tuple[Front, Front], tmp_path: Path,
) -> None:  # fmt: skip
    """The file is taken in on one host; the worker of another, where the folder has another path,
    carries it through all stages."""
    for secret in ("database_password", "broker_password"):
        (certificates / secret).write_text("\n" if secret == "broker_password" else "x\n")
    given = exported(certificates, fronts[0].port, fronts[1].port, database_name)
    del given["DATAPUNK_BROKER_PASSWORD_FILE"]  # the embedded broker has none
    beta, health = tmp_path / "mnt", tmp_path / "alive" / "health"
    health.parent.mkdir()
    health.parent.chmod(0o777)  # root's worker becomes the lake's user
    beta.symlink_to(place.data_dir)
    common = {
        **os.environ, **given, "DATAPUNK_SCANNER": "off", "DATAPUNK_EMBED_TYPES": "none",
        "PYTHONPATH": str(ROOT), "DATAPUNK_HEALTH_FILE": str(health),
    }  # fmt: skip
    hosts = [{**common, "DATAPUNK_DATA_DIR": str(folder)} for folder in (place.data_dir, beta)]
    file = tmp_path / "rows.ndjson"
    file.write_bytes(ROWS)
    taken = subprocess.run(
        _datapunk(hosts[0], "add", str(file), "--user", "ana"), env=hosts[0], check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert taken.returncode == 0, taken.stderr
    worker = subprocess.Popen(
        _datapunk(hosts[1], "worker", "--name", "worker-beta", "--concurrency", "1"),
        env=hosts[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 300
        states: list[dict[str, Any]] = []
        while not (states and health.exists()) and time.monotonic() < end:
            time.sleep(0.5)
            states = database.rows(
                "SELECT status, records_loaded FROM imports.jobs WHERE completed_at IS NOT NULL"
            )
    finally:
        worker.terminate()
        worker.wait(60)
    assert [(row["status"], row["records_loaded"]) for row in states] == [("done", 300)]
    assert health.exists(), "the worker's heartbeat touches it"
    assert fronts[0].encrypted > 0
    assert fronts[1].encrypted > 0


@pytest.mark.services
def test_a_wrong_certificate_and_no_tls_are_refused(
    database_name: str, certificates: Path, fronts: tuple[Front, Front], tmp_path: Path
) -> None:
    given = exported(certificates, fronts[0].port, fronts[1].port, database_name)
    url, broker = given["DATAPUNK_DATABASE_URL"], given["DATAPUNK_BROKER_URL"]
    with psycopg.connect(url) as connection:
        assert connection.pgconn.ssl_in_use
    with redis.Redis.from_url(broker) as client:
        assert client.ping()
    other = tmp_path / "other"
    other.mkdir()
    script = blocks("sh")[0]
    subprocess.run(["sh", "-ec", script], cwd=other, check=True, capture_output=True)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(url.replace(str(certificates), str(other)))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace("sslmode=verify-full", "sslmode=disable"))
    with (
        redis.Redis.from_url(broker.replace(str(certificates), str(other))) as client,
        pytest.raises(redis.ConnectionError, match="certificate verify failed"),
    ):
        client.ping()


@pytest.mark.skipif(PROGRAMS is None, reason="no Postgres with TLS is installed")
@pytest.mark.slow
def test_the_configuration_of_postgres_admits_tls_alone(certificates: Path, tmp_path: Path) -> None:
    data, port = tmp_path / "postgres", free_port()
    as_user: dict[str, Any] = {"user": "daemon", "group": "daemon"} if os.getuid() == 0 else {}
    run: Callable[..., Any] = subprocess.run
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    data.mkdir(mode=0o700)
    (tmp_path / "pw").write_text("kingfisher\n")
    if as_user:
        for path in (data, tmp_path / "pw", certificates, *certificates.iterdir()):
            run(["chown", "daemon:daemon", path], check=True)
    assert PROGRAMS
    run([PROGRAMS / "initdb", "-D", data, "-U", "lake", "--pwfile", tmp_path / "pw", "-A",
         "scram-sha-256"], check=True, capture_output=True, cwd="/", **as_user)  # fmt: skip
    configuration = here(next(b for b in blocks("ini") if "ssl = on" in b), certificates)
    with (data / "postgresql.conf").open("a") as file:
        file.write(f"{configuration}port = {port}\nunix_socket_directories = ''\n")
    admitted = here(blocks("text")[0], certificates).replace("hostssl lake", "hostssl all")
    (data / "pg_hba.conf").write_text(admitted)
    command = [PROGRAMS / "postgres", "-D", data]
    server = subprocess.Popen(
        command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user
    )
    url = f"postgresql://lake:kingfisher@localhost:{port}/postgres"
    verified = f"{url}?sslmode=verify-full&sslrootcert={certificates / 'ca.crt'}"
    try:
        end = time.monotonic() + 120
        while True:
            try:
                with psycopg.connect(verified) as connection:
                    assert connection.pgconn.ssl_in_use
                break
            except psycopg.OperationalError:
                assert time.monotonic() < end
                time.sleep(0.3)
        with pytest.raises(psycopg.OperationalError, match="no encryption"):
            psycopg.connect(f"{url}?sslmode=disable")
    finally:
        server.terminate()
        server.wait(60)


@pytest.mark.services
def test_the_backlog_is_counted_by_a_role_that_reads_nothing_else(
    place: Settings, database: Database, drop: Callable[..., Any], database_name: str,
    servers: Settings,
) -> None:  # fmt: skip
    (script,) = blocks("sql")
    query = YAML(typ="safe").load(blocks("yaml")[0])["spec"]["triggers"][0]["metadata"]["query"]
    for name in ("one", "two"):
        drop("ana@example.org", f"{name}.ndjson", ROWS)
    role = f"scaler_{database_name}"
    named = re.sub(r"\bscaler\b", role, script)
    with psycopg.connect(place.url("admin"), autocommit=True) as connection:
        connection.execute(named.encode())
    url = place.url("admin").replace("datapunk_admin@", f"{role}@")
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute("SELECT stage, waiting FROM scaling.backlog").fetchall()
            assert found == [("validate", 2)]
            assert connection.execute(query.encode()).fetchone() == (0,)
            for table in ("imports.chunks", "imports.jobs", "user_data.documents"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT count(*) FROM {table}".encode())
        database.rows("UPDATE imports.chunks SET stage = 'normalise'")
        with psycopg.connect(url) as connection:
            assert connection.execute(query.encode()).fetchone() == (2,)
    finally:
        with psycopg.connect(place.url("admin"), autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


REDIS = shutil.which("valkey-server") or shutil.which("redis-server")


@pytest.mark.skipif(REDIS is None, reason="no Valkey or Redis with TLS is installed")
def test_the_configuration_of_the_broker_admits_tls_alone(
    certificates: Path, tmp_path: Path
) -> None:
    port = free_port()
    text = here(next(b for b in blocks("ini") if "tls-port" in b), certificates)
    file = tmp_path / "broker.conf"
    file.write_text(text.replace("tls-port 6380", f"tls-port {port}"))
    server = subprocess.Popen(
        [str(REDIS), str(file)], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    given = exported(certificates, 0, port, "lake")
    url = given["DATAPUNK_BROKER_URL"].replace("//", "//:CHANGE-ME@")
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with redis.Redis.from_url(url) as client:
                    assert client.config_get("maxmemory-policy") == {
                        "maxmemory-policy": "noeviction"
                    }
                break
            except redis.ConnectionError:
                assert time.monotonic() < end
                time.sleep(0.1)
        plain = redis.Redis(port=port, password="CHANGE-ME")
        with plain as client, pytest.raises(redis.ConnectionError):
            client.ping()
    finally:
        server.terminate()
        server.wait(60)
