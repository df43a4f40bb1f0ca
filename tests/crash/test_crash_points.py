"""Killed at any named point, a second process carries every job to the end of an undisturbed run;
and with the disk full from any write on, the same process does, once there is room again.

The points come from the source, so a new one is tested from the day it is written.
"""

from __future__ import annotations

import ast
import hashlib
import multiprocessing
import pkgutil
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import pytest

import pipeline.formats
from pipeline.registry import all_formats
from schemas import crash
from schemas.folders import Folders
from sql import migrate
from sql.connection import open_pool
from sql.store import Lake, Ledger
from tasks.operations import verify
from tests.crash import small_import
from tests.support import progress, sets
from tests.support.lake import Database, counts
from workers.cli import receipt_file
from workers.settings import Settings

pytestmark = [pytest.mark.services, pytest.mark.slow]

#: Making the database's cluster is tested where servers are.
POINTS = [name for name in small_import.all_points() if not name.startswith("cluster.")]
#: Points that a job passes in several places are killed at in some of their later passes too.
_LATER = [
    *(f"atomic_files.{when}_rename:{n}" for when in ("before", "after") for n in (6, 12, 18)),
    *(f"move.{when}_rename:2" for when in ("before", "after")),
    "send.before:4", "load.before_commit:2", "finish.at_rest:2", "finish.before_commit:2",
    "retry.before_commit:2", "retry.before_commit:3",
    *(f"{store}.{when}_commit:{n}" for store in ("ledger", "lake") for when in ("before", "after")
      for n in (12, 24, 48)),
    *(f"reparse.{point}:2" for point in ("read", "before_commit", "after_commit")),
]  # fmt: skip

#: Every place that asks the disk for room, and what it asks.
_PARTS = ("open", "write", "fsync", "replace")
_WRITES = [
    *(f"intake._new_claim:{part}" for part in ("mkdir", *_PARTS)),
    "intake._move:rename", "intake._move:fsync",
    *(f"measure.replace_by_copy:{part}" for part in ("open", "fsync", "replace")),
    "measure._read:write",
    *(f"passed_over.say:{part}" for part in ("mkdir", "open", "write", "replace")),
    *(f"put_aside.move_aside:{part}" for part in ("mkdir", *_PARTS)),
    "unpack.upload:mkdir", *(f"unpack._keep:{part}" for part in ("open", "write", "replace")),
    *(f"members._transcoded:{part}" for part in ("mkdir", "open", "replace")),
    "transcode._write:write",
    "chunk._folder:mkdir",
    *(f"{what}:{part}" for what in (
          "record_spool.write", "record_spool.write_masks", "chunk._write_vectors")
      for part in _PARTS),
    "blob_store._fill:write",
    *(f"blob_store.put:{part}" for part in ("mkdir", "open", "fsync", "replace")),
    *(f"{what}:{part}" for what in (
          "archived_originals.archive_original", "job_control._bring_back")
      for part in ("mkdir", *_PARTS)),
    *(f"archived_originals.write_error:{part}" for part in ("mkdir", *_PARTS)),
    *(f"receipt_files.write:{part}" for part in _PARTS),
]  # fmt: skip

#: Rooms of commands and of what is made behind the load: their own temporary files go with them,
#: and nothing of a job waits for those; and one that works only after another fault.
_ASIDE = frozenset(
    {
        "quarantine",
        "near_duplicates",
        "stored_originals",
        "reparse",
        "reparse_apply",
        "reparse_read",
        "restore",
        "temp_dirs",
    }
)

#: A fork of a process that has everything imported and no thread: a tenth of a fresh start.
_PROCESSES = multiprocessing.get_context("forkserver")
_FORMATS = [f"pipeline.formats.{m.name}" for m in pkgutil.iter_modules(pipeline.formats.__path__)]
_PROCESSES.set_forkserver_preload(["tests.crash.small_import", *_FORMATS])

#: `start` asks after every child, and the exit code of a child of a fork server can be read once:
#: of two threads that ask at once, one finds 255.
_ASKING = Lock()

#: How many points one lake meets, one after another: what is met late costs little more.
_KILLS, _FULL_DISKS = 5, 4

