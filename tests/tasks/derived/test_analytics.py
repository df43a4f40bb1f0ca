"""Statistics follow the lake through imports and rollbacks, exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from sql.analytics import statistics
from sql.store import Lake
from tasks.derived import lake_statistics, search_index
from tasks.operations.rollback import roll_back
from tasks.runtime.context import Runtime
from tests.support.lake import Database, hours_are_exact, zipped
from workers.cli import app
from workers.cli.verbs import stats as verb
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA, BO = "ana@example.org", "bo@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]


def export(first: int, last: int) -> bytes:
    """A mail, a position and a page a day in May 2023."""
    mails = "".join(
        f"From - Mon May  1 10:00:00 2023\nMessage-ID: <{n}@example.org>\nSubject: {n}\n"
        f"From: Cy <cy@example.org>\nTo: d{n % 2}@example.org\n"
        f"Date: {n:02} May 2023 10:00:00 +0000\n\nA mail.\n\n"
        for n in range(first, last)
    )
    points = [
        {"latitudeE7": n * 10**7, "longitudeE7": 0, "timestamp": f"2023-05-{n:02}T10:{m:02}:00Z"}
        for n in range(first, last)
        for m in (0, 59)
    ]
    pages = [
        {"title": f"Heron {n}", "url": f"https://birds.example/{n}", "time_usec": micros(n)}
        for n in range(first, last)
    ]
    return zipped(
        {
            "Takeout/Mail/All mail.mbox": mails.encode(),
            "Takeout/Location History/Records.json": json.dumps({"locations": points}).encode(),
            "Takeout/Chrome/BrowserHistory.json": json.dumps({"Browser History": pages}).encode(),
        }
    )


def micros(day: int) -> int:
    return (1_682_899_200 + 86_400 * (day - 1) + 3_600) * 1_000_000


_TRUE = """
SELECT 'documents' AS series, (source_timestamp AT TIME ZONE 'UTC')::date AS day, source,
    record_type, count(*) AS n FROM user_data.documents GROUP BY 1, 2, 3, 4
UNION ALL SELECT 'locations', (at AT TIME ZONE 'UTC')::date, source, 'position', count(*)
FROM timeseries.locations GROUP BY 1, 2, 3 ORDER BY 1, 2, 3, 4
"""
_COUNTED = """
SELECT CASE record_type WHEN 'position' THEN 'locations' ELSE 'documents' END AS series, day,
    source, record_type, records AS n FROM analytics.by_day ORDER BY 1, 2, 3, 4
