"""Whole imports on a real Postgres, without a worker process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from pipeline.registry import all_formats
from schemas.errors import TransientError
from schemas.files import SliceLimits
from schemas.progress import Disposition
from schemas.records import UNDATED, DataType
from tasks.maintenance import reconcile
from tasks.runtime import context
from tasks.runtime.context import Runtime
from tests.support.formats import all_samples
from tests.support.lake import Database, Driver, FakeEmbedder, FakeScanner, counts, zipped
from workers import intake

pytestmark = pytest.mark.services

ANA = "ana@example.org"

Imported = Callable[[str, str, bytes], dict[str, Any]]


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def people(*names: str) -> bytes:
    """NDJSON of one record a name; none has a time."""
    return lines(*({"id": n, "name": n} for n in names))


def location(latitude: float, when: str = "2023-05-01T10:00:00Z") -> dict[str, Any]:
    return {"latitudeE7": round(latitude * 1e7), "longitudeE7": 130000000, "timestamp": when}


def records(*points: dict[str, Any]) -> bytes:
    return orjson.dumps({"locations": points})


def check_sums(database: Database, job: dict[str, Any]) -> None:
    """What every receipt promises."""
    seen, loaded, duplicate, quarantined = counts(job)
    assert seen == loaded + duplicate + quarantined
    assert job["remaining"] == 0
    files = database.files(job["id"]).values()
    for name, total in zip(
        ("seen", "loaded", "duplicate", "quarantined"), counts(job), strict=True
    ):
        assert sum(f["counts"].get(name, 0) for f in files) == total, name
    for file in files:
        of = file["counts"]
        assert of.get("seen", 0) == sum(
            of.get(n, 0) for n in ("loaded", "duplicate", "quarantined")
        )
        assert file["disposition"] in set(Disposition)
        assert file["settled"]
        assert (file["reason"] is None) == (file["disposition"] == "handled")
    tables = (database.documents, database.locations, database.metrics)
    assert sum(len(table(job["id"])) for table in tables) == loaded
    assert len(database.codes(job["id"])) == quarantined


# --- all formats ------------------------------------------------------------------------------


def everything() -> bytes:
    return zipped({sample.path: sample.file.read_bytes() for sample in all_samples()})


def test_every_format_lands(imported: Imported, database: Database) -> None:
    job = imported(ANA, "all.zip", everything())
    assert (job["status"], job["error_code"]) == ("done", None)
    check_sums(database, job)
    files = [f for f in database.files(job["id"]).values() if f["ordinal"] is not None]
    assert {f["path"]: f["format"] for f in files} == {s.path: s.form.name for s in all_samples()}
    # Subscriptions of YouTube lie there as CSV and as JSON: the second ones are duplicates.
    landed = {f["format"] for f in files if f["counts"]["loaded"] or f["counts"]["duplicate"]}
    assert landed == {form.name for form in all_formats()}
    assert job["archived_path"] == f"processed/{ANA}/{job['created_at']:%Y-%m-%d}/all.zip"


@pytest.mark.threat("twice", seen="again under another name: duplicate")
def test_the_second_time_is_a_duplicate(
    imported: Imported, database: Database, embedder: FakeEmbedder
) -> None:
    data = zipped({"a.ndjson": people("x", "y"), "b.txt": b"The very same text."})
    first = imported(ANA, "all.zip", data)
    before = database.one("SELECT count(*) FROM user_data.documents"), len(embedder.texts)
    again = imported(ANA, "other name.zip", data)
    assert (again["status"], again["duplicate_of"]) == ("duplicate", first["id"])
    assert counts(again) == (0, 0, 0, 0)
    assert database.files(again["id"]) == {}
    after = database.one("SELECT count(*) FROM user_data.documents"), len(embedder.texts)
    assert after == before


def test_what_overlaps_loads_only_what_is_new(
    imported: Imported, database: Database, embedder: FakeEmbedder
) -> None:
    imported(
        ANA, "one.zip", zipped({"a.ndjson": people("x", "y"), "b.txt": b"The very same text."})
    )
    texts = list(embedder.texts)
    job = imported(
        ANA, "two.zip", zipped({"a.ndjson": people("x", "y", "z"), "b.txt": b"The very same text."})
    )
    check_sums(database, job)
    assert counts(job) == (4, 1, 3, 0)
    assert embedder.texts == [*texts, "id: z\nname: z"], "what is known is not embedded again"


def test_rows_twice_in_one_file_are_as_many_facts(imported: Imported, database: Database) -> None:
    job = imported(ANA, "rows.ndjson", people("x", "y", "x", "x"))
    check_sums(database, job)
    assert counts(job) == (4, 4, 0, 0)
    longer = imported(ANA, "more.ndjson", people("x", "x", "y", "x", "z", "x"))
    assert counts(longer) == (6, 2, 4, 0), "a longer export adds only what is new"


def test_points_twice_in_one_file_are_counted(imported: Imported, database: Database) -> None:
    job = imported(ANA, "Records.json", records(location(52), location(53), location(52)))
    check_sums(database, job)
    assert counts(job) == (3, 2, 1, 0)
    assert [p["latitude"] for p in database.locations(job["id"])] in ([52.0, 53.0], [53.0, 52.0])


def test_rows_cut_into_many_chunks_are_the_same(
    make_run: Callable[..., Runtime], imported: Imported, database: Database, run: Runtime
) -> None:
    data = people(*(f"name {n}" for n in range(50)), "name 1", "name 7")
    run.options = make_run(slices=SliceLimits(records=7)).options
    job = imported(ANA, "rows.ndjson", data)
    check_sums(database, job)
    assert counts(job) == (52, 52, 0, 0)
    again = imported(ANA, "again.ndjson", data + b"\n")
    assert counts(again) == (52, 0, 52, 0)
    assert len(database.chunks(job["id"])) > 5


def test_small_files_share_a_chunk(imported: Imported, database: Database) -> None:
    files = {f"export/{n}.json": b'[{"number": %d}]' % n for n in range(40)}
    job = imported(ANA, "small.zip", zipped(files))
    check_sums(database, job)
    assert counts(job) == (40, 40, 0, 0)
    assert len([c for c in database.chunks(job["id"]) if c["kind"] == "records"]) < 10


# --- time and partitions ----------------------------------------------------------------------


def test_what_has_no_date_goes_to_its_own_partition(imported: Imported, database: Database) -> None:
    job = imported(ANA, "rows.ndjson", people("x"))
    (row,) = database.rows(
        "SELECT tableoid::regclass::text AS part, partition_at, source_timestamp, data_type "
        "FROM user_data.documents"
    )
    assert row["part"] == f"user_data.documents_{row['data_type']}_undated"
    assert (row["partition_at"], row["source_timestamp"]) == (UNDATED, None)
    assert job["status"] == "done"


def test_months_get_partitions(imported: Imported, database: Database) -> None:
    whens = ["2023-05-31T23:59:59.999Z", "2023-06-01T00:00:00Z", "2023-05-31T23:30:00-02:00"]
    imported(ANA, "Records.json", records(*(location(50 + n, w) for n, w in enumerate(whens))))
    rows = database.rows(
        "SELECT tableoid::regclass::text AS part, count(*) FROM timeseries.locations "
        "GROUP BY 1 ORDER BY 1"
    )
    assert [(r["part"], r["count"]) for r in rows] == [
        ("timeseries.locations_y2023m05", 1),
        ("timeseries.locations_y2023m06", 2),
    ]


def test_a_partition_that_went_is_made_again(
    imported: Imported,
    database: Database,
    driver: Driver,
    drop: Callable[..., UUID],
    run: Runtime,
) -> None:
    imported(ANA, "Records.json", records(location(52)))
    database.rows("DROP TABLE timeseries.locations_y2023m05")
    job_id = drop(ANA, "Records.json", records(location(53)))
    driver.drain()
    assert database.job(job_id)["status"] == "loading"
    database.let_time_pass()
    reconcile.reconcile(run)
    driver.drain()
    assert counts(database.job(job_id)) == (1, 1, 0, 0)


# --- embedding --------------------------------------------------------------------------------


def vectors(database: Database) -> list[dict[str, Any]]:
    return database.rows(
        "SELECT d.data_type, d.content, e.piece, e.piece_start, e.piece_end, e.embedding::text "
        "FROM vectors.embeddings AS e JOIN user_data.documents AS d "
        "ON d.id = e.document_id AND d.user_id = e.user_id ORDER BY d.id, e.piece"
    )


def test_vectors_stand_where_the_policy_says(imported: Imported, database: Database) -> None:
    imported(ANA, "all.zip", everything())
    with_text = database.rows(
        "SELECT DISTINCT d.source FROM user_data.documents AS d JOIN vectors.embeddings AS e "
        "ON e.document_id = d.id"
    )
    sources = {row["source"] for row in with_text}
    assert {"mail.mbox", "google.my_activity", "document.plain"} <= sources
    for form in all_formats():
        if form.embed is None and form.data_type in (DataType.BROWSER, DataType.LOCATION):
            assert form.name not in sources


def test_one_text_is_embedded_once(
    imported: Imported, database: Database, embedder: FakeEmbedder
) -> None:
    same = b"One text in three files."
    imported(ANA, "a.zip", zipped({"a/x.txt": same, "b/y.txt": same, "other.txt": b"Another one."}))
    imported(ANA, "b.zip", zipped({"c/z.txt": same}))
    assert len(embedder.texts) == len(set(embedder.texts))
    assert sum("three files" in text for text in embedder.texts) >= 1


def test_what_the_lake_has_is_dropped_before_embedding(
    imported: Imported, database: Database, embedder: FakeEmbedder
) -> None:
    imported(ANA, "a.zip", zipped({"x.txt": b"A text that is known."}))
    database.rows("DELETE FROM vectors.cache")
    embedder.texts.clear()
    job = imported(
        ANA, "b.zip", zipped({"x.txt": b"A text that is known.", "y.txt": b"A new one."})
    )
    assert counts(job) == (2, 1, 1, 0)
    assert len(embedder.texts) == 1


def test_a_long_text_has_several_pieces(
    imported: Imported, database: Database, run: Runtime
) -> None:
    text = " ".join(f"Sentence number {n} stands here by the lake." for n in range(100))
    imported(ANA, "long.txt", text.encode())
    found = vectors(database)
    assert len(found) > 3
    assert [v["piece"] for v in found] == list(range(len(found)))
    spans = [(v["piece_start"], v["piece_end"]) for v in found]
    assert all(b[0] >= a[1] for a, b in itertools.pairwise(spans))
    assert max(end - start for start, end in spans) <= run.options.piece_chars


# --- text in many clothes ---------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_end_as_the_same_rows(
    imported: Imported, database: Database, encoding: str
) -> None:
    names = ["Zoë Müller", "Café à la crème", "Straße in Köln", "garçon naïf", "Ærø på øen"]
    table = "id,name,town\n" + "".join(f"{n},{name},Düsseldorf\n" for n, name in enumerate(names))
    array = orjson.dumps([{"id": n, "name": name} for n, name in enumerate(names)]).decode()
    job = imported(
        ANA,
        "export.zip",
        zipped({"people.csv": table.encode(encoding), "people.json": array.encode(encoding)}),
    )
    check_sums(database, job)
    assert counts(job) == (10, 10, 0, 0)
    text = str([(d["content"], d["metadata"]) for d in database.documents(job["id"])])
    for name in names:
        assert text.count(name) >= 2, f"{name} in CSV and JSON"


# --- attachments ------------------------------------------------------------------------------

MAIL = b"""From ana@example.org Mon May  1 10:00:00 2023
From: ana@example.org
To: ben@example.org
Subject: two things
Message-ID: <one@example.org>
Date: Mon, 1 May 2023 10:00:00 +0200
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="cut"

