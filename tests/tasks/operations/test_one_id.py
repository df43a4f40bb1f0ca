"""Mails that share a Message-ID: the same one in many places, and others under one id."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from pipeline import registry as formats
from pipeline.registry import all_formats
from schemas.files import Member, SliceLimits
from schemas.progress import Stage
from schemas.records import RawRecord
from sql import load
from sql.connection import open_pool
from sql.store import Lake
from tasks.operations import privacy_reapply, verify
from tasks.operations.reparse import order, reparse
from tasks.operations.rollback import roll_back
from tasks.runtime.context import Runtime
from tasks.runtime.privacy_policy import PolicyFile
from tests.support.lake import Database, Driver, counts, zipped
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
Drop = Callable[[str, str, bytes], UUID]
Make = Callable[..., Runtime]

DATE = "Date: Mon, 01 May 2023 10:00:00 +0000\n"
LATER = "Date: Tue, 02 May 2023 10:00:00 +0000\n"
LIST = "List-Id: Users <users.example.org>\n"
FOOTER = f"{'_' * 47}\nusers mailing list\nusers@example.org\n"


def mail(text: str, date: str = DATE, more: str = "", subject: str = "Scan") -> bytes:
    """One of an mbox, under the id that all of these have."""
    return (
        f"From -\nMessage-ID: <scan@example.org>\nFrom: Scanner <scanner@example.org>\n"
        f"To: users@example.org\nSubject: {subject}\n{date}{more}\n{text}\n\n"
    ).encode()


ONE, OTHER = mail("A page on herons."), mail("A page on lamps.")
LABELLED = mail("A page on herons.", more="X-Gmail-Labels: Inbox,Scans\nReceived: by mx\n")
LISTED = mail(f"A page on\nherons.\n{FOOTER}", more=LIST, subject="[users] Scan")
THIRD = mail("A page on maps.")

#: Each mail is a chunk. By `records` alone the first slice of a small file shares its chunk with
#: the second.
APART = SliceLimits(size=1)


@pytest.fixture
def at_once(run: Runtime, place: Settings) -> Iterator[None]:
    """The runtime has connections for four loads at one moment, not for the one of a worker."""
    with open_pool(place.url("ingest"), size=8) as pool:
        run.lake = Lake(pool)
        yield


@pytest.fixture
def sound(run: Runtime, reader: Lake, database: Database) -> Callable[[], None]:
    """Fails where `verify` finds anything, of any job."""

    def check() -> None:
        for job in database.rows("SELECT * FROM imports.jobs WHERE status = 'done'"):
            found = verify.verify(run, reader, job)
            assert [f for f in found if not f.ok] == [], job["source_name"]

    return check


def texts(database: Database) -> list[str]:
    rows = database.rows("SELECT content FROM user_data.documents WHERE data_type = 'email'")
    return sorted(row["content"] for row in rows)


def flagged(database: Database) -> int:
    return int(
        database.one(
            "SELECT count(*) FROM user_data.documents WHERE metadata->'flags' ? 'message_id_reused'"
        )
    )


def take_in(imported: Imported, way: str, one: bytes, other: bytes) -> list[dict[str, Any]]:
    """Two mails in one mbox, in two of a zip, or in two jobs."""
    if way == "mbox":
        return [imported(ANA, "all.mbox", one + other)]
    if way == "zip":
        return [imported(ANA, "all.zip", zipped({"a.mbox": one, "b.mbox": other}))]
    return [imported(ANA, "a.mbox", one), imported(ANA, "b.mbox", other)]


WAYS = ("mbox", "zip", "jobs")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("copy", [LABELLED, LISTED], ids=["labels", "list"])
@pytest.mark.parametrize("date", [DATE, ""], ids=["dated", "undated"])
def test_one_mail_is_one_document_wherever_it_lies(
    way: str, copy: bytes, date: str, imported: Imported, database: Database,
    sound: Callable[[], None],
) -> None:  # fmt: skip
    one, other = (m.replace(DATE.encode(), date.encode()) for m in (ONE, copy))
    take_in(imported, way, one, other)
    assert len(texts(database)) == 1
    assert flagged(database) == 0
    sound()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "dates", [(DATE, DATE), ("", ""), (DATE, LATER)], ids=["same", "no", "other"]
)
@pytest.mark.parametrize("cut", [SliceLimits(), APART], ids=["together", "apart"])
def test_two_mails_of_one_id_are_two(
    way: str, dates: tuple[str, str], cut: SliceLimits, imported: Imported, database: Database,
    make_run: Make, run: Runtime, sound: Callable[[], None],
) -> None:  # fmt: skip
    run.options = make_run(slices=cut).options
    one, other = (mail(f"A page on {n}.", date) for n, date in zip(("a", "b"), dates, strict=True))
    jobs = take_in(imported, way, one, other)
    assert texts(database) == ["A page on a.", "A page on b."]
    assert sum(counts(job)[1] for job in jobs) == 2
    if dates[0] == dates[1]:
        assert flagged(database) == 1
    sound()


# --- orders, races, rollbacks -----------------------------------------------------------------

THREE = (ONE, OTHER, THIRD)
TEXTS = ["A page on herons.", "A page on lamps.", "A page on maps."]


def ready(drop: Drop, driver: Driver, database: Database, data: bytes) -> tuple[UUID, list[int]]:
    """A job whose chunks have come to their load."""
    job = drop(ANA, "all.mbox", data)
    while driver.sent[0].kind != "records":
        driver.step()
    chunks = [chunk["id"] for chunk in database.chunks(job)]
    driver.sent.clear()
    for stage in (Stage.NORMALISE, Stage.SCREEN, Stage.EMBED):
        assert all(driver.perform(stage, number, job) for number in chunks)
    return job, chunks


@pytest.mark.parametrize("turn", list(permutations(range(3)))[1:4])
def test_the_order_of_loads_decides_nothing_but_who_has_the_id(
    turn: Sequence[int], drop: Drop, driver: Driver, database: Database, make_run: Make,
    run: Runtime, imported: Imported, sound: Callable[[], None],
) -> None:  # fmt: skip
    run.options = make_run(slices=APART).options
    job, chunks = ready(drop, driver, database, b"".join((*THREE, LABELLED)))
    for n in (*turn, 3):
        assert driver.perform(Stage.LOAD, chunks[n], job)
    driver.drain()
    assert texts(database) == TEXTS
    assert flagged(database) == 2
    assert counts(database.job(job)) == (4, 3, 1, 0)
    again = imported(ANA, "again.mbox", b"".join(reversed(THREE)))
    assert counts(again) == (3, 0, 3, 0)
    sound()


@pytest.mark.usefixtures("at_once")
def test_loads_at_one_moment(
    drop: Drop, driver: Driver, database: Database, make_run: Make, run: Runtime,
    monkeypatch: pytest.MonkeyPatch, sound: Callable[[], None],
) -> None:  # fmt: skip
    """Each finds the id free, and one of them is the first."""
    run.options = make_run(slices=APART).options
    job, chunks = ready(drop, driver, database, b"".join((*THREE, LABELLED)))
    named, insert = threading.Barrier(4), load._insert
    first = threading.local()

    def insert_at_once(*of: Any) -> Any:
        if not hasattr(first, "was"):
            first.was = True
            named.wait(20)
        return insert(*of)

    monkeypatch.setattr(load, "_insert", insert_at_once)
    ends: list[bool] = []

    def load_one(chunk: int) -> None:
        ends.append(driver.perform(Stage.LOAD, chunk, job))

    threads = [threading.Thread(target=load_one, args=(chunk,)) for chunk in chunks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [True] * 4
    driver.drain()
    assert texts(database) == TEXTS
    assert flagged(database) == 2
    assert counts(database.job(job)) == (4, 3, 1, 0)
    assert database.one("SELECT count(*) FROM vectors.embeddings") == 3
    sound()


def test_what_hangs_on_a_mail_goes_with_it(imported: Imported, database: Database) -> None:
    """Attachments, people and vectors of each are its own."""
    parted = "Content-Type: multipart/mixed; boundary=q\n"
    file = "Content-Disposition: attachment; filename={0}.txt"
    body = f"--q\n\nA page on {{0}}.\n--q\n{file}\n\n{{0}}\n--q--"
    one, other = (
        mail(body.format(n), more=f"{parted}Cc: {n}@example.org\n") for n in ("herons", "lamps")
    )
    job = imported(ANA, "all.mbox", one + other)
    assert counts(job) == (4, 4, 0, 0)
    pairs = database.rows(
        "SELECT m.content, a.title FROM user_data.documents AS m "
        "JOIN user_data.relations AS r ON r.other_key = m.record_key "
        "JOIN user_data.documents AS a ON a.record_key = r.record_key "
        "WHERE m.data_type = 'email' AND r.relation = 'attachment_of' ORDER BY 1"
    )
    assert [tuple(pair.values()) for pair in pairs] == [
        ("A page on herons.", "herons.txt"), ("A page on lamps.", "lamps.txt"),
    ]  # fmt: skip
    people = database.rows(
        "SELECT d.content, e.value FROM user_data.documents AS d "
        "JOIN user_data.mentions USING (user_id, record_key) "
        "JOIN user_data.entities AS e USING (user_id, entity_key) "
        "WHERE d.data_type = 'email' AND role = 'cc' ORDER BY 1"
    )
    assert [row["value"] for row in people] == ["herons@example.org", "lamps@example.org"]
    lone = "SELECT count(*) FROM user_data.documents AS d WHERE data_type = 'email' AND NOT EXISTS "
    lone += "(SELECT FROM vectors.embeddings AS e WHERE e.document_id = d.id)"
    assert database.one(lone) == 0


def test_rollback_leaves_each_to_those_who_have_it(
    run: Runtime, imported: Imported, database: Database, sound: Callable[[], None]
) -> None:
    one = imported(ANA, "1.mbox", ONE)
    two = imported(ANA, "2.mbox", LABELLED + OTHER)
    three = imported(ANA, "3.mbox", OTHER)
    assert [counts(job) for job in (one, two, three)] == [
        (1, 1, 0, 0), (2, 2, 0, 0), (1, 0, 1, 0)
    ]  # fmt: skip
    roll_back(run, one["user_id"], two["id"])
    assert texts(database) == TEXTS[:2]
    sound()
    roll_back(run, one["user_id"], one["id"])
    assert texts(database) == TEXTS[1:2]
    assert counts(imported(ANA, "4.mbox", OTHER + ONE + THIRD)) == (3, 2, 1, 0)
    assert texts(database) == TEXTS
    sound()


# --- another parser, an older lake, a policy --------------------------------------------------


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts another version in the place of the format of an mbox."""
    old = next(form for form in all_formats() if form.name == "mail.mbox")

    def put(version: int, **changes: Any) -> None:
        def record(item: RawRecord, member: Member) -> Any:
            for made in old.record(item, member):
                yield msgspec.structs.replace(made, **changes) if changes else made

        new = msgspec.structs.replace(old, version=old.version + version, record=record)
        every = tuple(new if form.name == old.name else form for form in all_formats())
        monkeypatch.setattr(formats, "all_formats", lambda: every)

    return put


