from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML

import celeryconfig
from schemas.progress import QUEUES, Stage
from tests.support.place import ROOT

FILE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    with FILE.open() as file:
        found: dict[str, Any] = YAML(typ="safe").load(file)["services"]
    return found


def test_the_file_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("queue", sorted(set(QUEUES.values())))
def test_every_queue_has_its_workers(services: dict[str, Any], queue: str) -> None:
    words = services[queue]["command"]
    assert words[:3] == ["worker", "--queues", queue]


def test_every_stage_is_routed_to_the_queue_of_the_contract() -> None:
    routed = {name: to["queue"] for name, to in celeryconfig.task_routes.items()}
    stages = {f"datapunk.{stage}": queue for stage, queue in QUEUES.items()}
    behind = {"datapunk.deepen": QUEUES[Stage.EMBED], "datapunk.index": QUEUES[Stage.LOAD]}
    assert routed == {**stages, **behind}


def test_every_service_that_stays_has_a_health_check_and_limits(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert "mem_limit" in service, name
        assert "cpus" in service, name
        assert ("healthcheck" in service) == (name != "migrate"), name


def test_only_flower_is_published_and_only_on_loopback(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"flower": ["127.0.0.1:5555:5555"]}


def test_no_secret_stands_in_the_file() -> None:
    lines = [line for line in FILE.read_text().splitlines() if "password" in line.lower()]
    values = [line.split(":", 1)[1] for line in lines if "PASSWORD:" in line]
    assert values
    assert all("${DATAPUNK_" in value for value in values)
