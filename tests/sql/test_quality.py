"""Scores of what was loaded: every planted flaw is counted, once, where it lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from sql.quality import Quality, quality_of
from sql.store import Lake
from tasks.maintenance import reconcile
from tasks.operations.rollback import roll_back
from tasks.runtime.alerts import Thresholds
from tasks.runtime.context import Runtime
from tests.support.lake import Database, zipped
from workers.cli import app, connect, receipts
from workers.cli.verbs import quality as verb
from workers.cli.verbs import status
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]


def points(*of: tuple[float, float, str]) -> bytes:
    rows = [
        {"latitudeE7": round(lat * 1e7), "longitudeE7": round(lon * 1e7), "timestamp": at}
        for lat, lon, at in of
    ]
    return json.dumps({"locations": rows}).encode()


def walk(n: int, day: int = 1) -> list[tuple[float, float, str]]:
    return [(52 + m / 1e4, 13.0, f"2023-05-{day:02}T10:{m:02}:00Z") for m in range(n)]


LEAP = (40.0, -74.0, "2023-05-01T10:20:00Z")  # from Berlin to New York, in a minute
PLACES = "Takeout/Location History/Records.json"


def score(reader: Lake, job: dict[str, Any]) -> Quality:
    return quality_of(reader, job["user_id"], job["id"])


def test_each_flaw_is_counted_in_its_file(imported: Imported, reader: Lake) -> None:
    mails = (
        b"From - Mon May  1 10:00:00 2023\nFrom: a@example.org\nSubject: fine\n"
        b"Date: Mon, 01 May 2023 10:00:00 +0000\n\nSaid.\n\n"
        b"From - Mon May  1 10:00:00 2023\nFrom: a@example.org\nSubject: late\n"
        b"Date: Fri, 01 May 2099 10:00:00 +0000\n\nSaid.\n\n"
    )
    data = {PLACES: points(*walk(20), LEAP, *walk(2, day=9)), "all.mbox": mails}
    found = score(reader, imported(ANA, "1.zip", zipped(data)))
    assert found.job is not None
    assert found.job.records == 25
    assert found.job.problems == {"accuracy:in_future": 1, "consistency:too_fast": 1}
    assert found.job.accuracy == pytest.approx(24 / 25)
    files = {each.path: each.problems for each in found.files}
    assert files == {PLACES: {"consistency:too_fast": 1}, "all.mbox": {"accuracy:in_future": 1}}


def test_documents_are_held_to_their_type(
    imported: Imported, run: Runtime, reader: Lake, database: Database
) -> None:
    job = imported(ANA, "1.zip", zipped({"rows.ndjson": b'{"id": 1, "name": "x"}\n'}))
    (row,) = database.rows("SELECT * FROM user_data.documents")
    flawed = (
        ("visit", "{}", None, {"completeness:no_time", "completeness:missing_field"}),
        ("note", "{}", None, {"completeness:says_nothing"}),
        ("note", '{"created_at": "2023-02-01T00:00:00Z", "updated_at": "2023-01-01T00:00:00Z"}',
         "x", {"consistency:changed_before_made"}),
        ("workout", '{"ended_at": "2023-04-30T10:00:00Z", "duration_s": -1}', "x",
         {"consistency:end_before_start", "accuracy:odd_duration"}),
        ("workout", '{"ended_at": "2023-02-31T10:00:00Z", "duration_s": "long"}', "x", set()),
        ("review", '{"rating": 6, "rating_max": 5, "latitude": 0, "longitude": 0}', "x",
         {"accuracy:odd_rating", "accuracy:no_such_place"}),
    )  # fmt: skip
    for kind, metadata, title, _ in flawed:
        at = None if kind == "visit" else "2023-05-01Z"
        database.rows(
            "INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key, "
            "partition_at, source_timestamp, title, content_type, metadata, job_id, file_id, "
            "chunk_id) VALUES (%s, %s, 'x', %s, gen_random_uuid(), %s, %s, %s, 'text/plain', "
            "%s, %s, %s, %s)",
            row["user_id"], row["data_type"], kind, row["partition_at"], at, title, metadata,
            job["id"], row["file_id"], row["chunk_id"],
        )  # fmt: skip
    database.rows("UPDATE imports.jobs SET records_loaded = 7")
    assert reconcile.reconcile(run)["scored"] == 1
    found = score(reader, job)
    assert found.job is not None
    expected: dict[str, int] = {}
    for *_, problems in flawed:
        for each in problems:
            expected[each] = expected.get(each, 0) + 1
    assert found.job.problems == expected
    assert found.job.completeness == pytest.approx(5 / 7)
    assert len(found.history) == 2


def test_a_low_score_is_an_alert_that_is_told_once(
    make_run: Callable[..., Runtime],
    imported: Imported,
    run: Runtime,
    reader: Lake,
    database: Database,
    place: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alerts = "SELECT detail FROM imports.events WHERE kind = 'alert'"
    there = [(52.0, 13.0, f"2023-05-01T10:{m:02}:00Z") for m in range(0, 60, 2)]
    back = [(40.0, -74.0, f"2023-05-01T10:{m:02}:00Z") for m in range(1, 60, 2)]
    job = imported(ANA, "1.zip", zipped({PLACES: points(*there, *back)}))
    (row,) = database.rows(alerts)
    assert row["detail"]["consistency"] == pytest.approx(1 / 60, abs=1e-3)
    (said,) = [f["alert"] for f in _status(place, monkeypatch)]
    assert said.startswith("consistency is 1.7%")
    database.rows("UPDATE imports.jobs SET scored = scored || '{\"loaded\": 1}'")
    reconcile.reconcile(run)
    assert len(database.rows(alerts)) == 1
    roll_back(run, job["user_id"], job["id"])
    assert [f["alert"] for f in _status(place, monkeypatch)] == [None]
    assert Thresholds(consistency=0).floors()["consistency"] == 0


def _status(place: Settings, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setattr(status, "load", lambda: place)
    shown = CliRunner().invoke(app, ["jobs", "--json"])
    found: list[dict[str, Any]] = json.loads(shown.stdout)
    return found


def test_the_command_and_the_receipt_show_scores(
    imported: Imported, place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = imported(ANA, "1.zip", zipped({PLACES: points(*walk(20), LEAP)}))
    monkeypatch.setattr(verb, "load", lambda: place)
    shown = CliRunner().invoke(app, ["quality", str(job["id"])[:8]])
    assert shown.exit_code == 0, shown.output
    assert "consistency:too_fast" in shown.output
    printed = json.loads(CliRunner().invoke(app, ["quality", str(job["id"]), "--json"]).stdout)
    assert printed["whole"]["records"] == 21
    with connect.services(place) as lake:
        (row,) = lake.ledger.rows("jobs", "one_job", prefix=str(job["id"]))
        quality = receipts.gather(lake, row).quality
    assert quality is not None
    assert quality["consistency"] == pytest.approx(20 / 21)
