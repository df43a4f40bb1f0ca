"""The clock of a real Postgres is set back an hour, and ahead, in mid-import."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.support import progress
from tests.support.place import open_folder
from tests.support.site import Site, points, site
from workers.embedded import server_processes

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(progress.TIMEOUT_S),
]

_POINTS = 20_000
_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.fixture
def clock() -> Iterator[Path]:
    """What the server's clock is ahead by, as libfaketime reads it."""
    if _LIBRARY is None:
        pytest.skip("libfaketime is not installed (package `faketime` of Debian)")
    with open_folder() as folder:
        set_to(folder / "clock", "+0")
        yield folder / "clock"


def set_to(clock: Path, ahead: str) -> None:
    clock.write_text(f"{ahead}\n")
    clock.chmod(0o644)


@pytest.fixture
def place(clock: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site whose servers go by that clock, and only they."""
    fake = {"LD_PRELOAD": str(_LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    for name, value in fake.items():
        monkeypatch.setitem(server_processes.ENVIRONMENT, name, value)
    folder = clock.parent / "site"
    folder.mkdir()
    with site(folder) as made:
        made.start("worker")
        made.start("reconciler")
        yield made


@pytest.mark.threat("clock", seen="a real one, back and ahead in mid-import: all rows, once")
@pytest.mark.parametrize("ahead", ["-1h", "+1h"])
def test_the_databases_clock_is_set_in_mid_import(
    place: Site, clock: Path, tmp_path: Path, ahead: str
) -> None:
    path = tmp_path / "Records.json"
    path.write_bytes(points(_POINTS))
    before = place.ask("SELECT clock_timestamp()")
    job_id = place.submit(path)
    place.wait(job_id, lambda job: job["records_loaded"] > 0)
    set_to(clock, ahead)
    place.kill("worker")  # what it held is to be taken over, by leases of another time
    place.start("worker")
    job = place.wait(job_id, lambda job: job["completed_at"] is not None)
    moved = place.ask("SELECT clock_timestamp()") - before
    hour = timedelta(hours=1)
    assert (moved < timedelta()) if ahead == "-1h" else (moved > hour), "the clock was set"
    assert (job["status"], job["records_loaded"]) == ("done", _POINTS)
    with psycopg.connect(place.settings.url("admin")) as connection:
        assert connection.execute("SELECT count(*) FROM timeseries.locations").fetchone() == (
            _POINTS,
        )
