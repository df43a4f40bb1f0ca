"""Whole exports of invented people, imported in parts and again a month later, to the record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sql.store import Lake
from tasks.maintenance import reconcile
from tasks.operations import verify
from tasks.runtime.context import Runtime
from tests.generators.generate_export import PRODUCTS, Export, export
from tests.generators.google_support import added
from tests.support.lake import Database, Driver, counts

pytestmark = [pytest.mark.services, pytest.mark.slow]

ANA, BEN = "ana@example.org", "ben@example.org"
Drop = Callable[[str, str, bytes], UUID]
Finished = Callable[..., list[dict[str, Any]]]

#: Entries of My Activity begin with a verb in the account's language, and a page spells their times
#: so. Both are kept as they are written: the time is part of who an entry is, the first line is its
#: title, and who it is where it has no address. All else that they say is the same.
LOCALISED = ("google.my_activity", "google.my_activity_html")


#: What becomes of single files of 100 records, and of 16, a month later.
MONTH_LATER = {
    "%.vcf": {"new": 5, "newer": 5, "duplicate": 93, "rejected": 2},
    "%/Keep/Note%": {"new": 5, "newer": 5, "duplicate": 93, "rejected": 2},
    "%/Mail/All mail%": {"new": 5 + 1, "duplicate": 100 + 10},
    "%/Chrome/History.json": {"new": 4, "duplicate": 80},
    "%/Tasks/Tasks.json": {"newer": 1, "duplicate": 15},
    "%/Saved Places.json": {"newer": 1, "duplicate": 15},
    "%/Hangouts.json": {"duplicate": 16},
}


@pytest.fixture
def finished(drop: Drop, driver: Driver, run: Runtime, database: Database) -> Finished:
    """Takes files in, one after the other, and carries all to the end; the jobs as they stand."""

    def do(user: str, files: list[Path], *, late: Path | None = None) -> list[dict[str, Any]]:
        jobs = [drop(user, path.name, path.read_bytes()) for path in files if path != late]
        driver.drain()
        reconcile.reconcile(run)
        driver.drain()
        if late is not None:
            waits = "SELECT count(*) FROM imports.chunks WHERE waits_for_set AND status = 'ready'"
            assert database.one(waits) > 0, "photos wait for their sidecars"
            jobs.append(drop(user, late.name, late.read_bytes()))
            driver.drain()
        for _ in range(3):
            reconcile.reconcile(run)
            driver.drain()
            database.let_time_pass()
        found = [database.job(job_id) for job_id in jobs]
        assert {job["status"] for job in found} == {"done"}
        return found

    return do


def outcomes(database: Database, jobs: list[dict[str, Any]]) -> dict[str, int]:
    """What stands in the lake of some jobs, by record type, and what was refused."""
    ids = [job["id"] for job in jobs]
    found = {
        row["record_type"]: row["count"]
        for row in database.rows(
            "SELECT record_type, count(*) FROM user_data.documents WHERE job_id = ANY(%s) "
            "GROUP BY 1 UNION ALL "
            "SELECT 'location', count(*) FROM timeseries.locations WHERE job_id = ANY(%s) "
            "UNION ALL SELECT 'metric', count(*) FROM timeseries.metrics WHERE job_id = ANY(%s)",
            ids, ids, ids,
        )
    }  # fmt: skip
    found["rejected"] = sum(job["records_quarantined"] for job in jobs)
    return {kind: count for kind, count in found.items() if count}


def not_handled(database: Database, jobs: list[dict[str, Any]]) -> dict[str, str]:
    rows = database.rows(
        "SELECT path, disposition || ': ' || coalesce(reason, '') AS why FROM imports.files "
        "WHERE job_id = ANY(%s) AND disposition <> 'handled'",
        [job["id"] for job in jobs],
    )
    return {row["path"]: row["why"] for row in rows}


def rows_of(database: Database, user: str) -> set[tuple[Any, ...]]:
    """The documents of a user that no language touches, with what they say."""
    rows = database.rows(
        "SELECT source, record_type, record_key, content_hash FROM user_data.documents AS d "
        "JOIN user_data.users AS u USING (user_id) WHERE u.name = %s AND source <> ALL(%s)",
        user, list(LOCALISED),
    )  # fmt: skip
    return {tuple(row.values()) for row in rows}


def entries_of(database: Database, user: str) -> list[dict[str, Any]]:
    """What the records say that a language touches, apart from its words."""
    return database.rows(
        "SELECT source, record_type, source_timestamp, metadata - 'time' AS said "
        "FROM user_data.documents JOIN user_data.users AS u USING (user_id) "
        "WHERE u.name = %s AND source = ANY(%s) ORDER BY 1, 2, 3, 4",
        user, list(LOCALISED),
    )  # fmt: skip


def series_of(database: Database, user: str) -> set[tuple[Any, ...]]:
    rows = database.rows(
        "SELECT record_key, at, latitude, longitude FROM timeseries.locations "
        "JOIN user_data.users USING (user_id) WHERE users.name = %s UNION ALL "
        "SELECT record_key, at, value, 0 FROM timeseries.metrics "
        "JOIN user_data.users USING (user_id) WHERE users.name = %s",
        user, user,
    )  # fmt: skip
    return {tuple(row.values()) for row in rows}


def test_a_takeout_in_two_languages_in_parts_of_which_one_is_late(
    tmp_path: Path, finished: Finished, database: Database, run: Runtime, reader: Lake
) -> None:
    """Counts are those that were generated, nothing is unknown, the rows are the same."""
    total: dict[str, dict[str, int]] = {}
    for user, locale in ((ANA, "en"), (BEN, "de")):
        made = export(tmp_path / locale, "takeout", 100, 3, locale=locale, parts=3)
        jobs = finished(user, made.files, late=made.files[1])
        assert outcomes(database, jobs) == made.total
        assert sum(job["records_duplicate"] for job in jobs) == 0
        why = not_handled(database, jobs)
        assert {how.partition(":")[0] for how in why.values()} == {"ignored"}
        assert list(why.values()).count("ignored: index_of_the_export") == 1
        total[user] = made.total
        for job in jobs:
            assert [f for f in verify.verify(run, reader, job) if not f.ok] == []
    states = database.rows("SELECT state, missing FROM imports.sets")
    assert states == [{"state": "complete", "missing": 0}] * 2
    assert total[ANA] == total[BEN]
    mine = rows_of(database, ANA)
    assert len(mine) > 1_000
    assert mine == rows_of(database, BEN)
    assert entries_of(database, ANA) == entries_of(database, BEN)
    assert len(entries_of(database, ANA)) == 99, "one is refused"
    assert series_of(database, ANA) == series_of(database, BEN)


def test_the_export_of_a_month_later(
    tmp_path: Path, finished: Finished, database: Database, run: Runtime, reader: Lake
) -> None:
    """5 % changed, 5 % new: each number is exact, by generator and in all."""
    first = export(tmp_path / "1", "takeout", 100, 3)
    second = export(tmp_path / "2", "takeout", 100, 3, later=True)
    before = finished(ANA, first.files)
    archive, *phone = second.files
    (after,) = finished(ANA, [archive])
    held = {path.name: path.read_bytes() for path in phone}
    assert held == {path.name: path.read_bytes() for path in first.files[1:]}
    wanted = expected(second)
    newer = sum(file["counts"].get("newer", 0) for file in database.files(after["id"]).values())
    assert {
        "new": after["records_loaded"] - newer,
        "newer": newer,
        "duplicate": after["records_duplicate"],
        "rejected": after["records_quarantined"],
    } == wanted
    assert wanted["newer"] == 5 + 5 + 2 + 2 + 4, "contacts, notes, events; tasks, places, reviews"
    assert wanted["new"] == 5 + 5 + 2 + 2 + 6 + 4, "the same, mails with attachments, visits"
    found = {path: numbers(database, after, path) for path in MONTH_LATER}
    assert found == MONTH_LATER
    kept = "SELECT count(*) FROM user_data.versions WHERE superseded_by = %s"
    assert database.one(kept, after["id"]) == newer
    for job in (*before, after):
        assert [f for f in verify.verify(run, reader, database.job(job["id"])) if not f.ok] == []


def expected(made: Export) -> dict[str, int]:
    """What must come of the archive; positions out of the phone's files are not in it."""
    assert made.after is not None
    total = Counter(added(*made.after.values()))
    share = 100 // 5
    phone = Counter(duplicate=2 * share - 2 * (share // 50), rejected=2 * (share // 50))
    return dict(total - phone)


def numbers(database: Database, job: Mapping[str, Any], path: str) -> dict[str, int]:
    """The counts of a job's files at some path."""
    rows = database.rows(
        "SELECT counts FROM imports.files WHERE job_id = %s AND path LIKE %s", job["id"], path
    )
    sums: Counter[str] = Counter()
    for row in rows:
        sums.update(row["counts"])
    found = {
        "new": sums["loaded"] - sums["newer"],
        "newer": sums["newer"],
        "duplicate": sums["duplicate"],
        "rejected": sums["quarantined"],
    }
    return {name: n for name, n in found.items() if n}


@pytest.mark.parametrize("product", sorted(PRODUCTS.keys() - {"takeout"}))
def test_every_other_product_as_generated(
    product: str, tmp_path: Path, finished: Finished, database: Database
) -> None:
    made = export(tmp_path, product, 100, 5)
    jobs = finished(ANA, made.files)
    assert outcomes(database, jobs) == made.total
    assert not_handled(database, jobs) == {}
    assert [counts(job)[2] for job in jobs] == [0]


def test_the_command_says_what_it_made(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "tests.generators.generate_export", "--product", "takeout"]
    line += ["--records", "50", "--seed", "3", "--parts", "2", "--month-later"]
    more = ["--out", str(tmp_path / "x")]
    ran = subprocess.run([*line, *more], capture_output=True, text=True, check=True, timeout=120)
    said = json.loads(ran.stdout)
    assert sorted(Path(name).name for name in said["files"]) == [
        "Timeline.json", "location-history.json",
        "takeout-20260202T030405Z-1-001.zip", "takeout-20260202T030405Z-1-002.zip",
    ]  # fmt: skip
    made = export(tmp_path / "y", "takeout", 50, 3, parts=2, later=True)
    assert (said["counts"], said["after"]) == (made.counts, made.after)
    again = {path.name: path.read_bytes() for path in made.files}
    assert again == {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
