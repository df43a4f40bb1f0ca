"""Search by words, by meaning and both; its filters, its pages, and its index behind the load."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.documents import Documents
from sql import search as finder
from sql.queries import queries
from sql.search import Filters, Model, Search, fuse
from sql.store import Lake, Purpose
from tasks.derived import embedding_backfill, search_index
from tasks.maintenance import reconcile
from tasks.operations.rollback import roll_back
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, FakeEmbedder, zipped

pytestmark = pytest.mark.services

ANA, BO = "ana@example.org", "bo@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]


def mail(number: int, subject: str, text: str, *, sender: str = "ana@example.org") -> str:
    return (
        f"From - Mon May  1 10:00:00 2023\nMessage-ID: <{number}@example.org>\n"
        f"From: {sender}\nSubject: {subject}\nDate: Mon, {number:02} May 2023 10:00:00 +0000\n"
        f"Content-Type: text/plain; charset=utf-8\n\n{text}\n\n"
    )


MAILS = "".join(
    (
        mail(1, "Herons", "Grey herons are standing in the shallow water and wait for fish."),
        mail(2, "Reiher", "Die Reiher standen gestern im flachen Wasser und warteten auf Fische."),
        mail(3, "Dinner", "Shall we cook a soup of lentils on Friday? I bring the bread."),
        mail(4, "Café", "The café on the corner has new chairs, and its crème brûlée is good."),
        mail(5, "鳥", "昨日、公園の池で大きな鳥を見ました。とてもきれいでした。"),
        mail(
            8, "Heron again", "One heron, two herons: the heron came back.", sender="bo@b.example"
        ),
    )
)


@pytest.fixture
def job(imported: Imported) -> dict[str, Any]:
    return imported(ANA, "1.zip", zipped({"all.mbox": MAILS.encode()}))


@pytest.fixture
def seeker(job: dict[str, Any], reader: Lake) -> Search:
    return Search(reader, job["user_id"])


def index_parameters(run: Runtime, job: dict[str, Any]) -> dict[str, Any]:
    """Parameters of the statement that indexes; no model has vectors."""
    wanted = embedding_backfill.wanted_documents(run).parameters()
    asked = {"user_id": job["user_id"], "n": 100, "models": [], "model_ids": []}
    return {**asked, "least_chars": finder.LEAST_CHARS, **wanted}


def titles(found: Any) -> list[str]:
    return [hit.title for hit in found.hits]


def models(database: Database) -> list[Model]:
    (row,) = database.rows("SELECT id, dimension FROM vectors.models")
    return [
        Model(
            id=row["id"],
            dimension=row["dimension"],
            encode=lambda text: np.asarray(FakeEmbedder().encode([text])[0]),
        )
    ]


def test_a_word_is_found_in_every_form_of_its_own_language(seeker: Search) -> None:
    assert set(titles(seeker.by_words("herons", Filters()))) == {"Herons", "Heron again"}
    assert titles(seeker.by_words("Reihern", Filters())) == ["Reiher"]
    assert titles(seeker.by_words("waiting", Filters())) == ["Herons"]


def test_accents_are_no_matter_and_signs_without_spaces_are_found(seeker: Search) -> None:
    assert titles(seeker.by_words("creme brulee", Filters())) == ["Café"]
    assert titles(seeker.by_words("公園", Filters())) == ["鳥"]
    assert titles(seeker.by_words("園公", Filters())) == []


def test_phrases_choices_and_refusals(seeker: Search) -> None:
    assert titles(seeker.by_words('"shallow water"', Filters())) == ["Herons"]
    assert titles(seeker.by_words('"water shallow"', Filters())) == []
    assert titles(seeker.by_words("heron -fish", Filters())) == ["Heron again"]
    assert set(titles(seeker.by_words("lentils or chairs", Filters()))) == {"Dinner", "Café"}


def test_a_misspelt_word_is_looked_for_as_it_may_have_been_meant(seeker: Search) -> None:
    found = seeker.by_words("lentlis", Filters())
    assert titles(found) == ["Dinner"]
    assert found.corrected
    assert found.corrected[0].startswith("lentlis → ")


def test_a_word_that_stands_elsewhere_is_not_corrected(seeker: Search) -> None:
    found = seeker.by_words("lentils", Filters(lang="de"))
    assert (found.hits, found.corrected) == ([], [])
    assert seeker.by_words("lentlis", Filters(lang="de")).corrected
    assert titles(seeker.by_words("lentlis", Filters(lang="en"))) == ["Dinner"]


def test_rows_of_ones_own_table_are_found_by_what_they_say(
    job: dict[str, Any], imported: Imported, seeker: Search
) -> None:
    imported(ANA, "tools.csv", "tool;where\nplane;the long shelf\nÉtau;cellar\n".encode())
    imported(ANA, "more.json", b'[{"tool": {"names": ["chisel", "burin"]}, "n": 3}]')
    (hit,) = seeker.by_words("shelf", Filters()).hits
    assert "the long **shelf**" in hit.snippet
    assert len(seeker.by_words("etau", Filters()).hits) == 1
    assert len(seeker.by_words("chisel burin", Filters()).hits) == 1


def test_what_lies_near_a_place_is_found_and_no_place_is_nowhere(
    job: dict[str, Any], imported: Imported, seeker: Search
) -> None:
    rows = b"""[{"word": "oak", "latitude": 52.52, "longitude": 13.40},
        {"word": "oak", "latitude": 48.14, "longitude": 11.58},
        {"word": "oak", "latitude": 0, "longitude": 0},
        {"word": "oak", "latitude": 0, "longitude": 0.05},
        {"word": "oak"}]"""
    imported(ANA, "trees.json", rows)

    def near(latitude: float, longitude: float, km: float) -> int:
        return len(seeker.by_words("oak", Filters(near=(latitude, longitude, km))).hits)

    assert (near(52.5, 13.3, 10), near(52.5, 13.3, 1), near(50.5, 12.5, 600)) == (1, 0, 2)
    assert near(0, 0, 10) == 1


def test_the_words_are_marked(seeker: Search) -> None:
    (hit,) = seeker.by_words("lentils", Filters()).hits
    assert "**lentils**" in hit.snippet


def test_filters_narrow(seeker: Search) -> None:
    late = Filters(after=datetime(2023, 5, 5, tzinfo=UTC))
    assert titles(seeker.by_words("heron", late)) == ["Heron again"]
    early = Filters(before=datetime(2023, 5, 5, tzinfo=UTC))
    assert titles(seeker.by_words("heron", early)) == ["Herons"]
    assert titles(seeker.by_words("heron", Filters(person="bo@b.example"))) == ["Heron again"]
    assert titles(seeker.by_words("heron", Filters(person="nobody@b.example"))) == []
    assert titles(seeker.by_words("heron", Filters(lang="de"))) == []
    assert titles(seeker.by_words("heron", Filters(type="visit"))) == []
    assert len(titles(seeker.by_words("heron", Filters(type="message", source="mail")))) == 2


def test_without_words_the_latest_that_fit_come(seeker: Search) -> None:
    assert titles(seeker.by_words("", Filters(), n=2)) == ["Heron again", "鳥"]


def test_pages_are_stable_and_do_not_overlap(seeker: Search, database: Database) -> None:
    m = models(database)
    whole = [hit.id for hit in seeker.hybrid("heron", m, Filters(), n=6).hits]
    pages = [
        hit.id
        for n in range(3)
        for hit in seeker.hybrid("heron", m, Filters(), n=2, skip=2 * n).hits
    ]
    assert pages == whole
    assert len(set(whole)) == 6


def test_the_nearest_vector_comes_first(seeker: Search, database: Database) -> None:
    said = "Dinner\n\nShall we cook a soup of lentils on Friday? I bring the bread."
    found = seeker.by_meaning(said, models(database), Filters(), n=3)
    assert titles(found)[0] == "Dinner"
    assert found.hits[0].score == pytest.approx(1.0, abs=1e-5)
    narrowed = seeker.by_meaning(said, models(database), Filters(lang="de"), n=3)
    assert titles(narrowed) == ["Reiher"]


@pytest.mark.parametrize(
    ("candidates", "ways"),
    [(3, ["by_meaning"]), (4, ["by_meaning", "by_meaning_of_few"])],
)
def test_filters_find_the_same_by_the_index_and_among_all_that_fit(
    seeker: Search, database: Database, monkeypatch: pytest.MonkeyPatch, candidates: int,
    ways: list[str],
) -> None:  # fmt: skip
    """Three documents fit: where the index is to bring a fourth, it has come to its end."""
    wanted = Filters(type="message", lang="en", after=datetime(2023, 5, 2, tzinfo=UTC))
    few = seeker.by_meaning("soup", models(database), wanted).hits
    assert {hit.title for hit in few} == {"Dinner", "Café", "Heron again"}
    gone: list[str] = []
    by_vector = Search._by_vector

    def watched(search: Search, connection: Any, model: Model, name: str, asked: Any) -> Any:
        gone.append(name)
        return by_vector(search, connection, model, name, asked)

    monkeypatch.setattr(Search, "_by_vector", watched)
    monkeypatch.setattr(finder, "worth_scanning", lambda *_: 100)
    monkeypatch.setattr(finder, "DEEP", finder.Depth(1000, 9, candidates))
    assert seeker.by_meaning("soup", models(database), wanted, n=1).hits == few[:1]
    assert gone == ways


def test_a_person_is_found_by_the_index_too(
    seeker: Search, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "worth_scanning", lambda *_: 100)
    monkeypatch.setattr(finder, "DEEP", finder.Depth(1000, 9, 1))
    monkeypatch.setattr(finder, "_PIECES", 1)
    wanted = Filters(person="bo@b.example")
    assert titles(seeker.by_meaning("soup", models(database), wanted, n=1)) == ["Heron again"]


def test_the_index_goes_as_far_as_the_share_that_fits_asks_for() -> None:
    assert finder.worth_scanning(300, 1_000_000, 100_000) == 0
    assert finder.worth_scanning(300, 1_000_000, 100_001) == 17_999
    assert finder.worth_scanning(1000, 10_000_000, 100_001) == 200_000
    assert finder.worth_scanning(300, 100_000, 10_000) == 0
    assert finder.worth_scanning(300, 0, 200_000) == 0  # never counted: there is no index either


def test_row_level_security_leaves_the_index_of_words_in_use(
    job: dict[str, Any], database: Database, reader: Lake
) -> None:
    """An operator that is not known to be leakproof is no condition of an index under it."""
    database.rows(
        "INSERT INTO user_data.search (document_id, user_id, data_type, partition_at, record_key, "
        "record_type, source, words) SELECT -n, user_id, 'document', '-infinity', "
        "gen_random_uuid(), 'note', 'notes', to_tsvector('simple', md5(n::text)) "
        "FROM user_data.users, generate_series(1, 5000) AS n"
    )
    database.rows("ANALYZE user_data.search")
    none = dict.fromkeys(
        ("after", "before", "type", "source", "lang", "latitude", "longitude", "km", "person")
    )
    asked = {**none, "user_id": job["user_id"], "query": "'heron'", "n": 10, "most": 10}
    with reader.as_user(job["user_id"]) as connection:
        explain = "EXPLAIN " + queries("search")["by_words"]
        plan = connection.execute(explain, asked, prepare=False).fetchall()
    assert any("Index Scan on search_by_words" in row["QUERY PLAN"] for row in plan), plan
    spelling = (
        "SELECT proleakproof FROM pg_proc WHERE oid = 'similarity_op(text,text)'::regprocedure"
    )
    assert database.one(spelling)


def test_words_are_made_within_the_statement_that_indexes(
    run: Runtime, job: dict[str, Any]
) -> None:
    """A function that the planner does not inline starts an executor for each document."""
    with run.lake.remaking(job["user_id"], Purpose.INDEX) as entered:
        explain = "EXPLAIN (VERBOSE) " + queries("search")["index_some"]
        rows = entered.connection.execute(explain, index_parameters(run, job)).fetchall()
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    called = re.findall(r"(?:user_data|analytics)\.\w+\(", plan)
    assert ("to_tsvector" in plan, called) == (True, [])


def test_the_words_of_a_document(database: Database) -> None:
    said = database.one(
        "SELECT user_data.words_in('de', 'Die Reiher', '鳥が standen', "
        """'{"url": "https://b.example/x", "sender": {"name": "Áé"}, "labels": ["Inbox"]}')::text"""
    )
    assert said == (
        "'/x':8C 'ae':9C 'b.example':7C 'b.example/x':6C 'inbox':10C 'reih':2A 'stand':5B "
        "'が':4B '鳥':3B"
    )


def test_statistics_are_made_where_much_has_changed(
    job: dict[str, Any], run: Runtime, database: Database
) -> None:
    held = "SELECT reltuples FROM pg_class WHERE oid = 'user_data.search_words'::regclass"
    run.lake.rows(job["user_id"], "lake", "analyze_search")
    assert database.one(held) == -1  # never: a few words are no matter
    database.rows(
        "WITH made AS (INSERT INTO user_data.search_words SELECT user_id, 'word' || n "
        "FROM user_data.users, generate_series(1, 1000) AS n RETURNING 1) "
        "SELECT count(*), pg_stat_force_next_flush() FROM made"
    )
    run.lake.rows(job["user_id"], "lake", "analyze_search")
    assert database.one(held) > 1000


def test_statistics_of_a_month_are_made_once_it_has_grown_by_half(
    job: dict[str, Any], run: Runtime, database: Database
) -> None:
    """What a load of few rows leaves to autovacuum."""
    (month,) = database.rows(
        "SELECT DISTINCT tableoid::regclass::text AS name FROM user_data.documents"
    )
    held = "SELECT reltuples FROM pg_class WHERE oid = %s::regclass"

    def grows(n: int) -> float:
        database.rows(
            "INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key, "
            "partition_at, content_type, metadata, job_id, file_id, chunk_id, parser_version) "
            "SELECT d.user_id, d.data_type, d.source, d.record_type, gen_random_uuid(), "
            "d.partition_at, 'text/plain', '{}', d.job_id, d.file_id, d.chunk_id, 1 "
            f"FROM (SELECT * FROM user_data.documents LIMIT 1) AS d, generate_series(1, {n})"
        )
        run.lake.rows(job["user_id"], "lake", "analyze_grown")
        return float(database.one(held, month["name"]))

    assert grows(1) == -1  # never
    first = grows(2_000)
    assert first > 1_900
    assert grows(200) == first
    assert grows(2_000) > 4_000


def test_the_documents_of_the_benchmark_load_whole(imported: Imported, tmp_path: Path) -> None:
    path = Documents().write(tmp_path / "documents.zip", 200)
    assert path.read_bytes() == Documents().write(tmp_path / "again.zip", 200).read_bytes()
    job = imported(ANA, path.name, path.read_bytes())
    assert (job["records_loaded"], job["records_quarantined"]) == (200, 0)


def test_similar_leaves_out_the_document_itself(seeker: Search, database: Database) -> None:
    (hit,) = seeker.by_words("lentils", Filters()).hits
    near = seeker.similar(hit.id, models(database), Filters(), n=9)
    assert hit.id not in {other.id for other in near.hits}
    assert len(near.hits) == 5


def test_fusion_rewards_what_both_lists_have() -> None:
    assert fuse([(1, 9.0), (2, 8.0)], [(2, 0.9), (3, 0.8)])[0][0] == 2
    assert [at for at, _ in fuse([(1, 1.0)], [(2, 1.0)])] == [2, 1]  # a tie: the later document


def test_another_users_documents_are_not_found(
    seeker: Search, imported: Imported, reader: Lake
) -> None:
    other = imported(
        BO, "2.zip", zipped({"all.mbox": mail(9, "Heron", "A secret heron.").encode()})
    )
    assert "Heron" not in titles(seeker.by_words("secret", Filters()))
    assert titles(Search(reader, other["user_id"]).by_words("heron", Filters())) == ["Heron"]


def test_what_is_taken_back_is_not_found(
    seeker: Search, job: dict[str, Any], run: Runtime, database: Database
) -> None:
    roll_back(run, job["user_id"], job["id"])
    assert titles(seeker.by_words("heron", Filters())) == []
    assert database.one("SELECT count(*) FROM user_data.search") == 0


def test_documents_wait_in_a_queue_and_any_number_may_index(
    drop: Callable[..., Any], driver: Driver, run: Runtime, database: Database, reader: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The end of a job indexes; here it has no time for it, and the reconciler goes on."""
    monkeypatch.setattr("tasks.ingest.finish._INDEX_S", 0.0)
    monkeypatch.setattr(search_index, "_BATCH", 2)
    drop(ANA, "1.zip", zipped({"all.mbox": MAILS.encode()}))
    driver.drain()
    user = database.one("SELECT user_id FROM user_data.users")
    assert Search(reader, user).by_words("heron", Filters()).waiting == 6
    assert search_index.index_waiting(run, seconds=60) == 6
    found = Search(reader, user).by_words("heron", Filters())
    assert (len(found.hits), found.waiting) == (2, 0)


