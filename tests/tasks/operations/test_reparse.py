"""A better parser reads the originals again: what differs is changed, and nothing else."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

import pipeline.formats
from pipeline import registry as formats
from pipeline.contract import Format, Rank
from pipeline.registry import all_formats
from pipeline.values import timestamps
from schemas.errors import BadValue, PermanentError
from schemas.files import SliceLimits
from schemas.reasons import Reason
from schemas.records import Outcome, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation
from sql.store import Lake
from tasks.derived import lake_statistics
from tasks.operations import quarantine, verify
from tasks.operations.reparse import Reparsed, order, reparse
from tasks.operations.rollback import roll_back
from tasks.runtime.context import Runtime
from tests.support.lake import Database, FakeEmbedder, counts, hours_are_exact, zipped
from workers.cli import app, nearest
from workers.cli.verbs import reparse as verbs
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA, BO = "ana@example.org", "bo@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
Better = Callable[..., Format]
To = Callable[[RawRecord, Any], Any]


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
def better(monkeypatch: pytest.MonkeyPatch) -> Better:
    """Puts another version in the place of a format; None takes it away."""

    def put(name: str, **changes: Any) -> Format:
        old = next(f for f in all_formats() if f.name == name)
        new = msgspec.structs.replace(old, **{"version": old.version + 1, **changes})
        every = tuple(sorted((*(f for f in formats.all_formats() if f.name != name), new),
                             key=lambda f: (f.rank, f.name)))  # fmt: skip
        monkeypatch.setattr(formats, "all_formats", lambda: every)
        return new

    return put


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """As before a format was known."""

    def take(name: str) -> None:
        rest = tuple(f for f in formats.all_formats() if f.name != name)
        monkeypatch.setattr(formats, "all_formats", lambda: rest)

    return take


@pytest.fixture
def sound(run: Runtime, reader: Lake, database: Database) -> Callable[[], None]:
    """Fails where `verify` finds anything, of any job."""

    def check() -> None:
        for job in database.rows("SELECT * FROM imports.jobs"):
            found = verify.verify(run, reader, job)
            assert [f for f in found if not f.ok] == [], job["source_name"]
        assert [p for p in run.folders.work.iterdir() if p.name.startswith("tmp.")] == []

    return check


@pytest.fixture
def again(run: Runtime, database: Database) -> Callable[..., Reparsed]:
    """Reparses all of a user's jobs, or one."""

    def do(name: str, *, user: str = ANA, **more: Any) -> Reparsed:
        owner = database.one("SELECT user_id FROM user_data.users WHERE name = %s", user)
        return sum((r for _, r in reparse(run, owner, order(name, **more))), Reparsed())

    return do


def everything(database: Database) -> list[Any]:
    """All that a reparse may change."""
    return [
        database.rows("SELECT * FROM user_data.documents ORDER BY id"),
        database.rows("SELECT * FROM user_data.versions ORDER BY version_id"),
        database.rows("SELECT * FROM timeseries.metrics ORDER BY record_key"),
        database.rows("SELECT * FROM timeseries.locations ORDER BY record_key"),
        database.rows("SELECT * FROM user_data.mentions ORDER BY record_key, entity_key, role"),
        database.rows("SELECT * FROM user_data.relations ORDER BY record_key, other_key"),
        database.rows("SELECT document_id, piece, piece_end FROM vectors.embeddings ORDER BY 1, 2"),
        database.rows("SELECT * FROM imports.claims ORDER BY record_key, job_id, file_id"),
        database.rows("SELECT * FROM imports.quarantine ORDER BY id"),
        database.rows("SELECT id, tally, slices FROM imports.chunks ORDER BY id"),
        database.rows("SELECT id, counts, disposition, format FROM imports.files ORDER BY id"),
        [counts(job) for job in database.rows("SELECT * FROM imports.jobs ORDER BY id")],
    ]


def assert_same(now: list[Any], before: list[Any]) -> None:
    for one, other in zip(now, before, strict=True):
        assert [row for row in one if row not in other] == []
        assert [row for row in other if row not in one] == []


