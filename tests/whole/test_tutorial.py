"""The tutorial to the letter: each command is run on a lake, and its output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.place import ROOT, free_port, open_folder
from tests.whole.sessions import Typed, fits, typed

TUTORIAL = ROOT / "docs" / "tutorial" / "first-import.md"
README = ROOT / "README.md"


class Terminal:
    """A folder of a checkout, where `datapunk` is this one's and `make demo` runs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.job = ""
        programs = folder / "programs"
        programs.mkdir()
        run = f'PYTHONPATH={ROOT} exec {sys.executable} -m workers.cli "$@"'
        for name, script in {
            "datapunk": run,
            "make": '[ "$1" = demo ] && exec datapunk demo',
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        activate = folder / ".venv" / "bin" / "activate"
        activate.parent.mkdir(parents=True)
        activate.touch()
        self._environment = {
            "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "PYTHONUNBUFFERED": "1",
            "DATAPUNK_MEMORY_MB": "1024",
            "DATAPUNK_CLAMD_SOCKET": str(folder / "no.socket"),
            "DATAPUNK_FLOWER_PORT": str(free_port()),
        }

    def type(self, command: str) -> list[str]:
        """Run one command and return what it prints; `JOB` is the job of the last receipt."""
        done = subprocess.run(
            ["bash", "-c", re.sub(r"\bJOB\b", self.job, command)],
            cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        if job := re.search(r"^job +([0-9a-f]{8})", done.stdout, re.MULTILINE):
            self.job = job[1]
        return done.stdout.splitlines()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with open_folder() as folder:
        terminal = Terminal(folder)
        yield terminal
        terminal.type("datapunk down")


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(1800)
def test_the_tutorial_is_true_to_the_letter(terminal: Terminal) -> None:
    answers: dict[str, list[str]] = {}
    for step in typed(TUTORIAL):
        lines = terminal.type(step.command)
        answers.setdefault(step.command, lines)
        assert_fits(TUTORIAL, step, lines)
    for step in typed(README):
        assert_fits(README, step, answers[step.command])


def assert_fits(page: Path, step: Typed, lines: list[str]) -> None:
    output = "\n".join(lines)
    assert fits(step.shown, lines), f"{page.name}:{step.line}: $ {step.command}\n{output}"


def test_the_tutorial_shows_the_verbs_of_a_first_hour() -> None:
    shown = {
        step.command.split()[1] for step in typed(TUTORIAL) if step.command.startswith("datapunk")
    }
    wanted = {
        "up",
        "status",
        "add",
        "receipt",
        "search",
        "day",
        "count",
        "export",
        "rollback",
        "down",
    }
    assert wanted <= shown


@pytest.mark.parametrize(
    ("shown", "lines", "same"),
    [
        (["a  1", "…", "z"], ["a 1", "b", "c", "z"], True),
        (["a", "…"], ["a"], True),
        (["a", "…", "z"], ["a", "b"], False),
        (["a"], ["a", "b"], False),
        (["seen 165"], ["seen 164"], False),
        (["drop into …"], ["drop into /a/b or"], True),
        (["job a872f884-2c64-40ab-89cc-8ef3520f0bb8"],
         ["job ee4a8e67-3a06-4f17-b077-a6a35f47fe58"], True),
        (["a872f884 x: done"], ["ee4a8e67 x: failed"], False),
    ],
)  # fmt: skip
def test_a_line_that_differs_is_found(shown: list[str], lines: list[str], same: bool) -> None:
    assert fits(shown, lines) is same


def test_commands_are_found_with_their_lines(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text\n\n```console\n$ one\nout\n$ two\n```\n\n```sh\n$ not\n```\n")
    assert list(typed(page)) == [Typed(4, "one", ["out"]), Typed(6, "two", [])]
