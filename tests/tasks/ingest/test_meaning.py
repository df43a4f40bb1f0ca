"""Versions, true repeats, measured series, mentions and relations, and fields never seen before."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pipeline.formats
from pipeline.quality import occurrence_key
from pipeline.registry import all_formats
from sql.store import Lake
from tasks.operations import verify
from tasks.operations.rollback import roll_back
from tasks.runtime.context import Runtime
from tests.support.lake import Database, counts, zipped

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]


@pytest.fixture(autouse=True)
def _shapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Formats made for these tests, beside the real ones."""
    folder = str(Path(__file__).parents[2] / "support" / "planted" / "shapes")
    monkeypatch.setattr(pipeline.formats, "__path__", [*pipeline.formats.__path__, folder])
    all_formats.cache_clear()
    yield
    monkeypatch.undo()
    all_formats.cache_clear()


@pytest.fixture
def sound(run: Runtime, reader: Lake, database: Database) -> Callable[[Mapping[str, Any]], None]:
    """Fails where `verify` finds anything."""

    def check(job: Mapping[str, Any]) -> None:
        found = verify.verify(run, reader, database.job(job["id"]))
        assert [f for f in found if not f.ok] == []

    return check


def cards(first: int, last: int, **changes: str) -> bytes:
    rows = [
        {"card": f"c{n}", "name": f"Name {n}", "note": changes.get(f"c{n}", "as ever")}
        for n in range(first, last)
    ]
    return json.dumps({"cards": rows}).encode()


def test_what_changed_is_a_new_version_and_the_old_one_is_kept(
    run: Runtime, imported: Imported, database: Database, sound: Callable[..., None]
) -> None:
    one = imported(ANA, "1.json", cards(0, 20))
    two = imported(ANA, "2.json", cards(0, 22, c3="moved", c5="moved"))
    assert counts(one) == (20, 20, 0, 0)
    assert counts(two) == (22, 4, 18, 0)
    (file,) = database.files(two["id"]).values()
    assert file["counts"]["newer"] == 2
    stands = database.rows("SELECT title, content FROM user_data.documents ORDER BY title")
    assert [d["content"] for d in stands if d["content"] != "as ever"] == ["moved", "moved"]
    kept = database.rows("SELECT content, job_id, superseded_by FROM user_data.versions")
    assert {tuple(v.values()) for v in kept} == {("as ever", one["id"], two["id"])}
    sound(one)
    sound(two)
    again = imported(ANA, "3.json", cards(0, 22, c3="moved", c5="moved") + b"\n")
    assert counts(again) == (22, 0, 22, 0)
    back = imported(ANA, "4.json", cards(0, 20) + b"\n")  # what stood before is no news
    assert counts(back) == (20, 0, 20, 0)


def test_an_older_export_that_comes_later_is_kept_beside(
    imported: Imported, database: Database, sound: Callable[..., None]
) -> None:
    late = {"cards.json": cards(0, 3, c1="new")}
    early = {"cards.json": cards(0, 3, c1="old")}
    imported(ANA, "takeout-20250201T000000Z-001.zip", zipped(late))
    older = imported(ANA, "takeout-20250101T000000Z-001.zip", zipped(early))
    assert counts(older) == (3, 1, 2, 0)
    texts = database.rows("SELECT content FROM user_data.documents WHERE title = 'Name 1'")
    assert texts == [{"content": "new"}]
    assert database.one("SELECT content FROM user_data.versions") == "old"
    sound(older)


def test_rollback_of_a_newer_export_brings_the_older_version_back(
    run: Runtime, imported: Imported, database: Database, sound: Callable[..., None]
) -> None:
    one = imported(ANA, "1.json", cards(0, 5))
    two = imported(ANA, "2.json", cards(0, 6, c3="moved"))
    gone = roll_back(run, two["user_id"], two["id"])
    assert (gone.documents, gone.restored, gone.handed_on) == (1, 1, 0)
    assert database.one("SELECT count(*) FROM user_data.versions") == 0
    assert {d["content"] for d in database.documents(one["id"])} == {"as ever"}
    sound(one)


def test_rollback_of_the_older_export_leaves_the_newer(
    run: Runtime, imported: Imported, database: Database, sound: Callable[..., None]
) -> None:
    one = imported(ANA, "1.json", cards(0, 5))
    two = imported(ANA, "2.json", cards(0, 6, c3="moved"))
    roll_back(run, one["user_id"], one["id"])
    assert database.one("SELECT count(*) FROM user_data.versions") == 0
    assert counts(database.job(two["id"])) == (6, 6, 0, 0)
    sound(two)


def plays(*tracks: str) -> bytes:
    rows = [{"minute": "2024-05-01T10:00:00Z", "track": t} for t in tracks]
    return json.dumps({"plays": rows}).encode()


