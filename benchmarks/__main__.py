"""`make bench`: the figures of docs/explanation/performance.md, as ratios of one run."""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import generate, place, pure, timed
from benchmarks.documents import Documents
from pipeline.enrich import text_pieces
from tasks.derived.lake_statistics import count_user
from tasks.derived.near_duplicates import compare_user
from tasks.derived.quality_scores import score_job
from workers import wiring
from workers.adapters.sentence_transformers import SentenceTransformerEmbedder
from workers.embedded.unprivileged import hand_over, system_user
from workers.settings import Settings

_TABLES = {"locations": "timeseries.locations", "visits": "user_data.documents"}
_INSIDE = {"locations": "Records.json", "visits": "Chrome/History.json"}
_WRITE = {"locations": generate.write_locations, "visits": generate.write_visits}


def say(text: str) -> None:
    """Narration, apart from the figures."""
    print(text, file=sys.stderr, flush=True)


def inputs(kind: str, count: int, folder: Path) -> Path:
    """Write the export of one product: visits are in a zip, since their name matters."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = _WRITE[kind](folder / Path(_INSIDE[kind]).name, count)
    return plain if kind == "locations" else place.zipped(plain, "Takeout/" + _INSIDE[kind])


def bare_copy(settings: Settings, table: str) -> float:
    """Seconds for COPY of the rows that stand in `table`, into it again, on one connection."""
    columns_sql = (
        "SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    )
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        row = connection.execute(columns_sql, (table,)).fetchone()
        columns = row[0] if row else ""
        with tempfile.TemporaryFile(dir=settings.data_dir) as rows:
            with connection.cursor().copy(f"COPY (SELECT {columns} FROM {table}) TO STDOUT") as out:
                for block in out:
                    rows.write(block)
            connection.execute(f"TRUNCATE {table}")
            connection.execute("CHECKPOINT")
            rows.seek(0)
            with _without_triggers(connection, table):
                began = time.monotonic()
                with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as into:
                    while block := rows.read(io.DEFAULT_BUFFER_SIZE * 16):
                        into.write(block)
                return time.monotonic() - began


@contextmanager
def _without_triggers(connection: psycopg.Connection, table: str) -> Iterator[None]:
    """Bare: what our tables do with new rows is ours to pay for. A trigger that is only switched
    off still has its rows gathered."""
    found = connection.execute(
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger "
        "WHERE tgrelid = %s::regclass AND NOT tgisinternal",
        (table,),
    ).fetchall()
    connection.execute("SET session_replication_role = replica")  # foreign keys
    for name, _ in found:
        connection.execute(f"DROP TRIGGER {name} ON {table}")
    try:
        yield
    finally:
        for _, definition in found:
            connection.execute(definition)


def end_to_end(settings: Settings, kind: str, count: int, rounds: int) -> dict[str, Any]:
    """Records a second with two worker processes, against a bare COPY of the same rows; and a
    second time to the end of the job, when they are findable too."""
    path = inputs(kind, count, settings.data_dir / "in")
    imports, whole, copies = [], [], []
    with place.worker(settings, processes=2):
        for _ in range(rounds):
            place.empty_lake(settings)
            job = place.submit_and_wait(settings, path)
            assert job["records_loaded"] == count, job
            imports.append(place.loaded_after(settings, job))
            whole.append(place.seconds(job))
            copies.append(bare_copy(settings, _TABLES[kind]))
    mine, copied = count / min(imports), count / min(copies)
    return {
        "records": count,
        "records_per_s": round(mine),
        "bare_copy_per_s": round(copied),
        "ratio": round(mine / copied, 2),
        "findable_per_s": round(count / min(whole)),
    }


def orchestration(settings: Settings, count: int, rounds: int) -> dict[str, Any]:
    """Measure what Celery, the ledger and the spool cost: the same stages bare, in one process."""
    path = inputs("locations", count, settings.data_dir / "in")
    with_all, without = [], []
    with place.worker(settings, processes=1):
        user = _user(settings)
        for _ in range(rounds):
            place.empty_lake(settings)
            began = time.monotonic()
            loaded = pure.run(settings.url("ingest"), user, path)
            without.append(time.monotonic() - began)
            assert loaded == count
            place.empty_lake(settings)
            job = place.submit_and_wait(settings, path)
            with_all.append(place.loaded_after(settings, job))  # what is made behind it is not pure
    return {
        "records": count,
        "pure_s": round(min(without), 2),
        "celery_s": round(min(with_all), 2),
        "times": round(min(with_all) / min(without), 2),
    }


#: What a user has by default, but for the full model: it follows behind, at its own pace.
_ALL_OF_IT = {"DATAPUNK_EMBED_TYPES": "activity,email,document", "DATAPUNK_EMBED_TIERS": "static"}


def stages(settings: Settings, count: int) -> dict[str, Any]:
    """Return each stage's share of the time of an import's tasks in percent, and rates until
    the last row is in, and until the job ends and all is findable."""
    documents = Documents(1).write(settings.data_dir / "documents.zip", count // 4)
    given = {"points": inputs("locations", count, settings.data_dir / "in"), "texts": documents}
    found: dict[str, Any] = {}
    folder = settings.data_dir / "times"
    hand_over(folder, system_user(settings))  # the workers write there, as the lake's user
    for name, path in given.items():
        place.empty_lake(settings)
        times = folder / name
        more = {**_ALL_OF_IT, timed.VARIABLE: str(times)}
        with place.worker(settings, processes=2, queues=f"embed,{place.GENERAL}", **more):
            times.write_text("")  # the warming up is not the import's
            job = place.submit_and_wait(settings, path)
        took = timed.sums(times)
        total = sum(took.values())
        found[name] = {
            "records": job["records_loaded"],
            "loaded_per_s": round(job["records_loaded"] / place.loaded_after(settings, job)),
            "findable_per_s": round(job["records_loaded"] / place.seconds(job)),
            **{stage: f"{100 * s / total:.0f}%" for stage, s in took.items()},
        }
    return found


def _user(settings: Settings) -> Any:
    with psycopg.connect(settings.url("ledger")) as connection:
        row = connection.execute(
            "SELECT user_id FROM user_data.users WHERE name = %s", (place.USER,)
        ).fetchone()
    return row[0] if row else None


def embedding(count: int) -> dict[str, Any]:
    """Texts a second through our stage (pieces, hashes, unique texts, sorting) and bare."""
    import random

    random_ = random.Random(7)
    texts = [generate.sentence(random_, random_.randint(5, 40)) for _ in range(count)]
    embedder = SentenceTransformerEmbedder()
    embedder.encode(texts[:64])
    imports, bare = [], []
    for _ in range(2):
        began = time.monotonic()
        pieces = [p.text for text in texts for p in text_pieces.pieces(text)]
        text_pieces.encode_missing(pieces, {}, embedder)
        imports.append(time.monotonic() - began)
        began = time.monotonic()
        embedder._model.encode(texts, show_progress_bar=False)
        bare.append(time.monotonic() - began)
    return {
        "texts": count,
        "texts_per_s": round(count / min(imports)),
        "bare_per_s": round(count / min(bare)),
        "ratio": round(min(bare) / min(imports), 2),
    }


_EXPORTS = 6


def exports(settings: Settings, count: int) -> dict[str, Any]:
    """Seconds until `count` points are findable, of the first and the last of several exports of
    the same months: what the lake holds already must not slow an import down."""
    place.empty_lake(settings)
    took = []
    with place.worker(settings, processes=2):
        for seed in range(_EXPORTS):
            path = settings.data_dir / "in" / f"Records-{seed}.json"
            path.parent.mkdir(exist_ok=True)
            job = place.submit_and_wait(settings, generate.write_locations(path, count, seed))
            took.append(place.seconds(job))
    first, last = took[0], took[-1]
    return {
        "records": count,
        "exports": _EXPORTS,
        "first_s": round(first, 1),
        "last_s": round(last, 1),
        "times": round(last / first, 2),
    }


def small_files(settings: Settings, count: int) -> dict[str, Any]:
    """Small files a second, of a zip of them."""
    place.empty_lake(settings)
    path = generate.write_small_files(settings.data_dir / "small.zip", count)
    with place.worker(settings, processes=2):
        job = place.submit_and_wait(settings, path, limit_s=3_600)
    assert job["records_loaded"] == count, job
    return {
        "files": count,
        "loaded_per_s": round(count / place.loaded_after(settings, job)),
        "findable_per_s": round(count / place.seconds(job)),
    }


def behind(settings: Settings, count: int) -> dict[str, Any]:
    """Statistics, scores and near duplicates of `count` positions and a tenth as many mails, made
    again by one process; rows a second of each."""
    place.empty_lake(settings)
    folder = settings.data_dir / "in"
    points = inputs("locations", count, folder)
    mails = generate.write_mails(folder / "all.mbox", count // 10)
    with place.worker(settings, processes=2):
        jobs = [place.submit_and_wait(settings, path, limit_s=1200) for path in (points, mails)]
    user, run = jobs[0]["user_id"], wiring.make_runtime(settings)
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        for query in (
            "INSERT INTO analytics.touched SELECT DISTINCT user_id, 'locations', "
            "analytics.day_of(at) FROM timeseries.locations",
            "TRUNCATE analytics.fingerprints, analytics.bands, analytics.uncompared",
            "DELETE FROM user_data.relations WHERE relation = 'near_duplicate_of'",
            "INSERT INTO analytics.uncompared "
            "SELECT user_id, id, data_type, partition_at, record_key FROM user_data.documents "
            "WHERE content IS NOT NULL",
        ):
            connection.execute(query)
        figures = {
            "counted_per_s": _rate(count, lambda: count_user(run, user, seconds=600)),
            "scored_per_s": _rate(count, lambda: score_job(run, user, jobs[0]["id"])),
            "compared_per_s": _rate(count // 10, lambda: compare_user(run, user, seconds=600)),
        }
        found = connection.execute(
            "SELECT count(*) FROM user_data.relations WHERE relation = 'near_duplicate_of'"
        ).fetchone()
    return {**figures, "near_duplicates": found and found[0], "planted": count // 100}


def _rate(count: int, work: Callable[[], object]) -> int:
    began = time.monotonic()
    work()
    return round(count / (time.monotonic() - began))


def memory(settings: Settings, megabytes: int) -> dict[str, Any]:
    """Peak resident memory of a fresh worker's processes for an input of that size, in MB."""
    place.empty_lake(settings)
    path = inputs("locations", megabytes * 3_550, settings.data_dir / "in")
    with place.worker(settings, processes=2) as process, place.PeakMemory(process) as peak:
        job = place.submit_and_wait(settings, path, limit_s=1200)
    return {
        "input_mb": round(path.stat().st_size / 1e6),
        "records_per_s": round(job["records_loaded"] / place.seconds(job)),
        "parent_mb": round(peak.parent / 1e6),
        "child_mb": round(peak.child / 1e6),
    }


