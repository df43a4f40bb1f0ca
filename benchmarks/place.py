"""A data folder of the benchmark's own, with real servers and real workers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psutil
import psycopg

from benchmarks import timed
from schemas.folders import Folders
from schemas.progress import Tier
from sql.connection import open_pool
from sql.store import Ledger
from workers import intake, wiring
from workers.adapters.embedding_models import ModelsHere
from workers.embedded import local_servers
from workers.embedded.unprivileged import act_as, lake_user
from workers.settings import Settings, load

USER = "bench@example.org"
GENERAL = "load,normalise,extract,intake,maintenance"


@contextmanager
def servers(folder: Path) -> Iterator[Settings]:
    """Postgres and the broker, migrated, for as long as the block runs."""
    settings = load(data_dir=folder, scanner="off")
    with local_servers.servers(settings):
        wiring.migrate(settings)
        wiring.make_app(settings)
        yield settings


@contextmanager
def worker(
    settings: Settings, *, processes: int, queues: str = GENERAL, **more: str
) -> Iterator[psutil.Process]:
    """Run a Celery worker with that many children, and a reconciler.

    Nothing is embedded, unless `more` settings of the environment say otherwise. With
    `timed.VARIABLE` among them the seconds of each task are written down.
    """
    changes = {"DATAPUNK_SCANNER": "off", "DATAPUNK_EMBED_TYPES": "none", **more}
    environment = {**os.environ, **settings.environment(), **changes}
    if changes.get("DATAPUNK_EMBED_TIERS") == Tier.STATIC:
        with act_as(lake_user(settings)):
            ModelsHere(settings).load(Tier.STATIC)  # made now, and not while an import is measured
    log = (settings.data_dir / "bench-worker.log").open("ab")
    module = "benchmarks.timed" if timed.VARIABLE in more else "workers.cli"
    command = [sys.executable, "-m", module, "worker", "--queues", queues]
    command += ["--concurrency", str(processes), "--name", f"bench{time.monotonic_ns()}"]
    started = [
        subprocess.Popen(c, env=environment, stdout=log, stderr=log)
        for c in (command, [sys.executable, "-m", module, "reconcile"])
    ]
    try:
        _warm(settings)
        yield psutil.Process(started[0].pid)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            if process.poll() is None:
                process.kill()
                process.wait()
        log.close()


def _warm(settings: Settings) -> None:
    """Wait until the worker works: a first small job makes every child ready."""
    for n in range(4):
        path = settings.data_dir / f"warm-{time.monotonic_ns()}.csv"
        path.write_text(f"a,b\n{n},{time.monotonic_ns()}\n")
        submit_and_wait(settings, path)
        path.unlink()


def zipped(path: Path, inside: str) -> Path:
    """Return the file in a zip, under the name that an export gives it."""
    target = path.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(path, inside)
    return target


def submit_and_wait(settings: Settings, path: Path, *, limit_s: float = 900) -> dict[str, Any]:
    """Import a file as a user would with `datapunk add --wait`; the job's row at its end."""
    ledger = _ledger(settings)
    return wait(ledger, submit(settings, ledger, path, USER), limit_s=limit_s)


def submit(settings: Settings, ledger: Ledger, path: Path, user: str) -> UUID:
    """Take a file in as the lake's user, so that the workers may read it."""
    with act_as(lake_user(settings)):
        return intake.take_in(ledger, Folders(settings.data_dir), path, user, move=False)


def _ledger(settings: Settings, ledgers: dict[str, Ledger] = {}) -> Ledger:  # noqa: B006 - one a run
    url = settings.url("ledger")
    if url not in ledgers:
        ledgers[url] = Ledger(open_pool(url, size=1))
    return ledgers[url]


def wait(ledger: Ledger, job_id: UUID, *, limit_s: float) -> dict[str, Any]:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        (job,) = ledger.rows("jobs", "one_job", prefix=str(job_id))
        if job["completed_at"] is not None:
            if job["status"] != "done":
                raise SystemExit(f"the job ended as {job['status']}: {job['error_code']}")
            return job
        time.sleep(0.05)
    raise SystemExit(f"the job did not end in {limit_s} s")


def seconds(job: dict[str, Any]) -> float:
    """Return the seconds from a job's first lease to its end, by the clock of Postgres."""
    return float((job["completed_at"] - job["started_at"]).total_seconds())


def loaded_after(settings: Settings, job: dict[str, Any]) -> float:
    """Seconds from the first lease of a job to the commit of its last rows."""
    with psycopg.connect(settings.url("admin")) as connection:
        row = connection.execute(
            "SELECT max(done_at) FROM imports.chunks WHERE job_id = %s AND kind = 'records'",
            (job["id"],),
        ).fetchone()
    return float((row[0] - job["started_at"]).total_seconds()) if row else 0.0


def ask(settings: Settings, query: LiteralString) -> Any:
    """Return the one value of the one row, as the administrator."""
    with psycopg.connect(settings.url("admin")) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def empty_lake(settings: Settings) -> None:
    """Forget all rows and jobs, keep the partitions."""
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        connection.execute(
            "TRUNCATE user_data.documents, user_data.versions, user_data.entities, "
            "user_data.mentions, user_data.relations, user_data.unindexed, user_data.search, "
            "user_data.search_words, timeseries.locations, timeseries.metrics, "
            "vectors.embeddings, vectors.cache, imports.events, analytics.touched, "
            "analytics.documents_by_day, analytics.entities_by_day, analytics.domains_by_day, "
            "timeseries.locations_by_hour, timeseries.metrics_by_hour, analytics.quality, "
            "analytics.uncompared, analytics.fingerprints, analytics.bands, imports.jobs CASCADE"
        )
        connection.execute("CHECKPOINT")


class PeakMemory:
    """The most resident memory of each process under a worker, sampled ten times a second."""

    def __init__(self, root: psutil.Process) -> None:
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.parent = 0
        self.child = 0

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with contextlib.suppress(psutil.Error):
                self.parent = max(self.parent, self._root.memory_info().rss)
                for child in self._root.children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        self.child = max(self.child, child.memory_info().rss)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