def cards(first: int, last: int, **changes: str) -> bytes:
    rows = [
        {"card": f"c{n}", "name": f"Name {n}", "mail": f"p{n}@example.org",
         "note": changes.get(f"c{n}", "as ever")}
        for n in range(first, last)
    ]  # fmt: skip
    return json.dumps({"cards": rows}).encode()


def by_note(old: Format, **on: Callable[[Record, dict[str, Any]], Any]) -> To:
    """A parser that does something else where the note says so."""

    def record(item: RawRecord, member: Any) -> Any:
        made, fields = old.record(item, member), item.value
        assert isinstance(made, Record)
        return on[fields["note"]](made, fields) if fields.get("note") in on else made

    return record


def reworded(made: Record, fields: dict[str, Any]) -> Record:
    return msgspec.structs.replace(made, content="other words")


def relinked(made: Record, fields: dict[str, Any]) -> Record:
    people = [{"address": "other@example.org"}]
    return msgspec.structs.replace(
        made, metadata={"people": people},
        related=(Related(Relation.SAME_AS, RecordType.CONTACT, ("c0",)),),
    )  # fmt: skip


def nothing(made: Record, fields: dict[str, Any]) -> Any:
    return ()


def bad(made: Record, fields: dict[str, Any]) -> Any:
    raise BadValue(Reason.BAD_SHAPE, "'note' is bad")


def twice(made: Record, fields: dict[str, Any]) -> Any:
    return made, msgspec.structs.replace(made, identity=(fields["card"], "too"))


def test_only_what_differs_is_changed(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed],
    sound: Callable[[], None], embedder: FakeEmbedder,
) -> None:  # fmt: skip
    job = imported(ANA, "1.json", cards(0, 30, c3="words", c4="links"))
    old = next(f for f in all_formats() if f.name == "shape.card")
    before = {d["title"]: d for d in database.documents(job["id"])}
    vectors = database.one("SELECT count(*) FROM vectors.embeddings")
    embedder.texts.clear()
    better("shape.card", record=by_note(old, words=reworded, links=relinked))
    dry = again("shape.card", dry=True)
    assert {d["title"]: d for d in database.documents(job["id"])} == before
    found = again("shape.card")
    assert found == dry
    assert (found.files, found.records.same, found.records.changed) == (1, 28, 2)
    assert counts(database.job(job["id"])) == (30, 30, 0, 0)
    after = {d["title"]: d for d in database.documents(job["id"])}
    other = {title for title, d in after.items() if d != before[title]}
    assert other == {"Name 3", "Name 4"}
    assert {after[t]["parser_version"] for t in other} == {2}
    assert after["Name 3"]["content"] == "other words"
    assert after["Name 3"]["id"] == before["Name 3"]["id"]
    assert embedder.texts == ["Name 3\n\nother words"]
    assert database.one("SELECT count(*) FROM vectors.embeddings") == vectors == 30
    named = database.rows(
        "SELECT e.value FROM user_data.mentions AS m JOIN user_data.entities AS e "
        "USING (user_id, entity_key) WHERE m.record_key = %s", after["Name 4"]["record_key"]
    )  # fmt: skip
    assert [row["value"] for row in named] == ["other@example.org"]
    assert database.one("SELECT count(*) FROM user_data.relations") == 1
    sound()
    stands = everything(database)
    assert again("shape.card") == Reparsed()
    every = again("shape.card", every=True)
    assert (every.records.same, every.records.changed) == (30, 0)
    assert_same(everything(database), stands)