# Which of two files a row names that both have is a matter of which came first.
_CHECKSUM = """
SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT record_key::text || coalesce(title, '') || coalesce(content, '')
        || (metadata - 'file')::text
        || (SELECT count(*) FROM vectors.embeddings AS e WHERE e.document_id = d.id) AS line
    FROM user_data.documents AS d
    UNION ALL
    SELECT record_key::text || at || latitude || ' ' || longitude FROM timeseries.locations
    UNION ALL
    SELECT record_key::text || coalesce(language, '') || coalesce(at::text, '') || words
        || coalesce(domain, '') FROM user_data.search
) AS lines
"""


#: The checksum of all rows, and how each job ended.
State = tuple[str, list[tuple[Any, ...]]]


class Lakeside(NamedTuple):
    """One lake of its own, to be killed on."""

    data: Path
    urls: dict[str, str]
    dropped: dict[str, str]

    def carry(self, crash_at: str | None, full_at: Sequence[str] | None = None) -> int | None:
        """Carry the jobs in a process of their own; its exit code."""
        args = (str(self.data), self.urls, crash_at, full_at)
        process = _PROCESSES.Process(target=small_import.carry, args=args)
        with _ASKING:
            process.start()
        pid = process.pid or 0

        def ended() -> bool:
            with _ASKING:
                return not process.is_alive()

        progress.until(ended, lambda: progress.processor_time(pid))
        return process.exitcode

    def passed(self, what: str) -> list[str]:
        """The crash points or the writes that its process wrote down, in their order."""
        return Path(f"{self.data}.{what}").read_text().split()

    def state(self) -> State:
        """What must be the same however often somebody was killed."""
        database = Database(self.urls["admin"])
        jobs = database.rows("SELECT * FROM imports.jobs")
        ends = sorted((job["status"], *counts(job), job["remaining"]) for job in jobs)
        return database.one(_CHECKSUM), ends


