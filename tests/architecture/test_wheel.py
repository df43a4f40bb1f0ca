"""The wheel holds all that an installed lake needs, and runs where there is no checkout."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.place import ROOT

pytestmark = pytest.mark.sweep


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """The wheel of this checkout, in a folder that the servers' user passes where we are root: the
    folders of pytest are closed anew by each run."""
    with tempfile.TemporaryDirectory(prefix="datapunk-wheel-") as name:
        Path(name).chmod(0o711)
        yield _built(Path(name))


def _built(folder: Path) -> Path:
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


def environment_of(installed: Path) -> dict[str, str]:
    """Where an interpreter finds the installed lake, and then what it needs; no settings."""
    paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    left_out = ("PYTHONPATH", "DATAPUNK_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(left_out)},
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


#: -S: a .pth file of the site-packages would show the way to the checkout.
BEGIN = [sys.executable, "-S", "-P", "-m", "workers.cli"]


def test_no_package_of_the_lock_has_one_of_the_names(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        ours = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" not in name}
    others = {
        file.parts[0]
        for each in metadata.distributions()
        if each.name != "datapunk-lake"
        for file in each.files or ()
    }
    assert "celery" in others
    assert not ours & others


@pytest.mark.services
@pytest.mark.slow
def test_an_installed_lake_runs_the_demo_from_an_empty_folder(installed: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="datapunk-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the servers' user passes where we are root
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
        done = subprocess.run(
            [*BEGIN, "demo", "--json"],
            cwd=folder,
            env={**environment_of(installed), "DATAPUNK_FLOWER_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        receipt = json.loads(done.stdout)
        assert (receipt["state"], receipt["adds_up"]) == ("done", True)
        assert [path.name for path in folder.iterdir()] == ["data"]


def test_an_installed_lake_runs_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    environment = environment_of(installed)

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(*BEGIN, "--version") == f"datapunk {metadata.version('datapunk-lake')}\n"
    assert "mail.mbox" in run(*BEGIN, "formats", "mail")
    where = "import celeryconfig, sql.migrate; print(celeryconfig.__file__, sql.migrate.__file__)"
    assert run(sys.executable, "-S", "-P", "-c", where).count(str(installed)) == 2