def test_records_come_go_and_change_sides(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed],
    sound: Callable[[], None],
) -> None:  # fmt: skip
    """What is new comes in, what is no record goes, what was bad loads and what is bad waits."""
    rows = json.loads(cards(0, 20, c1="none", c2="bad", c3="two"))["cards"]
    rows += [{"card": "c90", "mail": "x@example.org"}, {"card": "c91", "note": "x"}, {"note": "y"}]
    job = imported(ANA, "1.json", json.dumps({"cards": rows}).encode())
    assert counts(job) == (23, 20, 0, 3)
    old = next(f for f in all_formats() if f.name == "shape.card")
    choose = by_note(old, none=nothing, bad=bad, two=twice)

    def record(item: RawRecord, member: Any) -> Any:
        named = {"name": "Nobody", **item.value}
        return choose(RawRecord(named, item.offset, item.length), member)

    better("shape.card", record=record)
    found = again("shape.card").records
    assert msgspec.structs.asdict(found) == {
        "same": 18, "changed": 0, "added": 3, "removed": 2, "closed": 2, "quarantined": 1,
    }  # fmt: skip
    # c1 gives nothing any more, so it is not even seen; c3 gives two.
    assert counts(database.job(job["id"])) == (23, 21, 0, 2)
    assert database.one("SELECT count(*) FROM user_data.mentions") == 21
    assert database.one("SELECT count(*) FROM vectors.embeddings") == 21
    sound()
    stands = everything(database)
    again("shape.card", every=True)
    assert_same(everything(database), stands)
    better("shape.card", version=3)  # back to what the first parser said
    again("shape.card")
    assert counts(database.job(job["id"])) == (23, 20, 0, 3)
    sound()
    (event, *_) = database.rows("SELECT * FROM imports.events WHERE kind = 'reparsed' ORDER BY id")
    assert event["detail"] == {
        "format": "shape.card", "version": 2, "files": 1, **msgspec.structs.asdict(found),
    }  # fmt: skip


def plays(*tracks: str) -> bytes:
    rows = [{"minute": "2024-05-01T10:00:00Z", "track": t} for t in tracks]
    return json.dumps({"plays": rows}).encode()


def test_repeats_keep_their_rows(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed],
    sound: Callable[[], None],
) -> None:  # fmt: skip
    """Equal plays lie in several chunks; one of them is told apart, then there is one less."""
    job = imported(ANA, "1.json", plays(*"abaacabab"))
    old = next(f for f in all_formats() if f.name == "shape.play")
    stands = everything(database)
    again("shape.play", every=True)
    assert_same(everything(database), stands)

    def record(item: RawRecord, member: Any) -> Any:
        made = old.record(item, member)
        assert isinstance(made, Record)
        wide = item.offset > 150  # the later plays
        return msgspec.structs.replace(made, metadata={"late": True}) if wide else made

    better("shape.play", record=record)
    found = again("shape.play").records
    assert found.same + found.changed == 9
    assert (
        0
        < found.changed
        == database.one("SELECT count(*) FROM user_data.documents WHERE metadata ? 'late'")
    )
    sound()
    stands = everything(database)
    again("shape.play", every=True)
    assert_same(everything(database), stands)
    better("shape.play", record=lambda i, m: () if i.offset > 150 else old.record(i, m), version=3)
    found = again("shape.play").records
    assert found.removed > 0
    assert counts(database.job(job["id"]))[:2] == (9 - found.removed, 9 - found.removed)
    sound()


def pulse(first: int, last: int) -> bytes:
    rows = [{"at": f"2024-05-01T10:{n:02}:00Z", "bpm": 60 + n} for n in range(first, last)]
    return json.dumps({"pulse": [*rows, {"at": "never", "bpm": 1}]}).encode()


def test_series_change_their_values_and_times(
    imported: Imported, run: Runtime, database: Database, better: Better,
    again: Callable[..., Reparsed], sound: Callable[[], None],
) -> None:  # fmt: skip
    one, two = imported(ANA, "1.json", pulse(0, 10)), imported(ANA, "2.json", pulse(5, 15))
    old = next(f for f in all_formats() if f.name == "shape.pulse")
    stands = everything(database)
    assert again("shape.pulse", every=True).records.same == 15
    assert_same(everything(database), stands)

    def record(item: RawRecord, member: Any) -> Outcome:
        made = old.record(item, member)
        minute = int(item.value["at"][14:16])
        if minute in (6, 12):
            made = msgspec.structs.replace(made, value=1.5)
        if minute in (7, 13):  # another month: the row moves
            at = timestamps.iso(f"2023-01-01T10:{minute:02}:00Z")
            made = msgspec.structs.replace(made, time=at)
        return made

    better("shape.pulse", record=record)
    found = again("shape.pulse").records
    assert (found.same, found.changed, found.added, found.removed) == (11, 4, 0, 0)
    assert database.one("SELECT count(*) FROM timeseries.metrics WHERE at < '2024-01-01Z'") == 2
    assert database.one("SELECT count(*) FROM imports.claims WHERE at < '2024-01-01Z'") == 1
    assert [counts(database.job(j["id"])) for j in (one, two)] == [(11, 10, 0, 1), (11, 5, 5, 1)]
    sound()
    lake_statistics.count_waiting(run, seconds=60, rest_s=0)
    hours_are_exact(database)
    stands = everything(database)
    again("shape.pulse", every=True)
    assert_same(everything(database), stands)