def test_an_older_lake_is_read_again(
    run: Runtime, imported: Imported, database: Database, parser: Callable[..., None],
    sound: Callable[[], None],
) -> None:  # fmt: skip
    """What was lost there comes in, and what stood there stays as it was."""
    parser(-1, own_identity=())
    old = imported(ANA, "1.zip", zipped({"a.mbox": ONE, "b.mbox": LABELLED + OTHER + THIRD}))
    assert counts(old) == (4, 1, 3, 0)
    stood = database.rows("SELECT id, record_key FROM user_data.documents")
    parser(0)
    sound()
    found = sum_of(run, old)
    assert found.added == 2
    assert texts(database) == TEXTS
    assert flagged(database) == 2
    kept = "SELECT id, record_key FROM user_data.documents WHERE content LIKE '%herons%'"
    assert database.rows(kept.replace("%", "%%")) == stood
    assert counts(database.job(old["id"])) == (4, 3, 1, 0)
    sound()
    before = database.rows("SELECT * FROM user_data.documents ORDER BY id")
    assert sum_of(run, old, every=True).changed == 0
    assert database.rows("SELECT * FROM user_data.documents ORDER BY id") == before
    sound()
    parser(1, title="Mended")
    assert sum_of(run, old).changed == 3
    assert texts(database) == TEXTS
    assert flagged(database) == 2
    sound()


