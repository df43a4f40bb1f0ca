"""The state machine: whatever is lost, doubled or forged, each chunk is committed once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg_pool import ConnectionPool
from psycopg_pool.pool import AddConnection

from schemas.errors import TransientError
from schemas.files import SliceLimits
from schemas.lease import Lease
from schemas.progress import Stage
from sql.connection import open_pool
from sql.store import Fenced, Lake
from tasks.maintenance import reconcile
from tasks.operations import job_control, verify
from tasks.runtime.context import Runtime
from tests.support import progress
from tests.support.lake import WORK, Database, Driver, FakeEmbedder, counts, zipped
from tests.support.ledger import ANA, ROWS, Drop, Secret, check_done, failing, go_on, lease, leased
from workers.settings import Settings

pytestmark = pytest.mark.services


@pytest.fixture
def embedded(small: Runtime, drop: Drop, driver: Driver) -> UUID:
    """The same of documents that get vectors."""
    texts = {f"{n}.txt": b"A quiet day by the lake, number %d." % n for n in range(40)}
    job_id = drop(ANA, "texts.zip", zipped(texts))
    driver.step()
    return job_id


# --- leases -----------------------------------------------------------------------------------


def test_a_chunk_is_leased_once(small: Runtime, cut: UUID, database: Database) -> None:
    chunk = database.chunks(cut)[0]
    first = leased(small, cut, chunk["id"], Stage.NORMALISE)
    assert lease(small, cut, chunk["id"], Stage.NORMALISE) is None
    assert (first.attempt, first.ref.job_id, first.ref.slices[0][1]) == (1, cut, 0)
    (row,) = [c for c in database.chunks(cut) if c["id"] == chunk["id"]]
    assert (row["status"], row["attempt"], row["leased_by"]) == ("leased", 1, "test")


@pytest.mark.threat("zombie", seen="eight ask at once: one")
def test_many_asking_at_once_give_one(small: Runtime, cut: UUID, database: Database) -> None:
    chunk = database.chunks(cut)[0]["id"]
    got: list[Lease | None] = []
    threads = [
        threading.Thread(target=lambda: got.append(lease(small, cut, chunk, Stage.NORMALISE)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert sum(c is not None for c in got) == 1


def test_a_lease_that_ran_out_is_taken_over(small: Runtime, cut: UUID, database: Database) -> None:
    chunk = database.chunks(cut)[0]["id"]
    first = leased(small, cut, chunk, Stage.NORMALISE)
    database.let_time_pass()
    second = leased(small, cut, chunk, Stage.NORMALISE)
    assert second.token > first.token
    assert second.attempt == 2, "the attempt of the lost worker counts"


def test_a_heartbeat_holds_the_lease_until_another_has_it(
    small: Runtime, cut: UUID, database: Database
) -> None:
    chunk = database.chunks(cut)[0]["id"]
    first = leased(small, cut, chunk, Stage.NORMALISE)
    database.let_time_pass()
    assert small.ledger.heartbeat(first, 60)
    assert lease(small, cut, chunk, Stage.NORMALISE) is None
    database.let_time_pass()
    second = leased(small, cut, chunk, Stage.NORMALISE)
    assert not small.ledger.heartbeat(first, 60)
    assert small.ledger.heartbeat(second, 60)


def test_a_chunk_that_kills_its_worker_counts_itself(
    small: Runtime, cut: UUID, database: Database
) -> None:
    chunk = database.chunks(cut)[0]["id"]
    for attempt in range(1, 3 + 6 + 1):  # three to read it, and six to cut it up
        assert leased(small, cut, chunk, Stage.NORMALISE).attempt == attempt
        database.let_time_pass()
    assert lease(small, cut, chunk, Stage.NORMALISE) is None


# --- fencing ----------------------------------------------------------------------------------


@pytest.mark.threat("zombie", seen="a zombie at load: fenced, its rows rolled back")
def test_a_zombies_commit_is_thrown_away_whole(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS[:200])
    driver.step()
    (chunk,) = database.chunks(job_id)
    for stage in (Stage.NORMALISE, Stage.SCREEN):
        assert driver.perform(stage, chunk["id"], job_id)
    if chunk["embed"]:
        assert driver.perform(Stage.EMBED, chunk["id"], job_id)
    zombie = leased(small, job_id, chunk["id"], Stage.LOAD)
    ending = WORK[Stage.LOAD](small, zombie)
    database.let_time_pass()
    assert driver.perform(Stage.LOAD, chunk["id"], job_id), "another worker loads it"
    before = database.job(job_id), database.documents(job_id)
    with pytest.raises(Fenced), small.lake.commit(zombie) as commit:
        ending(commit)
    assert (database.job(job_id), database.documents(job_id)) == before


@pytest.mark.threat("zombie", seen="a lease lost at work: fenced, an event says so")
def test_a_lease_lost_at_work_is_fenced_and_counted(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    work = WORK[Stage.NORMALISE]

    def slow(run: Runtime, held: Lease) -> Any:
        ending = work(run, held)
        database.let_time_pass()
        leased(run, cut, held.ref.id, Stage.NORMALISE)
        return ending

    chunk = database.chunks(cut)[0]["id"]
    WORK[Stage.NORMALISE] = slow
    try:
        assert not driver.perform(Stage.NORMALISE, chunk, cut)
    finally:
        WORK[Stage.NORMALISE] = work
    kinds = database.rows("SELECT kind, chunk_id FROM imports.events WHERE kind = 'fenced'")
    assert kinds == [{"kind": "fenced", "chunk_id": chunk}]
    row = next(c for c in database.chunks(cut) if c["id"] == chunk)
    assert (row["stage"], row["status"], row["artefacts"]) == ("normalise", "leased", {})
    go_on(small, driver, database)
    check_done(database, cut)


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.threat("disk_full", seen="30 times in a row: no attempt counted, all rows loaded")
def test_a_transient_error_counts_no_attempt(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    with failing(Stage.NORMALISE, lambda: TransientError("no disk"), times=30) as met:
        go_on(small, driver, database, turns=40)
    assert len(met) == 30
    assert all(c["attempt"] <= 1 for c in database.chunks(cut))
    check_done(database, cut)


def test_a_defect_waits_longer_each_time(
    run: Runtime, make_run: Callable[..., Runtime], drop: Drop, driver: Driver, database: Database
) -> None:
    run.options = make_run(retry_delay_s=1.0).options
    job_id = drop(ANA, "rows.ndjson", ROWS)
    waits = []
    with failing(Stage.VALIDATE, lambda: Secret("x")):
        for _ in range(4):
            driver.drain()
            waits.append(
                database.one(
                    "SELECT extract(epoch FROM not_before - clock_timestamp())::float "
                    "FROM imports.chunks WHERE job_id = %s",
                    job_id,
                )
            )
            database.let_time_pass()
            reconcile.reconcile(run)
    assert all(later > 1.5 * sooner > 0 for sooner, later in itertools.pairwise(waits))


def test_what_is_given_back_is_not_sent_before_its_time(
    run: Runtime, make_run: Callable[..., Runtime], drop: Drop, driver: Driver
) -> None:
    run.options = make_run(retry_delay_s=100.0).options
    drop(ANA, "rows.ndjson", ROWS)
    with failing(Stage.VALIDATE, lambda: TransientError("no disk")) as met:
        driver.drain()
        done = reconcile.reconcile(run)
        assert (done["sent_again"], done["started"]) == (0, 0)
        driver.drain()
    assert len(met) == 1


def test_a_defect_burns_attempts_and_the_rest_is_loaded(
    small: Runtime,
    cut: UUID,
    driver: Driver,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    poisoned = database.chunks(cut)[1]["id"]
    work = WORK[Stage.SCREEN]

    def screen(run: Runtime, held: Lease) -> Any:
        if held.ref.id == poisoned:
            raise Secret("planted canary 4711")
        return work(run, held)

    WORK[Stage.SCREEN] = screen
    try:
        go_on(small, driver, database)
    finally:
        WORK[Stage.SCREEN] = work
    job = database.job(cut)
    assert (job["status"], job["error_code"], job["remaining"]) == ("failed", "Secret", 0)
    dead = next(c for c in database.chunks(cut) if c["id"] == poisoned)
    assert (dead["status"], dead["attempt"], dead["stage"]) == ("dead", 3, "screen")
    lost = sum(1 for c in database.chunks(cut) if c["status"] == "dead")
    assert lost == 1
    assert 0 < len(database.documents(cut)) == job["records_loaded"] < 40
    written = capsys.readouterr()
    events = str(database.rows("SELECT * FROM imports.events"))
    assert "4711" not in written.out + written.err + str(job) + str(dead) + events

    assert job_control.retry(small, job) == 1
    go_on(small, driver, database)
    after = database.job(cut)
    assert (after["status"], counts(after), after["error_code"]) == ("done", (40, 40, 0, 0), None)
    ends = [c["status"] for c in database.chunks(cut, "finish")]
    assert ends == ["done", "done"]


def test_memory_errors_are_given_back(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    with failing(Stage.NORMALISE, MemoryError, times=1):
        go_on(small, driver, database)
    check_done(database, cut)


# --- messages ---------------------------------------------------------------------------------


def test_messages_sent_twice_do_nothing_twice(
    small: Runtime, cut: UUID, driver: Driver, database: Database, embedder: FakeEmbedder
) -> None:
    driver.sent.extend(list(driver.sent) * 2)
    driver.drain()
    check_done(database, cut)
    assert len(embedder.texts) == len(set(embedder.texts))


@pytest.mark.parametrize("stage", Stage)
def test_forged_messages_are_no_ops(
    small: Runtime, cut: UUID, driver: Driver, database: Database, stage: Stage
) -> None:
    before = database.job(cut), database.chunks(cut)
    other = uuid4()
    chunk = database.chunks(cut)[0]["id"]
    assert not driver.perform(stage, 10**12, cut)
    assert not driver.perform(stage, chunk, other)
    for garbage in ("'; DROP TABLE imports.jobs; --", None, "x", {"a": 1}, [1]):
        for ids in ((garbage, cut), (chunk, garbage)):
            with pytest.raises((ValueError, TypeError)):
                driver.perform(stage, *ids)
    assert (database.job(cut), database.chunks(cut)) == before


def test_a_stage_that_is_not_due_is_not_done(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    chunk = database.chunks(cut)[0]["id"]
    for stage in (Stage.SCREEN, Stage.LOAD, Stage.FINISH, Stage.EXTRACT):
        assert not driver.perform(stage, chunk, cut)
    driver.drain()
    check_done(database, cut)
    for stage in (Stage.NORMALISE, Stage.LOAD):
        driver.perform(stage, chunk, cut)
    check_done(database, cut)


# --- sending ----------------------------------------------------------------------------------


def test_no_more_is_sent_than_the_window(
    run: Runtime, make_run: Callable[..., Runtime], drop: Drop, driver: Driver, database: Database
) -> None:
    run.options = make_run(slices=SliceLimits(records=2), dispatch_window=3).options
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    assert len(database.chunks(job_id)) > 10
    assert len(driver.sent) == 3
    while driver.sent:
        driver.step()
        assert len(driver.sent) <= 3
    check_done(database, job_id)


def test_a_broker_that_forgets_everything_loses_nothing(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    driver.sent.clear()
    assert reconcile.reconcile(small)["sent_again"] == 0, "it is too early to think them lost"
    go_on(small, driver, database)
    check_done(database, cut)


def test_every_message_may_be_lost_once(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    seen = set()
    for _ in range(60):
        for message in list(driver.sent):
            if message not in seen:
                seen.add(message)
                driver.sent.remove(message)
        if driver.sent:
            driver.step()
        database.let_time_pass()
        reconcile.reconcile(small)
        if database.job(job_id)["completed_at"]:
            break
    check_done(database, job_id)


def test_only_what_is_overdue_is_sent_again(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    driver.sent.clear()
    chunks = database.chunks(cut)
    database.rows(
        "UPDATE imports.chunks SET enqueued_at = now() - interval '1 hour' WHERE id = %s",
        chunks[0]["id"],
    )
    assert reconcile.reconcile(small)["sent_again"] == 1
    assert [message.chunk for message in driver.sent] == [chunks[0]["id"]]
    assert reconcile.reconcile(small)["sent_again"] == 0, "and only once"


def test_what_waits_in_the_broker_is_not_sent_again(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    waiting = len(driver.sent)
    small.queue_lengths = lambda: {"normalise": waiting}
    database.let_time_pass()
    assert reconcile.reconcile(small)["sent_again"] == 0
    small.queue_lengths = lambda: {"normalise": waiting - 1}
    assert reconcile.reconcile(small)["sent_again"] == 1


def test_the_rest_of_the_way_is_sent(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    chunk = database.chunks(cut)[0]["id"]
    assert driver.perform(Stage.NORMALISE, chunk, cut)
    driver.sent.clear()
    database.let_time_pass()
    reconcile.reconcile(small)
    stages = {message.chunk: message.stage for message in driver.sent}
    assert stages.pop(chunk) is Stage.SCREEN
    assert set(stages.values()) == {Stage.NORMALISE}


def test_of_two_reconcilers_one_works(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    driver.sent.clear()
    database.let_time_pass()
    waiting = len(database.chunks(cut))
    inside: list[dict[str, int]] = []

    def another() -> dict[str, int]:
        small.queue_lengths = dict
        inside.append(reconcile.reconcile(small))
        return {}

    small.queue_lengths = another
    first = reconcile.reconcile(small)
    assert inside == [dict.fromkeys(first, 0)]
    assert first["sent_again"] == waiting == len(driver.sent)


# --- artefacts --------------------------------------------------------------------------------


def _spoil(artefact: Path, how: str) -> None:
    data = bytearray(artefact.read_bytes())
    if how == "gone":
        artefact.unlink()
    elif how == "cut":
        artefact.write_bytes(data[: len(data) // 2])
    elif how == "garbled":
        artefact.write_bytes(bytes(len(data)))
    else:
        index = int.from_bytes(data[8:16], "little")  # behind it lies what every stage reads
        data[30 if how == "flipped in the index" else 20 + index + 6] ^= 4
        artefact.write_bytes(data)


@pytest.mark.parametrize(
    "how", ["gone", "cut", "garbled", "flipped in the index", "flipped in a section"]
)
@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        (Stage.SCREEN, "spool"),
        (Stage.EMBED, "mask"),
        (Stage.LOAD, "spool"),
        (Stage.LOAD, "mask"),
        (Stage.LOAD, "vectors"),
    ],
)
def test_an_artefact_that_a_crash_took_or_a_disk_changed_is_made_again(
    small: Runtime,
    embedded: UUID,
    driver: Driver,
    database: Database,
    how: str,
    stage: Stage,
    kind: str,
) -> None:
    cut, chunk = embedded, database.chunks(embedded)[0]
    way = (Stage.NORMALISE, Stage.SCREEN, Stage.EMBED, Stage.LOAD)
    for done in way[: way.index(stage)]:
        assert driver.perform(done, chunk["id"], cut)
    (artefact,) = small.folders.chunks(cut).glob(f"{chunk['id']}.*.{kind}")
    _spoil(artefact, how)
    assert not driver.perform(stage, chunk["id"], cut)
    row = database.chunks(cut)[0]
    assert (row["stage"], row["status"], row["attempt"]) == ("normalise", "ready", 0)
    go_on(small, driver, database)
    check_done(database, cut)


def test_an_extract_that_was_cut_off_goes_on(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    """Its chunks stand already; a second try makes no second ones."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    (upload,) = database.chunks(job_id, "upload")
    assert driver.perform(Stage.VALIDATE, upload["id"], job_id)
    WORK[Stage.EXTRACT](small, leased(small, job_id, upload["id"], Stage.EXTRACT))
    chunks = [c["id"] for c in database.chunks(job_id)]
    assert len(chunks) > 2
    assert database.job(job_id)["remaining"] == len(chunks) + 1
    driver.drain()
    assert database.job(job_id)["status"] != "done", "the upload itself still owes its end"
    go_on(small, driver, database)
    assert [c["id"] for c in database.chunks(job_id)] == chunks
    check_done(database, job_id)