"""


def exact(database: Database) -> bool:
    """Whether every aggregate says what a count of the lake says."""
    counted = database.rows(_COUNTED)
    assert database.one("SELECT count(*) FROM analytics.touched") == 0
    hours_are_exact(database)
    return counted == database.rows(_TRUE)


def caught_up(run: Runtime) -> None:
    search_index.index_waiting(run, seconds=60)
    lake_statistics.count_waiting(run, seconds=60, rest_s=0)


def test_every_count_is_exact_at_the_end_of_a_job(
    imported: Imported, database: Database, reader: Lake
) -> None:
    job = imported(ANA, "1.zip", export(1, 9))
    assert exact(database)
    found = statistics(reader, job["user_id"])
    assert found.records == 8 * 4
    assert found.up_to_date
    assert [(each.day.day, each.records) for each in found.days] == [(n, 4) for n in range(1, 9)]
    people = {each.value: each.records for each in found.people}
    assert people == {"cy@example.org": 8, "d0@example.org": 4, "d1@example.org": 4}
    assert [(each.value, each.records) for each in found.domains] == [("birds.example", 8)]
    hours = database.rows("SELECT * FROM timeseries.locations_by_hour ORDER BY hour")
    assert [(h["points"], h["south"], h["north"]) for h in hours][:2] == [(2, 1, 1), (2, 2, 2)]


def test_what_comes_and_goes_is_counted_anew(
    run: Runtime, imported: Imported, database: Database
) -> None:
    one = imported(ANA, "1.zip", export(1, 9))
    two = imported(ANA, "2.zip", export(5, 20))
    assert exact(database)
    roll_back(run, one["user_id"], one["id"])
    assert database.one("SELECT count(*) FROM analytics.touched") > 0
    caught_up(run)
    assert exact(database)
    assert database.one("SELECT min(day) FROM analytics.by_day") == date(2023, 5, 5)
    roll_back(run, two["user_id"], two["id"])
    caught_up(run)
    assert database.rows(_COUNTED) == []
    for table in ("analytics.entities_by_day", "analytics.domains_by_day"):
        assert database.one(f"SELECT count(*) FROM {table}") == 0


def test_a_day_that_a_document_had_is_counted_anew(
    imported: Imported, run: Runtime, database: Database
) -> None:
    """An item that changes has another time in the next export, and is the same document."""
    calendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:e1\r\nSUMMARY:Tea\r\nDTSTART:{}T100000Z\r\n"
    end = "END:VEVENT\r\nEND:VCALENDAR\r\n"
    for name, day in (("1.ics", "20230501"), ("2.ics", "20230509")):
        imported(ANA, name, (calendar.format(day) + end).encode())
        caught_up(run)
        assert exact(database)
    assert database.one("SELECT day FROM analytics.by_day") == date(2023, 5, 9)


def test_positions_are_in_their_hours_as_soon_as_they_have_loaded(
    imported: Imported, run: Runtime, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exports of the same days add to them, and none of the days is counted anew."""
    monkeypatch.setattr("tasks.ingest.finish._follow_up", lambda *_, **__: None)
    for n in range(3):
        points = [
            {"latitudeE7": m * 10**7, "longitudeE7": n * 10**6,
             "timestamp": f"2023-05-0{day}T10:{m:02}:0{n % 2}Z"}
            for day in range(1, 9) for m in range(n, 20)
        ]  # fmt: skip
        written = json.dumps({"locations": points}).encode()
        imported(ANA, f"{n}.zip", zipped({"Takeout/Location History/Records.json": written}))
        assert database.one("SELECT count(*) FROM analytics.touched") == 0
        hours_are_exact(database)
    assert database.one("SELECT sum(points) FROM timeseries.locations_by_hour") > 2 * 8 * 19
    assert database.one("SELECT max(east) FROM timeseries.locations_by_hour") == 0.2


def test_a_range_of_days_and_the_gaps_in_it(imported: Imported, reader: Lake) -> None:
    user = imported(ANA, "1.zip", export(1, 4))["user_id"]
    imported(ANA, "2.zip", export(20, 22))
    found = statistics(reader, user, after=date(2023, 5, 3), before=date(2023, 5, 20))
    assert found.records == 2 * 4
    (gap,) = found.gaps
    assert (gap.first, gap.last, gap.days) == (date(2023, 5, 4), date(2023, 5, 19), 16)


def test_nobody_sees_the_days_of_others(
    imported: Imported, reader: Lake, run: Runtime, database: Database
) -> None:
    imported(ANA, "1.zip", export(1, 4))
    other = imported(BO, "1.zip", export(1, 2))["user_id"]
    assert statistics(reader, other).records == 4
    assert all(
        "security_invoker=true" in (row["options"] or [])
        for row in database.rows(
            "SELECT c.reloptions AS options FROM pg_class AS c JOIN pg_namespace AS n "
            "ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND n.nspname = ANY(%s)",
            ["user_data", "imports", "vectors", "timeseries", "analytics", "archive"],
        )
    )


def test_the_command_plots_and_prints(
    imported: Imported, place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(ANA, "1.zip", export(1, 9))
    monkeypatch.setattr(verb, "load", lambda: place)
    shown = CliRunner().invoke(app, ["stats"])
    assert shown.exit_code == 0, shown.output
    for said in ("32 records", "cy@example.org", "birds.example", "█"):
        assert said in shown.output
    printed = CliRunner().invoke(app, ["stats", "--from", "2023-05-02", "--json"])
    assert json.loads(printed.stdout)["records"] == 28
