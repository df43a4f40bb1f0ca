"""Photos and their sidecars over the parts of an export: joined wherever each of them came."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from schemas.errors import Rejected
from schemas.identity import record_key
from schemas.reasons import Reason
from sql.store import Lake
from tasks.ingest import upload
from tasks.maintenance import reconcile
from tasks.operations import verify
from tasks.runtime.context import Runtime
from tests.generators import photos
from tests.support.lake import Database, Driver, counts, zipped
from tests.support.sets import STEM, page

pytestmark = pytest.mark.services

ANA = "ana@example.org"
ROOT = "Takeout/Google Photos"
YEAR, ALBUM, OTHER = f"{ROOT}/Photos from 2024", f"{ROOT}/Lake", f"{ROOT}/Best"

Drop = Callable[[str, str, bytes], UUID]


def picture(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (1, 1), shade).save(out, "JPEG")
    return out.getvalue()


def sidecar(title: str, number: int, **more: Any) -> bytes:
    fields = {
        "title": title,
        "description": "By the water",
        "photoTakenTime": {"timestamp": "1717236000", "formatted": "-"},
        "geoData": {"latitude": 46.5, "longitude": 6.25, "altitude": 372.0},
        "people": [{"name": "Ben"}],
        "url": f"https://photos.google.com/photo/{number}",
    }
    return json.dumps(fields | more).encode()


PHOTO, STILL, ALONE = picture(10), picture(20), picture(30)
MOVING = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(1, 200))
ALBUM_JSON = json.dumps({"title": "Lake", "date": {"timestamp": "1"}, "access": "x"}).encode()
FIRST = {
    f"{YEAR}/IMG_1.jpg": PHOTO,
    f"{YEAR}/IMG_2.MP4": MOVING,
    f"{YEAR}/IMG_9.jpg": ALONE,
    f"{ALBUM}/IMG_1.jpg": PHOTO,
    f"{OTHER}/IMG_1.jpg.json": sidecar("IMG_1.jpg", 1),
    f"{ALBUM}/metadata.json": ALBUM_JSON,
}
LATE = {
    f"{YEAR}/IMG_1.jpg.supplemental-metadata.json": sidecar("IMG_1.jpg", 1),
    f"{YEAR}/IMG_2.jpg.json": sidecar("IMG_2.jpg", 2),
    f"{YEAR}/IMG_2.jpg": STILL,
    f"{YEAR}/IMG_3.jpg.json": sidecar("IMG_3.jpg", 3),
    f"{ALBUM}/IMG_1.jpg.json": sidecar("IMG_1.jpg", 1),
    f"{OTHER}/IMG_1.jpg": PHOTO,
}


def listed(*parts: dict[str, bytes]) -> bytes:
    """The page of an export that lists these files."""
    tree: dict[str, dict[str, list[str]]] = {}
    for path in sorted(path for part in parts for path in part):
        _, product, folder, name = path.split("/")
        tree.setdefault(product, {}).setdefault(folder, []).append(name)
    return zipped({"Takeout/archive_browser.html": page(tree)})


@pytest.fixture
def turn(run: Runtime, driver: Driver) -> Callable[[], None]:
    """Workers do what was sent, and the reconciler looks round, without any time going by."""

    def do() -> None:
        driver.drain()
        reconcile.reconcile(run)
        driver.drain()

    return do


def media(database: Database) -> dict[str, dict[str, Any]]:
    """The metadata of photos and videos, by their bytes' hash."""
    rows = database.rows("SELECT * FROM user_data.documents WHERE source LIKE 'media.%%'")
    return {row["metadata"]["blob"]["sha256"]: row["metadata"] for row in rows}


def sidecars(database: Database) -> dict[str, dict[str, Any]]:
    rows = database.rows("SELECT * FROM user_data.documents WHERE source = 'google.photos_sidecar'")
    return {row["title"]: row["metadata"] for row in rows}


def related(database: Database, *identity: str) -> set[tuple[str, bytes]]:
    """How a medium stands to others."""
    rows = database.rows(
        "SELECT relation, other_key FROM user_data.relations WHERE record_key = %s",
        UUID(bytes=record_key("medium", identity)),
    )
    return {(row["relation"], row["other_key"].bytes) for row in rows}


def sha(data: bytes) -> str:
    return sha256(data).hexdigest()


def check(run: Runtime, reader: Lake, database: Database, *jobs: UUID) -> None:
    for job_id in jobs:
        assert [f for f in verify.verify(run, reader, database.job(job_id)) if not f.ok] == []