def test_a_finish_that_was_cut_off_is_done_again(
    small: Runtime, cut: UUID, driver: Driver, database: Database, reader: Lake
) -> None:
    """The original was moved, and then the worker died."""
    work = WORK[Stage.FINISH]

    def dies(run: Runtime, held: Lease) -> Any:
        work(run, held)
        raise TransientError("died before the commit")

    WORK[Stage.FINISH] = dies
    try:
        driver.drain()
    finally:
        WORK[Stage.FINISH] = work
    assert database.job(cut)["completed_at"] is None
    go_on(small, driver, database)
    check_done(database, cut)
    job = database.job(cut)
    assert (small.folders.data / job["archived_path"]).read_bytes() == ROWS
    assert [f.check for f in verify.verify(small, reader, job) if not f.ok] == []


def test_the_end_comes_after_every_chunk(
    small: Runtime, cut: UUID, driver: Driver, database: Database
) -> None:
    for message in list(driver.sent):
        assert database.chunks(cut, "finish") == []
        driver.step()
        del message
    (finish,) = database.chunks(cut, "finish")
    assert finish["status"] == "ready"
    driver.drain()
    check_done(database, cut)


def test_a_pool_looks_for_its_server_every_few_seconds(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that is away; psycopg's own would wait twice as long each time."""
    waits: list[float] = []

    def soon(pool: ConnectionPool[Any], task: Any, delay: float) -> None:
        if isinstance(task, AddConnection):
            waits.append(delay)
            pool.run_task(task)

    monkeypatch.setattr(ConnectionPool, "schedule_task", soon)
    pool = open_pool(f"postgresql:///?host={place.data_dir}", timeout=0.1)
    try:
        progress.until(lambda: len(waits) >= 30, lambda: len(waits))
    finally:
        pool.close()
    assert max(waits) <= 2