def dated(old: Format, year: str) -> To:
    """A parser that knows when cards numbered c1 were made."""

    def record(item: RawRecord, member: Any) -> Any:
        made = old.record(item, member)
        at = timestamps.iso(f"{year}-05-01T10:00:00Z")
        return msgspec.structs.replace(made, time=at, mutable=False)

    return record


def test_a_row_that_another_import_holds_elsewhere_is_merged_with_it(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed],
    sound: Callable[[], None],
) -> None:  # fmt: skip
    """The second import came after the parser was mended, the first before: the same records
    stood at two times, and stand once after."""
    old = next(f for f in all_formats() if f.name == "shape.card")
    better("shape.card", record=dated(old, "2019"), version=1)
    one, three = imported(ANA, "1.json", cards(0, 4)), imported(ANA, "3.json", cards(0, 4) + b"\n")
    better("shape.card", record=dated(old, "2023"), version=2)
    two = imported(ANA, "2.json", cards(0, 3))
    assert database.one("SELECT count(*) FROM user_data.documents") == 7
    found = again("shape.card").records
    assert found.changed == 4
    assert database.one("SELECT count(*) FROM user_data.documents") == 4
    assert counts(database.job(one["id"])) == (4, 1, 3, 0)
    assert counts(database.job(two["id"])) == (3, 3, 0, 0)
    assert counts(database.job(three["id"])) == (4, 0, 4, 0)
    sound()
    gone = roll_back_of(database, two)
    assert gone == 3
    sound()


def roll_back_of(database: Database, job: Mapping[str, Any]) -> int:
    """How many rows of a job others would inherit."""
    query = (
        "SELECT count(*) FROM user_data.documents AS d WHERE d.job_id = %s AND EXISTS ("
        "SELECT FROM imports.claims AS c WHERE c.record_key = d.record_key "
        "AND c.data_type = d.data_type AND c.at = d.partition_at)"
    )
    return int(database.one(query, job["id"]))


def test_of_two_overlapping_imports(
    run: Runtime, imported: Imported, database: Database, better: Better,
    again: Callable[..., Reparsed], sound: Callable[[], None],
) -> None:  # fmt: skip
    """What one import gives no more is the other's, until that is read again too."""
    one = imported(ANA, "1.json", cards(0, 10, c5="none"))
    two = imported(ANA, "2.json", cards(5, 15, c5="none", c12="none"))
    assert [counts(j) for j in (one, two)] == [(10, 10, 0, 0), (10, 5, 5, 0)]
    old = next(f for f in all_formats() if f.name == "shape.card")
    better("shape.card", record=by_note(old, none=nothing))
    again("shape.card", job_id=one["id"])
    now = [counts(database.job(j["id"])) for j in (one, two)]
    assert now == [(9, 9, 0, 0), (10, 6, 4, 0)]
    again("shape.card", job_id=two["id"])
    now = [counts(database.job(j["id"])) for j in (one, two)]
    assert now == [(9, 9, 0, 0), (8, 4, 4, 0)]
    assert database.one("SELECT count(*) FROM user_data.documents") == 13
    sound()
    roll_back(run, one["user_id"], one["id"])
    assert counts(database.job(two["id"])) == (8, 8, 0, 0)
    sound()


