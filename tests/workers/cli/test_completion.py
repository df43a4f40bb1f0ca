"""A shell completes verbs, options, types, formats and jobs; without a lake it shows no message."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.place import ROOT
from workers import settings
from workers.cli import app, options
from workers.settings import Settings

SHELLS = ("bash", "zsh", "fish")
#: Where each shell looks for completions, in the home folder.
SCRIPTS = {
    "bash": ".bash_completions/datapunk.sh",
    "zsh": ".zfunc/_datapunk",
    "fish": ".config/fish/completions/datapunk.fish",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything, where no lake runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(tmp_path / "data"))
    # Else typer asks the processes above this one which shell they are.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    return tmp_path


def completed(shell: str, line: str) -> list[str]:
    """What a shell gets for a line whose last word is not whole yet."""
    asked = {"_DATAPUNK_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        asked |= {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    else:
        asked |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    answer = CliRunner().invoke(app, [], env=asked, prog_name="datapunk")
    assert (answer.exit_code, answer.stderr) == (0, ""), answer.output
    if shell == "zsh":
        lines = answer.stdout.replace("_arguments '*: :((", "").replace("))'", "").splitlines()
        return [each.split('"')[1] for each in lines if '"' in each]
    return [each.partition("\t")[0] for each in answer.stdout.split("\n") if each]


@pytest.mark.parametrize("shell", SHELLS)
def test_words_are_completed(home: Path, shell: str) -> None:
    assert completed(shell, "datapunk quara") == ["quarantine"]
    assert completed(shell, "datapunk quarantine ex") == ["export"]
    assert completed(shell, "datapunk search --pers") == ["--person"]
    assert completed(shell, "datapunk search --type me") == ["media", "medium", "message"]
    assert "mail.mbox" in completed(shell, "datapunk count --source mail")
    assert completed(shell, "datapunk reparse --format apple.h") == ["apple.health"]


@pytest.mark.parametrize("shell", SHELLS)
def test_jobs_need_a_lake_and_fail_without_a_word(home: Path, shell: str) -> None:
    assert completed(shell, "datapunk receipt 1") == []
    os.environ["DATAPUNK_SETTLE_S"] = "soon"
    try:
        assert completed(shell, "datapunk receipt 1") == []
    finally:
        del os.environ["DATAPUNK_SETTLE_S"]


@pytest.mark.services
def test_jobs_are_completed(
    place: Settings, imported: Callable[[str, str, bytes], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    job = str(imported("anna", "a.txt", b"Hello out there.\n")["id"])
    monkeypatch.setattr(settings, "load", lambda: place)
    assert options.jobs(job[:3]) == [(job, "a.txt")]
    assert options.jobs("no") == []
    for verb in ("receipt", "status", "quality", "retry"):
        assert completed("fish", f"datapunk {verb} {job[:3]}") == [job]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_installed(home: Path, shell: str) -> None:
    shown = CliRunner().invoke(app, ["--show-completion", shell], prog_name="datapunk")
    assert shown.exit_code == 0
    assert f"_DATAPUNK_COMPLETE=complete_{shell}" in shown.stdout
    done = CliRunner().invoke(app, ["--install-completion", shell], prog_name="datapunk")
    assert done.exit_code == 0, done.output
    script = home / SCRIPTS[shell]
    assert script.read_text().strip() == shown.stdout.strip()
    if shutil.which(shell):  # the shell itself reads it
        subprocess.run([shell, "-n", str(script)], check=True)


def test_bash_completes_with_the_installed_script(home: Path) -> None:
    """The real shell: it reads the script, and asks the command."""
    CliRunner().invoke(app, ["--install-completion", "bash"], prog_name="datapunk")
    command = home / "bin" / "datapunk"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m workers.cli "$@"\n')
    command.chmod(0o755)
    ask = (
        'source ~/.bash_completions/datapunk.sh; COMP_WORDS=(datapunk quara); COMP_CWORD=1; '
        "$(complete -p datapunk | sed 's/.*-F \\([^ ]*\\) .*/\\1/') datapunk; "
        'echo "${COMPREPLY[@]}"'
    )  # fmt: skip
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", ask], capture_output=True, text=True, check=True,
        env={**environment, "PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["quarantine"]
