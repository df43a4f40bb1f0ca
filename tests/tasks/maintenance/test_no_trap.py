"""No trap: whatever fails, at whatever stage and in any order, each job comes to rest, and what a
person may do with it works or says what does.

The machine below drives the real ledger: leases, commits, the reconciler and the verbs. Only what
a stage makes of records is invented.
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import dict_row

from pipeline.storage.spool_file import BrokenSpool
from schemas.errors import PermanentError, Rejected, TransientError
from schemas.files import SliceLimits
from schemas.lease import Lease
from schemas.progress import ENDED, JobStatus, Kind, Stage, route
from schemas.reasons import Reason
from schemas.tally import COUNTS, FileTally
from sql import migrate
from sql.commit import Commit, ContentCommit
from sql.store import Lake
from tasks.ingest import poison, upload
from tasks.ingest.finish import finish_job
from tasks.maintenance import reconcile, sweep
from tasks.operations import job_control, verify
from tasks.operations.rollback import roll_back
from tasks.runtime import stage_runner
from tasks.runtime.context import Runtime
from tests.support.lake import WORK, Database, Driver, counts
from tests.support.ledger import raising
from workers import intake
from workers.settings import Settings

pytestmark = pytest.mark.services

_, LOADED, DUPLICATE, QUARANTINED = COUNTS

#: What a stage may meet. `die`: the worker is killed, and its lease stays until it runs out.
ERRORS: dict[str, Callable[[], BaseException]] = {
    "defect": lambda: AssertionError("daemonic processes are not allowed to have children"),
    "transient": lambda: TransientError("the database said OperationalError"),
    "disk_full": lambda: OSError(28, "No space left on device"),
    "name_too_long": lambda: OSError(36, "File name too long"),
    "file_gone": lambda: FileNotFoundError(2, "No such file"),
    "no_memory": MemoryError,
    "time_is_up": SoftTimeLimitExceeded,
    "rejected": lambda: Rejected(Reason.ARCHIVE_BROKEN, "It breaks off."),
    "artefact_gone": lambda: BrokenSpool("spool"),
    "die": KeyboardInterrupt,
}
#: Where it meets it: before its work, after it, or in its commit.
PLACES = ("work", "ending", "commit")

_ORDER = list(Stage)
_OPEN = "status IN ('ready', 'leased')"
_WRONG = f"""
SELECT j.id, j.status, j.outcome, j.remaining, c.pieces, c.ends, c.open_ends
FROM imports.jobs AS j CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind <> 'finish' AND {_OPEN}) AS pieces,
        count(*) FILTER (WHERE kind = 'finish') AS ends,
        count(*) FILTER (WHERE kind = 'finish' AND {_OPEN}) AS open_ends
    FROM imports.chunks WHERE job_id = j.id) AS c
WHERE j.remaining <> c.pieces OR c.open_ends > 1 OR (c.pieces > 0 AND c.open_ends > 0)
   OR (j.completed_at IS NOT NULL) <> (j.status = ANY(%s))
   OR (j.completed_at IS NULL) <> (c.pieces + c.open_ends > 0)
   OR (j.completed_at IS NOT NULL AND j.status NOT IN ('done', coalesce(j.outcome, 'done')))
"""
_SUMS = """
SELECT j.id, j.records_seen, j.records_loaded, j.records_duplicate, j.records_quarantined,
    t.seen, t.loaded, f.seen AS of_files, f.loaded AS loaded_of_files
FROM imports.jobs AS j CROSS JOIN LATERAL (
    SELECT coalesce(sum((t.value->>'seen')::bigint), 0) AS seen,
        coalesce(sum((t.value->>'loaded')::bigint), 0) AS loaded
    FROM imports.chunks AS c, jsonb_each(c.tally) AS t
    WHERE c.job_id = j.id AND c.kind = 'records' AND c.status = 'done') AS t
CROSS JOIN LATERAL (
    SELECT coalesce(sum((counts->>'seen')::bigint), 0) AS seen,
        coalesce(sum((counts->>'loaded')::bigint), 0) AS loaded
    FROM imports.files WHERE job_id = j.id) AS f
