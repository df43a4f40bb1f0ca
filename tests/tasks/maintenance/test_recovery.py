"""When a service is back, what waited for it goes on at once; a defect's waits stay long."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from kombu.exceptions import OperationalError

from schemas.errors import ServiceDown, TransientError
from schemas.files import SliceLimits
from schemas.progress import Stage
from sql.vectors import Backlog
from tasks.derived import embedding_backfill
from tasks.maintenance import reconcile, recovery
from tasks.runtime import dispatch
from tasks.runtime.context import Broker, Runtime
from tests.support import sets
from tests.support.lake import Database, Driver, zipped
from tests.tasks.runtime.test_ledger import ANA, ROWS, check_done, failing, leased
from workers import wiring
from workers.settings import Settings

pytestmark = pytest.mark.services

Drop = Callable[[str, str, bytes], UUID]
Seen = Callable[[object], None]
Away = Callable[[bool], None]

#: What each service that is away is known by in the ledger.
CODES = ["scanner_down", "os_28", "os_30", "transient_DiskFull"]


@pytest.fixture
def small(run: Runtime, make_run: Callable[..., Runtime]) -> Runtime:
    """A lake of small chunks, whose waits are those of earnest."""
    run.options = make_run(retry_delay_s=1.0, slices=SliceLimits(records=4)).options
    return run


@pytest.fixture
def away(small: Runtime, monkeypatch: pytest.MonkeyPatch) -> Away:
    """Says of every service that it does not answer, or that it does."""

    def tell(gone: bool) -> None:
        monkeypatch.setattr(small.scanner, "answers", lambda: not gone)
        monkeypatch.setattr(recovery, "_has_room", lambda _: not gone)
        monkeypatch.setattr(recovery, "_database_has_room", lambda _: not gone)

    return tell


def longest_wait(database: Database) -> float:
    """The longest time that a chunk is not to be sent for."""
    return float(
        database.one(
            "SELECT coalesce(extract(epoch FROM max(not_before) - clock_timestamp()), 0) "
            "FROM imports.chunks WHERE status = 'ready'"
        )
    )


def pass_by(database: Database, seconds: float) -> None:
    """That much time goes by for the ledger; less than nothing is a clock that is set back."""
    by = timedelta(seconds=seconds)
    database.rows(
        "UPDATE imports.chunks SET not_before = not_before - %(by)s, "
        "lease_expires = lease_expires - %(by)s, enqueued_at = enqueued_at - %(by)s".replace(
            "%(by)s", "%s::interval"
        ),
        by, by, by,
    )  # fmt: skip
    database.rows("UPDATE vectors.waiting SET taken_until = taken_until - %s::interval", by)
    database.rows("UPDATE imports.sets SET waits_until = waits_until - %s::interval", by)
    database.rows("UPDATE analytics.touched SET at = at - %s::interval", by)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.threat("disk_full", seen="full, then room again: what waited goes on at once")
def test_what_waits_for_a_service_goes_on_when_it_answers(
    small: Runtime, away: Away, drop: Drop, driver: Driver, database: Database, code: str
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    away(True)
    with failing(Stage.NORMALISE, lambda: TransientError("away", code=code)) as met:
        for _ in range(25):
            driver.drain()
            assert longest_wait(database) > 5, "nobody is asked to try in vain"
            assert reconcile.reconcile(small)["recovered"] == 0
            assert not driver.sent
            pass_by(database, 100)
            reconcile.reconcile(small)
        driver.drain()
    assert len(set(met)) == 9
    assert len(met) > 200, "and yet each is tried now and then"
    away(False)
    assert reconcile.reconcile(small)["recovered"] == 9
    assert longest_wait(database) <= small.options.retry_delay_s, "however long it was away"
    assert max(c["attempt"] for c in database.chunks(job_id)) == 0
    pass_by(database, 2)
    reconcile.reconcile(small)
    driver.drain()
    check_done(database, job_id)


def test_what_fails_though_the_service_answers_is_tried_less_often_in_time(
    small: Runtime, away: Away, drop: Drop, driver: Driver, database: Database
) -> None:
    drop(ANA, "rows.ndjson", ROWS)
    away(False)
    waits = []
    with failing(Stage.VALIDATE, lambda: TransientError("away", code="os_5")):
        for _ in range(30):
            driver.drain()
            reconcile.reconcile(small)
            waits.append(longest_wait(database))
            pass_by(database, 61)
            reconcile.reconcile(small)
    assert waits[0] <= 1
    assert waits[-1] > 30
    assert all(later > sooner - 1 for sooner, later in itertools.pairwise(waits))


def test_a_defect_waits_whatever_answers(
    small: Runtime, away: Away, drop: Drop, driver: Driver, database: Database
) -> None:
    drop(ANA, "rows.ndjson", ROWS)
    away(False)
    with failing(Stage.VALIDATE, lambda: RuntimeError("a defect"), times=3):
        for _ in range(3):
            driver.drain()
            pass_by(database, -20)  # it waits for so long, or longer
            assert reconcile.reconcile(small)["recovered"] == 0
            assert longest_wait(database) > 19
            database.let_time_pass()
            reconcile.reconcile(small)


# --- the broker -------------------------------------------------------------------------------


def test_a_broker_that_was_emptied_is_known_at_once(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    database.rows("UPDATE imports.chunks SET publish_count = 9 WHERE job_id = %s", job_id)
    marks = [True]
    small.broker = Broker(is_marked=lambda: bool(marks), mark=lambda: marks.append(True))
    small.queue_lengths = lambda: {"normalise": 1_000}  # whatever it says of itself
    assert not any(reconcile.reconcile(small).values())
    driver.sent.clear()
    marks.clear()
    done = reconcile.reconcile(small)
    assert (done["recovered"], done["started"], marks) == (9, 9, [True])
    assert len(driver.sent) == 9
    assert not any(reconcile.reconcile(small).values())
    driver.drain()
    check_done(database, job_id)


def test_the_mark_goes_with_the_messages(place: Settings) -> None:
    with wiring.broker_client(place) as client:
        client.flushall()
        assert not wiring.broker_is_marked(place)
        wiring.mark_broker(place)
        assert wiring.broker_is_marked(place)
        client.flushall()
        assert not wiring.broker_is_marked(place)


@pytest.mark.parametrize("ask", [wiring.broker_is_marked, wiring.mark_broker])
def test_a_broker_that_is_away_is_a_service_that_is_down(
    place: Settings, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Settings], Any]
) -> None:
    nowhere = redis.Redis(unix_socket_path=str(place.data_dir / "none"))
    monkeypatch.setattr(wiring, "broker_client", lambda _: nowhere)
    with pytest.raises(ServiceDown):
        ask(place)


def test_what_the_broker_does_not_take_is_sent_when_it_is_back(
    small: Runtime, drop: Drop, driver: Driver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    driver.sent.clear()
    database.rows("UPDATE imports.chunks SET enqueued_at = NULL, publish_count = 0")
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "send", _refuse_after(3, driver))
        for _ in range(20):
            reconcile.reconcile(small)
    assert sum(c["publish_count"] for c in database.chunks(job_id)) <= 3 * 20, "only what was sent"
    reconcile.reconcile(small)
    waiting = {c["id"] for c in database.chunks(job_id) if c["status"] == "ready"}
    assert waiting <= {message.chunk for message in driver.sent}, "none waits for a lost one"
    driver.drain()
    check_done(database, job_id)


def _refuse_after(number: int, driver: Driver) -> Callable[..., None]:
    taken: list[int] = []

    def send(*args: Any, **kwargs: Any) -> None:
        if len(taken) == number:
            raise OperationalError("the broker is away")
        taken.append(1)
        driver.send(*args, **kwargs)

    return send


def test_a_message_that_is_lost_is_sent_as_soon_the_tenth_time_as_the_first(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    for _ in range(12):
        driver.sent.clear()
        pass_by(database, 16)
        assert reconcile.reconcile(small)["sent_again"] == 1
    chunk = database.chunks(job_id, "upload")[0]["id"]
    leased(small, job_id, chunk, Stage.VALIDATE)  # and dies
    driver.sent.clear()
    pass_by(database, 61)
    for _ in range(5):
        assert reconcile.reconcile(small)["sent_again"] == 1, "its lease ran out"
        driver.sent.clear()
        pass_by(database, 16)
    reconcile.reconcile(small)
    driver.drain()
    check_done(database, job_id)


# --- the clock --------------------------------------------------------------------------------


def states(small: Runtime, drop: Drop, driver: Driver, database: Database) -> UUID:
    """A job with a chunk in each state in which something is waited for."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    chunks = [c["id"] for c in database.chunks(job_id)]
    leased(small, job_id, chunks[0], Stage.NORMALISE)  # its worker dies
    with failing(Stage.NORMALISE, lambda: RuntimeError("a defect"), times=1):
        driver.perform(Stage.NORMALISE, chunks[1], job_id)
    with failing(Stage.NORMALISE, lambda: OSError(28, "no room"), times=1):
        driver.perform(Stage.NORMALISE, chunks[2], job_id)
    driver.perform(Stage.NORMALISE, chunks[3], job_id)
    driver.sent.clear()  # and the messages of all others are lost
    return job_id


