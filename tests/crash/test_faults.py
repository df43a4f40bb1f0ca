"""Whatever is killed in the middle of a job, the job ends with the rows of an undisturbed run."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.storm import worker
from tests.support import progress
from tests.support.site import Site, points, site
from workers import wiring

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(progress.TIMEOUT_S),
]

_POINTS = 40_000


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points, rows and mails, and one record of each that can't be taken."""
    path = tmp_path_factory.mktemp("archive") / "takeout.zip"
    mails = "".join(
        f"From {n}@xxx Fri Sep 16 22:26:51 +0000 2016\nMessage-ID: <{n}@mail.example>\n"
        f"Subject: {n}\nFrom: a@mail.example\n\nbody {n}\n\n"
        for n in range(2_000)
    )
    rows = "id,name\n" + "".join(f"{n},row {n}\n" for n in range(5_000)) + '7,"open\n'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("Takeout/Location History/Records.json", points(_POINTS))
        out.writestr("Takeout/Mail/All mail.mbox", mails)
        out.writestr("table.csv", rows)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), program="tests.storm.worker") as made:
        made.start("worker")
        made.start("reconciler")
        yield made


@pytest.fixture(scope="module")
def undisturbed(place: Site, archive: Path) -> str:
    """The checksum of a run in which nothing happens."""
    job = place.wait(place.submit(archive), lambda j: j["completed_at"] is not None)
    assert job["status"] == "done"
    assert job["records_seen"] == _POINTS + 2_000 + 5_001
    assert job["records_quarantined"] == 1
    return place.checksum()


def _worker(place: Site) -> None:
    place.kill("worker")
    place.start("worker")


def _child(place: Site) -> None:
    place.kill_a_child("worker")


def _reconciler(place: Site) -> None:
    place.kill("reconciler")
    place.start("reconciler")


def _broker(place: Site) -> None:
    place.kill_broker(with_data=False)
    place.start_broker()


def _broker_and_its_data(place: Site) -> None:
    place.kill_broker(with_data=True)
    place.start_broker()


_FAULTS = [_worker, _child, _reconciler, _broker, _broker_and_its_data]


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.threat("kill")
def test_a_kill_in_mid_job_changes_nothing(
    place: Site,
    archive: Path,
    undisturbed: str,
    fault: Callable[[Site], None],
    seen: Callable[[object], None],
) -> None:
    place.empty()
    job_id = place.submit(archive)
    for share in (0.1, 0.5):
        place.wait(job_id, lambda j, s=share: j["records_loaded"] > s * _POINTS)  # type: ignore[misc]
        fault(place)
    job = place.wait(job_id, lambda j: j["completed_at"] is not None)
    assert job["status"] == "done"
    assert place.checksum() == undisturbed
    counts = [job[f"records_{n}"] for n in ("seen", "loaded", "duplicate", "quarantined")]
    assert counts == [_POINTS + 7_001, _POINTS + 7_000, 0, 1]
    assert place.ask("SELECT count(*) FROM imports.events WHERE kind = 'finished'") == 1
    assert place.ask("SELECT count(*) FROM imports.quarantine") == 1
    seen(f"{fault.__name__.strip('_').replace('_', ' ')} killed twice: the same rows")


@pytest.mark.parametrize("hours", [5, -5])
def test_a_worker_whose_clock_is_hours_off_doubles_nothing(
    place: Site, archive: Path, undisturbed: str, hours: int
) -> None:
    place.empty()
    place.start("worker2", **{worker.CLOCK: str(hours * 3600)})
    job_id = place.submit(archive)
    at_work = set()
    with wiring.broker_client(place.settings) as broker:
        while not (job := place.job(job_id))["completed_at"] or not at_work:
            stamps = [score for _, score in broker.zrange("unacked_index", 0, -1, withscores=True)]
            at_work.update(s for s in stamps if 4 < (s - time.time()) / 3600 / hours * 5 < 6)
            time.sleep(0.01)
            if job["completed_at"]:  # it was done before the other had come up
                place.empty()
                job_id = place.submit(archive)
    place.kill("worker2")
    assert job["status"] == "done"
    assert place.checksum() == undisturbed
    assert [job[f"records_{n}"] for n in ("seen", "duplicate")] == [_POINTS + 7_001, 0]
    assert place.ask("SELECT count(*) FROM imports.events WHERE kind = 'finished'") == 1
