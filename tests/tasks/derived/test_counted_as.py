"""Of records that are the same one is counted, whichever came first and whichever stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count, pairwise, permutations
from typing import Any
from uuid import UUID

import pytest

from sql import answers, migrate
from sql.analytics import counted_as, statistics
from sql.store import Lake
from tasks.derived import lake_statistics, search_index
from tasks.maintenance import reconcile
from tasks.operations.rollback import roll_back
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, zipped
from tests.support.sets import STEM
from tests.tasks.ingest.test_photos import MOVING, PHOTO, STILL, YEAR, sidecar
from workers.settings import Settings

ANA = "ana@example.org"
Arrives = Callable[[bytes], dict[str, Any]]

ITEM = {f"{YEAR}/IMG_1.jpg.json": sidecar("IMG_1.jpg", 1)}
PICTURE = {f"{YEAR}/IMG_1.jpg": PHOTO}

_TABLES = ("documents_by_day", "entities_by_day", "domains_by_day")
_INSTEAD = (
    "SELECT DISTINCT record_key, counted_key FROM user_data.search "
    "WHERE counted_key IS NOT NULL ORDER BY 1"
)


@pytest.fixture
def arrives(
    drop: Callable[[str, str, bytes], UUID], driver: Driver, run: Runtime, database: Database
) -> Arrives:
    """Takes in the next part of an export; nothing waits for parts that come later."""
    numbers = count(1)

    def do(data: bytes) -> dict[str, Any]:
        job = drop(ANA, f"{STEM}-1-{next(numbers):03}.zip", data)
        for _ in range(2):
            driver.drain()
            reconcile.reconcile(run)
            driver.drain()
            for _ in range(25):
                database.let_time_pass()
        return database.job(job)

    return do


def caught_up(run: Runtime) -> None:
    search_index.index_waiting(run, seconds=60)
    lake_statistics.count_waiting(run, seconds=60, rest_s=0)


def counted(database: Database) -> list[list[dict[str, Any]]]:
    assert database.one("SELECT count(*) FROM analytics.touched") == 0
    days = [database.rows(f"SELECT t.* FROM analytics.{t} AS t ORDER BY t::text") for t in _TABLES]
    return [database.rows(_INSTEAD), *days]


def exact(run: Runtime, database: Database) -> bool:
    """Whether what followed each change is what a count from scratch gives."""
    caught_up(run)
    followed = counted(database)
    for table in _TABLES:
        database.rows(f"DELETE FROM analytics.{table}")
    database.rows("UPDATE user_data.search SET counted_key = NULL")
    database.rows(
        "INSERT INTO analytics.touched (user_id, series, day) SELECT DISTINCT user_id, "
        "'documents', analytics.day_of(source_timestamp) FROM user_data.documents"
    )
    caught_up(run)
    return followed == counted(database) and one_of_each(database)


def one_of_each(database: Database) -> bool:
    """Whether one record of each that are joined is counted, with a time if one has any."""
    dated = {
        row["record_key"]: row["source_timestamp"] is not None
        for row in database.rows("SELECT record_key, source_timestamp FROM user_data.documents")
    }
    groups = {key: {key} for key in dated}
    for row in database.rows("SELECT * FROM user_data.relations WHERE relation = 'same_as'"):
        if row["record_key"] in dated and row["other_key"] in dated:
            both = groups[row["record_key"]] | groups[row["other_key"]]
            groups.update(dict.fromkeys(both, both))
    left = {row["record_key"] for row in database.rows(_INSTEAD)}
    for group in groups.values():
        (one,) = group - left
        if not dated[one] and any(dated[key] for key in group):
            return False
    total = database.one("SELECT coalesce(sum(documents), 0) FROM analytics.documents_by_day")
    return bool(total == len(dated.keys() - left))


def totals(database: Database) -> dict[str, int]:
    rows = database.rows(
        "SELECT source, sum(documents)::int AS n FROM analytics.documents_by_day GROUP BY 1"
    )
    return {row["source"]: row["n"] for row in rows}


@pytest.mark.services
@pytest.mark.parametrize(
    "parts", [(ITEM | PICTURE,), (ITEM, PICTURE), (PICTURE, ITEM)], ids=["both", "item", "picture"]
)
def test_a_photograph_and_its_sidecar_are_one_with_a_time(
    parts: tuple[dict[str, bytes], ...], arrives: Arrives, run: Runtime, reader: Lake,
    database: Database,
) -> None:  # fmt: skip
    user = [arrives(zipped(part)) for part in parts].pop()["user_id"]
    assert exact(run, database)
    assert database.one("SELECT count(*) FROM user_data.documents") == 2
    found = statistics(reader, user)
    assert (found.records, found.undated, found.up_to_date) == (1, 0, True)
    assert [(each.name, each.records) for each in found.people] == [("Ben", 1)]
    for by in ("type", "source", "day", "person"):
        rows = answers.count(reader, user, by, answers.Chosen(), "UTC", 10)
        assert [row["records"] for row in rows] == [1], by
    rows = answers.count(reader, user, "year", answers.Chosen(), "UTC", 10)
    assert [(row["value"], row["records"]) for row in rows] == [("2024", 1)]


@pytest.mark.services
@pytest.mark.parametrize("order", [(ITEM, PICTURE), (PICTURE, ITEM)], ids=["item", "picture"])
@pytest.mark.parametrize("leaves", [0, 1])
def test_the_half_that_stays_is_counted(
    order: tuple[dict[str, bytes], ...], leaves: int, arrives: Arrives, run: Runtime,
    reader: Lake, database: Database,
) -> None:  # fmt: skip
    jobs = [arrives(zipped(part)) for part in order]
    caught_up(run)
    roll_back(run, jobs[leaves]["user_id"], jobs[leaves]["id"])
    rows = answers.count(reader, jobs[0]["user_id"], "type", answers.Chosen(), "UTC", 10)
    assert [row["records"] for row in rows] == [1], "at once, before its day is counted again"
    assert exact(run, database)
    assert sum(totals(database).values()) == 1
    roll_back(run, jobs[0]["user_id"], jobs[1 - leaves]["id"])
    assert exact(run, database)
    assert totals(database) == {}


@pytest.mark.services
def test_a_live_photo_is_one(arrives: Arrives, run: Runtime, database: Database) -> None:
    """Its picture and its video have one sidecar. All of them came, and one is left."""
    item = {f"{YEAR}/IMG_2.jpg.json": sidecar("IMG_2.jpg", 2)}
    arrives(zipped(item | {f"{YEAR}/IMG_2.MP4": MOVING} | ITEM))
    assert exact(run, database)
    last = arrives(zipped({f"{YEAR}/IMG_2.jpg": STILL} | PICTURE))
    assert exact(run, database)
    assert sum(totals(database).values()) == 2
    roll_back(run, last["user_id"], last["id"])
    assert exact(run, database)
    assert sum(totals(database).values()) == 2


ACCOUNT = {
    "MyData/StreamingHistory_music_0.json": json.dumps(
        [{"endTime": "2026-01-02 03:04", "artistName": "Björk", "trackName": "Jóga",
          "msPlayed": 305000},
         {"endTime": "2026-02-02 03:04", "artistName": "Björk", "trackName": "Hunter",
          "msPlayed": 9000}]
    ).encode()
}  # fmt: skip
_PLAY = {
    "ts": "2026-01-02T03:04:05Z", "ms_played": 305000, "platform": "android",
    "master_metadata_track_name": "Jóga", "master_metadata_album_artist_name": "Björk",
    "master_metadata_album_album_name": "Homogenic", "spotify_track_uri": "spotify:track:1x",
    "episode_name": None,
}  # fmt: skip
EXTENDED = {
    "Spotify Extended Streaming History/Streaming_History_Audio_2025-2026_1.json": json.dumps(
        [_PLAY]
    ).encode()
}
SHORT, LONG = "spotify.streaming_history", "spotify.extended_history"


@pytest.mark.services
@pytest.mark.parametrize("order", [*permutations((ACCOUNT, EXTENDED)), (ACCOUNT | EXTENDED,)])
@pytest.mark.parametrize("leaves", [ACCOUNT, EXTENDED], ids=["account", "extended"])
def test_a_play_is_counted_where_more_is_known_of_it(
    order: tuple[dict[str, bytes], ...], leaves: dict[str, bytes],
    imported: Callable[[str, str, bytes], dict[str, Any]], run: Runtime, database: Database,
) -> None:  # fmt: skip
    jobs = [imported(ANA, f"{n}.zip", zipped(part)) for n, part in enumerate(order)]
    assert exact(run, database)
    assert totals(database) == {SHORT: 1, LONG: 1}
    if leaves in order:
        job = jobs[order.index(leaves)]
        roll_back(run, job["user_id"], job["id"])
        assert exact(run, database)
        assert totals(database) == ({LONG: 1} if leaves is ACCOUNT else {SHORT: 2})


def _mail(number: int, body: str, kind: str = "text/plain") -> str:
    return (
        f"From: Cy <cy@example.org>\nTo: dee@example.org\nSubject: Boats\n"
        f"Message-ID: <{number}@example.org>\nDate: Mon, 01 May 2023 10:00:00 +0000\n"
        f"MIME-Version: 1.0\nContent-Type: {kind}\n\n{body}\n"
    )


@pytest.mark.services
def test_a_mail_is_counted_and_not_its_copy_in_another(
    imported: Callable[[str, str, bytes], dict[str, Any]], run: Runtime, database: Database
) -> None:
    first = _mail(1, "There are three boats.")
    ahead = [_mail(n, first, "message/rfc822") for n in (2, 3)]
    imported(ANA, "1.zip", zipped({f"{n}.eml": one.encode() for n, one in enumerate(ahead)}))
    assert exact(run, database)
    assert database.rows(_INSTEAD) == [], "the mail that they are copies of is not there"
    job = imported(ANA, "2.zip", zipped({"own.eml": first.encode()}))
    assert exact(run, database)
    own = database.one("SELECT record_key FROM user_data.documents WHERE job_id = %s", job["id"])
    assert [row["counted_key"] for row in database.rows(_INSTEAD)] == [own, own]


@pytest.mark.services
def test_a_relation_that_comes_or_goes_alone_changes_the_counts(
    imported: Callable[[str, str, bytes], dict[str, Any]], run: Runtime, database: Database
) -> None:
    imported(ANA, "1.zip", zipped(ACCOUNT))
    imported(ANA, "2.zip", zipped({f"{n}.eml": _mail(n, "Boats.").encode() for n in range(3)}))
    assert exact(run, database)
    user = database.one("SELECT DISTINCT user_id FROM user_data.documents")
    keys = [row["record_key"] for row in database.rows("SELECT record_key FROM user_data.search")]
    for one, other in pairwise(keys):
        database.rows(
            "INSERT INTO user_data.relations VALUES (%s, %s, 'same_as', %s)", user, one, other
        )
        assert exact(run, database)
    assert sum(totals(database).values()) == 1
    for other in keys[1:]:
        database.rows("DELETE FROM user_data.relations WHERE other_key = %s", other)
        assert exact(run, database)
    assert sum(totals(database).values()) == len(keys)


@pytest.mark.services
def test_a_lake_that_is_migrated_counts_one_of_those_it_had(
    imported: Callable[[str, str, bytes], dict[str, Any]], place: Settings, run: Runtime,
    database: Database,
) -> None:  # fmt: skip
    imported(ANA, "1.zip", zipped(ACCOUNT | EXTENDED))
    caught_up(run)
    owner = place.url("owner")
    while "0036.counted_as" in [a.name for a in migrate.status(owner) if a.applied]:
        migrate.downgrade(owner)
    counted_anew = "SELECT day::text AS day FROM analytics.touched"
    assert [row["day"] for row in database.rows(counted_anew)] == ["2026-01-02"]
    database.rows("DELETE FROM analytics.touched")
    migrate.upgrade(owner)
    assert database.rows(_INSTEAD) == []
    assert exact(run, database)
    assert totals(database) == {SHORT: 1, LONG: 1}


def record(key: int, **more: Any) -> dict[str, Any]:
    lists = {"leads_to": [], "led_from": [], "part_of": []}
    return {"record_key": UUID(int=key), "dated": True, "source": "a", **lists} | more


def test_the_preferred_of_those_that_are_joined_is_counted() -> None:
    one, two, three, gone = (UUID(int=n) for n in (1, 2, 3, 9))
    to_one: dict[str, Any] = {"leads_to": [one, gone], "led_from": [gone]}
    assert counted_as([record(1, led_from=[two]), record(2, **to_one)]) == {one: two}
    undated = record(2, **to_one, dated=False)
    assert counted_as([record(1, led_from=[two]), undated]) == {two: one}
    copy = record(2, **to_one, part_of=[three])
    assert counted_as([record(1, led_from=[two]), copy]) == {two: one}
    both = record(1, leads_to=[two], led_from=[two])
    assert counted_as([both, record(2, **to_one)]) == {two: one}
    assert counted_as([both, record(2, **to_one, source="b")]) == {one: two}
    star = record(1, led_from=[two, three]), record(3, **to_one), record(2, **to_one)
    assert counted_as(star) == {one: two, three: two}
    assert counted_as([record(3, **to_one), record(2, leads_to=[two], led_from=[two])]) == {}
