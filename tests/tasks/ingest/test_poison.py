"""A chunk that can't be worked through is cut up until what is poison stands alone."""

from __future__ import annotations

import importlib
import io
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from pipeline import bisect
from schemas.files import Slice, SliceLimits
from schemas.progress import BISECT_ATTEMPTS, Stage
from schemas.records import RawRecord
from sql.store import Lake
from tasks.ingest import poison
from tasks.operations import job_control, quarantine, verify
from tasks.runtime import stage_runner
from tasks.runtime.context import Options, Runtime
from tests.support.formats import Sample, all_samples, member_of
from tests.support.lake import Database, Driver, counts, zipped
from tests.support.poison import rows
from tests.tasks.runtime.test_ledger import go_on
from workers import limits, wiring
from workers.cli.verbs import processes
from workers.embedded import unprivileged

ANA = "ana@example.org"

Drop = Callable[[str, str, bytes], UUID]


# --- the arithmetic ---------------------------------------------------------------------------


@given(st.integers(0, 300), st.integers(2, 12))
def test_groups_hold_everything_once_and_evenly(count: int, parts: int) -> None:
    things = list(range(count))
    made = list(bisect.groups(things, parts))
    assert [t for group in made for t in group] == things
    assert len(made) == min(parts, count)
    sizes = {len(group) for group in made}
    assert all(sizes) and (not sizes or max(sizes) - min(sizes) <= 1)


