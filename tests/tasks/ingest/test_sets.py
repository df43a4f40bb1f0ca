"""Exports in parts: any order, days apart, with holes; and what the export says of itself."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

import pipeline.formats
from pipeline.registry import all_formats
from schemas.progress import Kind, Stage
from sql.store import Lake
from tasks.ingest import export_sets
from tasks.maintenance import reconcile
from tasks.operations import job_control, verify
from tasks.runtime.context import Runtime
from tasks.runtime.sibling_files import SetNeighbours
from tests.support.lake import Database, Driver, counts, zipped
from tests.support.sets import FOLDER, STEM, flat_page, page, sidecar, tgz
from tests.tasks.runtime.test_ledger import go_on
from workers.cli import app
from workers.cli.verbs import add, jobs, status
from workers.cli.verbs import sets as sets_verb
from workers.settings import Settings
from workers.watcher import Watcher

pytestmark = pytest.mark.services

ANA, BEN = "ana@example.org", "ben@example.org"
ALBUM = "Takeout/Google Photos/Trip"
ROWS = b'{"id": 1, "name": "x"}\n{"id": 2, "name": "y"}\n'
#: Parts by name: sidecars beside rows that wait for nothing; their media; the page of all.
SIDECARS = zipped(
    {f"{ALBUM}/all.sidecar": sidecar("a.jpg", "b.jpg"), "Takeout/Rows/r.ndjson": ROWS}
)
MEDIA = zipped({f"{ALBUM}/a.jpg": b"\xff\xd8\xff a", f"{ALBUM}/b.jpg": b"\xff\xd8\xff b"})
TREE = {
    "Google Photos": {"Trip": ["all.sidecar", "a.jpg", "b.jpg"]},
    "Rows": {"": ["r.ndjson"]},
}
PAGE = zipped({"Takeout/archive_browser.html": page(TREE)})
WHOLE = {f"{STEM}-1-001.zip": SIDECARS, f"{STEM}-1-002.zip": MEDIA, f"{STEM}-001.zip": PAGE}

Drop = Callable[[str, str, bytes], UUID]


@pytest.fixture(autouse=True)
def _needs_sets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pipeline.formats, "__path__", [*pipeline.formats.__path__, FOLDER])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    all_formats.cache_clear()
    yield
    all_formats.cache_clear()
    sys.modules.pop("pipeline.formats.sidecar_rows", None)


@pytest.fixture
def turn(run: Runtime, driver: Driver) -> Callable[[], None]:
    """Workers do what was sent, and the reconciler looks round, without any time going by."""

    def do() -> None:
        driver.drain()
        reconcile.reconcile(run)
        driver.drain()

    return do


def the_set(database: Database, user: str = ANA) -> dict[str, Any]:
    (row,) = database.rows(
        "SELECT s.* FROM imports.sets AS s JOIN user_data.users AS u USING (user_id) "
        "WHERE u.name = %s",
        user,
    )
    return row


def waiting(database: Database) -> list[dict[str, Any]]:
    """Chunks of sidecars that wait; media wait beside them."""
    return database.rows(
        "SELECT * FROM imports.chunks "
        "WHERE waits_for_set AND status <> 'done' AND format = 'sidecar.rows'"
    )


def media_of(database: Database, job_id: UUID) -> list[tuple[str, str | None, list[str]]]:
    """What each sidecar knows of its media: its name, where that lies, flags."""
    rows = [d for d in database.documents(job_id) if d["source"] == "sidecar.rows"]
    return sorted(
        (d["title"], d["metadata"].get("media", {}).get("path"), d["metadata"]["flags"])
        for d in rows
    )


JOINED = [
    ("a.jpg", f"{ALBUM}/a.jpg", ["from_sidecar"]),
    ("b.jpg", f"{ALBUM}/b.jpg", ["from_sidecar"]),
]
MISSED = [(name, None, ["from_sidecar", "media_missing"]) for name in ("a.jpg", "b.jpg")]


def check(run: Runtime, reader: Lake, database: Database, *jobs: UUID) -> None:
    """Every invariant of these jobs holds."""
    for job_id in jobs:
        found = verify.verify(run, reader, database.job(job_id))
        assert [f for f in found if not f.ok] == []


# --- waiting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
@pytest.mark.threat("sets", seen="in any order: one set, the same rows")
def test_parts_in_any_order_are_one_set(
    order: tuple[int, ...],
    drop: Drop,
    turn: Callable[[], None],
    driver: Driver,
    run: Runtime,
    reader: Lake,
    database: Database,
) -> None:
    jobs: dict[str, UUID] = {}
    for name in (list(WHOLE)[n] for n in order):
        assert not any(database.job(j)["status"] == "done" for n, j in jobs.items() if "1-001" in n)
        jobs[name] = drop(ANA, name, WHOLE[name])
        turn()
    with_sidecars = jobs[f"{STEM}-1-001.zip"]
    assert media_of(database, with_sidecars) == JOINED
    assert the_set(database)["state"] == "complete"
    assert {database.job(j)["status"] for j in jobs.values()} == {"done"}
    assert counts(database.job(with_sidecars)) == (4, 4, 0, 0)
    assert len({database.job(j)["sha256"] for j in jobs.values()}) == 3
    check(run, reader, database, *jobs.values())
    assert not waiting(database)


def test_what_needs_no_set_loads_at_once_and_the_rest_holds_nobody_up(
    drop: Drop, turn: Callable[[], None], driver: Driver, run: Runtime, database: Database
) -> None:
    job_id = drop(ANA, f"{STEM}-1-001.zip", SIDECARS)
    for _ in range(3):
        turn()
    assert [d["source"] for d in database.documents(job_id)] == ["ndjson", "ndjson"]
    (chunk,) = waiting(database)
    assert (chunk["status"], chunk["stage"], chunk["attempt"]) == ("ready", "normalise", 0)
    assert (chunk["enqueued_at"], chunk["publish_count"], chunk["leased_by"]) == (None, 0, None)
    assert chunk["not_before"] == the_set(database)["waits_until"]
    assert not driver.perform(Stage.NORMALISE, chunk["id"], job_id), "not even if it is asked"
    assert waiting(database)[0]["attempt"] == 0
    assert database.job(job_id)["status"] == "loading"


def test_when_the_time_is_over_it_loads_with_marks(
    drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake, database: Database
) -> None:
    job_id = drop(ANA, f"{STEM}-2-001.zip", SIDECARS)
    turn()
    for _ in range(23):
        database.let_time_pass()
    turn()
    assert len(waiting(database)) == 1
    database.let_time_pass()
    turn()
    assert media_of(database, job_id) == MISSED
    assert (the_set(database)["state"], database.job(job_id)["status"]) == ("waited", "done")
    told = database.rows("SELECT user_id, detail FROM imports.events WHERE kind = 'set_settled'")
    assert [t["detail"] for t in told] == [{"set": STEM, "state": "waited"}]
    check(run, reader, database, job_id)


@pytest.mark.threat("sets", seen="a sidecar in a late part: found")
def test_a_late_part_is_waited_for_anew_and_finds_what_came_before(
    drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake, database: Database
) -> None:
    first = drop(ANA, f"{STEM}-001.zip", MEDIA)
    turn()
    for _ in range(20):
        database.let_time_pass()
    second = drop(ANA, f"{STEM}-002.zip", SIDECARS)
    turn()
    for _ in range(20):  # 40 hours after the first part, 20 after the second
        database.let_time_pass()
    turn()
    assert len(waiting(database)) == 1
    third = drop(ANA, f"{STEM}-003.zip", zipped({"Takeout/Rows/s.ndjson": ROWS + b'{"id": 3}\n'}))
    for _ in range(20):
        database.let_time_pass()
    turn()
    assert len(waiting(database)) == 1, "chunks that were cut before wait as long as the set"
    for _ in range(4):
        database.let_time_pass()
    turn()
    assert media_of(database, second) == JOINED
    assert the_set(database)["state"] == "waited"
    check(run, reader, database, first, second, third)


def test_a_part_after_all_was_loaded_opens_the_set_again(
    make_run: Callable[..., Runtime], run: Runtime, drop: Drop, turn: Callable[[], None],
    database: Database,
) -> None:  # fmt: skip
    run.options = make_run(set_wait_s=1800).options
    drop(ANA, f"{STEM}-001.zip", zipped({"Takeout/Rows/r.ndjson": ROWS}))
    turn()
    database.let_time_pass()
    turn()
    assert the_set(database)["state"] == "waited"
    late = drop(ANA, f"{STEM}-002.zip", SIDECARS)
    turn()
    assert (the_set(database)["state"], len(waiting(database))) == ("open", 1)
    database.let_time_pass()
    turn()
    assert media_of(database, late) == MISSED


def test_nobody_goes_on_without_a_part_that_is_here_and_not_read_yet(
    make_run: Callable[..., Runtime], run: Runtime, drop: Drop, turn: Callable[[], None],
    driver: Driver, database: Database,
) -> None:  # fmt: skip
    run.options = make_run(set_wait_s=3630).options
    job_id = drop(ANA, f"{STEM}-001.zip", SIDECARS)
    turn()
    drop(ANA, f"{STEM}-002.zip", MEDIA)  # the workers have a long queue
    database.let_time_pass()
    reconcile.reconcile(run)
    database.rows("UPDATE imports.sets SET waits_until = waits_until - interval '60 seconds'")
    reconcile.reconcile(run)
    assert the_set(database)["state"] == "open"
    (chunk,) = waiting(database)
    assert not driver.perform(Stage.NORMALISE, chunk["id"], job_id)
    turn()
    database.let_time_pass()
    turn()
    assert media_of(database, job_id) == JOINED


def test_who_knows_that_all_are_there_goes_on(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    job_id = drop(ANA, f"{STEM}-001.zip", SIDECARS)
    turn()
    run.ledger.rows("sets", "sets_of", jobs=[job_id])
    with run.ledger.transaction() as connection:
        connection.execute(export_sets._SETS["go_on"], {"set_id": the_set(database)["id"]})
    turn()
    assert media_of(database, job_id) == MISSED


def test_the_watcher_knows_parts_too(
    run: Runtime, driver: Driver, turn: Callable[[], None], database: Database
) -> None:
    mine = run.folders.staging / ANA
    mine.mkdir()
    for name, data in reversed(WHOLE.items()):
        (mine / name).write_bytes(data)
    watcher = Watcher(run.ledger, run.folders, settle_s=0.0, options=run.options)
    taken = [job for _ in range(2) for job in watcher.scan()]
    turn()
    assert len(taken) == 3
    assert the_set(database)["state"] == "complete"
    assert [media_of(database, job) for job in taken if media_of(database, job)] == [JOINED]


def test_a_file_that_is_no_part_waits_for_nothing(
    drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake, database: Database
) -> None:
    both = zipped({f"{ALBUM}/x.sidecar": sidecar("a.jpg"), f"{ALBUM}/a.jpg": b"\xff\xd8\xff a"})
    job_id = drop(ANA, "my export.zip", both)
    turn()
    assert media_of(database, job_id) == JOINED[:1]
    assert database.one("SELECT count(*) FROM imports.sets") == 0
    check(run, reader, database, job_id)


def test_a_cancelled_part_waits_again_when_it_is_taken_up(
    drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake, database: Database
) -> None:
    job_id = drop(ANA, f"{STEM}-1-001.zip", SIDECARS)
    turn()
    assert job_control.cancel(run, job_id, database.job(job_id)["user_id"]).stopped == 1
    turn()
    assert (database.job(job_id)["status"], len(media_of(database, job_id))) == ("cancelled", 0)
    assert job_control.retry(run, database.job(job_id)) == 1
    turn()
    (chunk,) = waiting(database)
    assert (chunk["status"], chunk["attempt"]) == ("ready", 0)
    others = [drop(ANA, n, d) for n, d in WHOLE.items() if "1-001" not in n]
    turn()
    assert media_of(database, job_id) == JOINED
    check(run, reader, database, job_id, *others)


def test_what_was_cancelled_while_the_set_became_whole_goes_on_at_once(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    job_id = drop(ANA, f"{STEM}-1-001.zip", SIDECARS)
    turn()
    job_control.cancel(run, job_id, database.job(job_id)["user_id"])
    turn()
    for name, data in list(WHOLE.items())[1:]:
        drop(ANA, name, data)
    turn()
    assert the_set(database)["state"] == "complete"
    job_control.retry(run, database.job(job_id))
    turn()
    assert media_of(database, job_id) == JOINED


# --- parts ------------------------------------------------------------------------------------


def missing_parts(run: Runtime, database: Database) -> list[str]:
    rows = run.ledger.rows("sets", "parts", set_id=the_set(database)["id"])
    return [gap.label for gap in export_sets.gaps(rows)]


@pytest.mark.threat("sets", seen="a gap: known at once")
def test_a_gap_is_known_at_once_and_keeps_the_set_open(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    drop(ANA, f"{STEM}-1-001.zip", SIDECARS)
    drop(ANA, f"{STEM}-1-003.zip", MEDIA)
    assert missing_parts(run, database) == ["1-002"], "before anything of them is read"
    drop(ANA, f"{STEM}-001.zip", PAGE)
    turn()
    assert (the_set(database)["state"], the_set(database)["missing"]) == ("open", 0)
    drop(ANA, f"{STEM}-1-002.zip", zipped({"Takeout/Rows/s.ndjson": b'{"id": 3}\n'}))
    turn()
    assert (missing_parts(run, database), the_set(database)["state"]) == ([], "complete")


@pytest.mark.threat("sets", seen="a part twice: duplicate")
def test_a_part_twice_changes_nothing(
    drop: Drop, turn: Callable[[], None], driver: Driver, run: Runtime, database: Database
) -> None:
    for name, data in WHOLE.items():
        drop(ANA, name, data)
    turn()
    before = database.rows("SELECT record_key, job_id FROM user_data.documents ORDER BY 1")
    again = drop(ANA, f"{STEM}-1-001 (1).zip", SIDECARS)
    turn()
    assert database.job(again)["status"] == "duplicate"
    assert (the_set(database)["state"], missing_parts(run, database)) == ("complete", [])
    assert database.rows("SELECT record_key, job_id FROM user_data.documents ORDER BY 1") == before


def test_a_part_that_had_come_under_another_name_is_there(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    drop(ANA, "photos.zip", MEDIA)
    turn()
    jobs = [drop(ANA, name, data) for name, data in WHOLE.items()]
    turn()
    assert [database.job(j)["status"] for j in jobs] == ["done", "duplicate", "done"]
    assert media_of(database, jobs[0]) == JOINED
    assert the_set(database)["state"] == "complete"


def test_a_rejected_part_is_not_there(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    drop(ANA, f"{STEM}-1-001.zip", SIDECARS)
    bad = drop(ANA, f"{STEM}-1-002.zip", MEDIA[: len(MEDIA) // 2])
    drop(ANA, f"{STEM}-1-003.zip", zipped({"Takeout/Rows/s.ndjson": b'{"id": 3}\n'}))
    drop(ANA, f"{STEM}-001.zip", PAGE)
    turn()
    assert database.job(bad)["status"] == "rejected"
    assert missing_parts(run, database) == ["1-002"]
    assert (the_set(database)["state"], the_set(database)["missing"]) == ("open", 2)
    drop(ANA, f"{STEM}-1-002.zip", MEDIA)
    turn()
    assert (the_set(database)["state"], the_set(database)["missing"]) == ("complete", 0)


def test_a_part_may_be_one_media_file(
    drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake, database: Database
) -> None:
    movie = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(1, 200))
    tree = {"Google Photos": {"Trip": ["clip.sidecar", "clip.mp4"]}}
    jobs = [
        drop(ANA, f"{STEM}-3-001.zip", zipped({f"{ALBUM}/clip.sidecar": sidecar("clip.mp4")})),
        drop(ANA, f"{STEM}-001.zip", zipped({"Takeout/archive_browser.html": page(tree)})),
    ]
    turn()
    assert (the_set(database)["state"], the_set(database)["missing"]) == ("open", 1)
    jobs.append(drop(ANA, f"{STEM}-3-002.mp4", movie))
    turn()
    assert the_set(database)["state"] == "complete", "the movie may be the one that is listed"
    flags = ["from_sidecar", "media_in_a_bare_part"]
    assert media_of(database, jobs[0]) == [("clip.mp4", None, flags)]
    user = database.job(jobs[0])["user_id"]
    (bare,) = SetNeighbours(run.lake, user, jobs[0]).bare()
    assert (bare.path, bare.size) == (f"{STEM}-3-002.mp4", len(movie))
    assert bare.sha256 == database.job(jobs[2])["sha256"]
    check(run, reader, database, *jobs)


def test_tgz_and_snapchat_are_sets_too(
    drop: Drop, turn: Callable[[], None], database: Database
) -> None:
    jobs = [
        drop(ANA, f"{STEM}-1-001.tgz", tgz({f"{ALBUM}/all.sidecar": sidecar("a.jpg", "b.jpg")})),
        drop(ANA, f"{STEM}-1-002.tgz", tgz({f"{ALBUM}/{n}.jpg": b"\xff\xd8\xff" for n in "ab"})),
        drop(ANA, f"{STEM}-001.tgz", tgz({"Takeout/archive_browser.html": page(
            {"Google Photos": {"Trip": ["all.sidecar", "a.jpg", "b.jpg"]}})})),
    ]  # fmt: skip
    turn()
    assert media_of(database, jobs[0]) == JOINED
    drop(BEN, "mydata~1735787045000.zip", zipped({"json/friends.ndjson": ROWS}))
    drop(BEN, "mydata~1735787045000-3.zip", zipped({"json/more.ndjson": ROWS}))
    assert the_set(database, BEN)["stem"] == "mydata~1735787045000"


# --- what the export says of itself -----------------------------------------------------------


def looked_up(run: Runtime, jobs: list[UUID]) -> export_sets.Inventory:
    with run.ledger.transaction() as connection:
        return export_sets.inventory(connection, jobs, [])


LISTED = {
    "Google Fotos": {
        "": ["drucke.json"],
        "Fotos von 2019": ["a.jpg", "ü.jpg", "weg.jpg", "!nie.jpg"],
        "Süd": ["a.jpg"],
    },
    "Chrome": {"": ["Verlauf.json", "fehlt.json"]},
}
HELD = {
    "Takeout/Google Fotos/drucke.json": b"[]",
    "Takeout/Google Fotos/Fotos von 2019/a.jpg": b"1",
    unicodedata.normalize("NFD", "Takeout/Google Fotos/Fotos von 2019/ü.jpg"): b"2",
    unicodedata.normalize("NFD", "Takeout/Google Fotos/Süd /a.jpg"): b"3",
    "Takeout/Chrome/Verlauf.json": b"{}",
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("archive_browser.html", page(LISTED)),
        ("Archiv_Übersicht.html", page(LISTED, title="Archiv für ana@example.org")),
        ("檔案瀏覽器.html", flat_page(LISTED)),
    ],
)
def test_the_set_is_compared_with_its_page_in_any_language(
    name: str, data: bytes, drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake,
    database: Database,
) -> None:  # fmt: skip
    jobs = [
        drop(ANA, f"{STEM}-1-001.zip", zipped(HELD)),
        drop(ANA, f"{STEM}-001.zip", zipped({f"Takeout/{name}": data})),
    ]
    turn()
    found = looked_up(run, jobs)
    assert (found.pages, found.unread) == ([f"Takeout/{name}"], [])
    assert found.missing == ["Chrome/fehlt.json", "Google Fotos/Fotos von 2019/weg.jpg"]
    assert (found.listed, found.not_exported) == (8, 1)
    held = the_set(database)
    assert (held["state"], held["listed"], held["missing"]) == ("open", 8, 2)
    listed = database.files(jobs[1])[f"Takeout/{name}"]
    assert (listed["disposition"], listed["reason"]) == ("ignored", "index_of_the_export")
    check(run, reader, database, *jobs)


def test_a_page_that_can_not_be_understood_claims_nothing(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    job = drop(ANA, f"{STEM}-001.zip", zipped({"Takeout/x.html": b"<p>A lake.", **HELD}))
    turn()
    assert looked_up(run, [job]) == export_sets.Inventory(pages=[], unread=["Takeout/x.html"])
    assert (the_set(database)["listed"], the_set(database)["missing"]) == (None, None)
    assert database.files(job)["Takeout/x.html"]["format"] == "document.plain", "and is no loss"


def test_a_page_is_listed_once_however_often_it_is_read(
    drop: Drop, turn: Callable[[], None], run: Runtime, driver: Driver, database: Database
) -> None:
    job = drop(ANA, f"{STEM}-001.zip", zipped({"Takeout/archive_browser.html": page(LISTED)}))
    turn()
    database.rows("UPDATE imports.files SET settled = false")
    database.rows(
        "UPDATE imports.chunks SET stage = 'extract', status = 'ready' WHERE kind = 'upload'"
    )
    database.rows("UPDATE imports.jobs SET completed_at = NULL, remaining = 1, status = 'queued'")
    (kept,) = run.folders.processed.rglob("*.zip")
    original = run.folders.original(job, kept.name)
    original.parent.mkdir(parents=True)
    kept.rename(original)
    (chunk,) = database.chunks(job, Kind.UPLOAD)
    assert driver.perform(Stage.EXTRACT, chunk["id"], job)
    assert database.one("SELECT count(*) FROM imports.manifest_entries") == 8


# --- one user's set is not another's ----------------------------------------------------------


@pytest.mark.threat("sets", seen="two users: two sets")
def test_two_users_with_parts_of_one_name_have_two_sets(
    drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake, database: Database
) -> None:
    ana = drop(ANA, f"{STEM}-1-001.zip", SIDECARS)
    for name, data in list(WHOLE.items())[1:]:
        drop(BEN, name, data)
    turn()
    assert (the_set(database, ANA)["state"], the_set(database, BEN)["state"]) == ("open", "open")
    assert len(waiting(database)) == 1
    user = database.job(ana)["user_id"]
    for lake in (run.lake, reader):
        names = [f.path for f in SetNeighbours(lake, user, ana).folder(f"{ALBUM}/all.sidecar")]
        assert names == [f"{ALBUM}/all.sidecar"]
        for table in ("imports.sets", "imports.manifest_entries"):
            with lake.as_user(user) as connection:
                rows = connection.execute(f"SELECT DISTINCT user_id FROM {table}").fetchall()
            assert {r["user_id"] for r in rows} <= {user}
            with lake.pool.connection() as connection, connection.transaction():
                assert connection.execute(f"SELECT FROM {table}").fetchall() == []
    for _ in range(25):
        database.let_time_pass()
    turn()
    assert media_of(database, ana) == MISSED


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reader", "UPDATE imports.sets SET state = 'complete'"),
        ("ingest", "UPDATE imports.sets SET state = 'complete'"),
        ("ingest", "UPDATE imports.manifest_entries SET path = 'x'"),
        ("ingest", "DELETE FROM imports.manifest_entries"),
        ("ledger", "DELETE FROM imports.sets"),
        ("ledger", "UPDATE imports.manifest_entries SET path = 'x'"),
        ("reader", "INSERT INTO imports.manifest_entries VALUES (gen_random_uuid(), 1, 1)"),
    ],
)
def test_roles_may_do_no_more_than_they_need(
    url: Callable[[str], str], role: str, statement: str
) -> None:
    with (
        psycopg.connect(url(role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_neighbours_come_by_their_folder_and_are_asked_for_once(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    nfd = unicodedata.normalize("NFD", "Takeout/Süd/c.jpg")
    job = drop(ANA, f"{STEM}-1-001.zip", zipped({"Takeout/Süd/a.sidecar": sidecar("c.jpg")}))
    drop(ANA, f"{STEM}-1-002.zip", zipped({nfd: b"c", "Takeout/Süd/tief/d.jpg": b"d"}))
    turn()
    beside = SetNeighbours(run.lake, database.job(job)["user_id"], job)
    asked = []
    rows = run.lake.rows
    monkeypatch.setattr(run.lake, "rows", lambda *a, **k: asked.append(a) or rows(*a, **k))
    for _ in range(3):
        found = beside.folder("Takeout/Süd/a.sidecar")
        assert {f.path for f in found} == {"Takeout/Süd/a.sidecar", nfd}
    assert len(asked) == 1


def test_the_folder_is_found_by_an_index(
    drop: Drop, database: Database, url: Callable[[str], str]
) -> None:
    """Row-level security lets no index on an expression be used; the column's may."""
    job_id = drop(ANA, f"{STEM}-001.zip", SIDECARS)
    database.rows(
        "INSERT INTO imports.files (job_id, user_id, ordinal, path, disposition) "
        "SELECT id, user_id, n, format('%%s/%%s.jpg', n / 10, n), 'handled' "
        "FROM imports.jobs, generate_series(1000, 5000) AS n WHERE id = %s", job_id,
    )  # fmt: skip
    database.rows("ANALYZE imports.files")
    with psycopg.connect(url("ingest")) as connection:
        connection.execute(
            "SELECT set_config('app.user_id', %s, true)", (str(database.job(job_id)["user_id"]),)
        )
        plan = connection.execute(
            "EXPLAIN SELECT path FROM imports.files WHERE job_id = %s "
            "AND folder_hash = 7 AND ordinal IS NOT NULL", (job_id,),
        ).fetchall()  # fmt: skip
    assert "files_by_folder" in str(plan)