def test_versions_are_renewed_and_come_back(
    run: Runtime, imported: Imported, database: Database, better: Better,
    again: Callable[..., Reparsed], sound: Callable[[], None],
) -> None:  # fmt: skip
    one = imported(ANA, "1.json", cards(0, 5, c3="words"))
    two = imported(ANA, "2.json", cards(0, 6, c3="none", c4="none"))
    assert [counts(j)[1] for j in (one, two)] == [5, 3]
    old = next(f for f in all_formats() if f.name == "shape.card")
    better("shape.card", record=by_note(old, words=reworded, none=nothing))
    again("shape.card", job_id=one["id"])
    assert database.one("SELECT content FROM user_data.versions WHERE title = 'Name 3'") == (
        "other words"
    )
    again("shape.card", job_id=two["id"])
    assert database.one("SELECT count(*) FROM user_data.versions") == 0
    said = database.rows("SELECT title, content FROM user_data.documents ORDER BY title")
    assert [row["content"] for row in said] == ["as ever"] * 3 + ["other words"] + ["as ever"] * 2
    now = [counts(database.job(j["id"])) for j in (one, two)]
    assert now == [(5, 5, 0, 0), (4, 1, 3, 0)]
    sound()


def test_what_a_better_parser_tells_apart_becomes_a_version(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed],
    sound: Callable[[], None],
) -> None:  # fmt: skip
    """Both exports are read anew, so the difference is one of exports and not of parsers."""
    old = next(f for f in all_formats() if f.name == "shape.card")
    blind = lambda i, m: msgspec.structs.replace(old.record(i, m), content=None)  # noqa: E731
    better("shape.card", record=blind, version=1)
    one, two = imported(ANA, "1.json", cards(0, 5)), imported(ANA, "2.json", cards(0, 5, c3="new"))
    assert counts(two) == (5, 0, 5, 0)
    better("shape.card", record=old.record, version=2)
    again("shape.card")
    assert counts(database.job(one["id"])) == (5, 5, 0, 0)
    assert counts(database.job(two["id"])) == (5, 1, 4, 0)
    assert database.one("SELECT content FROM user_data.documents WHERE title = 'Name 3'") == "new"
    assert database.one("SELECT content FROM user_data.versions") == "as ever"
    sound()
    stands = everything(database)
    again("shape.card", every=True)
    assert_same(everything(database), stands)


def searches(first: int, last: int) -> bytes:
    rows = [
        {"header": "Search", "title": f"Searched for lamp {n}", "products": ["Search"],
         "time": f"2023-05-01T10:00:{n:02}Z"}
        for n in range(first, last)
    ]  # fmt: skip
    return json.dumps(rows).encode()


@pytest.mark.parametrize("catch_all", [True, False])
def test_a_file_of_no_known_format_is_read_when_there_is_one(
    imported: Imported, database: Database, without: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch, again: Callable[..., Reparsed], sound: Callable[[], None],
    catch_all: bool,
) -> None:  # fmt: skip
    """What nothing read, or only a catch-all, becomes what it is."""
    name = "Takeout/My Activity/{}/MyActivity.json"
    files = {name.format("Search"): searches(0, 8), name.format("Maps"): searches(5, 10)}
    known = formats.all_formats
    without("google.my_activity")
    for form in known():
        if form.rank is not Rank.PRODUCT and not catch_all:
            without(form.name)
    job = imported(ANA, "1.zip", zipped(files))
    was = {f["disposition"] for f in database.files(job["id"]).values()}
    assert was == ({"handled"} if catch_all else {"unknown"})
    assert counts(job) == ((13, 10, 3, 0) if catch_all else (0, 0, 0, 0))
    monkeypatch.setattr(formats, "all_formats", known)
    found = again("google.my_activity")
    assert (found.files, found.records.added, found.passed_over) == (2, 10, {})
    assert found.records.removed == (10 if catch_all else 0)
    assert counts(database.job(job["id"])) == (13, 10, 3, 0)
    assert {f["format"] for f in database.files(job["id"]).values()} == {"google.my_activity"}
    said = database.rows("SELECT DISTINCT source FROM user_data.documents")
    assert said == [{"source": "google.my_activity"}]
    sound()
    stands = everything(database)
    assert again("google.my_activity") == Reparsed()
    again("google.my_activity", every=True)
    assert_same(everything(database), stands)