def test_what_has_loaded_is_found_while_the_rest_is_on_its_way(
    drop: Callable[..., Any], driver: Driver, run: Runtime, database: Database, reader: Lake,
) -> None:  # fmt: skip
    """Each load sends a turn, and the end of the job has less to do; the index is the same."""
    rows = b'{"id": 1, "note": "A heron in a row."}\n'
    written = mail(1, "Heron", "A heron by mail.").encode()
    drop(ANA, "1.zip", zipped({"1.mbox": written, "rows.ndjson": rows}))  # a chunk each
    founds = []
    while driver.sent:
        driver.step()
        driver.index(run)
        if users := database.rows("SELECT user_id FROM user_data.users"):
            found = Search(reader, users[0]["user_id"]).by_words("heron", Filters())
            open_chunks = database.one(
                "SELECT count(*) FROM imports.chunks WHERE kind = 'records' AND status <> 'done'"
            )
            founds.append((len(found.hits), found.waiting, open_chunks))
    assert (1, 0, 1) in founds, founds
    assert founds[-1] == (2, 0, 0)
    indexed = "SELECT * FROM user_data.search ORDER BY document_id"
    bit_by_bit = database.rows(indexed)
    database.rows(
        "WITH gone AS (DELETE FROM user_data.search RETURNING *) INSERT INTO user_data.unindexed "
        "SELECT user_id, document_id, data_type, partition_at, record_key FROM gone"
    )
    search_index.index_waiting(run, seconds=60)
    assert database.rows(indexed) == bit_by_bit