@given(st.sets(st.integers(0, 399)), st.integers(1, 400), st.integers(2, 12))
def test_any_poison_is_isolated_exactly(bad: set[int], count: int, parts: int) -> None:
    """Chunks that hold poison are cut again; what can't be cut is what is poison."""
    items = [7 + 3 * n for n in range(count)]
    waiting, alone, loaded = [(Slice(5, 7 + 3 * count), items)], [], []
    while waiting:
        whole, offsets = waiting.pop()
        if not bad & {(o - 7) // 3 for o in offsets}:
            loaded += offsets
        elif len(offsets) == 1:
            alone += offsets
        else:
            made = bisect.at_items(whole, offsets, parts)
            assert (made[0].slice.start, made[-1].slice.end) == (whole.start, whole.end)
            assert all(a.slice.end == b.slice.start for a, b in pairwise(made))
            for part in made:
                inside = [o for o in offsets if part.slice.start <= o < part.slice.end]
                assert 1 <= len(inside) == part.items < len(offsets)
                waiting.append((part.slice, inside))
    assert sorted(alone) == [7 + 3 * n for n in sorted(bad) if n < count]
    assert sorted(loaded + alone) == items


def test_slices_of_another_size_cut_where_they_meet() -> None:
    finer = [Slice(1, 9), Slice(10, 19), Slice(20, 29), Slice(30, 49), Slice(50, 59)]
    assert bisect.at_slices(Slice(10, 49), finer) == [Slice(10, 19), Slice(20, 29), Slice(30, 49)]
    assert bisect.at_slices(Slice(5, 25), finer) == [Slice(5, 9), Slice(10, 19), Slice(20, 25)]
    assert bisect.at_slices(Slice(30, 49), finer) == [Slice(30, 49)]
    assert bisect.at_slices(Slice(30, 49), []) == [Slice(30, 49)]


# --- every reader -----------------------------------------------------------------------------


@pytest.mark.parametrize("sample", all_samples(), ids=str)
def test_cut_anywhere_between_items_gives_the_same(sample: Sample) -> None:
    data = sample.file.read_bytes()
    broken = [data, data[: len(data) * 2 // 3], data[: len(data) // 2] + b"\x00\xff" + data[-40:]]
    for version in broken:
        _same_in_parts(sample, version)


def _same_in_parts(sample: Sample, data: bytes) -> None:
    reader = sample.form.reader
    source = io.BytesIO(data)
    member = member_of(sample.path, sample.file)
    context = reader.prepare(source, member)
    for whole in list(reader.slices(source, context, SliceLimits())):
        expected = list(reader.items(source, whole, context))
        places = sorted({item.offset for item in expected if item.offset < whole.end})
        for parts in {2, 3, max(2, len(places))}:
            cut = [p.slice for p in bisect.at_items(whole, places, parts)] if places else [whole]
            found = [item for part in cut for item in reader.items(source, part, context)]
            assert found == expected
        for item in [item for item in expected if isinstance(item, RawRecord)]:
            # Without one of them, as verify reads it.
            hole = Slice(item.offset, item.offset + item.length)
            left = bisect.around(whole, [hole])
            found = [item for part in left for item in reader.items(source, part, context)]
            # What is said of the file's end goes with its last item.
            end = whole.end if hole.end == whole.end else None
            assert found == [o for o in expected if o is not item and o.offset != end]
        finer = reader.slices(source, context, SliceLimits(size=1))
        cut = bisect.at_slices(whole, finer)
        assert [i for part in cut for i in reader.items(source, part, context)] == expected


# --- the ledger -------------------------------------------------------------------------------


@pytest.fixture
def hasty(run: Runtime, make_run: Callable[..., Runtime], poisonous: None) -> Runtime:
    run.options = make_run(max_attempts=1).options
    return run


def check(database: Database, job_id: UUID, total: int, data: bytes, bad: set[int]) -> None:
    """All but the bad are loaded once; the bad lie in quarantine, each with its own line."""
    job = database.job(job_id)
    assert (job["status"], job["remaining"]) == ("done", 0)
    assert counts(job) == (total, total - len(bad), 0, len(bad))
    texts = [d["content"] for d in database.documents(job_id)]
    assert sorted(texts) == sorted(f"row {n}" for n in range(total) if n not in bad)
    held = database.rows("SELECT * FROM imports.quarantine WHERE job_id = %s", job_id)
    lines = data.splitlines()
    assert {bytes(q["raw"]) for q in held} == {lines[n] for n in bad}
    for row in held:
        start, end = map(int, row["locator"].removeprefix("bytes ").split("-"))
        assert (row["code"], data[start:end]) == ("poison", bytes(row["raw"]))
    (file,) = database.files(job_id).values()
    assert (file["counts"]["seen"], file["counts"]["items"]) == (total, total)


@pytest.mark.services
@pytest.mark.parametrize("bad", [{0}, {99}, {41, 42}, {0, 13, 50, 99}], ids=str)
def test_poison_is_set_aside_and_the_rest_loads(
    hasty: Runtime,
    drop: Drop,
    driver: Driver,
    database: Database,
    reader: Lake,
    bad: set[int],
) -> None:
    data = rows(100, dict.fromkeys(bad, "choke"))
    job_id = drop(ANA, "rows.poison", data)
    go_on(hasty, driver, database, turns=40)
    check(database, job_id, 100, data, bad)
    findings = verify.verify(hasty, reader, database.job(job_id))
    assert all(finding.ok for finding in findings), findings
    events = database.rows("SELECT * FROM imports.events WHERE kind = 'poison'")
    assert len(events) == len(bad)
    assert "4711" not in str(events) + str(database.rows("SELECT detail FROM imports.quarantine"))


@pytest.mark.services
def test_poison_is_tried_again_at_the_desk_and_ends_nothing_there(
    hasty: Runtime,
    drop: Drop,
    driver: Driver,
    database: Database,
    reader: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = rows(10, {3: "choke"})
    job_id = drop(ANA, "rows.poison", data)
    go_on(hasty, driver, database, turns=40)
    found = importlib.import_module("pipeline.formats.poison_rows")
    user_id, choice = database.job(job_id)["user_id"], quarantine.Choice(code="poison")
    monkeypatch.setitem(found.KINDS, "choke", found.kill)
    assert quarantine.retry(hasty, user_id, choice) == quarantine.Retried(tried=1, still_bad=1)
    check(database, job_id, 10, data, {3})
    monkeypatch.setitem(found.KINDS, "choke", lambda: None)
    assert quarantine.retry(hasty, user_id, choice) == quarantine.Retried(tried=1, loaded=1)
    assert counts(database.job(job_id)) == (10, 10, 0, 0)
    assert all(f.ok for f in verify.verify(hasty, reader, database.job(job_id)))


@pytest.mark.services
def test_poison_that_a_person_mended_is_not_read_again(
    hasty: Runtime, drop: Drop, driver: Driver, database: Database, reader: Lake
) -> None:
    job_id = drop(ANA, "rows.poison", rows(10, {3: "choke"}))
    go_on(hasty, driver, database, turns=40)
    number = database.one("SELECT id FROM imports.quarantine")
    user_id = database.job(job_id)["user_id"]
    mended = quarantine.mend(hasty, user_id, number, b'{"id": 3, "text": "row 3"}')
    assert mended == quarantine.Retried(tried=1, loaded=1)
    assert counts(database.job(job_id)) == (10, 10, 0, 0)
    assert all(f.ok for f in verify.verify(hasty, reader, database.job(job_id)))


@pytest.mark.services
def test_what_is_not_poison_after_all_loads(
    run: Runtime,
    poisonous: None,
    drop: Drop,
    driver: Driver,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A chunk that died by chance is cut up, and all of it loads; one alone has three tries."""
    left = [6]

    def seldom() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise MemoryError

    found = importlib.import_module("pipeline.formats.poison_rows")
    monkeypatch.setitem(found.KINDS, "choke", seldom)
    data = rows(5, {3: "choke"})
    job_id = drop(ANA, "rows.poison", data)
    go_on(run, driver, database, turns=40)
    check(database, job_id, 5, data, set())
    assert left[0] < 0
    assert database.one("SELECT count(*) FROM imports.chunks WHERE last_error_code = 'split'") == 1


@pytest.mark.services
def test_many_small_files_are_told_apart_first(
    hasty: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    files = {f"{n:02}.poison": rows(2, {0: "choke"} if n == 17 else {}, first=2 * n)
             for n in range(40)}  # fmt: skip
    job_id = drop(ANA, "many.zip", zipped(files))
    go_on(hasty, driver, database, turns=40)
    job = database.job(job_id)
    assert (job["status"], counts(job)) == ("done", (80, 79, 0, 1))
    (held,) = database.rows("SELECT q.raw, f.path FROM imports.quarantine AS q "
                            "JOIN imports.files AS f ON f.id = q.file_id")  # fmt: skip
    assert held["path"] == "17.poison"
    assert b'"id": 34' in bytes(held["raw"])


@pytest.mark.services
@pytest.mark.parametrize("slices_too", [False, True])
def test_a_reader_that_kills_is_cut_by_bounds_and_set_aside_whole(
    hasty: Runtime,
    drop: Drop,
    driver: Driver,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    slices_too: bool,
) -> None:
    from pipeline.readers.json.ndjson import Ndjson

    data = rows(30, {})
    at = data.index(b'{"id": 20,')
    read_items, cut = Ndjson.items, Ndjson.slices

    def items(self: Any, source: Any, part: Slice, context: Any) -> Iterator[Any]:
        for item in read_items(self, source, part, context):
            if item.offset == at:
                raise MemoryError
            yield item

    def slices(self: Any, source: Any, context: Any, limits: SliceLimits) -> Iterator[Slice]:
        if limits.size < 10_000:
            raise MemoryError
        return cut(self, source, context, limits)

    monkeypatch.setattr(Ndjson, "items", items)
    if slices_too:
        monkeypatch.setattr(Ndjson, "slices", slices)
    job_id = drop(ANA, "rows.poison", data)
    go_on(hasty, driver, database, turns=60)
    job = database.job(job_id)
    (held,) = database.rows("SELECT * FROM imports.quarantine")
    lost = bytes(held["raw"]).count(b"id")
    assert b'{"id": 20,' in bytes(held["raw"])
    assert (job["status"], held["code"]) == ("done", "poison")
    assert counts(job) == (30 - lost + 1, 30 - lost, 0, 1)
    assert lost == 30 if slices_too else lost < 6


@pytest.mark.services
def test_where_everything_is_poison_the_job_fails_and_can_be_retried(
    run: Runtime,
    make_run: Callable[..., Runtime],
    poisonous: None,
    drop: Drop,
    driver: Driver,
    database: Database,
) -> None:
    run.options = make_run(max_attempts=1, max_splits=3).options
    data = rows(200, dict.fromkeys(range(200), "choke"))
    job_id = drop(ANA, "rows.poison", data)
    go_on(run, driver, database, turns=60)
    job = database.job(job_id)
    assert (job["status"], job["error_code"], job["remaining"]) == ("failed", "TooMuchPoison", 0)
    assert counts(job)[1] == 0
    assert database.one("SELECT count(*) FROM imports.chunks WHERE last_error_code = 'split'") <= 4
    assert job_control.retry(run, job) > 0


def test_the_ledger_allows_as_many_tries_as_the_steps_take() -> None:
    assert poison._BY_ITEMS + poison._BY_SLICES + 2 == BISECT_ATTEMPTS


# --- the worker -------------------------------------------------------------------------------


@pytest.mark.services
def test_the_lease_of_a_lost_process_is_given_back_at_once(
    hasty: Runtime, drop: Drop, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, "rows.poison", rows(10, {}))
    driver.step()
    (chunk,) = database.chunks(job_id)
    leased = hasty.ledger.lease(
        chunk=chunk["id"], job_id=job_id, stage=Stage.NORMALISE, worker="here:1", lease_s=60,
        max_attempts=1,
    )  # fmt: skip
    assert leased is not None

    def lose(gone: bool, stage: str = "normalise") -> dict[str, Any]:
        stage_runner.release_lost(
            hasty.ledger, hasty.options, stage=stage, chunk=chunk["id"], job_id=str(job_id),
            code="worker_lost", has_ended=lambda name: gone and name == "here:1",
        )  # fmt: skip
        return database.chunks(job_id)[0]

    assert lose(gone=False)["status"] == "leased"
    assert lose(gone=True, stage="load")["status"] == "leased"
    back = lose(gone=True)
    assert (back["status"], back["attempt"], back["last_error_code"]) == ("ready", 1, "worker_lost")
    assert lose(gone=True) == back
    assert not hasty.ledger.heartbeat(leased, 60)


def test_a_suspect_waits_for_no_transient_error() -> None:
    options = Options(max_attempts=5, retry_delay_s=1.0)
    waits = [stage_runner.delay(options, "normalise", n, "worker_lost") for n in range(7)]
    assert waits == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert stage_runner.delay(options, "load", 4, "worker_lost") == 1.0


_BOUNDED = """
import resource, sys
from workers import limits
limits.limit_process(memory_mb=512, file_bytes=1 << 20)
limits.limit_process(memory_mb=2048, file_bytes=1 << 40)
print(*(resource.getrlimit(k)[1] for k in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE)))
try:
    held = [bytearray(64 << 20) for _ in range(64)]
except MemoryError:
    print("bounded")
"""


@pytest.mark.parametrize(
    ("queues", "bounded"), [("normalise,load", True), ("embed", False), ("load,embed", False)]
)
def test_only_a_worker_without_a_model_is_bounded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, queues: str, bounded: bool
) -> None:
    called = []
    monkeypatch.chdir(tmp_path)
    app = Mock(**{"Worker.return_value.exitcode": None})
    monkeypatch.setattr(wiring, "make_app", lambda settings: app)
    monkeypatch.setattr(wiring, "limit_children", lambda settings, **_: called.append(settings))
    monkeypatch.setattr(limits, "cut_network", lambda: False)
    # This process goes on as root.
    monkeypatch.setattr(processes, "_own_user", lambda settings: None)
    monkeypatch.setattr(unprivileged, "lower", lambda *_, **__: None)
    with pytest.raises(typer.Exit):
        processes.worker(queues=queues, concurrency=1, name="test")
    app.Worker.return_value.start.assert_called_once_with()
    assert bool(called) == bounded


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the data of a process")
def test_a_process_is_bounded_and_never_less() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _BOUNDED], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split("\n")[:2] == [f"0 {1 << 20}", "bounded"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1 << 20
