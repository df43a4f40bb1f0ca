"""A storm: everything that can be killed is killed at random while many jobs run.

    python -m tests.storm --seed 7 --duration 60

Two workers of two children, one that embeds with the real model, two reconcilers, the watcher, a
broker, a Postgres and, where it is installed, clamd, without which no file is opened: all real.
What dies is started again, as a supervisor would. The lake's files lie on a small tmpfs that is
filled up, where one may be mounted; elsewhere the processes are told that it is full.

At the end every job must have ended once, with the rows of an undisturbed run of the same files.
The same seed gives the same files and the same order of faults; when each strikes depends on the
machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg

from schemas.progress import ROUTES, Kind, Stage
from tasks.maintenance import sweep
from tasks.operations import verify
from tests.storm import disk as disk_support
from tests.storm import files as storm_files
from tests.storm.disk import SmallDisk
from tests.storm.faults import DOWN, FAULTS
from tests.support import clamd as clamd_support
from tests.support import progress as progress_support
from tests.support.clamd import Clamd
from tests.support.site import Site, ours_in, site
from workers import stores, wiring
from workers.embedded import server_processes
from workers.embedded.unprivileged import act_as, lake_user

_USERS = ("ana@example.org", "bo@example.org")
_NAMES = ("worker1", "worker2", "embedder", "reconciler1", "reconciler2", "watcher")
#: A storm kills a chunk's worker more often in a minute than a year does. Few texts are embedded,
#: with the real model: on two cores a killed embedder takes long enough to come back.
_SETTINGS: dict[str, Any] = {
    "max_attempts": 30,
    "settle_s": 0.2,
    "chunk_records": 250,
    "embed_types": "document",
    "embed_threads": 1,
}
_MB = 1024 * 1024
#: Of the routes' stages only this one is the third.
_EMBEDDING = ROUTES[Kind.RECORDS].index(Stage.EMBED)


class Struck(NamedTuple):
    """A fault, when it was over, the chunks that were at work, and the files that lay about."""

    kind: str
    over: float
    stood: dict[int, int]
    lying: list[Path]


class Storm:
    """One seeded storm over one site."""

    def __init__(
        self, place: Site, disk: SmallDisk, clamd: Clamd | None, seed: int, duration: float
    ) -> None:
        self.place, self.disk, self.clamd, self.duration = place, disk, clamd, duration
        self.random = random.Random(seed)
        self.faults = dict.fromkeys(FAULTS, 0)
        self.recovered: dict[str, list[float]] = defaultdict(list)
        self.restarts = 0
        self.violations: list[str] = []
        self._open: list[Struck] = []
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._to_drop: list[tuple[int, Path]] = []
        self._count = 0
        self._leases = 0
        self.begin = time.monotonic()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something when so much time has passed; the storm does not end before."""
        self._later.append((time.monotonic() + seconds, action))

    # --- files -------------------------------------------------------------------------------

    def bring(self, files: list[Path]) -> None:
        """These files are to be dropped, in this order."""
        self._to_drop = list(enumerate(files))
        self._count = len(files)

    def drop(self) -> None:
        """The next file into staging by a rename, as a browser's download does; a full disk makes
        it wait."""
        if not self._to_drop:
            return
        n, path = self._to_drop[0]
        user = self.place.folders.staging / _USERS[n % 2]
        part = self.place.folders.staging / f".{path.name}.part"
        try:
            user.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            part.rename(user / path.name)
        except OSError:
            part.unlink(missing_ok=True)
        else:
            del self._to_drop[0]

    # --- runs --------------------------------------------------------------------------------

    def undisturbed(self) -> dict[str, Any]:
        """What the files come to when nothing happens."""
        while self._to_drop:
            self.drop()
        self.to_the_end()
        result = self.result()
        self.place.empty()
        self._leases = self.place.ask("SELECT last_value FROM imports.fence")
        for folder in ("processed", "blobs"):
            for user in (self.place.folders.data / folder).iterdir():
                shutil.rmtree(user)
        self.restarts = 0
        return result

    def rage(self) -> None:
        """Drop files and let faults strike until the time is up."""
        begin = self.begin = time.monotonic()
        drops = sorted(self.random.uniform(0, self.duration * 0.7) for _ in self._to_drop)
        kinds = list(FAULTS)
        turn, next_fault = 0, 1.0
        while (now := time.monotonic() - begin) < self.duration:
            if self._to_drop and drops[self._count - len(self._to_drop)] <= now:
                self.drop()
            if now >= next_fault:
                if turn % len(kinds) == 0:
                    self.random.shuffle(kinds)
                self.strike(kinds[turn % len(kinds)])
                turn += 1
                next_fault = time.monotonic() - begin + self.random.uniform(0.5, 2.0)
            self.tend()
            time.sleep(0.1)

    def strike(self, kind: str) -> None:
        """A fault that strikes nothing proves nothing: it waits until something is at work."""
        if kind == "watcher killed" or not self.at_work():
            self.drop()
        stood = self._something_at_work(kind)
        lying = [path for path in self.place.folders.staging.glob("*/*") if path.is_file()]
        with contextlib.suppress(psutil.NoSuchProcess):
            lasts = FAULTS[kind](self)
            if lasts is not None:
                self.faults[kind] += 1
                at = time.monotonic() - self.begin
                print(f"{at:8.1f} s  {kind}; at work {len(stood)}, lying {len(lying)}", flush=True)
                self._open.append(Struck(kind, time.monotonic() + lasts, stood, lying))

    def _something_at_work(self, kind: str) -> dict[int, int]:
        """The chunks that the fault will meet, if any comes in time."""
        stood: dict[int, int] = {}
        for _ in range(25):
            stood = self.at_work()
            meets = _EMBEDDING in stood.values() if kind == "embedder killed" else bool(stood)
            if meets or kind == "watcher killed":
                break
            self.tend()
            time.sleep(0.1)
        return stood

    def tend(self) -> None:
        """What a supervisor does, what is due, and a look at what has recovered."""
        for name in _NAMES:
            if name not in self.place.processes or self.place.processes[name].poll() is not None:
                self.place.start(name)
                self.restarts += 1
        for due in [item for item in self._later if time.monotonic() >= item[0]]:
            self._later.remove(due)
            with contextlib.suppress(psutil.NoSuchProcess):
                due[1]()
        with contextlib.suppress(*DOWN):
            self._look()

    def _look(self) -> None:
        if not self._open:
            return
        now = self.progress()
        for struck in list(self._open):
            went_on = all(now.get(chunk, 99) > stage for chunk, stage in struck.stood.items())
            if went_on and not any(path.exists() for path in struck.lying):
                self._open.remove(struck)
                if struck.stood or struck.lying:
                    self.recovered[struck.kind].append(max(0, time.monotonic() - struck.over))

    def progress(self) -> dict[int, int]:
        """How far each chunk is."""
        with psycopg.connect(self.place.settings.url("admin")) as connection:
            rows = connection.execute("SELECT id, kind, stage, status FROM imports.chunks")
            return {i: 99 if status in ("done", "dead") else ROUTES[Kind(kind)].index(Stage(stage))
                    for i, kind, stage, status in rows}  # fmt: skip

    def at_work(self) -> dict[int, int]:
        """The stages of the chunks that are leased now."""
        with (
            contextlib.suppress(*DOWN),
            psycopg.connect(self.place.settings.url("admin")) as connection,
        ):
            rows = connection.execute(
                "SELECT id, kind, stage FROM imports.chunks WHERE status = 'leased'"
            )
            return {i: ROUTES[Kind(kind)].index(Stage(stage)) for i, kind, stage in rows}
        return {}

    def to_the_end(self) -> None:
        """Until every file is dropped and is a job that has ended, with all of its vectors; as
        long as it takes, while anything goes on."""
        try:
            progress_support.until(self._at_the_end, self._moves, every_s=0.1)
        except progress_support.Standstill as still:
            self.violations.append(f"not every job ended: {still}")

    def _at_the_end(self) -> bool:
        self.drop()
        self.tend()
        with contextlib.suppress(*DOWN):
            ended = self.place.ask(
                "SELECT count(*) FROM imports.jobs WHERE completed_at IS NOT NULL "
                "AND NOT EXISTS (SELECT FROM user_data.unindexed) "
                "AND NOT EXISTS (SELECT FROM vectors.waiting)"
            )
            return bool(ended >= self._count and not self._later and not self._to_drop)
        return False

    def _moves(self) -> tuple[Any, ...]:
        return self.place.moves(), len(self._to_drop), len(self._later)

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
            "all jobs": ask("SELECT count(*) FROM imports.jobs"),
            "ends": ask(
                "SELECT array_agg(n ORDER BY n) FROM (SELECT count(*) AS n FROM imports.events "
                "WHERE kind = 'finished' GROUP BY job_id) AS each"
            ),
            "duplicate rows": ask(
                "SELECT count(*) FROM (SELECT 1 FROM user_data.documents "
                "GROUP BY user_id, data_type, record_key HAVING count(*) > 1) AS twice"
            ),
            "vectors": ask("SELECT count(*) FROM vectors.embeddings"),
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
        run = wiring.make_runtime(self.place.settings)
        reader = stores.reader(self.place.settings)
        try:
            with act_as(lake_user(self.place.settings)):
                sweep.sweep(run)
                jobs = run.ledger.rows("jobs", "recent_jobs", user=None, n=10_000)
                for job in jobs:
                    self.violations += [
                        f"verify {job['source_name']}: {f.check} {f.detail}"
                        for f in verify.verify(run, reader, job) if not f.ok
                    ]  # fmt: skip
        finally:
            for pool in (run.ledger.pool, run.lake.pool, reader.pool):
                pool.close()
        self._orphans({job["archived_path"] for job in jobs})
        self._ours()
        self._all_struck()

    def _orphans(self, kept: set[str]) -> None:
        data = self.place.folders.data
        for folder in ("staging", ".work", "processed", "failed", "blobs"):
            for path in (data / folder).rglob("*"):
                name = str(path.relative_to(data))
                lies = path.is_file() and name not in kept and folder != "blobs"
                if lies or path.name.endswith(".part") or path.parent == data / ".work":
                    self.violations.append(f"orphan: {name}")

    def _ours(self) -> None:
        """No fault excuses an error in our code: none used up an attempt or failed a step."""
        for log in self.place.settings.folders.logs.glob("*.log"):
            for line in ours_in(log):
                self.violations.append(f"{log.name}: {line}")

    def _all_struck(self) -> None:
        """In a storm of some length every kind has its turn."""
        missing = [kind for kind, times in self.faults.items() if times == 0]
        if self.clamd is None:
            missing.remove("clamd stopped")
        if self.duration >= 60:
            self.violations += [f"never struck: {kind}" for kind in missing]

    def report(self) -> str:
        ask = self.place.ask
        leases = ask("SELECT last_value FROM imports.fence") - self._leases
        lines = [
            f"jobs {ask('SELECT count(*) FROM imports.jobs')}, "
            f"chunks {ask('SELECT count(*) FROM imports.chunks')}, "
            f"vectors {ask('SELECT count(*) FROM vectors.embeddings')}, leases {leases}, fenced "
            + str(ask("SELECT count(*) FROM imports.events WHERE kind = 'fenced'"))
            + f", faults {sum(self.faults.values())}, restarts {self.restarts}",
            f"{'fault':<22}{'times':>6}{'median s':>10}{'worst s':>9}  from its end until all that "
            "was at work or lay in staging had gone on",
        ]
        for kind, times in self.faults.items():
            took = self.recovered[kind]
            figures = f"{statistics.median(took):>10.2f}{max(took):>9.2f}" if took else ""
            lines.append(f"{kind:<22}{times:>6}{figures}")
        return "\n".join(lines)


