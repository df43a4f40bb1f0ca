"""A whole site of real processes: Postgres, broker, workers and reconciler, to be killed."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
from tenacity import retry, retry_if_exception_type, wait_fixed

from schemas.folders import Folders
from sql.connection import open_pool
from sql.store import Ledger
from tests.support import progress
from workers import intake, wiring
from workers.adapters import model_child
from workers.embedded import local_servers, postgres, server_processes
from workers.embedded.unprivileged import act_as, lake_user
from workers.settings import Settings, load

#: Everything sooner than in earnest, so that a test sees a lease run out.
QUICK = {
    "lease_s": 4,
    "heartbeat_s": 1,
    "reconcile_every_s": 0.5,
    "chunk_records": 500,
    "embed_types": "none",
    "scanner": "off",
    "memory_mb": 1024,
}

#: Far longer than a server takes to come up or go, on however busy a machine.
_READY_S = 300

_GENERAL = "load,normalise,extract,intake,maintenance"

_CHECKSUM = """
SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT user_id::text || record_key || coalesce(title, '') || coalesce(content, '') || metadata
        AS line
    FROM user_data.documents
    UNION ALL
    SELECT user_id::text || record_key || at || latitude || ' ' || longitude
    FROM timeseries.locations
    UNION ALL
    SELECT e.user_id::text || d.record_key || e.piece || ' ' || e.piece_start || ' ' || e.piece_end
    FROM vectors.embeddings AS e LEFT JOIN user_data.documents AS d ON d.id = e.document_id
) AS lines
"""


class Site:
    """Processes of one data folder; each can be killed and started again by name."""

    def __init__(
        self,
        settings: Settings,
        changes: Mapping[str, Any],
        program: str,
        environment: Mapping[str, str],
    ) -> None:
        self.settings = settings
        self._program = program
        self.folders = Folders(settings.data_dir)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._servers = contextlib.ExitStack()
        self.ledger = Ledger(open_pool(settings.url("ledger"), size=1))
        self._models_at, self._models_s = -math.inf, 0.0
        self._environment = {
            **os.environ,
            **settings.environment(),
            **{f"DATAPUNK_{k.upper()}": str(v) for k, v in changes.items()},
            **environment,
        }

    def start(self, name: str, **environment: str) -> None:
        """Start `worker`, `embedder`, `reconciler` or `watcher` (or one with a number behind it),
        with these variables of its own."""
        verbs = {
            "worker": ["worker", "--queues", _GENERAL, "--concurrency", "2"],
            "embedder": ["worker", "--queues", "embed", "--concurrency", "1"],
            "reconciler": ["reconcile"],
            "watcher": ["watch"],
        }[name.rstrip("0123456789")]
        if verbs[0] == "worker":
            verbs += ["--name", f"{name}-{time.monotonic_ns()}"]
        with (self.settings.folders.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", self._program, *verbs],
                env={**self._environment, **environment},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def kill(self, name: str) -> None:
        """SIGKILL for a process and, for a worker, for its children: a machine's end."""
        process = self.processes.pop(name)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait(10)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=10)

    def kill_a_child(self, name: str) -> None:
        """SIGKILL for one child of a worker that goes on itself."""
        children = psutil.Process(self.processes[name].pid).children()
        if children:
            children[0].kill()

    def kill_broker(self, *, with_data: bool) -> None:
        """SIGKILL for the broker; its data may go with it."""
        for broker in server_processes.processes_in(self.settings.folders.valkey, "valkey-server"):
            broker.kill()
            broker.wait(10)
        if (started := self.processes.pop("broker", None)) is not None:
            started.wait(10)
        if with_data:
            for path in self.settings.folders.valkey.glob("appendonlydir"):
                shutil.rmtree(path)
            for path in self.settings.folders.valkey.glob("*.rdb"):
                path.unlink()

    def start_broker(self) -> None:
        """A broker as the supervisor starts it: as the servers' user, where we are root."""
        with (self.settings.folders.logs / "valkey.log").open("ab") as log:
            self.processes["broker"] = subprocess.Popen(
                [sys.executable, "-m", "workers.embedded.local_servers", "valkey"],
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        local_servers.wait_ready(self.settings, seconds=_READY_S)

    def kill_postgres(self) -> None:
        """An immediate stop: no checkpoint, every connection cut."""
        main = postgres.postmaster(self.settings.folders.postgres)
        if main is not None:
            main.send_signal(signal.SIGQUIT)
            psutil.wait_procs([main], timeout=_READY_S)

    def start_postgres(self) -> None:
        postgres.prepare_postgres(self.settings, create=False)
        command = postgres.postgres_command(self.settings)
        started = local_servers.server_process(self.settings, "postgres", command, signal.SIGINT)
        self._servers.enter_context(started)
        local_servers.wait_ready(self.settings, seconds=_READY_S)

    def submit(self, path: Path, user: str = "ana@example.org") -> UUID:
        options = wiring.options(self.settings)
        with act_as(lake_user(self.settings)):
            return intake.take_in(
                self.ledger, self.folders, path, user, move=False, options=options
            )

    def job(self, job_id: UUID) -> dict[str, Any]:
        (row,) = self.ledger.rows("jobs", "one_job", prefix=str(job_id))
        return dict(row)

    def wait(self, job_id: UUID, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job's row once `until` holds of it; as long as it takes while anything moves."""
        row: dict[str, Any] = {}

        def holds() -> bool:
            row.update(self.job(job_id))
            return until(row)

        progress.until(holds, self.moves, every_s=0.02)
        return row

    def moves(self) -> Any:
        """What changes as long as anything goes on; None while the database does not answer.

        A static model is made at low priority: on a busy machine the ledger stands still for long.
        """
        with contextlib.suppress(psycopg.Error):
            return self.ask(progress.LEDGER), self._models_computed()
        return None

    def _models_computed(self) -> float:
        """The seconds that the present models have computed, as of at most a second ago."""
        now = time.monotonic()
        if now - self._models_at < 1.0:  # `moves` is asked fifty times a second
            return self._models_s
        seconds = 0.0
        for process in list(self.processes.values()):
            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(process.pid).children(recursive=True):
                    if model_child.is_one(child):
                        seconds += sum(child.cpu_times()[:2])
        self._models_at, self._models_s = now, round(seconds, 1)
        return self._models_s

    def checksum(self) -> str:
        """One hash over every row's key and content."""
        with psycopg.connect(self.settings.url("admin")) as connection:
            row = connection.execute(_CHECKSUM).fetchone()
        assert row is not None
        return str(row[0])

    def ask(self, query: str) -> Any:
        with psycopg.connect(self.settings.url("admin")) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    @retry(retry=retry_if_exception_type(psycopg.errors.DeadlockDetected), wait=wait_fixed(0.1))
    def empty(self) -> None:
        """Forget every job and row. A worker may still index what is truncated: it goes on then."""
        with psycopg.connect(self.settings.url("admin"), autocommit=True) as connection:
            rows = connection.execute(_TABLES).fetchall()
            connection.execute(f"TRUNCATE {', '.join(name for (name,) in rows)} CASCADE".encode())

    def stop(self) -> None:
        ours = sorted(self.processes.items(), key=lambda item: item[0] == "broker")
        self.processes = dict(ours)  # the broker goes last
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(45)
            if process.poll() is None:
                process.kill()
                process.wait()
        self.ledger.pool.close()
        self._servers.close()


def ours_in(log: Path) -> Iterator[str]:
    """Lines of a log that tell of an error of our own: one that used up an attempt, failed a step
    behind the imports, or a turn. Deaths and services that are down are none."""
    for line in log.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError, AttributeError):  # not a line of this program
            said = json.loads(line)
            counted_attempts = said.get("event") == "given back" and said.get("where")
            failed = said.get("event") in ("a step failed", "a turn failed")
            if counted_attempts or (failed and said.get("level") == "error"):
                yield line


#: All that holds what came of imports. The users, the models and the policies that hosts work
#: under stay.
_TABLES = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = ANY('{imports,user_data,timeseries,vectors,analytics}'::regnamespace[])
    AND relkind IN ('r', 'p') AND NOT relispartition
    AND oid <> ALL(
        '{user_data.users,vectors.models,imports.capabilities,imports.policies}'::regclass[])
"""


@contextmanager
def site(
    folder: Path,
    *,
    program: str = "workers.cli",
    environment: Mapping[str, str] | None = None,
    **changes: Any,
) -> Iterator[Site]:
    """Servers and a site on them; nothing is left when the block ends.

    `program` is the module that the processes run, `environment` what they find beside their
    settings, `changes` are settings beside the quick ones.
    """
    folder.chmod(0o711)
    quick = {**QUICK, **changes}
    settings = load(data_dir=folder / "data", **quick)
    try:
        with local_servers.servers(settings):
            wiring.migrate(settings)
            wiring.make_app(settings)
            made = Site(settings, quick, program, environment or {})
            try:
                yield made
            finally:
                made.stop()
    finally:
        if settings.socket_dir != settings.folders.run:
            shutil.rmtree(settings.socket_dir, ignore_errors=True)


def points(count: int) -> bytes:
    """A Records.json of a number of points, each of its own."""
    items = (
        {
            "latitudeE7": 520000000 + n,
            "longitudeE7": 130000000,
            "accuracy": n % 90,
            "timestamp": f"20{10 + n % 10}-{1 + n % 12:02d}-{1 + n % 28:02d}T{n % 24:02d}:00:00Z",
        }
        for n in range(count)
    )
    return b'{"locations": [' + b",\n".join(json.dumps(i).encode() for i in items) + b"]}"