def _load(settings: Settings, given: argparse.Namespace) -> Figures:
    for kind in ("locations", "visits"):
        say(f"{kind}: end to end with two workers, and bare COPY")
        yield kind, end_to_end(settings, kind, given.records, given.rounds)


def _stages(settings: Settings, given: argparse.Namespace) -> Figures:
    say("stages: what each takes of the time, with texts embedded and all made findable")
    for name, row in stages(settings, given.records).items():
        yield f"stages, {name}", row


def _orchestration(settings: Settings, given: argparse.Namespace) -> Figures:
    say("orchestration: one worker, and the pure flow")
    yield "orchestration", orchestration(settings, given.records, given.rounds)


def _embed(settings: Settings, given: argparse.Namespace) -> Figures:
    say("embedding: our stage, and the bare model")
    yield "embedding", embedding(384)


def _exports(settings: Settings, given: argparse.Namespace) -> Figures:
    say("exports: the first and the sixth of the same months")
    yield "exports", exports(settings, given.records)


def _small(settings: Settings, given: argparse.Namespace) -> Figures:
    say("small: a zip of small files")
    yield "small files", small_files(settings, given.records // 20)


def _behind(settings: Settings, given: argparse.Namespace) -> Figures:
    say("behind the load: statistics, scores, near duplicates")
    yield "behind", behind(settings, given.records)


def _memory(settings: Settings, given: argparse.Namespace) -> Figures:
    for size in (20, 400):
        say(f"memory: an input of {size} MB")
        yield f"memory_{size}", memory(settings, size)


Figures = Iterator[tuple[str, dict[str, Any]]]
_MEASURES: dict[str, Callable[[Settings, argparse.Namespace], Figures]] = {
    "load": _load,
    "stages": _stages,
    "orchestration": _orchestration,
    "embed": _embed,
    "exports": _exports,
    "small": _small,
    "behind": _behind,
    "memory": _memory,
}


def main() -> None:
    """Run what was asked for and print one JSON object and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=_MEASURES)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="datapunk-bench-"))
    figures: dict[str, Any] = {}
    try:
        with place.servers(folder) as settings:
            for name in [given.only] if given.only else _MEASURES:
                figures.update(_MEASURES[name](settings, given))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(figures, as_json=given.json)


def show(figures: dict[str, Any], *, as_json: bool) -> None:
    """Print the figures, for people or for programs."""
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, row in figures.items():
        print(f"{name:15}", "  ".join(f"{k}={v}" for k, v in row.items()))


if __name__ == "__main__":
    main()