def test_two_plays_in_one_minute_are_two_however_the_file_is_cut(
    imported: Imported, database: Database, sound: Callable[..., None]
) -> None:
    """The format's slices hold three plays, so the equal ones lie in several chunks."""
    tracks = ["a", "b", "a", "a", "c", "a", "b", "a"]
    one = imported(ANA, "1.json", plays(*tracks))
    assert counts(one) == (8, 8, 0, 0)
    assert len(database.chunks(one["id"])) > 1
    keys = {d["record_key"] for d in database.documents(one["id"])}
    assert len(keys) == 8
    sound(one)
    two = imported(ANA, "2.json", plays("b", *tracks))  # cut elsewhere, and one more
    assert counts(two) == (9, 1, 8, 0)
    sound(two)
    assert database.one("SELECT count(*) FROM user_data.documents") == 9


def test_occurrence_keys_are_the_same_in_sql(database: Database) -> None:
    base = bytes(range(16))
    for nth in (1, 2, 37):
        found = database.one("SELECT user_data.occurrence_key(%s::uuid, %s)", base.hex(), nth)
        assert found.bytes == occurrence_key(base, nth)


def test_a_series_is_loaded_proven_and_taken_back(
    run: Runtime, imported: Imported, database: Database, sound: Callable[..., None]
) -> None:
    def pulse(first: int, last: int) -> bytes:
        rows = [{"at": f"2024-05-01T10:{n:02}:00Z", "bpm": 60 + n} for n in range(first, last)]
        return json.dumps({"pulse": [*rows, {"at": "never", "bpm": 1}]}).encode()

    one, two = imported(ANA, "1.json", pulse(0, 10)), imported(ANA, "2.json", pulse(5, 15))
    assert counts(one) == (11, 10, 0, 1)
    assert counts(two) == (11, 5, 5, 1)
    sound(one)
    sound(two)
    gone = roll_back(run, one["user_id"], one["id"])
    assert (gone.metrics, gone.handed_on) == (5, 5)
    assert database.one("SELECT avg(value) FROM timeseries.metrics") == 69.5
    sound(two)


def test_who_stands_in_a_record_and_how_it_stands_to_others(
    imported: Imported, database: Database, run: Runtime
) -> None:
    data = {
        "cards": [
            {"card": "1", "name": "Ana Invented", "mail": "Ana@Example.org"},
            {"card": "2", "name": "A. Invented", "mail": "ana@example.org", "of": "1"},
        ]
    }
    mail = (
        b"From - Mon May  1 10:00:00 2023\nMessage-ID: <1@example.org>\nSubject: Lamp\n"
        b"From: Ana <ANA@example.org>\nTo: bo@example.org\n\nA lamp.\n"
    )
    job = imported(
        ANA, "1.zip", zipped({"cards.json": json.dumps(data).encode(), "all.mbox": mail})
    )
    rows = database.rows(
        "SELECT e.kind, e.value, m.role, d.title FROM user_data.mentions AS m "
        "JOIN user_data.entities AS e USING (user_id, entity_key) "
        "JOIN user_data.documents AS d USING (user_id, record_key) "
        "WHERE e.value = 'ana@example.org' ORDER BY d.title"
    )
    assert [(r["role"], r["title"]) for r in rows] == [
        ("people", "A. Invented"),
        ("people", "Ana Invented"),
        ("sender", "Lamp"),
    ]
    related = database.rows(
        "SELECT a.title AS one, r.relation, b.title AS other FROM user_data.relations AS r "
        "JOIN user_data.documents AS a USING (user_id, record_key) "
        "JOIN user_data.documents AS b ON b.user_id = r.user_id AND b.record_key = r.other_key"
    )
    assert related == [{"one": "A. Invented", "relation": "same_as", "other": "Ana Invented"}]
    roll_back(run, job["user_id"], job["id"])
    assert database.one("SELECT count(*) FROM user_data.mentions") == 0
    assert database.one("SELECT count(*) FROM user_data.relations") == 0


def test_one_document_knows_both_files_it_came_in(imported: Imported, database: Database) -> None:
    same = cards(0, 2)
    job = imported(ANA, "1.zip", zipped({"a/cards.json": same, "b/cards.json": same + b"\n"}))
    assert counts(job) == (4, 2, 2, 0)
    files = {f["id"] for f in database.files(job["id"]).values()}
    held = {d["file_id"] for d in database.documents(job["id"])}
    claimed = {c["file_id"] for c in database.rows("SELECT * FROM imports.claims")}
    assert held | claimed == files
    assert not held & claimed


