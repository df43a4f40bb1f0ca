"""A folder is taken in as one archive: always the same bytes, without links and special files."""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.errors import Rejected
from schemas.reasons import Reason
from tasks.runtime.temp_dirs import existing
from tests.support.lake import Database, Driver, FakeModels
from workers import packing, wiring
from workers.cli import app, sample
from workers.cli.verbs import add
from workers.settings import Settings

LIMIT = 10_000


def packed(folder: Path, work: Path, limit: int = LIMIT) -> tuple[dict[str, bytes], int, bytes]:
    """The files in the archive of a folder, how many entries are not, and its bytes."""
    with packing.as_file(folder, work, limit) as found:
        with tarfile.open(found.path) as archive:
            members = {m.name: archive.extractfile(m) for m in archive}
            texts = {name: member.read() for name, member in members.items() if member}
        data = found.path.read_bytes()
    assert existing(work) == []
    return texts, found.left_out, data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Takeout"
    (made / "b").mkdir(parents=True)
    (made / "b" / "two.txt").write_bytes(b"2")
    (made / "a.txt").write_bytes(b"1")
    return made


def test_a_folder_is_packed_with_its_name(folder: Path, tmp_path: Path) -> None:
    texts, left_out, data = packed(folder, tmp_path / "work")
    assert texts == {"Takeout/a.txt": b"1", "Takeout/b/two.txt": b"2"}
    assert left_out == 0
    assert packed(folder, tmp_path / "work")[2] == data
    (folder / "a.txt").chmod(0o600)
    assert packed(folder, tmp_path / "work")[2] == data


def test_links_and_special_files_are_left_out(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"not of the export")
    (folder / "to_file").symlink_to(secret)
    (folder / "to_folder").symlink_to(tmp_path)
    (folder / "gone").symlink_to(tmp_path / "none")
    os.mkfifo(folder / "pipe")
    os.link(folder / "a.txt", folder / "b" / "hard.txt")
    texts, left_out, _ = packed(folder, tmp_path / "work")
    assert set(texts) == {"Takeout/a.txt", "Takeout/b/two.txt", "Takeout/b/hard.txt"}
    assert texts["Takeout/b/hard.txt"] == b"1", "a second name of a file is a file"
    assert left_out == 4


def test_a_link_to_a_folder_is_no_folder(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    with packing.as_file(link, tmp_path / "work", LIMIT) as found:
        assert found.path == link, "and is refused as a link is"


@pytest.mark.parametrize(
    ("names", "limit", "reason"),
    [((), LIMIT, Reason.EMPTY), (("one", "two"), 3, Reason.TOO_LARGE)],
)
def test_a_folder_that_can_not_be_taken(
    names: tuple[str, ...], limit: int, reason: Reason, tmp_path: Path
) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"xx")
    with pytest.raises(Rejected) as error:
        packed(folder, tmp_path / "work", limit)
    assert error.value.reason is reason
    assert existing(tmp_path / "work") == []


def test_names_that_are_no_text_or_long(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    deep = folder / ("d" * 200) / ("e" * 200)
    deep.mkdir(parents=True)
    (deep / "x.txt").write_bytes(b"x")
    (folder / os.fsdecode(b"bad\xff.txt")).write_bytes(b"y")
    assert sorted(packed(folder, tmp_path / "work")[0].values()) == [b"x", b"y"]


def test_a_dry_run_reads_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(tmp_path / "data"))
    with zipfile.ZipFile(sample.write(tmp_path / "s.zip")) as archive:
        archive.extractall(tmp_path / "unzipped")
    result = CliRunner().invoke(app, ["add", "--dry-run", "--json", "--user", "a", "unzipped"])
    (run,) = json.loads(result.stdout)
    assert (run["seen"], run["duplicate"], run["quarantined"]) == (165, 1, 3)


@pytest.mark.services
def test_an_unzipped_export_is_one_job(
    place: Settings, driver: Driver, database: Database, monkeypatch: pytest.MonkeyPatch,
    imported: Callable[[str, str, bytes], dict[str, Any]], tmp_path: Path,
) -> None:  # fmt: skip
    """Its records are those of the archive, and the second time the job is a duplicate."""
    monkeypatch.setattr(add, "load", lambda: place)
    monkeypatch.setattr(wiring, "ModelsHere", lambda _: FakeModels())
    made = sample.write(tmp_path / "s.zip")
    first = imported("ana", "s.zip", made.read_bytes())
    with zipfile.ZipFile(made) as archive:
        archive.extractall(tmp_path / "unzipped")
    (tmp_path / "unzipped" / "link").symlink_to(made)
    for status in ("done", "duplicate"):
        result = CliRunner().invoke(
            app, ["add", str(tmp_path / "unzipped" / "Takeout"), "--user", "ana", "--json"]
        )
        assert result.exit_code == 0, result.output
        (taken,) = json.loads(result.stdout)
        driver.drain()
        job = database.job(taken["job"])
        assert (job["status"], job["source_name"]) == (status, "Takeout.tar")
        if status == "done":
            assert job["records_seen"] == first["records_seen"]
            assert (job["records_loaded"], job["records_quarantined"]) == (0, 3)
