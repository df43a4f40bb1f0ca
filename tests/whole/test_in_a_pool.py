"""All that the lake does, in a real child of a real worker's pool: it uses up no attempt.

Such a child is daemonic and may start no process by `multiprocessing`; in the driver of the other
tests, which is a plain process, that is not seen.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.registry import all_formats
from schemas.progress import Stage
from tests.support.formats import Sample, samples
from tests.support.lake import zipped
from tests.support.place import ROOT
from tests.support.poison import rows
from tests.support.site import Site, ours_in, site
from tests.tasks.derived.test_likeness import encoded, mails, picture, text
from tests.whole import pool

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(
        tmp_path_factory.mktemp("site"),
        program="tests.whole.pool",
        embed_types="document,email",
        embed_threads=1,
        max_attempts=2,
        chunk_soft_limit_s=60,
        chunk_hard_limit_s=70,
    ) as made:
        yield made


def counted_attempts(place: Site) -> list[str]:
    """Attempts that errors in our code used up, in the audit trail and in the logs; and what else
    went wrong behind the imports."""
    found = place.ask(
        "SELECT array_agg(detail::text) FROM imports.events WHERE kind = 'attempt_failed'"
    )
    found = [*(found or []), *(_steps(place) or [])]
    for log in place.settings.folders.logs.glob("*.log"):
        found += [f"{log.name}: {line}" for line in ours_in(log)]
    return found


def _steps(place: Site) -> list[str] | None:
    found: list[str] | None = place.ask(
        "SELECT array_agg(step || ': ' || error || ' at ' || place) FROM imports.step_errors"
    )
    return found


def ended(job: dict[str, Any]) -> bool:
    return job["completed_at"] is not None


def came_of(place: Site, verb: str, user: object, folder: Path, seconds: float = 120) -> Any:
    """What a worker's child says of it."""
    out = folder / f"{verb}.json"
    pool.send(verb, user, out)
    end = time.monotonic() + seconds
    while not out.exists() and time.monotonic() < end:
        time.sleep(0.05)
    said = json.loads(out.read_text())
    assert said["daemon"] is True, "or this proves nothing"
    assert "error" not in said, said
    return said["came"]


def submitted(place: Site, folder: Path, name: str, data: bytes, user: str) -> dict[str, Any]:
    (folder / name).write_bytes(data)
    return place.wait(place.submit(folder / name, user), ended)