@pytest.fixture(scope="module", autouse=True)
def _needs_sets() -> Iterator[None]:
    """A format that waits for its set, for `verify` here as for those who load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.formats, "__path__", [*pipeline.formats.__path__])
        sets.add_format()
        yield
    all_formats.cache_clear()


@pytest.fixture(scope="module")
def lakeside(
    new_database: Callable[..., str],
    template: str,
    servers: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], Lakeside]:
    one = Lock()  # roles are the cluster's: two can't be given rights at once

    def make() -> Lakeside:
        with one:
            name = new_database(template=template)
            roles = ("admin", "owner", "ingest", "reader", "ledger")
            where = f"/{name}?host={servers.server_socket_dir}"
            urls = {role: f"postgresql://datapunk_{role}@{where}" for role in roles}
            migrate.bootstrap(urls["admin"], login=True)
        data = tmp_path_factory.mktemp("lake")
        folders = Folders(data)
        for folder in (folders.processed, folders.failed, folders.work):
            folder.mkdir(parents=True)
        return Lakeside(data, urls, small_import.drop_all(folders))

    return make


@pytest.fixture(scope="module")
def calm(lakeside: Callable[[], Lakeside]) -> Lakeside:
    """The lake of an undisturbed run, which wrote down what it passed."""
    lake = lakeside()
    assert lake.carry(small_import.NOWHERE) == 0
    return lake


@pytest.fixture(scope="module")
def undisturbed(calm: Lakeside) -> State:
    lake = calm
    check(lake)
    checksum, ends = lake.state()
    assert [end[0] for end in ends] == [*["done"] * 6, "duplicate", "rejected", "rolled_back"]
    better = "SELECT count(*) FROM user_data.documents WHERE metadata ? 'better'"
    assert Database(lake.urls["admin"]).one(better) == 6, "three mails, each with an attachment"
    assert ("done", 6, 4, 0, 2, 0) in ends, "of the rows that both had, none went"
    return checksum, ends


@pytest.fixture(scope="module")
def end_of() -> Callable[[Lakeside], State]:
    """The state of a lake, which is checked once."""
    known: dict[Path, State] = {}

    def checked(lake: Lakeside) -> State:
        if lake.data not in known:
            check(lake)
            known[lake.data] = lake.state()
        return known[lake.data]

    return checked


@pytest.fixture(scope="module")
def killed() -> Iterator[list[str]]:
    points: list[str] = []
    yield points
    print(f"\nkilled at {len(points)} points and passes: {', '.join(points)}")


def check(lake: Lakeside) -> None:
    """The one checker: each job's receipt is proven, each original lies where it says, nothing
    else lies about."""
    database = Database(lake.urls["admin"])
    pools = [open_pool(lake.urls[role], size=1) for role in ("ledger", "reader")]
    try:
        run = small_import._runtime(lake.data, Ledger(pools[0]), Lake(pools[1]))
        for job in database.rows("SELECT * FROM imports.jobs"):
            bad = [f for f in verify.verify(run, Lake(pools[1]), job) if not f.ok]
            assert not bad, (job["source_name"], job["status"], bad)
            kept = hashlib.sha256((lake.data / job["archived_path"]).read_bytes()).hexdigest()
            assert kept == lake.dropped[job["source_name"]]
            _receipt_is_exact(lake, run.ledger, job)
    finally:
        for pool in pools:
            pool.close()
    assert _left(lake.data) == []
    assert _blobs_are_whole(lake.data / "blobs")


def _receipt_is_exact(lake: Lakeside, ledger: Ledger, job: Mapping[str, Any]) -> None:
    """Beside an original in `processed` lies the receipt as it is now; elsewhere there is none."""
    original = lake.data / job["archived_path"]
    beside = original.with_name(f"{original.name}.receipt.txt")
    assert beside.exists() == job["archived_path"].startswith("processed/"), job["status"]
    if beside.exists():
        now = receipt_file.text(small_import.settings_of(lake.data, lake.urls), ledger, job["id"])
        assert beside.read_text() == now


def _left(data: Path) -> list[str]:
    """Files that belong to nothing: in staging or a work folder, or half written anywhere."""
    files = [path.relative_to(data) for path in data.rglob("*")]
    busy = [str(f) for f in files if f.parts[0] == ".work" and len(f.parts) > 1]
    dropped = [str(f) for f in files if f.parts[0] == "staging" and len(f.parts) > 2]
    half = [str(f) for f in files if f.name.endswith(".part")]
    put_aside = sum(1 for f in files if f.parts[0] == "failed" and len(f.parts) > 2)
    receipts = [f for f in files if f.name.endswith(".receipt.txt")]
    assert all((data / f).with_name(f.name.removesuffix(".receipt.txt")).exists() for f in receipts)
    assert put_aside == 4, "the rejected and the empty file, each with its reason"
    return busy + dropped + half


def _blobs_are_whole(folder: Path) -> bool:
    blobs = [p for p in folder.rglob("*") if p.is_file() and re.fullmatch("[0-9a-f]{64}", p.name)]
    return bool(blobs) and all(hashlib.sha256(p.read_bytes()).hexdigest() == p.name for p in blobs)


class Outcome(NamedTuple):
    """What became of a point: the exit codes of the process that met it and of the last one."""

    lake: Lakeside
    first: int | None
    last: int | None


def _killed(make: Callable[[], Lakeside], points: Sequence[str]) -> dict[str, Outcome]:
    """One lake, whose processes are killed at one point after another until the last is not. A
    point that is not passed any more gets a lake of its own."""
    lake = make()
    codes: dict[str, int | None] = {}
    for point in points:
        codes[point] = lake.carry(point)
        if codes[point] == 0:  # it came to the end of all
            break
    last = lake.carry(None)
    found = {point: Outcome(lake, code, last) for point, code in codes.items()}
    for point in points:
        if codes.get(point, 0) == 0 and len(points) > 1:
            found |= _killed(make, [point])
    return found


def _filled(make: Callable[[], Lakeside], points: Sequence[str]) -> dict[str, Outcome]:
    """One process whose disk is full from one write on after another; a full disk kills nobody."""
    lake = make()
    code = lake.carry(None, points)
    if code == small_import.MISSED and len(points) > 1:
        alone = [_filled(make, [point]) for point in points]
        return {point: outcome for each in alone for point, outcome in each.items()}
    return {point: Outcome(lake, code, None) for point in points}


def _dealt(points: Iterable[str], passed: Sequence[str], size: int) -> list[list[str]]:
    """Hands of at most `size` points that a run passes far from each other, in its order."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(passed):
        places.setdefault(name, []).append(at)

    def first_pass(point: str) -> int:
        name, _, nth = point.rpartition(":")
        name, number = (name, int(nth)) if nth.isdigit() else (point, 1)
        return places.get(name, [])[number - 1 : number][0] if name in places else len(passed)

    ordered = sorted(points, key=first_pass)
    hands = -(-len(ordered) // size)
    return [ordered[n::hands] for n in range(hands)]


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, lakeside: Callable[[], Lakeside], calm: Lakeside
) -> Iterator[dict[str, Future[dict[str, Outcome]]]]:
    """Every point that is asked for, four lakes at a time: most of it is waiting for the disk."""
    items = [item for item in request.session.items if item.path == request.path]
    specs = [
        item.callspec
        for item in items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    asked = [spec.params["point"] for spec in specs]
    kills = _dealt(set(asked) - set(_WRITES), calm.passed("points"), _KILLS)
    fills = _dealt(set(asked) & set(_WRITES), calm.passed("writes"), _FULL_DISKS)
    with ThreadPoolExecutor(4) as pool:
        started = {}
        for carry, hands in ((_killed, kills), (_filled, fills)):
            for hand in hands:
                future = pool.submit(carry, lakeside, hand)
                started.update(dict.fromkeys(hand, future))
        yield started


@pytest.mark.threat("kill", seen="killed at each named point, one after another: the same rows")
@pytest.mark.parametrize("point", [*POINTS, *_LATER])
def test_a_kill_there_changes_nothing(
    point: str,
    undisturbed: State,
    outcomes: dict[str, Future[dict[str, Outcome]]],
    end_of: Callable[[Lakeside], State],
    killed: list[str],
) -> None:
    lake, first, last = outcomes[point].result()[point]
    assert first == -signal.SIGKILL, "nothing passes there"
    assert last == 0
    assert end_of(lake) == undisturbed
    killed.append(point)


@pytest.mark.parametrize("point", _WRITES)
def test_a_disk_that_is_full_from_there_on_loses_nothing(
    point: str,
    undisturbed: State,
    outcomes: dict[str, Future[dict[str, Outcome]]],
    end_of: Callable[[Lakeside], State],
) -> None:
    lake, code, _ = outcomes[point].result()[point]
    assert code == 0, "see what the process printed"
    assert end_of(lake) == undisturbed


def test_every_write_is_among_those(calm: Lakeside) -> None:
    found = set(calm.passed("writes"))
    assert {name for name in found if name.partition(".")[0] not in _ASIDE} == set(_WRITES)


def test_every_name_is_one_place() -> None:
    assert len(POINTS) == len(set(POINTS))
    assert {name.split(".")[0] for name in POINTS} >= {"intake", "load", "finish", "atomic_files"}


def _calls(function: ast.AST, *names: str) -> list[ast.Call]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return [c for c in calls if getattr(c.func, "attr", getattr(c.func, "id", "")) in names]


def test_every_rename_and_every_commit_stands_between_two_points() -> None:
    found = set()
    for room, path, function in small_import.functions():
        renames = [
            call for call in _calls(function, "rename", "replace")
            if len(call.args) == 1 and not call.keywords
        ]  # fmt: skip
        # A savepoint is none: `commit.connection.transaction()`. An upgrade that is killed begins
        # anew, and nothing is imported meanwhile.
        commits = [
            call for call in _calls(function, "transaction")
            if room == "sql" and path.stem != "migrate" and isinstance(call.func, ast.Attribute)
            and ast.unparse(call.func.value) == "connection"
            and "READ ONLY" not in ast.unparse(function)
        ]  # fmt: skip
        if renames or commits:
            found.add(f"{path.stem}.{function.name}")
            assert len(_calls(function, "crash_here")) >= 2, function.name
    assert found >= {
        "atomic_files.written",
        "atomic_files.move",
        "intake._move",
        "store._transaction",
    }


def test_nobody_commits_but_the_store() -> None:
    for room, path, function in small_import.functions():
        for call in _calls(function, "transaction"):
            ours = ast.unparse(call.func) in (
                "run.ledger.transaction", "ledger.transaction", "self.transaction",
                "commit.connection.transaction", "connection.transaction",  # savepoints
            )  # fmt: skip
            assert ours or room == "sql", f"{path.name}:{call.lineno}"


def test_nothing_happens_where_nothing_is_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    died: list[Mapping[str, Any]] = []
    monkeypatch.setattr("os.kill", lambda *args: died.append({"at": args}))
    monkeypatch.setenv(crash.VARIABLE, "here:2")
    crash.arm()
    crash.crash_here("elsewhere")
    crash.crash_here("here")
    assert not died
    crash.crash_here("here")
    assert len(died) == 1
    monkeypatch.delenv(crash.VARIABLE)
    crash.arm()
    crash.crash_here("here")
    assert len(died) == 1