def holds(database: Database) -> None:
    """Both halves know each other, wherever each came."""
    assert len(media(database)) == 4, "the photo in a year and two albums is one"
    found = media(database)[sha(PHOTO)]
    assert (found["original_title"], found["latitude"]) == ("IMG_1.jpg", 46.5)
    assert found["taken_at"] == "2024-06-01T10:00:00+00:00"
    assert (found["people"], "flags" in found) == ([{"name": "Ben"}], False)
    assert media(database)[sha(MOVING)]["original_title"] == "IMG_2.jpg"
    assert media(database)[sha(ALONE)]["flags"] == ["no_sidecar"]
    said = sidecars(database)
    assert {f["sha256"] for f in said["IMG_2.jpg"]["files"]} == {sha(STILL), sha(MOVING)}
    (file,) = said["IMG_1.jpg"]["files"]
    size, kind = len(PHOTO), "image/jpeg"
    assert (file["name"], file["size"], file["media_type"]) == ("IMG_1.jpg", size, kind)
    assert said["IMG_3.jpg"]["flags"] == ["media_missing"]
    albums = {("in_album", record_key("album", ("album", name))) for name in ("Lake", "Best")}
    item = ("url", "https://photos.google.com/photo/1")
    same = {("same_as", record_key("medium", item))}
    assert related(database, "sha256", sha(PHOTO)) == albums | same
    photo = {("same_as", record_key("medium", ("sha256", sha(PHOTO))))}
    assert related(database, *item) == albums | photo


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=str)
def test_a_late_part_is_waited_for_and_both_halves_know_each_other(
    order: tuple[int, ...], drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake,
    database: Database,
) -> None:  # fmt: skip
    names = {
        f"{STEM}-1-001.zip": zipped(FIRST),
        f"{STEM}-1-002.zip": zipped(LATE),
        f"{STEM}-001.zip": listed(FIRST, LATE),
    }
    jobs = []
    for n in order:
        assert not media(database)
        name = list(names)[n]
        jobs.append(drop(ANA, name, names[name]))
        turn()
    holds(database)
    assert database.one("SELECT count(*) FROM user_data.versions") == 0
    check(run, reader, database, *jobs)


def test_one_archive_needs_no_waiting(
    drop: Drop, turn: Callable[[], None], run: Runtime, reader: Lake, database: Database
) -> None:
    job = drop(ANA, "photos.zip", zipped(FIRST | LATE))
    turn()
    holds(database)
    check(run, reader, database, job)


def test_an_extract_that_breaks_off_holds_nothing_back(
    drop: Drop, turn: Callable[[], None], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(cutter: upload.Cutter) -> None:
        cutter.flush()
        raise Rejected(Reason.TOO_LARGE, "It holds too much.")

    monkeypatch.setattr(upload.Cutter, "finish", refuse)
    job = drop(ANA, "photos.zip", zipped(FIRST | LATE))
    for _ in range(3):
        turn()
    assert (database.job(job)["status"], database.job(job)["remaining"]) == ("rejected", 0)
    holds(database)


def test_what_came_too_late_is_known_by_the_half_that_came_last(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    alone = zipped({f"{YEAR}/IMG_2.jpg.json": sidecar("IMG_2.jpg", 2)})
    first = drop(ANA, f"{STEM}-1-001.zip", alone)
    turn()
    for _ in range(25):
        database.let_time_pass()
    turn()
    assert sidecars(database)["IMG_2.jpg"]["flags"] == ["media_missing"]
    user = database.job(first)["user_id"]
    known = run.neighbours.of(user, first)
    assert run.neighbours.of(user, first) is known, "asked for once, while nothing changes"
    drop(ANA, f"{STEM}-1-002.zip", zipped({f"{YEAR}/IMG_2.jpg": STILL}))
    turn()
    for _ in range(25):
        database.let_time_pass()
    turn()
    assert run.neighbours.of(user, first) is not known
    assert media(database)[sha(STILL)]["original_title"] == "IMG_2.jpg"
    item = ("url", "https://photos.google.com/photo/2")
    same = ("same_as", record_key("medium", item))
    assert same in related(database, "sha256", sha(STILL))


def test_the_next_export_makes_no_versions_of_what_only_lies_elsewhere(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database
) -> None:
    drop(ANA, "first.zip", zipped(FIRST | LATE))
    turn()
    before = counts_of(database)
    moved = {path.replace("Best", "Better"): data for path, data in (LATE | FIRST).items()}
    second = drop(ANA, "second.zip", zipped(moved))
    turn()
    assert counts_of(database) == before
    seen, loaded, _, _ = counts(database.job(second))
    assert (seen, loaded) == (12, 0)
    assert database.one("SELECT count(*) FROM user_data.versions") == 0


def counts_of(database: Database) -> int:
    return int(database.one("SELECT count(*) FROM user_data.documents"))


def test_generated_photos_in_three_parts_all_find_each_other(
    drop: Drop, turn: Callable[[], None], run: Runtime, database: Database, tmp_path: Path
) -> None:
    made = photos.parts(tmp_path, 60, 5, 3)
    drop(ANA, f"{STEM}-001.zip", listed(*made))
    for n, part in enumerate(made, start=1):
        drop(ANA, f"{STEM}-1-{n:03}.zip", zipped(part))
        turn()
    assert len(media(database)) == 60
    flags = [m.get("flags") for m in (*media(database).values(), *sidecars(database).values())]
    assert not any(flags)