def test_no_plan_of_an_empty_lake_is_kept_for_the_index(job: dict[str, Any], run: Runtime) -> None:
    """Turns with nothing to do come first: the plan that was best for these reads a month's
    documents for each that waits."""
    held = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%SKIP LOCKED%'"
    for _ in range(12):
        search_index.index_user(run, job["user_id"], seconds=60)
        with run.lake.as_user(job["user_id"]) as connection:
            # Not prepared itself: it would find its own text.
            assert connection.execute(held, prepare=False).fetchall() == []


def test_the_end_of_a_job_waits_for_who_indexes(
    job: dict[str, Any], run: Runtime, database: Database, reader: Lake
) -> None:
    """What another worker has in hand is found, too, when the job has ended."""
    database.rows(
        "INSERT INTO user_data.unindexed "
        "SELECT user_id, id, data_type, partition_at, record_key FROM user_data.documents"
    )
    began = threading.Event()
    let_go = threading.Event()

    def another() -> None:
        with run.lake.as_user(job["user_id"]) as connection:
            connection.execute("SELECT FROM user_data.unindexed FOR UPDATE")
            began.set()
            let_go.wait(60)

    worker = threading.Thread(target=another)
    worker.start()
    began.wait(60)
    assert search_index.index_user(run, job["user_id"], seconds=60) == 0
    threading.Timer(0.2, let_go.set).start()
    assert search_index.index_user(run, job["user_id"], seconds=60, patience=60) == 6
    worker.join()