WHERE j.records_seen <> j.records_loaded + j.records_duplicate + j.records_quarantined
   OR j.records_seen <> t.seen OR j.records_loaded <> t.loaded
   OR (j.completed_at IS NOT NULL AND (f.seen <> t.seen OR f.loaded <> t.loaded))
"""


class Held(Database):
    """A look over one connection: the machine looks after each step."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._held = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        cursor = self._held.execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self._held.close()


class Lakeside(NamedTuple):
    """What a machine works on."""

    run: Runtime
    driver: Driver
    database: Database
    patch: pytest.MonkeyPatch


class Trouble:
    """What the next stage meets, and where."""

    error: Callable[[], BaseException] | None = None
    place = "work"
    inside: Callable[[], None] | None = None

    def meet(self, place: str) -> None:
        if self.place == place and (inside := self.inside) is not None:
            self.inside = None
            inside()
        if self.place == place and self.error is not None:
            raise self.error()


class Work:
    """Invented stages: an upload gives chunks of four slices, each slice two records."""

    def __init__(self, lake: Lakeside) -> None:
        self.trouble, self._lake = Trouble(), lake

    def of(self, stage: Stage) -> stage_runner.Work:
        work = {
            Stage.VALIDATE: self._validate,
            Stage.EXTRACT: self._extract,
            Stage.NORMALISE: self._normalise,
            Stage.FINISH: finish_job,
        }.get(stage, self._advance)

        def do(run: Runtime, lease: Lease) -> stage_runner.Ending:
            self.trouble.meet("work")
            ending = work(run, lease)
            self.trouble.meet("ending")

            def end(commit: Commit) -> None:
                ending(commit)
                self.trouble.meet("commit")

            return end

        return do

    def _validate(self, run: Runtime, lease: Lease) -> stage_runner.Ending:
        run.ledger.begin_job(lease.ref.job_id, JobStatus.VALIDATING)
        return lambda commit: commit.advance(Stage.EXTRACT)

    def _extract(self, run: Runtime, lease: Lease) -> stage_runner.Ending:
        run.ledger.begin_job(lease.ref.job_id, JobStatus.EXTRACTING)
        for n in range(2):  # as the real one: in commits of their own, which a retry finds
            with run.commit_content(lease, run.redactor(lease.ref.user_id).under) as commit:
                self._cut(commit, n)
            self.trouble.meet("cut")

        def ending(commit: Commit) -> None:
            commit.run("chunks", "all_is_cut")
            commit.run("chunks", "begin_job", status=JobStatus.LOADING)
            commit.complete()

        return ending

    def _cut(self, commit: ContentCommit, n: int) -> None:
        row = {"ordinal": n, "path": f"{n}.txt", "disposition": "handled", "settled": True}
        (file,) = commit.run("jobs", "insert_files", files=msgspec.json.encode([row]).decode())
        chunk = {
            "identity": f"{n}", "format": "notes.text", "format_version": 1, "embed": n == 0,
            "slices": [(file["id"], at, at + 1) for at in range(4)], "needs_set": n == 1,
        }  # fmt: skip
        made = commit.run("chunks", "fan_out", chunks=msgspec.json.encode([chunk]).decode())
        commit.run("chunks", "add_remaining", n=len(made))

    def _normalise(self, run: Runtime, lease: Lease) -> stage_runner.Ending:
        if lease.attempt <= run.options.max_attempts:
            return lambda commit: commit.advance(Stage.SCREEN)
        (row,) = run.lake.rows(lease.ref.user_id, "chunks", "count_splits", job_id=lease.ref.job_id)
        if row["count"] >= run.options.max_splits:
            raise poison.TooMuchPoison
        if len(lease.ref.slices) > 1:
            half = len(lease.ref.slices) // 2
            parts = (lease.ref.slices[:half], lease.ref.slices[half:])
            return poison._cut(run, lease, [(part, len(part) == 1) for part in parts])
        return lambda commit: commit.complete(self._tallies(lease, QUARANTINED))

    def _advance(self, run: Runtime, lease: Lease) -> stage_runner.Ending:
        stages = route(Kind(lease.kind), embed=lease.ref.embed)
        if lease.stage == stages[-1]:
            return lambda commit: commit.complete(self._tallies(lease, LOADED))
        following = stages[stages.index(lease.stage) + 1]
        tallies = self._tallies(lease, DUPLICATE)  # what a screen knows before the load
        return lambda commit: commit.advance(following, tallies=tallies)

    @staticmethod
    def _tallies(lease: Lease, ended: str) -> dict[int, FileTally]:
        of_slice = FileTally.of({"seen": 2, ended: 2, "items": 2})
        return {
            file: sum((of_slice for each, _, _ in lease.ref.slices if each == file), FileTally())
            for file, _, _ in lease.ref.slices
        }


