from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.place import open_folder
from workers.embedded import machine, unprivileged
from workers.settings import Settings

NOBODY = pwd.getpwnam("nobody")


def test_eight_gigabytes_give_the_known_values() -> None:
    assert machine.postgres_memory(8192, 100_000, 64_000) == {
        "shared_buffers": "2048MB",
        "effective_cache_size": "6144MB",
        "maintenance_work_mem": "512MB",
        "work_mem": "16MB",
        "wal_buffers": "16MB",
        "min_wal_size": "1024MB",
        "max_wal_size": "4096MB",
        "dynamic_shared_memory_type": "posix",
    }


@pytest.mark.parametrize("total", [256, 1000, 4096, 24_000, 1_000_000])
def test_shared_buffers_never_pass_a_quarter_of_the_memory(total: int) -> None:
    given = machine.postgres_memory(total, 100_000, 64_000)
    assert int(given["shared_buffers"].removesuffix("MB")) <= total / 4


def test_small_shared_memory_and_a_small_disk_are_spared() -> None:
    given = machine.postgres_memory(8192, 4000, 64)
    assert given["dynamic_shared_memory_type"] == "mmap"
    assert given["max_wal_size"] == "500MB"


def test_a_container_limit_around_us_counts(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/a/b\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "memory.max").write_text("max\n")
    (tmp_path / "a" / "memory.max").write_text(f"{300 * 1024 * 1024}\n")
    assert machine.memory_mb(tmp_path, own) == 300
    (tmp_path / "a" / "memory.max").write_text("max\n")
    assert machine.memory_mb(tmp_path, own) == psutil.virtual_memory().total // 1024**2


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder right under the system's temporary one, whose parents are open to all."""
    with open_folder() as folder:
        if any(not each.stat().st_mode & 0o001 for each in folder.parents):
            pytest.skip("the temporary folder is private here, and would be opened by this test")
        yield folder


def test_only_the_folder_that_blocks_is_opened_and_aloud(
    temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = temporary / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    (closed / "open").chmod(0o755)
    unprivileged.let_through(closed / "open" / "program", NOBODY)
    assert closed.stat().st_mode & 0o777 == 0o701
    assert (closed / "open").stat().st_mode & 0o777 == 0o755
    assert capsys.readouterr().err.count("chmod") == 1
    unprivileged.let_through(closed / "open" / "program", NOBODY)
    assert capsys.readouterr().err == ""


def test_programs_installed_for_root_alone_are_made_readable(tmp_path: Path) -> None:
    top = tmp_path / "install"
    top.mkdir()
    (top / "program").write_text("x")
    (top / "program").chmod(0o700)
    (top / "data").write_text("x")
    (top / "data").chmod(0o600)
    top.chmod(0o700)
    unprivileged.let_read(top, NOBODY)
    assert (top / "program").stat().st_mode & 0o777 == 0o705
    assert (top / "data").stat().st_mode & 0o777 == 0o604


def test_nobody_is_asked_to_be_another_when_we_are_not_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert unprivileged.system_user(Settings(data_dir=tmp_path)) is None
