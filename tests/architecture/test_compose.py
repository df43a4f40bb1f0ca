"""Compose and the Dockerfile without an engine: the schema, the rules, and what they run."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import typer
from ruamel.yaml import YAML

import celeryconfig
from schemas.progress import QUEUES, Stage
from tests.architecture.containers import (
    MACHINES_MB,
    compose_offences,
    dockerfile_offences,
    in_profile,
    memory_mb,
)
from tests.support.place import ROOT, free_port
from workers import health
from workers.cli import app
from workers.cli.lazy import UnloadedVerb
from workers.embedded import machine, valkey
from workers.secret_files import names as secret_variables
from workers.settings import Settings, load

FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "workers" / "Dockerfile"
EXAMPLE = ROOT / ".env.example"
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")

each_profile = pytest.mark.parametrize("profile", sorted(MACHINES_MB))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    with FILE.open() as file:
        found: dict[str, Any] = YAML(typ="safe").load(file)
    return found


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


# --- rules ------------------------------------------------------------------------------------


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)


def test_the_file_is_valid(tmp_path: Path) -> None:
    done = checked(FILE)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text().replace("mem_limit:", "mem_limits:"))
    assert checked(wrong).returncode != 0


def test_compose_keeps_the_rules(compose: dict[str, Any]) -> None:
    assert compose_offences(compose) == []


def test_the_dockerfile_keeps_the_rules() -> None:
    assert dockerfile_offences(DOCKERFILE.read_text()) == []


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda service: service.pop(name)


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda service: service.__setitem__(name, value)


#: An offence that is planted in the watcher, and the rule that finds it.
PLANTED = {
    "no exact tag": _set("image", "datapunk-lake:latest"),
    "no limit": _drop("mem_limit"),
    "no rotation of logs": _drop("logging"),
    "new privileges": _drop("security_opt"),
    "privileged": _set("privileged", True),
    "no health check": _drop("healthcheck"),
    "a heavy health check": _set("healthcheck", {"test": ["CMD", "datapunk", "status"]}),
    "runs as root": _set("user", "0:0"),
    "a port is open to others": _set("ports", ["5555:5555"]),
    "a secret in the environment: DATAPUNK_BROKER_PASSWORD": _set(
        "environment", {"DATAPUNK_BROKER_PASSWORD": "${X}"}
    ),
    "a password in a URL: DATAPUNK_BROKER_URL": _set(
        "environment", {"DATAPUNK_BROKER_URL": "redis://:${X}@valkey"}
    ),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_offence_in_compose_is_found(compose: dict[str, Any], rule: str) -> None:
    planted = copy.deepcopy(compose)
    PLANTED[rule](planted["services"]["watcher"])
    assert compose_offences(planted) == [f"watcher: {rule}"]


@pytest.mark.parametrize(
    "image", ["x:latest", "x", "x:9", "x:pg18", "x:stable", "x:3.13-slim", "x:1.2.3@sha256:abc"]
)
def test_a_floating_tag_is_found(compose: dict[str, Any], image: str) -> None:
    planted = copy.deepcopy(compose)
    planted["services"]["valkey"]["image"] = image
    assert compose_offences(planted) == ["valkey: no exact tag"]


@each_profile
def test_limits_that_exceed_the_memory_are_found(compose: dict[str, Any], profile: str) -> None:
    planted = copy.deepcopy(compose)
    planted["services"]["watcher"]["mem_limit"] = f"{MACHINES_MB[profile]}m"
    assert f"{profile}: the limits exceed the memory" in compose_offences(planted)


def test_a_secret_from_the_environment_is_found(compose: dict[str, Any]) -> None:
    planted = copy.deepcopy(compose)
    planted["secrets"]["flower_login"] = {"environment": "X"}
    assert compose_offences(planted) == ["flower_login: the secret is no file"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("FROM python:3.11.14-slim-trixie AS build", "FROM python:3.11 AS build", "no exact tag"),
        ("USER lake\n", "", "the last user is root"),
        ("USER lake\n", "USER root\n", "the last user is root"),
        ("HEALTHCHECK", "LABEL x=", "no health check"),
        ("COPY tasks tasks", "ADD tasks tasks", "ADD instead of COPY"),
        (" --no-cache-dir\n", "\n", "pip with a cache"),
        ("ARG TORCH_INDEX=", "ARG INDEX_TOKEN=x", "a secret in ARG"),
        ('CMD ["doctor"]', "CMD doctor", "a command for a shell"),
        ("USER lake", "RUN apt-get install -y x && rm -rf /var/lib/apt/lists/*\nUSER lake",
         "apt-get with recommended packages"),
        ("USER lake", "RUN apt-get install -y --no-install-recommends x\nUSER lake",
         "the lists of apt-get stay"),
        ("USER lake", "RUN chmod 777 /data\nUSER lake", "sudo, or a file open to all"),
        ("USER lake", "RUN wget -qO- x | sh\nUSER lake", "a script of the network runs"),
    ],
)  # fmt: skip
def test_a_planted_offence_in_the_dockerfile_is_found(old: str, new: str, rule: str) -> None:
    text = DOCKERFILE.read_text()
    assert old in text
    found = dockerfile_offences(text.replace(old, new))
    assert len(found) == 1, found
    assert found[0].startswith(rule)


# --- what runs --------------------------------------------------------------------------------


@each_profile
def test_every_queue_has_its_workers(services: dict[str, Any], profile: str) -> None:
    commands = [service["command"] for service in in_profile(services, profile).values()
                if service.get("command", [])[:1] == ["worker"]]  # fmt: skip
    served = [queue for words in commands for queue in words[2].split(",")]
    assert sorted(served) == sorted(set(QUEUES.values()))


def test_a_model_has_a_process_of_its_own(services: dict[str, Any]) -> None:
    """A worker that embeds has no limit of memory, so it reads no records."""
    for service in services.values():
        if service.get("command", [])[:1] == ["worker"]:
            queues = service["command"][2].split(",")
            assert queues == ["embed"] or "embed" not in queues


def test_every_stage_is_routed_to_the_queue_of_the_contract() -> None:
    routed = {name: to["queue"] for name, to in celeryconfig.task_routes.items()}
    stages = {f"datapunk.{stage}": queue for stage, queue in QUEUES.items()}
    behind = {"datapunk.deepen": QUEUES[Stage.EMBED], "datapunk.index": QUEUES[Stage.LOAD]}
    assert routed == {**stages, **behind}


def test_the_lakes_services_run_verbs_that_exist(services: dict[str, Any]) -> None:
    ran = {name: each["command"] for name, each in services.items() if "build" in each}
    assert {"watcher", "reconciler", "flower", "migrate", "cli"} <= set(ran)
    for name, words in ran.items():
        at, rest = typer.main.get_command(app), list(words)
        while hasattr(at, "commands"):
            at = at.commands[rest.pop(0)]
            at = at.load() if isinstance(at, UnloadedVerb) else at
        at.make_context(name, rest)  # parses the options


def test_the_environment_is_one_of_settings(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, service in services.items():
        if "build" in service:
            given = {k: v for k, v in service["environment"].items() if k.startswith("DATAPUNK_")}
            known = {f"DATAPUNK_{n.upper()}" for n in Settings.model_fields}
            assert set(given) <= known | set(secret_variables()), name


def test_the_password_of_a_file_reaches_the_servers(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in services["watcher"]["environment"].items():
        secret = tmp_path / Path(value).name
        if name.endswith("PASSWORD_FILE"):
            secret.write_text("kingfisher\n")
        monkeypatch.setenv(name, str(secret) if name.endswith("PASSWORD_FILE") else
                           "" if value.startswith("${") else value)  # fmt: skip
    settings = load()
    assert settings.broker() == "redis://:kingfisher@valkey:6379/0"
    assert settings.url("admin") == "postgresql://datapunk_admin:kingfisher@postgres/datapunk"


def test_a_variable_of_compose_is_explained_in_the_example() -> None:
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    assert set(_VARIABLE.findall(FILE.read_text())) == set(given)
    assert given["COMPOSE_PROFILES"] in MACHINES_MB


def test_only_flower_is_published_and_only_on_loopback(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"flower": ["127.0.0.1:${LAKE_FLOWER_PORT:-5555}:5555"]}


def test_staging_and_the_work_folder_are_on_one_mount(services: dict[str, Any]) -> None:
    """A claim is a rename, which no two mounts have between them."""
    for service in services.values():
        if "build" in service:
            assert [volume["target"] for volume in service["volumes"]] == ["/data"]


def test_the_image_of_compose_is_the_one_that_is_built(services: dict[str, Any]) -> None:
    images = {service["image"] for service in services.values() if "build" in service}
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert images == {f"datapunk-lake:{version[1]}"}


# --- what the shells of compose do ------------------------------------------------------------


def _script(service: dict[str, Any]) -> str:
    """The script of a service as its shell gets it."""
    shell, option, script = service["command"]
    assert (shell, option) == ("sh", "-c")
    return str(script).replace("$$", "$")


def _programs(folder: Path, **scripts: str) -> dict[str, str]:
    """An environment in which these scripts stand for programs of an image."""
    for name, script in scripts.items():
        path = folder / name.replace("__", ".").replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def _postgres_settings(service: dict[str, Any], memory: str, folder: Path) -> dict[str, str]:
    environment = _programs(folder, docker_entrypoint__sh='printf "%s\\n" "$@"')
    environment["POSTGRES_MEMORY_MB"] = memory
    done = subprocess.run(
        ["sh", "-c", _script(service)], env=environment, capture_output=True, text=True, check=True
    )
    program, *words = done.stdout.split()
    assert program == "postgres"
    return dict(word.split("=", 1) for word in words if word != "-c")


@pytest.mark.parametrize("name", ["postgres", "postgres-small"])
def test_postgres_gets_the_memory_of_its_container(services: dict[str, Any], name: str) -> None:
    service = services[name]
    memory = int(service["environment"]["POSTGRES_MEMORY_MB"])
    assert memory == memory_mb(service["mem_limit"])


@pytest.mark.parametrize("memory", [512, 1280, 8192, 65536])
def test_postgres_is_set_up_by_its_memory(
    services: dict[str, Any], tmp_path: Path, memory: int
) -> None:
    """The values of the embedded one, for a disk that is large enough."""
    found = _postgres_settings(services["postgres"], str(memory), tmp_path)
    wanted = machine.postgres_memory(memory, 1_000_000, 100_000)
    del wanted["dynamic_shared_memory_type"]
    assert {name: found[name] for name in wanted} == wanted
    assert found["log_min_error_statement"] == "panic", "no line of the log quotes a record"


@pytest.fixture
def broker(services: dict[str, Any], tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The broker of compose, as its shell starts it; its port, and the file of its password."""
    port, secret = free_port(), tmp_path / "broker_password"
    secret.write_text("0123abcd\n")
    script = _script(services["valkey"]).replace("/run/secrets/broker_password", str(secret))
    environment = _programs(
        tmp_path,
        docker_entrypoint__sh=f'exec "$@" --port {port} --bind 127.0.0.1',
        valkey_server=f'exec {valkey.valkey_program()} "$@"',
    )
    data = tmp_path / "broker"
    data.mkdir()
    process = subprocess.Popen(
        ["sh", "-c", script], cwd=data, env=environment, stdout=subprocess.DEVNULL
    )
    yield port, secret
    process.terminate()
    process.wait(30)


