"""Real workers and records that kill them: the worker stays, and only the poison does not load."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import progress
from tests.support.poison import rows
from tests.support.site import Site, points, site

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(progress.TIMEOUT_S),
]

_ROWS = 5_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(
        tmp_path_factory.mktemp("site"),
        program="tests.support.poison",
        chunk_records=_ROWS,
        # Leases that outlive the test: what goes on does so because a lost child was noticed.
        lease_s=600,
        heartbeat_s=5,
        max_attempts=2,
        chunk_soft_limit_s=3,
        chunk_hard_limit_s=4,
        task_memory_mb=1024,
    ) as made:
        made.start("worker")
        made.start("reconciler")
        yield made


def dropped(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def ended(job: dict[str, object]) -> bool:
    return job["completed_at"] is not None


@pytest.mark.threat(
    "poison",
    seen="segfault, hang and memory among 5,000: 4,997 loaded, 3 in quarantine, the worker lives",
)
def test_three_kinds_of_poison_among_five_thousand(place: Site, tmp_path: Path) -> None:
    bad = {700: "segfault", 2_345: "hang", 4_999: "memory"}
    data = rows(_ROWS, bad)
    parent = psutil.Process(place.processes["worker"].pid)
    job_id = place.submit(dropped(tmp_path, "rows.poison", data))
    other = place.submit(dropped(tmp_path, "Records.json", points(300)))
    first = place.wait(other, ended)
    assert (first["status"], first["records_loaded"]) == ("done", 300)
    assert not ended(place.job(job_id))  # the other went through meanwhile

    job = place.wait(job_id, ended)
    assert job["status"] == "done"
    counts = [job[f"records_{n}"] for n in ("seen", "loaded", "duplicate", "quarantined")]
    assert counts == [_ROWS, _ROWS - 3, 0, 3]
    assert place.ask("SELECT count(*) FROM user_data.documents") == _ROWS - 3
    held = place.ask("SELECT jsonb_object_agg(convert_from(raw, 'UTF8'), code || ' ' || detail) "
                     "FROM imports.quarantine")  # fmt: skip
    lines = data.decode().splitlines()
    # Celery may take five seconds to see that a child is gone: then the time limit is seen first.
    died = held.pop(lines[700])
    assert died.removeprefix("poison each try ended with ") in ("worker_lost", "time_limit")
    assert held == {
        lines[2_345]: "poison each try ended with time_limit",
        lines[4_999]: "poison each try ended with MemoryError",
    }
    assert parent.is_running()
    assert place.processes["worker"].poll() is None


@pytest.mark.timeout(200)
def test_a_thousand_defects_cost_no_try(place: Site, tmp_path: Path) -> None:
    place.empty()
    data = rows(_ROWS, dict.fromkeys(range(0, _ROWS, 5), "defect"))
    job = place.wait(place.submit(dropped(tmp_path, "defects.poison", data)), ended)
    counts = [job[f"records_{n}"] for n in ("seen", "loaded", "duplicate", "quarantined")]
    assert counts == [_ROWS, _ROWS * 4 // 5, 0, _ROWS // 5]
    assert place.ask("SELECT array_agg(DISTINCT code) FROM imports.quarantine") == ["format_defect"]
    tried = "SELECT max(attempt) FROM imports.chunks WHERE kind = 'records'"
    assert place.ask(tried) <= 1
    assert place.ask("SELECT count(*) FROM imports.chunks WHERE last_error_code = 'split'") == 0


@pytest.mark.threat("network")
def test_a_parser_has_no_network(
    place: Site, tmp_path: Path, seen: Callable[[object], None]
) -> None:
    """Here database and broker are reached by sockets with a path, as `datapunk up` has them."""
    place.empty()
    data = rows(3, {1: "call_home"}, first=20_000)
    job = place.wait(place.submit(dropped(tmp_path, "call.poison", data)), ended)
    assert (job["status"], job["records_loaded"], job["records_quarantined"]) == ("done", 2, 1)
    detail = place.ask("SELECT detail FROM imports.quarantine")
    assert detail == f"error {errno.ENETUNREACH}"
    seen("a socket to any address in a worker's child: ENETUNREACH, the rest of the chunk loaded")


@pytest.mark.threat("poison")
@pytest.mark.parametrize("kind", ["exit", "kill", "memory"])
def test_a_parent_survives(
    place: Site, tmp_path: Path, kind: str, seen: Callable[[object], None]
) -> None:
    place.empty()
    data = rows(20, {11: kind}, first=10_000)
    job = place.wait(place.submit(dropped(tmp_path, f"{kind}.poison", data)), ended)
    assert (job["status"], job["records_loaded"], job["records_quarantined"]) == ("done", 19, 1)
    assert place.processes["worker"].poll() is None
    if kind == "memory":  # it was caught in the child, which went on
        log = (place.settings.folders.logs / "worker.log").read_text()
        assert "MemoryError" in log
    seen(f"{kind}: 19 of 20 loaded, 1 in quarantine")
