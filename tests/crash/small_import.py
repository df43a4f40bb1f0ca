"""A small import that passes every crash point, carried out in a process that may be killed."""

from __future__ import annotations

import ast
import base64
import errno
import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson

from pipeline import registry as formats
from pipeline.privacy.policy import parse
from pipeline.privacy.redact import Redactor
from schemas import crash
from schemas.errors import TransientError
from schemas.files import Member, SliceLimits
from schemas.folders import Folders
from schemas.lease import Lease
from schemas.progress import Stage
from schemas.records import Point, RawRecord, Record
from sql.connection import open_pool
from sql.store import Lake, Ledger
from tasks.maintenance import reconcile, sweep
from tasks.operations import job_control, privacy_reapply, quarantine
from tasks.operations.reparse import order, reparse
from tasks.operations.rollback import roll_back
from tasks.runtime import context, dispatch
from tasks.runtime.blob_store import FileBlobs
from tasks.runtime.context import Runtime
from tests.storm.disk import FullDisk
from tests.support import sets
from tests.support.lake import WORK, Database, Driver, FakeModels, FakeScanner, zipped
from workers.watcher import Watcher

ROOT = Path(__file__).parents[2]

_AT_REST = """
SELECT (SELECT bool_and(completed_at IS NOT NULL) FROM imports.jobs)
    AND NOT EXISTS (SELECT FROM vectors.waiting)
    AND NOT EXISTS (SELECT FROM user_data.unindexed)
"""
ANA = "ana@example.org"
#: Far more turns than any fault needs.
_MOST_TURNS = 500


# --- which points there are ------------------------------------------------------------------