# --- the command -----------------------------------------------------------------------------


def run(seed: int, duration: float, *, mounted: bool) -> list[str]:
    """One storm in a folder of its own; prints what happened; returns what was violated."""
    program = clamd_support.where_clamd_is()
    print(
        f"storm: seed {seed}, {duration:g} s, {'a tmpfs' if mounted else 'no tmpfs'}, "
        f"{'clamd' if program else 'no clamd'}",
        flush=True,
    )
    top = Path(tempfile.mkdtemp(prefix="datapunk-storm-"))
    top.chmod(0o711)
    try:
        with contextlib.ExitStack() as stack:
            clamd = stack.enter_context(clamd_support.daemon(program)) if program else None
            storm = _storm(stack, top, clamd, seed, duration, mounted=mounted)
        _nobody_left(storm)
    finally:
        if mounted:
            disk_support.unmount(top)
        shutil.rmtree(top, ignore_errors=True)
    for violation in storm.violations:
        print(f"VIOLATION: {violation}")
    print(
        f"storm: seed {seed}: {'nothing lost, nothing twice' if not storm.violations else 'FAILED'}"
    )
    return storm.violations


def _storm(
    stack: contextlib.ExitStack,
    top: Path,
    clamd: Clamd | None,
    seed: int,
    duration: float,
    *,
    mounted: bool,
) -> Storm:
    files = storm_files.make(top / "files", max(8, int(duration * 0.4)), random.Random(seed))
    needed = sum(path.stat().st_size for path in files) // _MB
    disk = disk_support.small_disk(top, top / "data", 64 + 3 * needed, mounted=mounted)
    changes = dict(_SETTINGS)
    if clamd is not None:
        changes |= {"scanner": "required", "clamd_socket": clamd.socket}
    place = stack.enter_context(
        site(top, program="tests.storm.worker", environment=disk.environment, **changes)
    )
    storm = Storm(place, disk, clamd, seed, duration)
    storm.bring(files)
    expected = storm.undisturbed()
    quiet = time.monotonic() - storm.begin
    storm.bring(files)
    storm.rage()
    storm.to_the_end()
    whole = time.monotonic() - storm.begin
    storm.check(expected)
    print(f"undisturbed {quiet:.0f} s, storm with its end {whole:.0f} s, {storm.report()}")
    return storm


def _nobody_left(storm: Storm) -> None:
    """No process of the lake, and no server."""
    left = [
        p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE
    ]
    folders = storm.place.settings.folders
    for folder, program in ((folders.postgres, "postgres"), (folders.valkey, "valkey-server")):
        left += server_processes.processes_in(folder, program)
    storm.violations += [f"a process is left: {p.name()}" for p in left]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument("--duration", type=float, default=60, help="seconds of faults")
    parser.add_argument("--disk", choices=["auto", "tmpfs", "told"], default="auto")
    arguments = parser.parse_args()
    if arguments.disk == "auto" and disk_support.may_mount():
        again = [sys.executable, "-m", "tests.storm", *sys.argv[1:], "--disk", "tmpfs"]
        if "--seed" not in sys.argv:
            again += ["--seed", str(arguments.seed)]
        os.execvp(disk_support.IN_A_NAMESPACE[0], [*disk_support.IN_A_NAMESPACE, *again])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    violations = run(arguments.seed, arguments.duration, mounted=arguments.disk == "tmpfs")
    sys.exit(1 if violations else 0)
