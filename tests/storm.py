"""A storm: everything that can be killed is killed at random while many jobs run.

    python -m tests.storm --seed 7 --duration 60

Two workers of two children, two reconcilers, the watcher, a broker and a Postgres, all real. What
dies is started again, as a supervisor would. At the end every job must have ended once, with the
rows of an undisturbed run of the same files. The same seed gives the same files and the same
order of faults; when each strikes depends on the machine. The disk is not filled up here: that
needs a mount of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import shutil
import signal
import statistics
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psutil
import psycopg
import redis
from celery import current_app

from schemas.errors import DatapunkError
from schemas.progress import ROUTES, Kind, Stage
from tasks import chains, housekeeping, verify
from tests.site_support import Site, points, site
from workers import bootstrap, local

_USERS = ("ana@example.org", "bo@example.org")
_NAMES = ("worker1", "worker2", "reconciler1", "reconciler2", "watcher")
#: A storm kills a chunk's worker more often in a minute than a year does.
_SETTINGS: dict[str, Any] = {"max_attempts": 30, "settle_s": 0.2, "chunk_records": 250}
_DOWN = (DatapunkError, psycopg.Error, redis.RedisError, OSError)


class Struck(NamedTuple):
    """A fault, and the chunks that were at work when it struck."""

    kind: str
    at: float
    stood: dict[int, int]


class Storm:
    """One seeded storm over one site."""

    def __init__(self, place: Site, seed: int, duration: float) -> None:
        self.place, self.duration = place, duration
        self.random = random.Random(seed)
        self.count = max(8, int(duration * 0.5))
        self.faults: dict[str, int] = defaultdict(int)
        self.recovered: dict[str, list[float]] = defaultdict(list)
        self.restarts = 0
        self.violations: list[str] = []
        self._open: list[Struck] = []
        self._stopped: list[tuple[float, psutil.Process]] = []
        self._files: list[Path] = []

    # --- files -------------------------------------------------------------------------------

    def make_files(self, folder: Path) -> None:
        """Files of several formats, no record in two of them; some have one that can't be read."""
        folder.mkdir()
        makers = (_zip, _rows, _places, _table)
        self._files = [
            makers[n % 4](folder, n, self.random.randint(2_000, 6_000)) for n in range(self.count)
        ]

    def drop(self, path: Path, n: int) -> None:
        """Into staging by a rename, as a browser's download does."""
        user = self.place.folders.staging / _USERS[n % 2]
        user.mkdir(parents=True, exist_ok=True)
        part = self.place.folders.staging / f".{path.name}.part"
        shutil.copyfile(path, part)
        part.rename(user / path.name)

    # --- runs --------------------------------------------------------------------------------

    def undisturbed(self) -> dict[str, Any]:
        """What the files come to when nothing happens."""
        for n, path in enumerate(self._files):
            self.drop(path, n)
        self.to_the_end(180)
        result = self.result()
        self.place.empty()
        for user in self.place.folders.processed.iterdir():
            shutil.rmtree(user)
        return result

    def rage(self) -> None:
        """Drop files and let faults strike until the time is up."""
        begin = time.monotonic()
        drops = sorted(self.random.uniform(0, self.duration * 0.7) for _ in self._files)
        kinds = list(FAULTS)
        self.random.shuffle(kinds)
        turn, next_fault, dropped = 0, 1.0, 0
        while (now := time.monotonic() - begin) < self.duration:
            while dropped < self.count and drops[dropped] <= now:
                self.drop(self._files[dropped], dropped)
                dropped += 1
            if now >= next_fault:
                self.strike(kinds[turn % len(kinds)])
                turn += 1
                if turn % len(kinds) == 0:
                    self.random.shuffle(kinds)
                next_fault = time.monotonic() - begin + self.random.uniform(0.7, 2.2)
            self.tend()
            time.sleep(0.1)
        for n in range(dropped, self.count):
            self.drop(self._files[n], n)

    def strike(self, kind: str) -> None:
        stood = self.at_work()
        for _ in range(20):  # a fault that strikes nothing proves nothing
            if stood:
                break
            time.sleep(0.05)
            stood = self.at_work()
        with contextlib.suppress(psutil.NoSuchProcess):
            if FAULTS[kind](self):
                self.faults[kind] += 1
                self._open.append(Struck(kind, time.monotonic(), stood))

    def tend(self) -> None:
        """What a supervisor does, and a look at what has recovered."""
        for name in _NAMES:
            if name not in self.place.processes or self.place.processes[name].poll() is not None:
                self.place.start(name)
                self.restarts += 1
        for until, process in list(self._stopped):
            if time.monotonic() >= until:
                self._stopped.remove((until, process))
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        with contextlib.suppress(*_DOWN):
            self._look()

    def _look(self) -> None:
        if not self._open:
            return
        now = self.progress()
        for struck in list(self._open):
            if all(now.get(chunk, 99) > stage for chunk, stage in struck.stood.items()):
                self._open.remove(struck)
                if struck.stood:
                    self.recovered[struck.kind].append(time.monotonic() - struck.at)

    def progress(self) -> dict[int, int]:
        """How far each chunk is."""
        with psycopg.connect(self.place.settings.url("admin")) as connection:
            rows = connection.execute("SELECT id, kind, stage, status FROM imports.chunks")
            return {i: 99 if status in ("done", "dead") else ROUTES[Kind(kind)].index(Stage(stage))
                    for i, kind, stage, status in rows}  # fmt: skip

    def at_work(self) -> dict[int, int]:
        """The stages of the chunks that are leased now."""
        with (
            contextlib.suppress(*_DOWN),
            psycopg.connect(self.place.settings.url("admin")) as connection,
        ):
            rows = connection.execute(
                "SELECT id, kind, stage FROM imports.chunks WHERE status = 'leased'"
            )
            return {i: ROUTES[Kind(kind)].index(Stage(stage)) for i, kind, stage in rows}
        return {}

    def to_the_end(self, seconds: float) -> None:
        """Until every file that was dropped is a job that has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tend()
            with contextlib.suppress(*_DOWN):
                ended = self.place.ask(
                    "SELECT count(*) FROM imports.jobs WHERE completed_at IS NOT NULL"
                )
                if ended >= self.count and not self._stopped:
                    return
            time.sleep(0.1)
        self.violations.append(f"not every job ended within {seconds:g} s")

    # --- what must hold ----------------------------------------------------------------------

    def result(self) -> dict[str, Any]:
        """What two runs of the same files must have in common."""
        ask = self.place.ask
        names = ("seen", "loaded", "duplicate", "quarantined")
        sums = ", ".join(f"sum(records_{name})" for name in names)
        return {
            "rows": self.place.checksum(),
            "counts": str(ask(f"SELECT row({sums}) FROM imports.jobs")),
            "jobs": ask("SELECT count(*) FROM imports.jobs WHERE status = 'done'"),
            "ended once": ask(
                "SELECT count(*) = count(DISTINCT job_id) FROM imports.events "
                "WHERE kind = 'finished'"
            ),
            "quarantine": ask("SELECT count(*) FROM imports.quarantine"),
            "remaining": ask("SELECT coalesce(sum(abs(remaining)), 0)::int FROM imports.jobs"),
        }

    def check(self, expected: dict[str, Any]) -> None:
        """Compare with the undisturbed run, prove each receipt, look for what lies about."""
        found = self.result()
        self.violations += [
            f"{name}: {found[name]}, undisturbed {value}"
            for name, value in expected.items() if found[name] != value
        ]  # fmt: skip
        run = bootstrap.make_runtime(self.place.settings)
        reader = bootstrap.reader(self.place.settings)
        try:
            housekeeping.sweep(run)
            jobs = run.ledger.rows("jobs", "recent_jobs", user=None, n=10_000)
            for job in jobs:
                self.violations += [
                    f"verify {job['source_name']}: {f.check} {f.detail}"
                    for f in verify.verify(run, reader, job) if not f.ok
                ]  # fmt: skip
        finally:
            for pool in (run.ledger.pool, run.lake.pool, reader.pool):
                pool.close()
        self._orphans({job["kept_as"] for job in jobs})

    def _orphans(self, kept: set[str]) -> None:
        folders = self.place.folders
        for folder in (
            folders.work,
            folders.staging,
            folders.processed,
            folders.failed,
            folders.data / "blobs",
        ):
            for path in folder.rglob("*"):
                name = str(path.relative_to(folders.data))
                lies = path.is_file() and name not in kept and folder.name != "blobs"
                if lies or path.name.endswith(".part") or path.parent == folders.work:
                    self.violations.append(f"orphan: {name}")

    def report(self) -> str:
        ask = self.place.ask
        lines = [
            f"jobs {ask('SELECT count(*) FROM imports.jobs')}, "
            f"chunks {ask('SELECT count(*) FROM imports.chunks')}, "
            f"claims {ask('SELECT last_value FROM imports.fence')}, fenced "
            + str(ask("SELECT count(*) FROM imports.events WHERE kind = 'fenced'"))
            + f", restarts {self.restarts}",
            f"{'fault':<22}{'times':>6}{'median s':>10}{'worst s':>9}  until all that was at work "
            "had gone on",
        ]
        for kind, times in sorted(self.faults.items()):
            took = self.recovered[kind] or [float("nan")]
            lines.append(f"{kind:<22}{times:>6}{statistics.median(took):>10.2f}{max(took):>9.2f}")
        return "\n".join(lines)


# --- faults ----------------------------------------------------------------------------------


def _kill(name: str) -> Callable[[Storm], bool]:
    def strike(storm: Storm) -> bool:
        which = name if name == "watcher" else f"{name}{storm.random.randint(1, 2)}"
        if which not in storm.place.processes:
            return False
        storm.place.kill(which)
        return True

    return strike


def _children(storm: Storm) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for name in ("worker1", "worker2"):
        with contextlib.suppress(psutil.NoSuchProcess, KeyError):
            found += psutil.Process(storm.place.processes[name].pid).children()
    return found


def _child(storm: Storm) -> bool:
    if children := _children(storm):
        storm.random.choice(children).kill()
    return bool(children)


def _freeze(storm: Storm) -> bool:
    """Stop a child that is at work for longer than its lease; then it goes on as a zombie."""
    with (
        contextlib.suppress(*_DOWN),
        psycopg.connect(storm.place.settings.url("admin")) as connection,
    ):
        for _ in range(200):
            rows = connection.execute(
                "SELECT leased_by FROM imports.chunks WHERE status = 'leased'"
            ).fetchall()
            connection.rollback()
            busy = {int(row[0].rpartition(":")[2]) for row in rows}
            for child in _children(storm):
                if child.pid in busy:
                    child.suspend()
                    lease = storm.place.settings.lease_s
                    storm._stopped.append((time.monotonic() + lease + 2.5, child))
                    return True
            time.sleep(0.01)
    return False


def _broker(*, with_data: bool) -> Callable[[Storm], bool]:
    def strike(storm: Storm) -> bool:
        storm.place.kill_broker(with_data=with_data)
        time.sleep(storm.random.uniform(0, 1))
        storm.place.start_broker()
        return True

    return strike


def _flush(storm: Storm) -> bool:
    with bootstrap.broker_client(storm.place.settings) as client:
        client.flushall()
    return True


def _postgres(storm: Storm) -> bool:
    storm.place.kill_postgres()
    time.sleep(storm.random.uniform(0, 1))
    storm.place.start_postgres()
    return True


def _twice(storm: Storm) -> bool:
    """Messages again, for chunks in whatever state, at whatever stage."""
    with contextlib.suppress(*_DOWN):
        with psycopg.connect(storm.place.settings.url("admin")) as connection:
            rows = connection.execute("SELECT id, job_id, kind FROM imports.chunks").fetchall()
        for chunk, job, kind in storm.random.sample(rows, min(10, len(rows))):
            stage = storm.random.choice([s for s in ROUTES[Kind(kind)] if s is not Stage.EMBED])
            chains.send(chunk, job, Kind(kind), stage, embed=False)
        return bool(rows)
    return False


def _forged(storm: Storm) -> bool:
    """Messages nobody sent: chunks and jobs that are none, and tasks that don't exist."""
    for kwargs in ({"chunk": 1, "job_id": str(uuid4())}, {"chunk": "1; --", "job_id": "x"}, {}):
        current_app.send_task("datapunk.load", kwargs=kwargs, queue="load")
    current_app.send_task("os.system", args=["true"], queue="normalise")
    return True