def test_what_a_person_mended_stays_theirs(
    run: Runtime, imported: Imported, database: Database, better: Better,
    again: Callable[..., Reparsed], sound: Callable[[], None],
) -> None:  # fmt: skip
    """Until the original can be read: then it speaks for itself."""
    broken = [{"card": f"b{n}", "note": "words"} for n in range(3)]
    rows = [*json.loads(cards(0, 5))["cards"], *broken]
    job = imported(ANA, "1.json", json.dumps({"cards": rows}).encode())
    ids = [q["id"] for q in database.rows("SELECT id FROM imports.quarantine ORDER BY id")]
    mended = json.dumps({"card": "b0", "name": "By hand", "note": "words"}).encode()
    quarantine.mend(run, job["user_id"], ids[0], mended)
    assert counts(database.job(job["id"])) == (8, 6, 0, 2)
    old = next(f for f in all_formats() if f.name == "shape.card")
    stands = everything(database)
    again("shape.card", every=True)
    assert_same(everything(database), stands)

    better("shape.card", record=by_note(old, words=reworded))
    found = again("shape.card").records
    assert (found.changed, found.removed) == (1, 0)
    by_hand = database.rows("SELECT * FROM user_data.documents WHERE title = 'By hand'")
    assert [d["content"] for d in by_hand] == ["other words"]
    assert counts(database.job(job["id"])) == (8, 6, 0, 2)
    sound()

    def named(item: RawRecord, member: Any) -> Any:
        value = {"name": "By itself", **item.value}
        return old.record(RawRecord(value, item.offset, item.length), member)

    better("shape.card", record=named, version=3)
    again("shape.card")
    assert counts(database.job(job["id"])) == (8, 8, 0, 0)
    titles = {d["title"] for d in database.documents(job["id"])}
    assert "By itself" in titles
    assert "By hand" not in titles
    sound()

    better("shape.card", record=old.record, version=4)  # and back: it was in quarantine before
    again("shape.card")
    assert counts(database.job(job["id"])) == (8, 5, 0, 3)
    sound()


def test_a_discarded_record_that_is_good_now_loads(
    run: Runtime, imported: Imported, database: Database, better: Better,
    again: Callable[..., Reparsed], sound: Callable[[], None],
) -> None:  # fmt: skip
    job = imported(ANA, "1.json", json.dumps({"cards": [{"card": "1"}, {"card": "2"}]}).encode())
    number = database.one("SELECT min(id) FROM imports.quarantine")
    quarantine.discard(run, job["user_id"], quarantine.Choice(id=number), "a test")
    old = next(f for f in all_formats() if f.name == "shape.card")

    def record(item: RawRecord, member: Any) -> Any:
        value = {"name": "Somebody", **item.value} if item.value["card"] == "1" else item.value
        return old.record(RawRecord(value, item.offset, item.length), member)

    better("shape.card", record=record)
    assert again("shape.card").records.closed == 1
    assert counts(database.job(job["id"])) == (2, 1, 0, 1)
    sound()


def test_attachments_of_before_are_listed_no_more(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed],
    sound: Callable[[], None],
) -> None:  # fmt: skip
    mail = (
        b"From a@xxx Fri Sep 16 22:26:51 +0000 2016\nMessage-ID: <1@mail.example>\nSubject: m\n"
        b"From: a@mail.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        b"--b\nContent-Type: text/plain\n\nbody\n\n--b\nContent-Type: application/octet-stream\n"
        b"Content-Disposition: attachment; filename=a.bin\n\nattached\n--b--\n\n"
    )
    job = imported(ANA, "all.mbox", mail)
    assert counts(job) == (2, 2, 0, 0)
    old = next(f for f in all_formats() if f.name == "mail.mbox")
    stands = everything(database)
    again("mail.mbox", every=True)
    assert_same(everything(database), stands)

    def record(item: RawRecord, member: Any) -> Any:
        made = old.record(item, member)
        return next(iter([made] if isinstance(made, Record) else made))

    better("mail.mbox", record=record)
    assert again("mail.mbox").records.removed == 1
    assert len(database.files(job["id"])) == 1
    sound()
    better("mail.mbox", version=old.version + 2)
    assert again("mail.mbox").records.added == 1
    assert len(database.files(job["id"])) == 2
    sound()


