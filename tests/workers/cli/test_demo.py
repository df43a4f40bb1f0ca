"""What `demo` says to a stranger: before it changes the system, and at its end."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from workers.cli import lazy
from workers.cli.verbs import demo
from workers.embedded import unprivileged
from workers.settings import Settings

JOB = UUID("a872f884-2c64-40ab-89cc-8ef3520f0bb8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "data")


def _next(settings: Settings) -> dict[str, list[str]]:
    lines = [line for line in demo.next_steps(JOB, settings) if line.partition(" ")[1]]
    assert all(len(line) <= 80 for line in lines)
    return {name: rest.split("; ") for name, _, rest in (line.partition(" ") for line in lines)}


def test_the_end_names_what_to_look_at_to_search_and_to_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/x/datapunk", "demo"])
    monkeypatch.setenv("PATH", "/opt/x")
    monkeypatch.setattr(demo.shutil, "which", lambda _: "/opt/x/datapunk")
    steps = _next(settings)
    assert list(steps) == ["look", "search", "stop"]
    commands = [shlex.split(command) for some in steps.values() for command in some]
    assert {command[0] for command in commands} == {"datapunk"}
    assert [command[1] for command in commands] == ["up", "receipt", "search", "down"]
    assert {command[1] for command in commands} <= set(lazy.loaded())
    assert commands[1][2] == "a872f884"


def test_a_command_that_is_not_on_the_path_is_named_by_its_place(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/datapunk", "demo"])
    monkeypatch.setattr(demo.shutil, "which", lambda _: None)
    assert _next(settings)["stop"][0].split() == [".venv/bin/datapunk", "down"]


def test_a_lake_that_runs_is_not_started_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo.program_states, "state", lambda _: ["worker"])
    assert [command.split()[1] for command in _next(settings)["look"]] == ["receipt"]


def test_the_system_user_is_named_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed: list[str] = []

    def make(*_: Any, **__: Any) -> None:
        printed.append(capsys.readouterr().err)

    monkeypatch.setattr(subprocess, "run", make)
    monkeypatch.setattr(unprivileged.shutil, "which", lambda *_, **__: "/usr/sbin/useradd")
    assert unprivileged._new_user("datapunk-no") is None
    (before,) = printed
    assert "making the system user datapunk-no" in before
    assert "userdel datapunk-no" in before
    assert all(len(line) <= 80 for line in before.splitlines())


def test_nothing_is_announced_where_nothing_can_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unprivileged.shutil, "which", lambda *_, **__: None)
    unprivileged._new_user("datapunk-no")
    assert capsys.readouterr().err == ""