class Ledger(RuleBasedStateMachine):
    """Anything, in any order."""

    lake: Lakeside

    def __init__(self) -> None:
        super().__init__()
        self.run, self.driver, self.database, self.patch = self.lake
        self.work = Work(self.lake)
        for stage in Stage:
            self.patch.setitem(WORK, stage, self.work.of(stage))
        self.driver.sent.clear()
        self.database.rows(
            "TRUNCATE imports.jobs, imports.sets, imports.events RESTART IDENTITY CASCADE"
        )
        for folder in ("processed", "failed", ".work"):
            shutil.rmtree(self.run.folders.data / folder)
            (self.run.folders.data / folder).mkdir()
        self.jobs: list[UUID] = []
        self.names = itertools.count(1)

    # --- what happens -------------------------------------------------------------------------

    @precondition(lambda self: len(self.jobs) < 3)
    @rule(part=st.booleans())
    def drop(self, part: bool) -> None:
        """A file comes in; one that is a part of an export has chunks that wait for the others."""
        self.drop_one(part=part)

    def drop_one(self, *, part: bool = False) -> None:
        job_id, name = uuid4(), f"{next(self.names)}.zip"
        if part:
            name = f"takeout-20250102T030405Z-{next(self.names):03}.zip"
        original = self.run.folders.original(job_id, name)
        original.parent.mkdir(parents=True)
        original.write_bytes(str(job_id).encode())
        claimed = intake.Claimed(user="ana@example.org", name=name, dropped=name)
        with self.run.ledger.transaction() as connection:
            intake.insert(connection, job_id, claimed, set_wait_s=60)
        self.jobs.append(job_id)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def carry(self, data: st.DataObject) -> None:
        """A worker takes a message, of which nobody knows whether it is late, and all goes well."""
        self.carry_out(self._chosen(data))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def carry_on(self, data: st.DataObject) -> None:
        """Workers do all there is to do of a job but its last step."""
        asked = f"SELECT * FROM imports.chunks WHERE job_id = %s AND kind <> 'finish' AND {_OPEN}"
        job_id = data.draw(st.sampled_from(self.jobs))
        self.database.let_time_pass()
        while rows := self.database.rows(f"{asked} AND not_before < now() ORDER BY id", job_id):
            for row in rows:
                self.carry_out(row)
            if rows == self.database.rows(f"{asked} AND not_before < now() ORDER BY id", job_id):
                return

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), error=st.sampled_from(sorted(ERRORS)), place=st.sampled_from(PLACES),
          again=st.sampled_from((1, 2, 12)))  # fmt: skip
    def fail(self, data: st.DataObject, error: str, place: str, again: int) -> None:
        """The same, and it fails there; maybe at each of some tries."""
        self.fail_at_each_try(self._chosen(data), error, place, again)

    @rule(data=st.data(), stage=st.sampled_from(Stage), error=st.sampled_from(sorted(ERRORS)),
          again=st.sampled_from((1, 12)))  # fmt: skip
    def fail_at(self, data: st.DataObject, stage: Stage, error: str, again: int) -> None:
        """A chunk comes as far as a stage, and fails there."""
        asked = f"SELECT * FROM imports.chunks WHERE job_id = ANY(%s) AND {_OPEN} ORDER BY id"
        for _ in range(12):
            rows = self.database.rows(asked, self.jobs)
            at = [row for row in rows if row["stage"] == stage]
            if at:
                self.fail_at_each_try(
                    at[data.draw(st.integers(0, 9)) % len(at)], error, "ending", again
                )
                return
            before = [row for row in rows if _ORDER.index(row["stage"]) < _ORDER.index(stage)]
            if not before:
                return
            self.carry_out(before[0])

    def fail_at_each_try(self, chunk: dict[str, Any], error: str, place: str, again: int) -> None:
        for _ in range(again):
            self.work.trouble.error, self.work.trouble.place = ERRORS[error], place
            self.carry_out(chunk)
            if again > 1:
                self.database.let_time_pass()
            before = chunk
            (chunk,) = self.database.rows("SELECT * FROM imports.chunks WHERE id = %s", chunk["id"])
            if all(chunk[name] == before[name] for name in ("attempt", "token", "rewinds")):
                break  # nobody may have it any more, or it would be so for ever

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), verb=st.sampled_from(("cancel", "time", "steal", "reconcile")),
          place=st.sampled_from((*PLACES, "cut")))  # fmt: skip
    def meanwhile(self, data: st.DataObject, verb: str, place: str) -> None:
        """Something happens while a worker is at its work."""
        chunk = self._chosen(data)
        if place == "commit" and verb != "time":
            return  # it holds its rows then, and another transaction waits for them

        def inside() -> None:
            if verb == "cancel":
                job_control.cancel(self.run, chunk["job_id"], chunk["user_id"])
            elif verb == "reconcile":
                reconcile.reconcile(self.run)
            elif place != "commit":
                self._expire(chunk["id"])
                if verb == "steal":
                    self.run.ledger.lease(
                        chunk=chunk["id"], job_id=chunk["job_id"], stage=Stage(chunk["stage"]),
                        worker="another", lease_s=60, max_attempts=self.run.options.max_attempts,
                    )  # fmt: skip

        self.work.trouble.inside, self.work.trouble.place = inside, place
        self.carry_out(chunk)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def left_by_the_dead(self, data: st.DataObject) -> None:
        """The worker's parent gives back what a process held that has ended."""
        chunk = self._chosen(data)
        stage_runner.release_lost(
            self.run.ledger, self.run.options, stage=chunk["stage"], chunk=chunk["id"],
            job_id=chunk["job_id"], code="worker_lost", has_ended=lambda _: True,
        )  # fmt: skip

    @rule(what=st.sampled_from(("time", "reconcile", "sweep")))
    def behind(self, what: str) -> None:
        """What goes on by itself."""
        if what == "time":
            self.database.let_time_pass()
        elif what == "reconcile":
            reconcile.reconcile(self.run)
        else:
            sweep.sweep(self.run)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), verb=st.sampled_from(("cancel", "retry", "rollback")))
    def ask(self, data: st.DataObject, verb: str) -> None:
        """A person does something with a job, of which they looked at the row long ago."""
        with suppress(PermanentError):
            self.ask_for(verb, data.draw(st.sampled_from(self.jobs)))

    # --- what always holds --------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        assert self.database.rows(_WRONG, [str(state) for state in ENDED]) == []
        assert self.database.rows(_SUMS) == []
        for job_id in self.jobs:
            self._check_original(job_id)

    def teardown(self) -> None:
        """All is well again: the reconciler alone brings every job to rest, after any verb too."""
        self._settle()
        self.holds()
        for verb in ("retry", "rollback"):
            for job_id in self.jobs:
                self._try_out(verb, job_id)
        for job_id in self.jobs:
            findings = verify._ledger(self.run.lake, self.database.job(job_id))
            assert next(f for f in findings if f.check == "at rest").ok
        self.holds()

    def _try_out(self, verb: str, job_id: UUID) -> None:
        before = self.database.job(job_id)
        try:
            done = self.ask_for(verb, job_id)
        except PermanentError as error:
            told = str(error)
            assert verb == "retry" or before["records_seen"] == 0, told
            assert verb == "rollback" or "rolled back" in told, told
            return
        self._settle()
        after = self.database.job(job_id)["status"]
        if verb == "rollback":
            assert after == "rolled_back"
        elif done:
            assert after == JobStatus.DONE
        else:
            assert after == before["status"] == JobStatus.DONE

    # --- how ----------------------------------------------------------------------------------

    def ask_for(self, verb: str, job_id: UUID) -> Any:
        job = self.database.job(job_id)
        if verb == "cancel":
            return job_control.cancel(self.run, job_id, job["user_id"])
        if verb == "retry" and job["completed_at"] is not None:
            return job_control.retry(self.run, job)
        if verb == "rollback":
            return roll_back(self.run, job["user_id"], job_id)
        return None

    def _settle(self) -> None:
        """Only what the reconciler sends is carried out."""
        self.driver.sent.clear()
        for _ in range(60):
            self.database.let_time_pass()
            self.database.rows("UPDATE imports.sets SET waits_until = now() - interval '1 hour'")
            reconcile.reconcile(self.run)
            self.driver.drain()
            if not self.database.rows("SELECT id FROM imports.jobs WHERE completed_at IS NULL"):
                return
        raise AssertionError(self.database.rows(
            "SELECT j.status, j.remaining, c.kind, c.stage, c.status AS now, c.attempt "
            "FROM imports.jobs AS j LEFT JOIN imports.chunks AS c ON c.job_id = j.id "
            "WHERE j.completed_at IS NULL"
        ))  # fmt: skip

    def _chosen(self, data: st.DataObject) -> dict[str, Any]:
        """A chunk that is open, most often; else any, as late messages name them."""
        asked = "SELECT * FROM imports.chunks WHERE job_id = ANY(%s) ORDER BY id"
        rows = self.database.rows(asked, self.jobs)
        which = data.draw(st.integers(0, 9))
        if which:
            rows = [row for row in rows if row["status"] in ("ready", "leased")] or rows
        if which > 5:
            rows = [row for row in rows if row["kind"] == "finish"] or rows
        return rows[data.draw(st.integers(0, 99)) % len(rows)]

    def carry_out(self, chunk: dict[str, Any]) -> None:
        trouble = self.work.trouble
        with suppress(KeyboardInterrupt):
            self.driver.perform(Stage(chunk["stage"]), chunk["id"], chunk["job_id"])
        trouble.error = trouble.inside = None

    def latest(self) -> dict[str, Any]:
        """The first open chunk of the job that was dropped last."""
        asked = f"SELECT * FROM imports.chunks WHERE job_id = %s AND {_OPEN} ORDER BY id LIMIT 1"
        (row,) = self.database.rows(asked, self.jobs[-1])
        return row

    def _expire(self, chunk: int) -> None:
        self.database.rows(
            "UPDATE imports.chunks SET lease_expires = now() - interval '1 hour' WHERE id = %s "
            "AND status = 'leased'", chunk,
        )  # fmt: skip

    def _check_original(self, job_id: UUID) -> None:
        """The bytes that were dropped lie where the ledger says, or where they came in."""
        job = self.database.job(job_id)
        data, work = self.run.folders.data, self.run.folders.original(job_id, job["source_name"])
        places = [data / job["archived_path"]] if job["archived_path"] else []
        if job["completed_at"] is None:
            places += [work, *_left_by_a_finish(data, job)]
        held = [path.read_bytes() for path in places if path.is_file()]
        assert str(job_id).encode() in held, (job["status"], job["archived_path"])


