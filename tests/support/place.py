"""What the tests of settings, servers and supervision share."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workers.setting_fields import PREFIX
from workers.settings import Settings, load

ROOT = Path(__file__).resolve().parents[2]


def clean_place(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """An empty working folder and none of our variables."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)


def small_settings(folder: Path) -> Settings:
    """Servers of a modest size under `folder`."""
    return load(data_dir=folder, memory_mb=512)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that the servers' system user can get at when root runs the tests.

    pytest closes its own temporary folders to others anew whenever another pytest starts.
    """
    with tempfile.TemporaryDirectory(prefix="datapunk-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