--cut
Content-Type: text/plain; charset=utf-8

The list is with this mail.

--cut
Content-Type: text/csv; name="list.csv"
Content-Disposition: attachment; filename="list.csv"

a,b
1,2
--cut--

"""


def test_attachments_are_files_with_their_own_disposition(
    imported: Imported, database: Database, run: Runtime
) -> None:
    job = imported(ANA, "mail.mbox", MAIL)
    check_sums(database, job)
    files = database.files(job["id"])
    attached = [f for f in files.values() if f["ordinal"] is None]
    assert [(f["path"].rsplit("/", 1)[-1], f["disposition"]) for f in attached] == [
        ("list.csv", "handled")
    ]
    store = run.folders.blobs(job["user_id"])
    sha256 = attached[0]["sha256"]
    assert b"1,2" in (store / sha256[:2] / sha256).read_bytes()


# --- bad input --------------------------------------------------------------------------------

GOOD = {"good.ndjson": people("x", "y")}


def with_good(imported: Imported, database: Database, name: str, data: bytes) -> dict[str, Any]:
    """One bad member beside a good one, whose two records must load."""
    job = imported(ANA, "export.zip", zipped({**GOOD, name: data}))
    assert job["status"] == "done"
    check_sums(database, job)
    assert database.files(job["id"])["good.ndjson"]["counts"]["loaded"] == 2
    return job


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("Records.json", records(location(91)), "place_out_of_range"),
        ("Records.json", records(location(52, "2023-02-30T10:00:00Z")), "bad_time"),
        ("broken.json", b'[{"id": 1, "name": "one"}, {"id": 2, "na', "truncated|bad_syntax"),
        ("table.csv", b'id,name\n1,"open\n2,b\n3,c\n4,d\n', "unclosed_quote"),
        ("headless.mbox", b"From x@y Mon May  1 10:00:00 2023\n\nno headers\n", "not_a_mail"),
    ],
)
def test_a_bad_record_is_set_aside(
    imported: Imported, database: Database, name: str, data: bytes, code: str
) -> None:
    job = with_good(imported, database, name, data)
    codes = database.codes(job["id"])
    assert len(codes) == 1
    assert codes[0] in code.split("|")
    (row,) = database.rows("SELECT * FROM imports.quarantine")
    start, end = (int(n) for n in row["locator"].removeprefix("bytes ").split("-"))
    assert 0 <= start < end <= len(data)
    assert bytes(row["raw"]).rstrip(b"\n") == data[start:end].rstrip(b"\n")
    assert row["file_id"] == database.files(job["id"])[name]["id"]


def test_neighbours_of_a_bad_record_load(imported: Imported, database: Database) -> None:
    job = with_good(
        imported,
        database,
        "Records.json",
        records(location(52), location(91), location(53), location(54, "2023-02-30T00:00:00Z")),
    )
    assert counts(job) == (6, 4, 0, 2)


def test_an_empty_member_is_listed(imported: Imported, database: Database) -> None:
    job = with_good(imported, database, "empty.json", b"")
    file = database.files(job["id"])["empty.json"]
    assert (file["disposition"], file["reason"]) == ("rejected", "empty")


def test_a_member_of_zeros_is_listed_and_loads_nothing(
    imported: Imported, database: Database
) -> None:
    job = with_good(imported, database, "zeros.bin", bytes(4096))
    file = database.files(job["id"])["zeros.bin"]
    assert (file["disposition"], file["reason"]) == ("rejected", "empty")
    assert counts(job) == (2, 2, 0, 0)


def test_a_nul_in_a_text_is_marked(imported: Imported, database: Database) -> None:
    job = with_good(imported, database, "nul.json", b'[{"id": 1, "text": "a\\u0000b"}]')
    assert counts(job) == (3, 3, 0, 0)
    rows = database.documents(job["id"])
    assert sum("a\ufffdb" in f"{row['content']} {row['metadata']}" for row in rows) == 1


def test_malware_in_one_member_stops_that_member(imported: Imported, database: Database) -> None:
    inner = zipped({"bad.txt": FakeScanner.signature})
    job = with_good(imported, database, "inner.zip", inner)
    file = database.files(job["id"])["inner.zip!/bad.txt"]
    assert (file["disposition"], file["reason"]) == ("rejected", "malware")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("cut.zip", zipped({"a.ndjson": people(*map(str, range(500)))})[:-40], None),
        ("malware.txt", FakeScanner.signature, "malware"),
    ],
)
def test_an_upload_that_cannot_be_taken_is_rejected(
    imported: Imported, database: Database, run: Runtime, name: str, data: bytes, code: str | None
) -> None:
    job = imported(ANA, name, data)
    assert (job["status"], job["remaining"]) == ("rejected", 0)
    assert (
        job["error_code"] == code if code else job["error_code"] in {"truncated", "archive_broken"}
    )
    assert job["error_detail"]
    kept = run.folders.data / job["archived_path"]
    assert kept.read_bytes() == data
    assert kept.parent == run.folders.failed / ANA
    note = Path(f"{kept}.error.txt").read_text()
    assert job["error_code"] in note
    assert str(job["id"]) in note


def test_a_rejected_archive_does_not_block_the_next(imported: Imported, run: Runtime) -> None:
    bad = zipped({"a.ndjson": people("x")})[:-30]
    first, second = (imported(ANA, "cut.zip", bad) for _ in range(2))
    assert [first["status"], second["status"]] == ["rejected", "rejected"]
    assert first["archived_path"] != second["archived_path"]


def test_files_of_one_name_are_all_kept(imported: Imported, run: Runtime) -> None:
    jobs = [imported(ANA, "same.ndjson", people(name)) for name in "abc"]
    kept = [run.folders.data / job["archived_path"] for job in jobs]
    assert [path.read_bytes() for path in kept] == [people(name) for name in "abc"]


@pytest.mark.threat("names", seen="imported whole: both loaded, no file elsewhere")
def test_names_of_members_are_never_paths(
    imported: Imported, database: Database, run: Runtime
) -> None:
    job = imported(
        ANA, "export.zip", zipped({"../../out.ndjson": people("x"), "/abs.ndjson": people("y")})
    )
    check_sums(database, job)
    assert counts(job) == (2, 2, 0, 0)
    outside = list(run.folders.data.parent.rglob("*.ndjson"))
    assert outside == []


def test_an_archive_with_nothing_to_read_is_done(imported: Imported, database: Database) -> None:
    job = imported(ANA, "junk.zip", zipped({".DS_Store": b"x", "__MACOSX/._a": b"y"}))
    assert (job["status"], counts(job)) == ("done", (0, 0, 0, 0))
    check_sums(database, job)
    assert {f["disposition"] for f in database.files(job["id"]).values()} == {"ignored"}


def test_an_embed_that_is_cut_short_goes_on_where_it_was(
    make_run: Callable[..., Runtime],
    embedder: FakeEmbedder,
    driver: Driver,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(embed_batch=10)
    context.install(lambda: run)
    row = (
        b'{"header":"Search","title":"Searched for %d","products":["Search"],'
        b'"time":"2026-03-04T09:00:%02dZ"},'
    )
    rows = b"".join(row % (n, n) for n in range(40))
    folder = run.folders.staging / "ana"
    folder.mkdir()
    inside = "Takeout/My Activity/Search/MyActivity.json"
    (folder / "takeout.zip").write_bytes(zipped({inside: b"[" + rows[:-1] + b"]"}))
    encode, calls = embedder.encode, []

    def failing(texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(texts))
        if len(calls) == 3:
            raise TransientError("the third batch is lost")
        return encode(texts)

    monkeypatch.setattr(embedder, "encode", failing)
    job_id = intake.take_in(
        run.ledger, run.folders, folder / "takeout.zip", "ana", move=True, options=run.options
    )
    driver.drain()
    database.let_time_pass()
    reconcile.reconcile(run)
    driver.drain()
    assert database.job(job_id)["status"] == "done"
    assert calls == [10, 10, 10, 10, 10]  # the lost one again, the first two never
    assert len(embedder.texts) == len(set(embedder.texts)) == 40


def test_a_broken_archive_within_an_archive_costs_its_siblings_nothing(
    imported: Callable[[str, str, bytes], dict[str, Any]], database: Database
) -> None:
    inner = zipped({"in.csv": b"a,b\n1,2\n"})
    outer = {"broken.zip": inner[:-30], "sound.zip": inner, "after.csv": b"c,d\n3,4\n5,6\n"}
    job = imported("ana", "outer.zip", zipped(outer))
    assert (job["status"], counts(job)) == ("done", (3, 3, 0, 0))
    found = {path: row["disposition"] for path, row in database.files(job["id"]).items()}
    assert found == {
        "broken.zip": "rejected",
        "sound.zip!/in.csv": "handled",
        "after.csv": "handled",
    }