def _left_by_a_finish(data: Path, job: dict[str, Any]) -> list[Path]:
    return [path for folder in ("processed", "failed") for path in (data / folder).rglob("*")
            if path.name.endswith(job["source_name"])]  # fmt: skip


@pytest.fixture
def beside(
    run: Runtime, make_run: Callable[..., Runtime], driver: Driver, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[type[Ledger]]:  # fmt: skip
    """The machine on a lake of its own."""
    run.options = make_run(max_attempts=3, max_splits=3).options

    held = Held(database.url)

    class Here(Ledger):
        lake = Lakeside(run, driver, held, monkeypatch)

    yield Here
    held.close()


#: As many as take some twenty seconds; more by hand: `DATAPUNK_NO_TRAP_EXAMPLES=1000`.
EXAMPLES = int(os.environ.get("DATAPUNK_NO_TRAP_EXAMPLES", "20"))


def test_every_job_comes_to_rest(beside: type[Ledger]) -> None:
    run_state_machine_as_test(
        beside,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            derandomize=EXAMPLES <= 20,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("error", sorted(ERRORS))
def test_no_error_at_any_stage_is_a_trap(beside: type[Ledger], error: str) -> None:
    """Met at every try, by a job for each stage; then all of them come to rest, and each verb
    works."""
    machine = beside()
    for stage in Stage:
        machine.drop_one()
        while (chunk := machine.latest())["stage"] != stage:
            machine.carry_out(chunk)
        machine.fail_at_each_try(chunk, error, "ending", 12)
        reconcile.reconcile(machine.run)
        machine.holds()
    for verb in ("cancel", "retry"):
        for job_id in machine.jobs[::2]:
            with suppress(PermanentError):
                machine.ask_for(verb, job_id)
    machine.holds()
    machine.teardown()
    dead = "SELECT DISTINCT detail->>'stage' AS stage FROM imports.events WHERE kind = 'dead'"
    met = {row["stage"] for row in machine.database.rows(dead)}
    passes = {"transient", "disk_full", "artefact_gone"}
    beyond = {"rejected": {*Stage} - {Stage.FINISH}}.get(
        error, {*Stage} if error in passes else set()
    )
    assert met >= {*Stage} - beyond - {Stage.NORMALISE}


# --- one at a time ----------------------------------------------------------------------------

_LOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s "
    "AND datname = current_database()"
)
ROWS = b"".join(b'{"id": %d, "name": "row %d"}\n' % (n, n) for n in range(40))
Drop = Callable[[str, str, bytes], UUID]
ANA = "ana@example.org"


@pytest.fixture
def small(run: Runtime, make_run: Callable[..., Runtime]) -> Runtime:
    run.options = make_run(slices=SliceLimits(records=10), max_attempts=3).options
    return run


def settle(run: Runtime, driver: Driver, database: Database, turns: int = 12) -> None:
    for _ in range(turns):
        driver.drain()
        database.let_time_pass()
        reconcile.reconcile(run)
    driver.drain()


def failed_checks(run: Runtime, reader: Lake, job: dict[str, Any]) -> list[verify.Finding]:
    return [found for found in verify.verify(run, reader, job) if not found.ok]


@pytest.mark.parametrize("state", ["loading", "finishing"])
@pytest.mark.parametrize("mended", [True, False])
def test_a_lake_that_the_code_before_wedged_heals(
    small: Runtime, drop: Drop, driver: Driver, database: Database, place: Settings,
    monkeypatch: pytest.MonkeyPatch, state: str, mended: bool, reader: Lake,
) -> None:  # fmt: skip
    """A finish with no attempt left and nothing remaining, as pictures left it: after the upgrade
    and a turn of the reconciler the job has ended, and so does what came after it."""
    owner = place.url("owner")
    job_id = drop(ANA, "rows.ndjson", ROWS)
    while not any(message.stage is Stage.FINISH for message in driver.sent):
        driver.step()
    driver.sent.clear()
    since = [one.name for one in migrate.status(owner) if one.name >= "0016"]
    assert set(migrate.downgrade(owner, len(since))) == set(since)
    database.rows(
        "UPDATE imports.chunks SET attempt = 3, publishes = 7, last_error_code = 'AssertionError', "
        "enqueued_at = now() - interval '1 hour', not_before = now() - interval '1 hour' "
        "WHERE kind = 'finish'"
    )
    database.rows("UPDATE imports.jobs SET status = %s", state)
    assert set(migrate.upgrade(owner)) == set(since)
    with monkeypatch.context() as patch:
        if not mended:
            patch.setattr("tasks.ingest.finish.archive_original", raising(AssertionError))
        reconcile.reconcile(small)
        driver.drain()
        later = drop(ANA, "later.ndjson", ROWS[:100])
        settle(small, driver, database, 1 if mended else 6)

    job = database.job(job_id)
    said = (job["status"], job["error_code"], job["remaining"])
    assert said == (("done", None, 0) if mended else ("failed", "AssertionError", 0))
    assert database.job(later)["status"] == ("done" if mended else "failed")
    assert failed_checks(small, reader, job) == []
    if not mended:
        assert (small.folders.data / job["archived_path"]).read_bytes() == ROWS
        assert job_control.retry(small, job) == 1
        settle(small, driver, database, 2)
        assert database.job(job_id)["status"] == "done"
        assert failed_checks(small, reader, database.job(job_id)) == []


def test_what_killed_the_last_step_is_not_met_twice(
    small: Runtime, drop: Drop, driver: Driver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies while it compares."""
    monkeypatch.setattr("tasks.ingest.finish.compare_user", raising(KeyboardInterrupt))
    job_id = drop(ANA, "rows.ndjson", ROWS)
    with pytest.raises(KeyboardInterrupt):
        driver.drain()
    assert database.job(job_id)["completed_at"] is None
    database.let_time_pass()
    reconcile.reconcile(small)
    driver.drain()
    assert database.job(job_id)["status"] == "done"


def test_an_artefact_that_never_stays_is_a_defect_of_ours(
    small: Runtime, drop: Drop, driver: Driver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new beginning forgets the attempts; they have a bound of their own."""
    with monkeypatch.context() as patch:
        patch.setitem(WORK, Stage.SCREEN, raising(lambda: BrokenSpool("spool")))
        job_id = drop(ANA, "rows.ndjson", ROWS)
        settle(small, driver, database, 20)
    job = database.job(job_id)
    assert (job["status"], job["error_code"]) == ("failed", "BrokenSpool")
    assert {chunk["stage"] for chunk in database.chunks(job_id)} == {"screen"}
    assert job_control.retry(small, job) > 0
    settle(small, driver, database, 3)
    assert (database.job(job_id)["status"], counts(database.job(job_id))[:2]) == ("done", (40, 40))


def test_what_screened_and_never_loaded_is_not_counted(
    small: Runtime, drop: Drop, driver: Driver, database: Database, reader: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setitem(WORK, Stage.LOAD, raising(AssertionError))
        job_id = drop(ANA, "rows.ndjson", ROWS)
        settle(small, driver, database)
    job = database.job(job_id)
    assert (job["status"], counts(job)) == ("failed", (0, 0, 0, 0))
    assert all(chunk["tally"] for chunk in database.chunks(job_id))
    assert [f.check for f in failed_checks(small, reader, job)] == []


def test_a_job_rejected_half_way_is_taken_back_or_goes_on(
    small: Runtime, drop: Drop, driver: Driver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has loaded records by then, and another error may have come first."""
    real = upload.Cutter.finish

    def broken(cutter: upload.Cutter) -> None:
        cutter.flush()
        driver.drain()
        raise Rejected(Reason.ARCHIVE_BROKEN, "It breaks off.")

    monkeypatch.setattr(upload.Cutter, "finish", broken)
    first = drop(ANA, "first.ndjson", ROWS)
    driver.drain()
    job = database.job(first)
    assert (job["status"], job["records_loaded"]) == ("rejected", 40)
    assert roll_back(small, job["user_id"], first).documents == 40

    with monkeypatch.context() as patch:
        patch.setitem(WORK, Stage.LOAD, raising(AssertionError))
        second = drop(ANA, "second.ndjson", ROWS)
        settle(small, driver, database)
    monkeypatch.setattr(upload.Cutter, "finish", real)
    assert database.job(second)["error_code"] is not None
    job_control.retry(small, database.job(second))
    settle(small, driver, database, 3)
    (whole,) = database.chunks(second, "upload")
    assert (whole["status"], whole["last_error_code"]) == ("done", None), "it was cut to its end"
    assert database.job(second)["status"] == "done"


def test_cancel_leaves_nothing_that_was_cut_meanwhile(
    small: Runtime, drop: Drop, driver: Driver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker holds its chunk while it commits more of them, and `cancel` waits for that row."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    user_id = database.job(job_id)["user_id"]
    waits, cut = threading.Event(), upload.Cutter._commit_chunks
    stopping = threading.Thread(target=lambda: job_control.cancel(small, job_id, user_id))

    def commit(cutter: upload.Cutter, to: Commit) -> None:
        cut(cutter, to)
        if not waits.is_set():
            waits.set()
            stopping.start()
            while not database.one(_LOCKED, "%imports.chunks%"):
                time.sleep(0.01)

    monkeypatch.setattr(upload.Cutter, "_commit_chunks", commit)
    driver.drain()
    stopping.join()
    assert {chunk["status"] for chunk in database.chunks(job_id)} == {"dead"}
    driver.drain()
    assert database.job(job_id)["status"] == "cancelled"


@pytest.mark.parametrize("at", ["work", "processed", "failed", "own name", "sealed"])
def test_the_original_is_found_wherever_a_finish_left_it(
    small: Runtime, drop: Drop, driver: Driver, database: Database, at: str
) -> None:
    drop(ANA, "rows.ndjson", ROWS[:50])
    driver.drain()  # another job has the plain name
    job_id = drop(ANA, "rows.ndjson", ROWS)
    while not any(message.stage is Stage.FINISH for message in driver.sent):
        driver.step()
    driver.sent.clear()
    job, folders = database.job(job_id), small.folders
    original = folders.original(job_id, "rows.ndjson")
    day = folders.processed / ANA / f"{job['created_at']:%Y-%m-%d}"
    target = {
        "work": original,
        "processed": day / f"{str(job_id)[:8]}-rows.ndjson",
        "failed": folders.failed / ANA / "rows.ndjson",
        "own name": folders.failed / ANA / f"{str(job_id)[:8]}-rows.ndjson",
        "sealed": folders.infected / str(job["user_id"]) / f"{job_id}.original.age",
    }[at]
    target.parent.mkdir(parents=True, exist_ok=True)
    original.rename(target)
    found = job_control.cancel(small, job_id, job["user_id"])
    assert (found.stopped, found.ended) == (0, True)
    after = database.job(job_id)
    assert after["status"] == "cancelled"
    assert folders.data / after["archived_path"] == target
    if at == "work":
        sweep.sweep(small)
        kept = folders.data / database.job(job_id)["archived_path"]
        assert kept == folders.failed / ANA / "rows.ndjson"
        assert (kept.read_bytes(), kept.with_name(kept.name + ".error.txt").exists()) == (
            ROWS,
            True,
        )
        assert job_control.retry(small, after) == 1, "with a row that was read before the sweep"
        settle(small, driver, database, 2)
        assert database.job(job_id)["status"] == "done"
        assert (folders.data / database.job(job_id)["archived_path"]).read_bytes() == ROWS


def test_a_job_with_no_step_left_gets_its_end(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    """Our code leaves none; should there be one, it is no trap either."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    while not any(message.stage is Stage.FINISH for message in driver.sent):
        driver.step()
    driver.sent.clear()
    database.rows("UPDATE imports.chunks SET status = 'dead' WHERE kind = 'finish'")
    database.rows("UPDATE imports.jobs SET remaining = 3")
    assert reconcile.reconcile(small)["freed"] == 1
    driver.drain()
    job = database.job(job_id)
    assert (job["status"], job["remaining"]) == ("done", 0)