@pytest.mark.timeout(600)
def test_every_stage_and_every_child_of_ours(place: Site, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    ana = "ana@example.org"
    pictures = {f"{n}.jpg": encoded(picture(n, (320, 240))) for n in range(120)}
    alike = {
        f"{n}.png": encoded(picture(n, (320, 240)).resize((160, 120)), "PNG") for n in range(9)
    }
    said = mails(*(text(n) for n in range(5)))
    place.start("worker")
    place.start("embedder")
    # Without a reconciler nobody compares the pictures but the job's own end.
    job = submitted(place, tmp_path, "1.zip", zipped({**pictures, **alike, "1.mbox": said}), ana)
    assert (job["status"], job["records_loaded"]) == ("done", 134)
    assert place.ask("SELECT count(*) FROM user_data.relations WHERE similarity > 0.9") >= 9
    assert place.ask("SELECT count(*) FROM analytics.uncompared") == 0
    assert place.ask("SELECT attempt FROM imports.chunks WHERE kind = 'finish'") == 1
    stages = "SELECT array_agg(DISTINCT stage) FROM imports.chunks WHERE status = 'done'"
    assert set(place.ask(stages)) == {Stage.EXTRACT, Stage.LOAD, Stage.FINISH}, "to their ends"

    place.start("reconciler")
    end = time.monotonic() + 180
    while place.ask("SELECT count(*) FROM vectors.waiting") and time.monotonic() < end:
        time.sleep(0.1)
    assert place.ask("SELECT count(DISTINCT model_id) FROM vectors.embeddings") == 2, "deepened"
    # The static model exists by now: what loads has its vectors with it.
    vectored = "SELECT count(DISTINCT document_id) FROM vectors.embeddings WHERE document_id > "
    last = place.ask("SELECT max(id) FROM user_data.documents")
    submitted(place, tmp_path, "2.mbox", mails(*(text(n) for n in range(50, 55))), ana)
    assert place.ask(f"{vectored}{last}") == 5
    assert counted_attempts(place) == []

    # What a retry from quarantine and a reparse start, in a pool's child too; records that end the
    # child.
    bad = rows(40, {7: "segfault", 30: "kill"})
    poisoned = submitted(place, tmp_path, "rows.poison", bad, ana)
    assert (poisoned["status"], poisoned["records_quarantined"]) == ("done", 2)
    user = job["user_id"]
    tried = came_of(place, "retry", user, tmp_path)
    assert (tried["tried"], tried["still_bad"]) == (2, 2)
    again = came_of(place, "reparse", user, tmp_path)
    assert sum(each["files"] for each in again.values()) >= len(pictures)
    assert not any("unreadable" in why for each in again.values() for why in each["passed"])
    assert place.ask("SELECT count(*) FROM imports.quarantine WHERE status = 'open'") == 2
    with_again = (
        "INSERT INTO analytics.uncompared SELECT user_id, id, data_type, partition_at, record_key "
        "FROM user_data.documents RETURNING 1"
    )
    place.ask(f"WITH queued AS ({with_again}) SELECT count(*) FROM queued")
    came_of(place, "compare", user, tmp_path)
    assert place.ask("SELECT count(*) FROM analytics.uncompared") == 0
    came_of(place, "reconcile", user, tmp_path)
    assert counted_attempts(place) == []


def test_what_is_an_error_of_ours_in_a_log(tmp_path: Path) -> None:
    ours = [
        {
            "event": "given back",
            "where": "tasks/ingest/chunk.py:1",
            "counts_attempt": True,
            "level": "warning",
        },
        {"event": "a step failed", "level": "error"},
        {"event": "a turn failed", "level": "error"},
    ]
    others = [
        {"event": "given back", "where": None, "counts_attempt": False, "level": "warning"},
        {"event": "given back", "code": "worker_lost", "counts_attempt": True, "level": "warning"},
        {"event": "a step failed", "level": "warning"},
    ]
    log = tmp_path / "worker.log"
    log.write_text("\n".join(map(json.dumps, [*others, *ours])) + "\nno JSON\n[1]\n")
    assert [json.loads(line) for line in ours_in(log)] == ours


def archives() -> list[dict[str, bytes]]:
    """All samples of all formats, in as few archives as they have paths for."""
    made: list[dict[str, bytes]] = []
    every: list[Sample] = [sample for form in all_formats() for sample in samples(form)]
    for sample in every:
        fits = next((one for one in made if sample.path not in one), None)
        if fits is None:
            made.append(fits := {})
        fits[sample.path] = sample.file.read_bytes()
    return made


@pytest.mark.timeout(600)
def test_no_sample_of_any_format_burns_an_attempt(place: Site, tmp_path: Path) -> None:
    for name in ("worker", "embedder", "reconciler"):
        if name not in place.processes:
            place.start(name)
    jobs = []
    for n, members in enumerate(archives()):
        (tmp_path / f"{n}.zip").write_bytes(zipped(members))
        jobs.append(place.submit(tmp_path / f"{n}.zip", f"sample{n}@example.org"))
    for job_id in jobs:
        job = place.wait(job_id, ended)
        assert job["status"] == "done", job
    assert counted_attempts(place) == []


@pytest.mark.timeout(600)
def test_the_demo_burns_no_attempt(tmp_path: Path) -> None:
    """As a person runs it: everything up, a sample in, everything down; the logs stay."""
    folder = tmp_path / "lake"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DATAPUNK_")}
    command = [sys.executable, "-m", "workers.cli", "demo", "--json"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**clean, "DATAPUNK_DATA_DIR": str(folder), "DATAPUNK_FLOWER_PORT": str(_free_port())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    logs = list((folder / "logs").glob("*.log"))
    assert {log.name for log in logs} >= {"worker.log", "worker-embed.log", "reconciler.log"}
    assert [line for log in logs for line in ours_in(log)] == []


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