@pytest.mark.threat("clock", seen="an hour ahead or behind: every wait ends as promised")
@pytest.mark.parametrize("hours", [-1, -30, 1, 30])
def test_no_wait_grows_by_a_clock_that_is_set(
    small: Runtime, drop: Drop, driver: Driver, database: Database, hours: int
) -> None:
    """Whatever the ledger's moments are, in six minutes all of the waits are over."""
    job_id = states(small, drop, driver, database)
    pass_by(database, hours * 3600)
    for _ in range(12):
        reconcile.reconcile(small)
        driver.drain()
        pass_by(database, 30)
    check_done(database, job_id)


def test_a_worker_that_lives_keeps_its_lease_when_the_clock_is_set_back(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.ndjson", ROWS)
    chunk = database.chunks(job_id, "upload")[0]["id"]
    driver.sent.clear()
    held = leased(small, job_id, chunk, Stage.VALIDATE)
    pass_by(database, -3600)
    for _ in range(10):
        reconcile.reconcile(small)
        assert small.ledger.heartbeat(held, 60)
        driver.drain()
        pass_by(database, 15)
    row = database.chunks(job_id, "upload")[0]
    assert (row["status"], row["token"], row["attempt"]) == ("leased", held.token, 1)


def test_a_set_waits_no_longer_than_it_should(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    drop(ANA, f"{sets.STEM}-1-001.zip", zipped({"rows.ndjson": ROWS}))
    driver.drain()
    pass_by(database, -3600)
    reconcile.reconcile(small)
    ahead = database.one(
        "SELECT extract(epoch FROM max(waits_until) - clock_timestamp()) FROM imports.sets"
    )
    assert float(ahead) <= small.options.set_wait_s


def test_a_turn_behind_the_imports_is_free_again_when_the_clock_is_set_back(
    small: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "note.txt", b"A note about a lake that is still in the morning.")
    driver.drain()
    reconcile.reconcile(small)
    user_id = database.job(job_id)["user_id"]
    assert len(Backlog(small.lake, user_id).take("full", 9, 90)) == 1  # and dies
    pass_by(database, -3600)
    driver.turns.clear()
    assert embedding_backfill.send_turns(small) == 1
    driver.take_turns(small)
    assert database.one("SELECT count(*) FROM vectors.waiting") == 0