def _ping(port: int, password: str | None) -> bool:
    with redis.Redis(port=port, password=password) as client:
        return bool(client.ping())


def test_the_broker_asks_for_the_password_of_the_file(broker: tuple[int, Path]) -> None:
    port, _ = broker
    end = time.monotonic() + 60
    while True:
        try:
            assert _ping(port, "0123abcd")
            break
        except redis.ConnectionError:
            assert time.monotonic() < end
            time.sleep(0.1)
    with pytest.raises(redis.AuthenticationError):
        _ping(port, None)
    with redis.Redis(port=port, password="0123abcd") as client:
        policy = client.config_get("maxmemory*")
        assert policy["maxmemory-policy"] == "noeviction"
        command = Path(f"/proc/{client.info('server')['process_id']}/cmdline").read_text()
    assert "0123abcd" not in command


def _is_healthy(service: dict[str, Any], file: Path) -> bool:
    _, script = service["healthcheck"]["test"]
    done = subprocess.run(
        ["sh", "-c", script.replace("$$", "$").replace("/tmp/health", str(file))], check=False,
        capture_output=True,
    )  # fmt: skip
    return done.returncode == 0


@pytest.mark.parametrize("name", ["worker", "watcher", "reconciler"])
def test_a_process_that_stands_still_is_ill(
    services: dict[str, Any], name: str, tmp_path: Path
) -> None:
    settings = load(data_dir=tmp_path, health_file=tmp_path / "health")
    assert not _is_healthy(services[name], tmp_path / "health")
    health.beat(settings)
    assert _is_healthy(services[name], tmp_path / "health")
    before = time.time() - 600
    os.utime(tmp_path / "health", (before, before))
    assert not _is_healthy(services[name], tmp_path / "health")


