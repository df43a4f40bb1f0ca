"""The wheel holds all that an installed lake needs, and runs where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.place import ROOT

pytestmark = pytest.mark.sweep


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(
        [*command, "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder with the wheel in it and nothing else."""
    folder = wheel.parent / "installed"
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    options = ["--no-deps", "--no-index", "--no-compile", "--target", str(folder)]
    subprocess.run([*command, *options, str(wheel)], check=True)
    return folder


def test_the_wheel_holds_what_the_lake_needs_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"celeryconfig.py", "pipeline", "schemas", "sql", "tasks", "workers"}
    missing = {
        path.relative_to(ROOT).as_posix()
        for room in tops - {"celeryconfig.py"}
        for path in (ROOT / room).rglob("*")
        if path.suffix in {".py", ".sql", ".toml", ".json"}
    } - names
    assert not missing


def test_an_installed_lake_runs_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    # -S: a .pth file of the site-packages would show the way to the checkout.
    begin = [sys.executable, "-S", "-P", "-m", "workers.cli"]
    paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(*begin, "--version") == f"datapunk {metadata.version('datapunk-lake')}\n"
    assert "mail.mbox" in run(*begin, "formats", "mail")
    where = "import celeryconfig, sql.migrate; print(celeryconfig.__file__, sql.migrate.__file__)"
    assert run(sys.executable, "-S", "-P", "-c", where).count(str(installed)) == 2