def test_a_run_of_turns_comes_to_rest(
    drop: Drop, run: Runtime, driver: Driver, database: Database
) -> None:
    job_id = drop(ANA, f"{STEM}-002.zip", SIDECARS)
    go_on(run, driver, database)
    turns = [any(reconcile.reconcile(run).values()) for _ in range(3)]
    assert turns == [False] * 3, "a set that waits is no work"
    for _ in range(25):
        go_on(run, driver, database)
    assert media_of(database, job_id) == MISSED


# --- what people are told ---------------------------------------------------------------------


@pytest.fixture
def told(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A command on the test's lake: what it prints, and for --json what that says."""
    for module in (add, jobs, sets_verb, status):
        monkeypatch.setattr(module, "load", lambda: place)

    def run(*words: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if "--json" in words else result.output

    return run


@pytest.mark.threat("sets", seen="a missing part: named in status")
def test_status_names_the_missing_part_and_what_waits_for_it(
    drop: Drop, turn: Callable[[], None], told: Callable[..., Any]
) -> None:
    drop(ANA, f"{STEM}-1-001.zip", SIDECARS)
    drop(ANA, f"{STEM}-1-003.zip", zipped({"Takeout/Rows/s.ndjson": b'{"id": 3}\n'}))
    turn()
    shown = told("status")
    assert f"part 1-002 of {STEM}: not here yet" in shown
    assert f"{STEM}: 1 file of sidecar.rows waits for the whole set, until 20" in shown
    (line,) = told("status", "--json")["sets"]
    assert (line["gaps"], line["waiting"], line["state"]) == (
        ["1-002"],
        {"sidecar.rows": 1},
        "open",
    )
    for name, data in list(WHOLE.items())[1:]:
        drop(ANA, name, data)
    turn()
    assert told("status", "--json")["sets"] == []
    assert STEM not in told("status").split("services:")[0].replace(f"{STEM}-", "")


def test_status_says_of_a_part_that_it_was_refused(
    drop: Drop, turn: Callable[[], None], told: Callable[..., Any]
) -> None:
    drop(ANA, f"{STEM}-001.zip", SIDECARS)
    drop(ANA, f"{STEM}-002.zip", MEDIA[: len(MEDIA) // 2])
    turn()
    assert f"part 2 of {STEM}: came, and was rejected" in told("status")


def test_the_receipt_of_a_job_and_of_the_set_say_what_no_part_holds(
    drop: Drop, turn: Callable[[], None], told: Callable[..., Any]
) -> None:
    job = drop(ANA, f"{STEM}-1-001.zip", zipped(HELD))
    before = told("receipt", str(job), "--json")
    assert (before["part_of"]["name"], before["index"]["pages"]) == (STEM, [])
    assert "nothing is known to be missing" in told("receipt", str(job))
    drop(ANA, f"{STEM}-001.zip", zipped({"Takeout/archive_browser.html": page(LISTED)}))
    turn()
    for shown in (told("receipt", str(job)), told("sets", STEM)):
        assert "lists 8 files: 5 are here" in shown
        assert "2 are in no part" in shown
        assert "Chrome/fehlt.json" in shown
    whole = told("sets", STEM, "--json")
    assert whole["index"] == told("receipt", str(job), "--json")["index"]
    assert whole["index"]["missing"] == ["Chrome/fehlt.json", "Google Fotos/Fotos von 2019/weg.jpg"]
    assert [p["part"] for p in whole["set"]["parts"]] == ["1", "1-001"]
    (line,) = told("sets", "--json")
    assert (line["listed"], line["missing"]) == (8, 2)
    assert STEM in told("sets")


def test_an_archive_that_is_no_part_is_compared_with_its_own_page(
    drop: Drop, turn: Callable[[], None], told: Callable[..., Any]
) -> None:
    job = drop(ANA, "all.zip", zipped({**HELD, "Takeout/archive_browser.html": page(LISTED)}))
    turn()
    found = told("receipt", str(job), "--json")
    assert (found["part_of"], len(found["index"]["missing"])) == (None, 2)
    plain = drop(ANA, "plain.zip", zipped({"a.txt": b"A note."}))
    turn()
    assert told("receipt", str(plain), "--json")["index"] is None


def test_add_says_at_once_which_part_is_missing(
    driver: Driver, told: Callable[..., Any], tmp_path: Path
) -> None:
    files = [tmp_path / f"{STEM}-00{n}.zip" for n in (1, 3)]
    for file in files:
        file.write_bytes(SIDECARS)
    shown = told("add", "--user", "ana", *map(str, files))
    assert f"part 2 of {STEM}: not here yet" in shown


def test_sets_go_on_only_while_they_wait(
    drop: Drop, turn: Callable[[], None], told: Callable[..., Any], database: Database
) -> None:
    for user in (ANA, BEN):
        drop(user, f"{STEM}-001.zip", SIDECARS)
    turn()
    told("sets", STEM, "--go-on", code=1)
    told("sets", STEM, "--user", ANA, "--go-on")
    turn()
    assert (the_set(database)["state"], the_set(database, BEN)["state"]) == ("waited", "open")
    told("sets", STEM, "--user", ANA, "--go-on", code=1)
    told("sets", "takeout-20000101T000000Z", code=1)
    told("sets", "--go-on", code=2)