def _garbage(storm: Storm) -> bool:
    with bootstrap.broker_client(storm.place.settings) as client:
        client.lpush("load", b"\x80\x04no message at all")
    return True


FAULTS: dict[str, Callable[[Storm], bool]] = {
    "worker killed": _kill("worker"),
    "child killed": _child,
    "reconciler killed": _kill("reconciler"),
    "watcher killed": _kill("watcher"),
    "child frozen": _freeze,
    "broker killed": _broker(with_data=False),
    "broker and data gone": _broker(with_data=True),
    "FLUSHALL": _flush,
    "Postgres stopped": _postgres,
    "messages twice": _twice,
    "messages forged": _forged,
    "garbage in a queue": _garbage,
}


# --- files -----------------------------------------------------------------------------------


def _zip(folder: Path, n: int, size: int) -> Path:
    mails = "".join(
        f"From {m}@xxx Fri Sep 16 22:26:51 +0000 2016\nMessage-ID: <{n}.{m}@mail.example>\n"
        f"Subject: {m}\nFrom: a@mail.example\n\nbody {m}\n\n"
        for m in range(size // 2)
    )
    path = folder / f"takeout-{n}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("Takeout/Mail/All mail.mbox", mails)
        out.writestr("table.csv", _csv(n, size) + '7,"open\n')
        out.writestr("note.txt", f"A note of archive {n} about a lake.")
    return path


def _csv(n: int, size: int) -> str:
    return f"id,file{n}\n" + "".join(f"{row},row {row}\n" for row in range(size))


def _rows(folder: Path, n: int, size: int) -> Path:
    path = folder / f"rows-{n}.ndjson"
    path.write_text("".join(f'{{"id": "{n}.{row}", "name": "row"}}\n' for row in range(size)))
    return path


def _places(folder: Path, n: int, size: int) -> Path:
    path = folder / f"Records-{n}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        data = points(size).replace(b'"longitudeE7": 130', f'"longitudeE7": {n + 10}'.encode())
        out.writestr("Takeout/Location History/Records.json", data)
    return path


def _table(folder: Path, n: int, size: int) -> Path:
    path = folder / f"table-{n}.csv"
    path.write_text(_csv(n, size))
    return path


# --- the command -----------------------------------------------------------------------------


def run(seed: int, duration: float) -> list[str]:
    """One storm in a folder of its own; prints what happened; returns what was violated."""
    print(f"storm: seed {seed}, {duration:g} s", flush=True)
    before = set(psutil.Process().children(recursive=True))
    top = Path(tempfile.mkdtemp(prefix="datapunk-storm-"))
    try:
        with site(top, **_SETTINGS) as place:
            storm = Storm(place, seed, duration)
            storm.make_files(top / "files")
            expected = storm.undisturbed()
            storm.restarts = 0
            storm.rage()
            storm.to_the_end(120)
            storm.check(expected)
            print(storm.report())
        _nobody_left(storm, before)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for violation in storm.violations:
        print(f"VIOLATION: {violation}")
    print(
        f"storm: seed {seed}: {'nothing lost, nothing twice' if not storm.violations else 'FAILED'}"
    )
    return storm.violations


def _nobody_left(storm: Storm, before: set[psutil.Process]) -> None:
    """No process of ours; the servers of whoever called the storm, and their children, may be."""
    left = [
        p
        for p in psutil.Process().children(recursive=True)
        if p.status() != psutil.STATUS_ZOMBIE and not before.intersection([p, *p.parents()])
    ]
    for folder, program in (("postgres_dir", "postgres"), ("valkey_dir", "valkey-server")):
        left += local.processes_in(getattr(storm.place.settings, folder), program)
    storm.violations += [f"a process is left: {p.name()}" for p in left]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument("--duration", type=float, default=60, help="seconds of faults")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(1 if run(arguments.seed, arguments.duration) else 0)


if __name__ == "__main__":
    main()