def test_many_small_files_and_one_that_kills(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed],
    sound: Callable[[], None],
) -> None:  # fmt: skip
    """Each is in a transaction with others; one that ends its reader is left as it is."""
    files = {
        f"{n}/cards.json": cards(10 * n, 10 * n + 3, **{f"c{10 * n}": "words"}) for n in range(5)
    }
    files["2/cards.json"] = cards(20, 23, c21="kill", c20="words")
    job = imported(ANA, "1.zip", zipped(files))
    old = next(f for f in all_formats() if f.name == "shape.card")

    def kill(made: Record, fields: dict[str, Any]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    better("shape.card", record=by_note(old, words=reworded, kill=kill))
    found = again("shape.card")
    assert (found.files, found.records.changed, found.passed_over) == (4, 4, {"unreadable": 1})
    versions = {f["path"]: f["format_version"] for f in database.files(job["id"]).values()}
    assert {path[0] for path, v in versions.items() if v == 1} == {"2"}
    better("shape.card", record=by_note(old, words=reworded), version=3)
    assert again("shape.card").records.changed == 1
    sound()


def test_slice_by_slice_and_cut_otherwise(
    make_run: Callable[..., Runtime], run: Runtime, imported: Imported, database: Database,
    better: Better, sound: Callable[[], None],
) -> None:  # fmt: skip
    """A file of many chunks, read again in slices of another size."""
    old = next(f for f in all_formats() if f.name == "shape.card")
    better("shape.card", limits=SliceLimits(records=7), version=1)
    job = imported(ANA, "1.json", cards(0, 100, c3="words", c50="none", c90="two", c91="bad"))
    assert len(database.chunks(job["id"])) > 10
    for version, records in ((2, 7), (3, 40), (4, 3)):
        choose = by_note(old, words=reworded, none=nothing, two=twice, bad=bad)
        better(
            "shape.card", limits=SliceLimits(records=records), version=version,
            record=old.record if version == 3 else choose,
        )  # fmt: skip
        ((_, found),) = reparse(run, job["user_id"], order("shape.card"))
        assert found.records.same == 97 if version == 3 else 98
        sound()
    assert counts(database.job(job["id"])) == (100, 99, 0, 1)


def test_another_users_job_is_out_of_reach(
    imported: Imported, database: Database, better: Better, again: Callable[..., Reparsed]
) -> None:
    mine, theirs = imported(ANA, "1.json", cards(0, 3)), imported(BO, "1.json", cards(0, 3))
    old = next(f for f in all_formats() if f.name == "shape.card")
    better("shape.card", record=lambda i, m: reworded(old.record(i, m), {}))  # type: ignore[arg-type]
    assert again("shape.card", job_id=theirs["id"]) == Reparsed()
    assert again("shape.card").records.changed == 3
    assert {d["content"] for d in database.documents(theirs["id"])} == {"as ever"}
    assert {d["content"] for d in database.documents(mine["id"])} == {"other words"}


def test_an_original_that_is_gone(
    run: Runtime, imported: Imported, better: Better, again: Callable[..., Reparsed]
) -> None:
    job = imported(ANA, "1.zip", zipped({"cards.json": cards(0, 3)}))
    better("shape.card")
    (run.folders.data / job["archived_path"]).unlink()
    assert again("shape.card").passed_over == {"original_gone": 1}
    with pytest.raises(PermanentError, match="no format"):
        again("shape.nothing")


def test_the_verb(
    place: Settings, imported: Imported, database: Database, better: Better,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(verbs, "load", lambda: place)
    job = imported(ANA, "1.json", cards(0, 3, c1="none"))
    old = next(f for f in all_formats() if f.name == "shape.card")
    better("shape.card", record=by_note(old, none=nothing))
    monkeypatch.setattr(nearest, "formats", lambda: {"shape.card"})
    line = ["reparse", "--format", "shape.card"]
    said = json.loads(CliRunner().invoke(app, [*line, "--dry-run", "--json"]).stdout)
    assert (said["dry_run"], said["files"], said["records"]["removed"]) == (True, 1, 1)
    assert said["jobs"][0]["job"] == str(job["id"])
    assert counts(database.job(job["id"])) == (3, 3, 0, 0)
    result = CliRunner().invoke(app, [*line, "--job", str(job["id"])])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].split() == [
        "in",
        "all",
        "1",
        "2",
        "0",
        "0",
        "1",
        "0",
        "0",
    ]
    assert CliRunner().invoke(app, ["reparse", "--format", "x"]).exit_code == 2