def test_one_fact_in_two_products_is_one_document(
    imported: Imported, database: Database, sound: Callable[..., None]
) -> None:
    """A film in My Activity and in YouTube's history, a mail under two labels and in All mail, a
    photo in its year and in an album: each has every file that it came in."""
    seen = {"header": "YouTube", "title": "Watched Egrets", "time": "2024-05-01T10:00:00.123Z",
            "products": ["YouTube"],
            "titleUrl": "https://www.youtube.com/watch?v=inv1"}  # fmt: skip
    mail = (
        b"From 1@xxx Mon Mar 02 10:15:00 +0000 2026\nX-Gmail-Labels: Inbox,Chor\n"
        b"Message-ID: <1@example.org>\nDate: Mon, 02 Mar 2026 10:15:00 +0000\n"
        b"From: bo@example.org\nTo: ana@example.org\nSubject: Lamp\n\nA lamp.\n"
    )
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "JPEG")
    taken = {"title": "a.jpg", "url": "https://photos.google.com/photo/AF1Q1",
             "photoTakenTime": {"timestamp": "1400000000"}}  # fmt: skip
    photo = {
        "a.jpg": out.getvalue(),
        "a.jpg.supplemental-metadata.json": json.dumps(taken).encode(),
    }
    places = ("Takeout/Google Photos/Photos from 2014", "Takeout/Google Photos/Trip")
    files = {
        "Takeout/My Activity/YouTube/MyActivity.json": json.dumps([seen]).encode(),
        "Takeout/YouTube and YouTube Music/history/watch-history.json": json.dumps([seen]).encode(),
        **{f"Takeout/Mail/{name}.mbox": mail for name in ("All mail", "Inbox", "Chor")},
        **{f"{place}/{name}": data for place in places for name, data in photo.items()},
    }
    job = imported(ANA, "1.zip", zipped(files))
    assert counts(job) == (9, 4, 5, 0)
    kinds = sorted(d["record_type"] for d in database.documents(job["id"]))
    assert kinds == ["medium", "medium", "message", "play"]
    held = {d["record_key"]: {d["file_id"]} for d in database.documents(job["id"])}
    for claim in database.rows("SELECT record_key, file_id FROM imports.claims"):
        held[claim["record_key"]].add(claim["file_id"])
    assert sorted(map(len, held.values())) == [2, 2, 2, 3]
    assert set.union(*held.values()) == {f["id"] for f in database.files(job["id"]).values()}
    sound(job)


def test_fields_never_seen_before_are_counted(imported: Imported, database: Database) -> None:
    rows = [{"card": str(n), "name": "x", **({"aura": "blue"} if n % 2 else {})} for n in range(9)]
    job = imported(ANA, "1.json", json.dumps({"cards": rows}).encode())
    assert counts(job) == (9, 9, 0, 0)
    drift = database.rows("SELECT format, field, records FROM imports.drift")
    assert drift == [{"format": "shape.card", "field": "aura", "records": 4}]


@pytest.mark.parametrize("first", ["the card", "the mail"])
def test_the_longest_name_of_a_person_is_kept(
    first: str, imported: Imported, database: Database
) -> None:
    mail = (
        b"From - Mon May  1 10:00:00 2023\nMessage-ID: <1@example.org>\nSubject: Lamp\n"
        b"From: Bo <bo@work.example>\nTo: ana@example.org\n\nA lamp.\n\n"
    )
    card = {"card": "1", "name": "Bo Invented", "mail": "bo@work.example", "of": "bo@home.example"}
    files = [("cards.json", json.dumps({"cards": [card]}).encode()), ("all.mbox", mail)]
    for name, data in files if first == "the card" else reversed(files):
        imported(ANA, name, data)
    (row,) = database.rows("SELECT name FROM user_data.entities WHERE value = 'bo@work.example'")
    assert row["name"] == "Bo Invented"


def test_all_that_was_exchanged_with_a_person_is_one_query(
    imported: Imported, database: Database, reader: Lake
) -> None:
    """A contact's addresses and numbers are one person; so a call and a mail come together."""
    mail = (
        b"From - Mon May  1 10:00:00 2023\nMessage-ID: <%d@example.org>\nSubject: Lamp\n"
        b"From: Bo <bo@%s.example>\nTo: ana@example.org\n\nA lamp.\n\n"
    )
    both = {"card": "1", "name": "Bo Invented", "mail": "bo@work.example", "of": "bo@home.example"}
    job = imported(
        ANA,
        "1.zip",
        zipped(
            {
                "all.mbox": mail % (1, b"work") + mail % (2, b"elsewhere"),
                "cards.json": json.dumps({"cards": [both]}).encode(),
            }
        ),
    )
    found = reader.rows(
        job["user_id"], "people", "with_person", user_id=job["user_id"], who="Bo Invented", n=9
    )
    assert sorted((row["record_type"], row["roles"]) for row in found) == [
        ("contact", "people"),
        ("message", "sender"),
    ]
    people = reader.rows(job["user_id"], "people", "people", user_id=job["user_id"], n=9)
    assert {row["value"]: row["records"] for row in people} == {
        "ana@example.org": 2,
        "bo@work.example": 2,
        "bo@elsewhere.example": 1,
    }
