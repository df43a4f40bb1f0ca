"""Postgres's own disk is full in mid-import: the import waits, and goes on when there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemas.errors import ServiceDown
from tests.support import progress
from tests.support.place import clean_place, open_folder
from tests.support.site import points
from workers import wiring
from workers.cli import connect, doctor
from workers.cli.verbs import status
from workers.embedded import data_folders, local_servers, program_states, programs, supervisor
from workers.settings import Settings, load

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(progress.TIMEOUT_S),
]

_POINTS = 120_000
#: A small cluster's log takes little, so that the disk may be small.
_SMALL = "max_wal_size = 64MB\nmin_wal_size = 32MB\nfsync = off\nfull_page_writes = off\n"


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A lake under a supervisor, whose Postgres lies on a tmpfs of 300 MB."""
    with open_folder() as folder:
        clean_place(monkeypatch, folder)
        changes: dict[str, Any] = {"scanner": "off", "settle_s": 0.2, "embed_types": "none"}
        changes |= {"worker_concurrency": 1, "lease_s": 6, "heartbeat_s": 2, "chunk_records": 2_000}
        settings = load(data_dir=folder / "data", memory_mb=512, reconcile_every_s=1, **changes)
        every, wanted = programs._workers, ("worker", "reconciler", "watcher")
        monkeypatch.setattr(
            programs,
            "_workers",
            lambda settings: [p for p in every(settings) if p.name in wanted],
        )
        data_folders.prepare_folders(settings)
        (settings.data_dir / "postgresql.local.conf").write_text(_SMALL)
        with local_servers.servers(settings):
            wiring.migrate(settings)
        _on_a_small_disk(settings.folders.postgres)
        try:
            supervisor.up(settings, say=lambda _: None)
            yield settings
        finally:
            supervisor.down(settings, say=lambda _: None)
            subprocess.run(["umount", "--lazy", str(settings.folders.postgres)], check=True)
        monkeypatch.chdir("/")


def _on_a_small_disk(folder: Path) -> None:
    aside = folder.with_name("postgres.aside")
    folder.rename(aside)
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("only who may mount a tmpfs can give Postgres a small disk")
    subprocess.run(["cp", "-a", f"{aside}/.", str(folder)], check=True)
    owner = aside.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    folder.chmod(0o700)
    shutil.rmtree(aside)


def _ask(settings: Settings, query: str) -> Any:
    """The one value; None while Postgres does not answer."""
    try:
        with psycopg.connect(settings.url("admin")) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row and row[0]
    except psycopg.Error:
        return None


def _fill(settings: Settings) -> None:
    with (settings.folders.postgres / "filler").open("ab", buffering=0) as out:
        try:
            while True:
                out.write(bytes(64 * 1024))
        except OSError:
            return


def _said(settings: Settings) -> str:
    """What `status` says of it, answered or not."""
    try:
        with connect.services(settings) as services:
            return "\n".join(status.status_lines(status.snapshot(services, None)))
    except ServiceDown as error:
        return str(error)


@pytest.mark.threat("disk_full", seen="that of Postgres: the import waits, then all rows loaded")
def test_an_import_outlives_a_full_disk_of_the_database(lake: Settings) -> None:
    (lake.folders.staging / "ana@example.org").mkdir()
    (lake.folders.staging / "ana@example.org" / "Records.json").write_bytes(points(_POINTS))
    loaded = "SELECT coalesce(sum(records_loaded), 0)::int FROM imports.jobs"
    until(lambda: (_ask(lake, loaded) or 0) > 0, lake)

    def says_so() -> bool:
        _fill(lake)  # what Postgres gives back to the disk is taken from it again
        said = _said(lake)
        return "no room" in said

    until(says_so, lake)
    (check,) = [c for c in doctor._disk(lake) if c.name == "server's disk"]
    assert check.level == "fail"
    assert not _ask(lake, "SELECT count(*) FROM imports.jobs WHERE completed_at IS NOT NULL")

    (lake.folders.postgres / "filler").unlink()
    until(lambda: bool(_ask(lake, "SELECT bool_and(completed_at IS NOT NULL) FROM imports.jobs")),
          lake)  # fmt: skip
    assert _ask(lake, "SELECT array_agg(status) FROM imports.jobs") == ["done"]
    assert _ask(lake, "SELECT count(*) FROM timeseries.locations") == _POINTS
    assert [c for c in doctor._disk(lake) if c.name == "server's disk"] == []
    assert all(each.running for each in program_states.state(lake))


def until(done: Callable[[], bool], lake: Settings) -> None:
    progress.until(done, lambda: _ask(lake, progress.LEDGER), every_s=0.2)
