"""A defect of our own costs the record that it is about: no process, no try, no neighbour."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from hypothesis import given
from hypothesis import strategies as st

from pipeline import defects, normalise, render
from pipeline.privacy import redact_records
from pipeline.readers.json.ndjson import Ndjson
from pipeline.storage import copy_text
from pipeline.text import language
from schemas.errors import ServiceDown, TransientError
from schemas.files import SliceLimits
from schemas.reasons import Category, Reason, category_of
from schemas.records import Record, Rejection
from sql.store import Lake
from tasks.operations import quarantine, verify
from tasks.runtime import stage_runner
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, counts
from tests.support.poison import rows
from tests.support.reported import examine

ANA = "ana@example.org"
#: What stands in the records that a step fails for.
MARK = "row 7"


# --- every pure step --------------------------------------------------------------------------


class Defect(Exception):
    """An exception that nobody foresaw."""


def of_record(value: Any) -> bool:
    return isinstance(value, Record) and value.content == MARK


def of_texts(value: Any) -> bool:
    return isinstance(value, list) and MARK in value


#: Each step as the module and name that others call it by, and what tells the record there.
STEPS: dict[str, tuple[Any, str, Callable[[Any], bool]]] = {
    "shapes": (normalise, "_placed", of_record),
    "rules": (normalise, "broken_rule", of_record),
    "text": (normalise, "_clean", of_record),
    "language": (language, "detect", of_texts),
    "conversation": (normalise, "_conversation", of_record),
    "privacy": (redact_records, "_redact_record", of_record),
    "key": (render, "key_of", of_record),
    "embedding text": (render, "text_of", lambda value: value == MARK),
    "entities": (render, "mentions", of_record),
    "rendering": (copy_text, "document_line", of_record),
}


def broken(real: Callable[..., Any], hit: Callable[[Any], bool], error: Exception) -> Any:
    def step(*args: Any, **named: Any) -> Any:
        if any(map(hit, args)):
            raise error
        return real(*args, **named)

    return step


def fails(patch: pytest.MonkeyPatch, step: str, error: Exception) -> None:
    module, name, hit = STEPS[step]
    if step == "privacy":  # it is asked about records that may hold something alone
        patch.setattr(
            redact_records, "suspects_of", lambda records: list(range(len(list(records))))
        )
    patch.setattr(module, name, broken(getattr(module, name), hit, error))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_costs_its_record(
    step: str, poisonous: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "some.poison"
    file.write_bytes(rows(40, {}))
    fails(monkeypatch, step, Defect("planted canary 4711"))
    report = examine(file, tmp_path / "work")
    (told,) = report.files
    assert (told.rows, dict(told.quarantined)) == (39, {"format_defect": 1})
    assert told.details[0].startswith("Defect at ") and "test_defects.py:" in told.details[0]
    assert {record["content"] for record in report.records} == {
        f"row {n}" for n in range(40) if n != 7
    }


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "error",
    [TransientError(), ServiceDown(), OSError(28, "full"), MemoryError(), SoftTimeLimitExceeded()],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_defect_goes_to_who_called(
    step: str, error: Exception, poisonous: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stage_runner.Ignore  # the queue's own exceptions are known once the shell is loaded
    file = tmp_path / "some.poison"
    file.write_bytes(rows(9, {}))
    fails(monkeypatch, step, error)
    with pytest.raises(type(error)):
        examine(file, tmp_path / "work")


def test_a_record_that_fails_takes_no_number_of_its_equals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of three equal rows fails: the others are the first and the second."""
    file = tmp_path / "some.ndjson"
    file.write_bytes(b'{"a": 1}\n' * 3)
    whole = examine(file, tmp_path / "whole")
    failed = iter([True])
    real = render.mentions
    monkeypatch.setattr(
        render, "mentions", lambda r: 1 // 0 if next(failed, False) else real(r)  # type: ignore[func-returns-value]
    )  # fmt: skip
    batch = examine(file, tmp_path / "work")
    assert batch.total() == {"rows": 2, "duplicates": 0, "quarantined": {"format_defect": 1}}
    assert whole.total()["rows"] == 3