def test_a_disk_that_refuses_ends_no_process(tmp_path: Path) -> None:
    health.beat(load(data_dir=tmp_path, health_file=tmp_path / "missing" / "health"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("status", ["200 OK", "503 Not now"])
def test_flower_is_healthy_when_it_answers_so(services: dict[str, Any], status: str) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:
        script = services["flower"]["healthcheck"]["test"][3].replace("$$", "$")
        assert "/dev/tcp/127.0.0.1/5555" in script

        def answer() -> None:
            client, _ = server.accept()
            with client:
                assert b"GET /healthcheck" in client.recv(1000)
                client.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        done = subprocess.run(["bash", "-c", script.replace("5555", str(port))], check=False)
        thread.join()
    assert (done.returncode == 0) == (status == "200 OK")


# --- pinning ----------------------------------------------------------------------------------


def _pinned(tmp_path: Path, docker: str) -> subprocess.CompletedProcess[str]:
    for file in (FILE, DOCKERFILE):
        if not (tmp_path / file.name).exists():
            shutil.copy(file, tmp_path)
    return subprocess.run(
        [str(ROOT / ".ci" / "digests"), FILE.name, DOCKERFILE.name], cwd=tmp_path, check=False,
        env=_programs(tmp_path, docker=docker), capture_output=True, text=True,
    )  # fmt: skip


def test_images_are_pinned_by_their_digests(tmp_path: Path) -> None:
    for digit in "ab":  # the second run renews
        digest = f"sha256:{digit * 64}"
        done = _pinned(tmp_path, f'[ "$1 $2 $3" = "buildx imagetools inspect" ] && echo {digest}')
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 4
        with (tmp_path / FILE.name).open() as file:
            compose = YAML(typ="safe").load(file)
        dockerfile = (tmp_path / DOCKERFILE.name).read_text()
        assert compose_offences(compose) == []
        assert dockerfile_offences(dockerfile) == []
        images = {each["image"] for each in compose["services"].values() if "build" not in each}
        assert all(image.endswith(f"@{digest}") for image in images)
        assert dockerfile.count(f"@{digest}") == 2


def test_an_image_without_a_digest_is_named(tmp_path: Path) -> None:
    done = _pinned(tmp_path, "echo nothing")
    assert done.returncode == 1
    assert "no digest of" in done.stderr
    assert (tmp_path / FILE.name).read_text() == FILE.read_text()