def test_what_is_taken_back_while_it_is_indexed_is_not_found(
    job: dict[str, Any], run: Runtime, database: Database
) -> None:
    """Its rows can't go as long as somebody makes words of them."""
    database.rows(
        "WITH gone AS (DELETE FROM user_data.search RETURNING *) INSERT INTO user_data.unindexed "
        "SELECT user_id, document_id, data_type, partition_at, record_key FROM gone"
    )
    taking = threading.Thread(target=roll_back, args=(run, job["user_id"], job["id"]))
    with run.lake.remaking(job["user_id"], Purpose.INDEX) as entered:
        assert entered.connection.execute(
            queries("search")["index_some"], index_parameters(run, job)
        ).fetchone() == {"count": 6}
        taking.start()
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not database.one(waits):
            time.sleep(0.01)
            assert taking.is_alive(), "it does not wait for who indexes"
    taking.join()
    assert database.one("SELECT count(*) FROM user_data.search") == 0


def test_words_leave_the_machine_to_rows_that_are_coming(
    drop: Callable[..., Any], driver: Driver, run: Runtime, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tasks.ingest.finish._INDEX_S", 0.0)
    drop(ANA, "1.zip", zipped({"all.mbox": MAILS.encode()}))
    driver.drain()
    database.rows(
        "UPDATE imports.chunks SET status = 'leased', token = 1, "
        "lease_expires = now() + interval '1 h' WHERE kind = 'records'"
    )
    assert reconcile.reconcile(run)["indexed"] == 0
    database.rows("UPDATE imports.jobs SET started_at = started_at - interval '1 min'")
    assert reconcile.reconcile(run)["indexed"] > 0