# --- readers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [SliceLimits(), SliceLimits(records=7)])
@pytest.mark.parametrize("bad", [{0}, {39}, {7, 8}, set(range(40))], ids=str)
def test_a_reader_that_fails_costs_its_items(
    bad: set[int], limits: SliceLimits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "some.ndjson"
    file.write_bytes(rows(40, {}))
    read = Ndjson.items

    def items(self: Any, source: Any, part: Any, context: Any) -> Iterator[Any]:
        for item in read(self, source, part, context):
            if item.value["id"] in bad:
                raise Defect
            yield item

    monkeypatch.setattr(Ndjson, "items", items)
    report = examine(file, tmp_path / "work", limits=limits)
    assert report.total()["quarantined"] == {"format_defect": len(bad)}
    assert {record["metadata"]["fields"]["id"] for record in report.records} == {
        n for n in range(40) if n not in bad
    }


def test_a_reader_that_can_not_cut_costs_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "some.ndjson"
    data = rows(40, {})
    file.write_bytes(data)
    cut = Ndjson.slices

    def slices(self: Any, source: Any, context: Any, limits: SliceLimits) -> Iterator[Any]:
        for part in cut(self, source, context, limits):
            if part.start > len(data) // 2:
                raise Defect
            yield part

    monkeypatch.setattr(Ndjson, "slices", slices)
    report = examine(file, tmp_path / "work", limits=SliceLimits(records=1))
    assert report.total() == {"rows": 40, "duplicates": 0, "quarantined": {}}


def test_a_member_that_can_not_be_recognised_is_rejected_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for name in ("good", "bad"):
        (folder / f"{name}.ndjson").write_bytes(
            rows(3, {}) + name.encode().join([b'{"n": "', b'"}'])
        )
    prepare = Ndjson.prepare

    def failing(self: Any, source: Any, member: Any) -> Any:
        if "bad" in member.path:
            raise Defect
        return prepare(self, source, member)

    monkeypatch.setattr(Ndjson, "prepare", failing)
    report = examine(folder, tmp_path / "work")
    assert report.listed("rejected") == {"bad.ndjson": "format_defect"}
    assert report.total()["rows"] == 4


# --- the arithmetic ---------------------------------------------------------------------------


@given(st.sets(st.integers(0, 199)), st.integers(0, 200))
def test_what_fails_is_found_in_few_steps(bad: set[int], count: int) -> None:
    calls = Counter[int]()

    def step(batch: Any) -> list[int]:
        calls[len(batch)] += 1
        if bad & set(batch):
            raise Defect
        return list(batch)

    found = list(defects.each(step, range(count), lambda n, error: -n - 1)) if count else []
    hit = {n for n in bad if n < count}
    assert found == [-n - 1 if n in hit else n for n in range(count)]
    assert sum(calls.values()) <= 1 + 2 * len(hit) * 8


def test_a_place_is_our_own_and_says_no_content() -> None:
    try:
        "".join(["planted canary 4711", 4711])  # type: ignore[list-item]
    except TypeError as error:
        bad = defects.rejection(error)
    assert bad.reason is Reason.FORMAT_DEFECT
    assert bad.detail.startswith("TypeError at ") and "test_defects.py:" in bad.detail
    assert "4711" not in bad.detail
    assert category_of(bad.reason) is Category.DEFECT
    assert isinstance(defects.rejection(RecursionError()), Rejection)
    assert defects.rejection(RecursionError()).reason is Reason.TOO_DEEP


# --- the ledger -------------------------------------------------------------------------------


@pytest.mark.services
def test_a_thousand_records_that_raise_are_done_at_once(
    run: Runtime,
    make_run: Callable[..., Runtime],
    poisonous: None,
    drop: Callable[[str, str, bytes], UUID],
    driver: Driver,
    database: Database,
    reader: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No try more than any chunk has, and all of them load once the format is mended."""
    run.options = make_run(slices=SliceLimits(records=600)).options
    data = rows(2_000, dict.fromkeys(range(500, 1_500), "defect"))
    job_id = drop(ANA, "rows.poison", data)
    driver.drain()
    job = database.job(job_id)
    assert (job["status"], counts(job)) == ("done", (2_000, 1_000, 0, 1_000))
    assert set(database.codes(job_id)) == {"format_defect"}
    chunks = database.chunks(job_id)
    assert {chunk["last_error_code"] for chunk in chunks} == {None}
    assert len(driver.performed) <= 2 + 3 * len(chunks) + 1
    held = database.rows("SELECT detail, convert_from(raw, 'UTF8') AS raw FROM imports.quarantine")
    assert {row["detail"] for row in held} == {
        next(iter(held))["detail"],
    }
    assert "poison_rows.py:" in held[0]["detail"]
    assert sorted(row["raw"] for row in held) == sorted(data.decode().splitlines()[500:1_500])
    events = database.rows("SELECT kind, detail FROM imports.events WHERE job_id = %s", job_id)
    kinds = Counter(event["kind"] for event in events)
    assert kinds["alert"] == 1
    assert kinds["poison"] == 0
    assert sum(e["detail"]["records"] for e in events if e["kind"] == "defect") == 1_000
    assert "4711" not in str(events) + str(job) + str(held[0]["detail"])
    assert [f for f in verify.verify(run, reader, job) if not f.ok] == []

    found = importlib.import_module("pipeline.formats.poison_rows")
    monkeypatch.setitem(found.KINDS, "defect", lambda: None)
    tried = quarantine.retry(run, job["user_id"], quarantine.Choice(code="format_defect"))
    assert tried == quarantine.Retried(tried=1_000, loaded=1_000)
    assert counts(database.job(job_id)) == (2_000, 2_000, 0, 0)
    assert [f for f in verify.verify(run, reader, database.job(job_id)) if not f.ok] == []


@pytest.mark.services
@pytest.mark.parametrize("step", ["entities", "text"])
def test_verify_knows_what_failed_behind_the_formats(
    step: str,
    run: Runtime,
    poisonous: None,
    imported: Callable[[str, str, bytes], dict[str, Any]],
    reader: Lake,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fails(patch, step, Defect())
        job = imported(ANA, "rows.poison", rows(20, {}))
        assert counts(job) == (20, 19, 0, 1)
        assert [f for f in verify.verify(run, reader, job) if not f.ok] == []
    assert [f for f in verify.verify(run, reader, job) if not f.ok] == []
    assert quarantine.retry(run, job["user_id"], quarantine.Choice(job_id=job["id"])).loaded == 1
    after = database.job(job["id"])
    assert counts(after) == (20, 20, 0, 0)
    assert [f for f in verify.verify(run, reader, after) if not f.ok] == []