def functions() -> Iterator[tuple[str, Path, ast.FunctionDef]]:
    """Every function of the source, with its room and file."""
    for room in ("schemas", "pipeline", "sql", "tasks", "workers"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield room, path, node


def all_points() -> list[str]:
    """Every crash point of the source, by its name; `before_commit` is one for each stage."""
    found: dict[tuple[Path, int], list[str]] = {}
    for _, path, function in functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "crash_here":
                found[path, node.lineno] = _names(node)
    return sorted(name for names in found.values() for name in names)


def _names(call: ast.Call) -> list[str]:
    point = call.args[0]
    assert isinstance(point, ast.Constant), "the name of a crash point is written out"
    if len(call.args) == 1:
        return [point.value]
    return [f"{stage}.{point.value}" for stage in Stage]


# --- what is imported ------------------------------------------------------------------------


def drop_all(folders: Folders) -> dict[str, str]:
    """Put files of every fate into staging; their names by the hash of their bytes."""
    mine = folders.staging / ANA
    mine.mkdir(parents=True)
    with zipfile.ZipFile(mine / "main.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in _members().items():
            out.writestr(zipfile.ZipInfo(name), data)
    # A hard link, so that the one of the two that is claimed first is taken in as a copy.
    (mine / "twin.zip").hardlink_to(mine / "main.zip")
    for name in ("failing", "stopped", "false"):
        rows = (orjson.dumps({"id": f"{name} {n}", "name": "x"}) for n in range(5))
        (mine / f"{name}.ndjson").write_bytes(b"\n".join(rows) + b"\n")
    for name, data in _parts().items():
        (mine / name).write_bytes(data)
    for name, own in (("kept", b"{broken one\n{broken two\n{broken three\n"), ("regretted", b"")):
        rows = (orjson.dumps({"id": n, "name": "both"}) for n in ("x", "y", f"of {name}"))
        (mine / f"{name}.ndjson").write_bytes(b"\n".join(rows) + b"\n" + own)
    (mine / "empty.csv").write_bytes(b"")
    said = hashlib.sha256((mine / "main.zip").read_bytes()).hexdigest()
    (mine / "main.zip.sha256").write_text(said)
    (mine / "false.ndjson.sha256").write_text("0" * 64)
    files = [path for path in mine.iterdir() if path.suffix != ".sha256"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _members() -> dict[str, bytes]:
    when = "2023-05-01T10:00:00Z"
    points: list[dict[str, Any]] = [
        {"latitudeE7": 52 * 10**7 + n, "longitudeE7": 13 * 10**7, "timestamp": when}
        for n in range(12)
    ]
    points.append({"latitudeE7": 91 * 10**7, "longitudeE7": 0, "timestamp": when})
    rows = "id,name\n" + "".join(f"{n},Zoë Müller à la crème {n % 3}\n" for n in (1, 2, 3, 4, 1))
    return {
        "Takeout/Location History/Records.json": orjson.dumps({"locations": points}),
        "Takeout/Mail/All mail.mbox": b"".join(_mail(n) for n in range(3)),
        "people.csv": rows.encode("latin-1"),
        "note.txt": b"A note about a lake that is still in the morning.",
        "unknown.bin": bytes(range(1, 256)) * 4,
    }


def _parts() -> dict[str, bytes]:
    """A set: what needs all of it in the first part, with the page that lists it; the rest."""
    top, names = "Takeout/Google Photos/Trip", ["all.sidecar", "a.jpg", "b.jpg"]
    index = sets.page({"Google Photos": {"Trip": names}})
    sidecars = sets.sidecar("a.jpg", "b.jpg", "c.jpg")
    first = {f"{top}/all.sidecar": sidecars, "Takeout/archive_browser.html": index}
    rest = {f"{top}/{name}": b"\xff\xd8\xff " + name.encode() for name in names[1:]}
    stem = sets.STEM
    return {f"{stem}-1-001.zip": zipped(first), f"{stem}-1-002.zip": zipped(rest)}


def _mail(n: int) -> bytes:
    attached = base64.b64encode(f"attached {n}".encode()).decode()
    return (
        f"From {n}@xxx Fri Sep 16 22:26:51 +0000 2016\nMessage-ID: <{n}@mail.example>\n"
        f"Subject: mail {n}\nFrom: a@mail.example\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
        f"body {n}\n\n--b\nContent-Type: application/octet-stream\n"
        f"Content-Disposition: attachment; filename=a{n}.bin\n"
        f"Content-Transfer-Encoding: base64\n\n{attached}\n--b--\n\n"
    ).encode()


# --- a process that carries it ---------------------------------------------------------------


#: Of a process that is killed nowhere, and writes down what it passes, into `data.points` and
#: `data.writes`.
NOWHERE = "nowhere"
#: The exit code of a process that did not pass a write whose disk should have been full.
MISSED = 3


class _Passed(str):
    """The name of a point that every point asks whether it is its own, and that says no."""

    __slots__ = ("points",)

    def __ne__(self, point: object) -> bool:
        self.points.append(str(point))
        return True


def carry(
    data: str,
    urls: Mapping[str, str],
    crash_at: str | None,
    full_at: Sequence[str] | None = None,
) -> None:
    """Take in what lies in staging and carry every job to its end.

    With `crash_at` this is the process to be killed: it also meets every fault that has a crash
    point in its handling. Without, it is the one that comes after. With `full_at` it meets a disk
    that is full from one of those writes on after another, each for two turns of everybody.
    """
    if crash_at is not None:
        os.environ[crash.VARIABLE] = crash_at
    crash.arm()
    passed = _Passed(NOWHERE)
    passed.points = []
    if crash_at == NOWHERE:
        full_at, crash._Armed.name = (), passed
    sets.add_format()
    _two_disks()
    # What a killed process wrote is the kernel's already; a lost disk cache is not tested here.
    os.sync = lambda: None
    os.fsync = lambda _: None
    disk = FullDisk(full_at or ())
    if full_at is not None:
        disk.install()
    pools = [open_pool(urls[role]) for role in ("ledger", "ingest")]
    run = _runtime(Path(data), Ledger(pools[0]), Lake(pools[1]))
    context.install(lambda: run)
    driver = Driver()
    dispatch.send, dispatch.send_turn = driver.send, driver.send_turn
    dispatch.send_indexing = driver.send_indexing
    carrier = _Carrier(run, driver, Database(urls["admin"]), disk)
    try:
        carrier.take_in()
        if crash_at is not None:
            carrier.meet_faults()
        carrier.to_rest()
        WORK.update(carrier.sound)
        also = crash_at is not None or bool(full_at)
        carrier.retry_all(too=("rejected",) if also else ())
        carrier.to_rest()
        carrier.at_the_desk()
        carrier.read_again()
        carrier.protect()
        carrier.to_rest()  # vectors of texts that are other ones now
    finally:
        for pool in pools:
            pool.close()
    if disk.waiting:
        sys.exit(MISSED)
    if crash_at == NOWHERE:
        Path(f"{data}.points").write_text("\n".join(passed.points))
        Path(f"{data}.writes").write_text("\n".join(disk.names))


def _runtime(data: Path, ledger: Ledger, lake: Lake) -> Runtime:
    mark = data.with_name(f"{data.name}.mark")
    return Runtime(
        options=context.Options(
            retry_delay_s=0.0, max_attempts=3, slices=SliceLimits(records=4), dispatch_window=3
        ),
        folders=Folders(data),
        ledger=ledger,
        lake=lake,
        scanner=FakeScanner(),
        models=FakeModels(),
        make_blobs=FileBlobs,
        broker=context.Broker(is_marked=mark.exists, mark=mark.touch),
    )


def _two_disks() -> None:
    """As if `failed` lay on another file system: what goes there, or comes from there, is
    copied."""
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        moved = not self.name.startswith(".") and ("failed" in self.parts) != (
            "failed" in Path(target).parts
        )
        if moved:
            raise OSError(errno.EXDEV, "as if on another disk")
        return rename(self, target)

    Path.replace = replace  # type: ignore[method-assign,assignment]


class _Carrier:
    """Watcher, workers and reconciler of one process, in turns."""

    def __init__(self, run: Runtime, driver: Driver, database: Database, disk: FullDisk) -> None:
        self._run, self._driver, self._database, self._disk = run, driver, database, disk
        self._watcher = Watcher(run.ledger, run.folders, settle_s=0.0, options=run.options)
        self._files = _hashes(run.folders.data)
        self.sound = dict(WORK)
        self._full_turns = 0

    def take_in(self) -> None:
        for _ in range(3):
            self._look()

    def _look(self) -> None:
        """A turn of the watcher, which tries again as its loop does."""
        try:
            self._watcher.recover()
            self._watcher.scan()
        except (TransientError, OSError):
            if not self._disk.full:
                raise

    def to_rest(self) -> None:
        """Turns of everybody until every job has ended: they are few, however slow each is."""
        for _ in range(_MOST_TURNS):
            self._database.let_time_pass()
            self._let_files_age()
            reconcile.reconcile(self._run)
            while self._driver.sent:  # words of what has loaded, while the rest is on its way
                self._driver.step()
                self._driver.index(self._run)
            self._driver.take_turns(self._run)
            sweep.sweep(self._run)
            if self._disk.full:
                self._bear_it()
                self._look()
            elif self._at_rest():
                return
        raise AssertionError("the jobs don't come to an end")

    def _at_rest(self) -> bool:
        dropped = [p for p in self._run.folders.staging.rglob("*") if p.is_file()]
        return not dropped and bool(self._database.one(_AT_REST))

    def _bear_it(self) -> None:
        """What must hold while the disk is full; after two turns there is room again."""
        data = self._run.folders.data
        assert not list(data.rglob("*.part")), "a part-written file stays"
        assert self._files <= _hashes(data), "a dropped file is gone"
        counted_attempts = self._database.one(
            "SELECT coalesce(max(attempt), 0) FROM imports.chunks WHERE status <> 'done'"
        )
        assert counted_attempts == 0, "it costs an attempt"
        codes = self._database.rows(
            "SELECT last_error_code AS code FROM imports.chunks WHERE status = 'ready' "
            "AND last_error_code IS NOT NULL"
        )
        assert {row["code"] for row in codes} <= {"os_28"}, "it is not called what it is"
        self._full_turns += 1
        if self._full_turns == 2:
            self._let_room()

    def _let_room(self) -> None:
        self._disk.free()
        self._full_turns = 0

    def _let_files_age(self) -> None:
        """Two hours go by for the files."""
        for path in self._run.folders.data.rglob("*"):
            before = path.stat().st_mtime - 7200
            os.utime(path, (before, before))

    def retry_all(self, *, too: tuple[str, ...]) -> None:
        """Go on with what did not end well."""
        states = ["failed", "cancelled", *too]
        for row in self._database.rows(
            "SELECT * FROM imports.jobs WHERE status = ANY(%s) ORDER BY source_name", states
        ):
            try:
                job_control.retry(self._run, row)
            except (TransientError, OSError):
                if not self._disk.full:
                    raise
                self._let_room()
                job_control.retry(self._run, row)

    def at_the_desk(self) -> None:
        """Of three broken rows one is mended, one given up, one tried again; and one import is
        taken back, of which another had two rows too."""
        kept, regretted = (self._job(f"{name}.ndjson") for name in ("kept", "regretted"))
        held = self._database.rows("SELECT * FROM imports.quarantine WHERE status = 'open'")
        # A policy that was applied to its end, by the process that was killed, left no bytes.
        numbers = {bytes(row["raw"]).split()[-1]: row["id"] for row in held if row["raw"]}
        user_id = kept["user_id"]
        if b"one" in numbers:
            quarantine.mend(self._run, user_id, numbers[b"one"], b'{"id": "z", "name": "mended"}\n')
        if b"two" in numbers:
            quarantine.discard(self._run, user_id, quarantine.Choice(id=numbers[b"two"]), "broken")
        quarantine.retry(self._run, user_id, quarantine.Choice(job_id=kept["id"]))
        if regretted["status"] != "rolled_back":
            roll_back(self._run, user_id, regretted["id"])

    def read_again(self) -> None:
        """The formats of mails and positions are better by now."""
        for name in ("mail.mbox", "google.location_records"):
            _make_better(name)
            for job in self._database.rows("SELECT DISTINCT user_id FROM imports.jobs"):
                list(reparse(self._run, job["user_id"], order(name)))

    def protect(self) -> None:
        """A policy comes last: what is read again is read under the one that is in force then."""
        policy = parse(b'[[rule]]\nkind = "email"\naction = "mask"\n')
        for job in self._database.rows("SELECT DISTINCT user_id FROM imports.jobs"):
            privacy_reapply.apply(self._run, job["user_id"], Redactor(policy))

    def _job(self, name: str) -> dict[str, Any]:
        (job,) = self._database.rows("SELECT * FROM imports.jobs WHERE source_name = %s", name)
        return job

    def meet_faults(self) -> None:
        """A cancelled job, one that fails, one transient error, an artefact that goes away, members
        that do, and a lease that another takes over once."""
        stopped = self._job("stopped.ndjson")
        job_control.cancel(self._run, stopped["id"], stopped["user_id"])
        once = iter(["transient", "gone"])
        normalise, screen, embed, load = (
            WORK[stage] for stage in (Stage.NORMALISE, Stage.SCREEN, Stage.EMBED, Stage.LOAD)
        )

        deleted = _once()

        def fails(run: Runtime, lease: Lease) -> Any:
            if lease.source_name == "failing.ndjson":
                raise RuntimeError("a defect")
            if lease.source_name in ("main.zip", "twin.zip") and next(deleted):
                shutil.rmtree(run.folders.members(lease.ref.job_id))
            return normalise(run, lease)

        def transient(run: Runtime, lease: Lease) -> Any:
            if next(once, "") == "transient":
                raise TransientError("the model is away")
            return embed(run, lease)

        late = _once()

        def outlasts(run: Runtime, lease: Lease) -> Any:
            ending = screen(run, lease)
            if next(late):
                self._database.let_time_pass()
                ids = {"chunk": lease.ref.id, "job_id": lease.ref.job_id, "stage": lease.stage}
                run.ledger.lease(**ids, worker="another", lease_s=60, max_attempts=3)
            return ending

        gone = _once()

        def loses(run: Runtime, lease: Lease) -> Any:
            if next(gone):
                (run.folders.chunks(lease.ref.job_id) / lease.artefacts["mask"]).unlink()
            return load(run, lease)

        WORK.update(
            {
                Stage.NORMALISE: fails,
                Stage.SCREEN: outlasts,
                Stage.EMBED: transient,
                Stage.LOAD: loses,
            }
        )


def _hashes(data: Path) -> set[str]:
    """The hashes of all files that were dropped, wherever they lie now."""
    places = [data / name for name in ("staging", ".work", "processed", "failed")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.suffix in (".zip", ".ndjson", ".csv")
    }


def _make_better(name: str) -> None:
    """Another version of a format, which says more of each record."""
    known = formats.all_formats()
    old = formats.format_named(name)

    def record(item: RawRecord, member: Member) -> Any:
        made = old.record(item, member)
        each = [made] if isinstance(made, msgspec.Struct) else list(made)
        return [
            msgspec.structs.replace(one, metadata={**one.metadata, "better": True})
            if isinstance(one, Record | Point)
            else one
            for one in each
        ]

    new = msgspec.structs.replace(old, version=old.version + 1, record=record)
    every = tuple(new if form is old else form for form in known)
    formats.all_formats = lambda: every  # type: ignore[assignment]


def _once() -> Iterator[bool]:
    yield True
    while True:
        yield False