def sum_of(run: Runtime, job: dict[str, Any], **more: Any) -> Any:
    """What a reparse of all jobs does to records."""
    ((_, found),) = reparse(run, job["user_id"], order("mail.mbox", **more))
    return found.records


def test_a_newer_import_into_an_older_lake_loses_nothing(
    imported: Imported, database: Database, parser: Callable[..., None], sound: Callable[[], None]
) -> None:
    """Nobody knows which mail an older row is; whatever becomes of it, each text is kept."""
    parser(-1, own_identity=())
    imported(ANA, "1.mbox", ONE)
    parser(0)
    imported(ANA, "2.mbox", OTHER + LABELLED + THIRD)
    kept = database.rows("SELECT content FROM user_data.versions")
    assert {*texts(database), *(row["content"] for row in kept)} == set(TEXTS)
    assert counts(imported(ANA, "3.mbox", THIRD + OTHER + ONE))[1] <= 1
    sound()


def test_a_policy_changes_nothing_of_who_is_who(
    make_run: Make, imported: Imported, run: Runtime, database: Database, tmp_path: Path,
    sound: Callable[[], None],
) -> None:  # fmt: skip
    rules = tmp_path / "privacy.toml"
    rules.write_text("")
    run.options = make_run(privacy=PolicyFile(rules, None)).options
    phones = [mail(f"Ring me: tel. +49 1512 345678{n}.") for n in range(3)]
    job = imported(ANA, "1.mbox", phones[0] + phones[1])
    rules.write_text('regions = ["DE"]\n[[rule]]\nkind = "*"\naction = "drop"\n')
    policy = run.options.privacy.redactor(job["user_id"])
    assert privacy_reapply.apply(run, job["user_id"], policy).changed == 2
    assert "345678" not in "".join(texts(database))
    assert counts(imported(ANA, "2.mbox", phones[1] + phones[0])) == (2, 0, 2, 0)
    assert counts(imported(ANA, "3.mbox", b"".join(phones))) == (3, 1, 2, 0)
    assert len(texts(database)) == 3
    sound()
