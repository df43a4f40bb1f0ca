"""`make bench-search`: how fast search answers, and how well the vector index finds.

Documents are generated and imported by a real worker with the static tier. Then come the times of
every mode and filter, recall at 10 of the index against an exact scan of whole vectors, and the
times of hybrid search while another import runs. `--keep FOLDER` keeps what was imported, and a
second call with the same folder measures search again on it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector

from benchmarks import place
from benchmarks.documents import LANGUAGES, Documents
from schemas.progress import Tier
from sql import search as finder
from sql.search import Filters, Model, Search
from workers import stores
from workers.adapters.embedding_models import ModelsHere
from workers.settings import Settings

_ENVIRONMENT = {
    "DATAPUNK_EMBED_TYPES": "activity,email,document",
    "DATAPUNK_EMBED_TIERS": "static",
    "DATAPUNK_NEAR_DUPLICATES": "false",
}
_QUEUES = f"embed,{place.GENERAL}"
_LIMIT_S = 3_600.0
_TRUTH = 10


def say(text: str) -> None:
    """Progress, apart from the figures."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def load_average() -> float:
    """Return the machine's load of the last minute."""
    return round(os.getloadavg()[0], 1)


# --- import ----------------------------------------------------------------------------------


def bring_in(settings: Settings, documents: int, seed: int) -> dict[str, Any]:
    """Generate documents and import them; rates from the first lease on."""
    path = Documents(seed).write(settings.data_dir / f"documents-{seed}.zip", documents)
    say(f"{documents} documents generated, {path.stat().st_size / 1e6:.0f} MB; the import begins")
    with place.worker(settings, processes=2, queues=_QUEUES, **_ENVIRONMENT):
        began = time.monotonic()
        job = place.submit_and_wait(settings, path, limit_s=_LIMIT_S)
        say(f"the job ended after {time.monotonic() - began:.0f} s")
        findable = _wait_until_findable(settings, job, began)
    path.unlink()
    loaded = place.loaded_after(settings, job)
    return {
        "documents": job["records_loaded"],
        "rejected": job["records_quarantined"],
        "loaded_s": round(loaded, 1),
        "loaded_per_s": round(job["records_loaded"] / loaded),
        "findable_s": round(findable, 1),
        "findable_per_s": round(job["records_loaded"] / findable),
        "job_s": round(place.seconds(job), 1),
        "load_average": load_average(),
    }


def _wait_until_findable(settings: Settings, job: dict[str, Any], began: float) -> float:
    """Seconds until nothing waits for the index any more."""
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        while _one(connection, "SELECT EXISTS (SELECT FROM user_data.unindexed)"):
            time.sleep(0.2)
            if time.monotonic() - began > _LIMIT_S:
                raise SystemExit("the documents did not become findable")
    return time.monotonic() - began


def _one(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    row = connection.execute(query, parameters or None).fetchone()
    return row[0] if row else None


# --- what is asked ---------------------------------------------------------------------------


def queries(documents: Documents, count: int, seed: int) -> list[str]:
    """Return queries of one to three words of one subject, in each language.

    Each fourth is a frequent word alone.
    """
    random, found = Random(seed), []
    for n in range(count):
        texts = documents.texts[LANGUAGES[n % len(LANGUAGES)]]
        subject = texts.subjects[random.randrange(len(texts.subjects))]
        if n % 8 < len(LANGUAGES):
            found.append(" ".join(subject[: 1 + n % 3]))
        else:
            found.append(f"{random.choice(subject[:10])} {texts.words[random.randrange(100)]}")
    return found


def filters(documents: Documents) -> dict[str, Filters]:
    """Return filters of each kind, wide and narrow."""
    year = datetime(2017, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)
    week = datetime(2017, 5, 1, tzinfo=UTC), datetime(2017, 5, 8, tzinfo=UTC)
    return {
        "none": Filters(),
        "--type message": Filters(type="message"),
        "--type email": Filters(type="email"),
        "--from --to, a year": Filters(after=year[0], before=year[1]),
        "--from --to, a week": Filters(after=week[0], before=week[1]),
        "--lang fr": Filters(lang="fr"),
        "--person, of many": Filters(person=documents.people[0]),
        "--person, of few": Filters(person=documents.people[900]),
        "--type --lang --from": Filters(type="comment", lang="de", after=year[0]),
    }


class Asked(msgspec.Struct, frozen=True):
    """What is needed to ask."""

    search: Search
    model: Model
    user_id: UUID


@contextmanager
def asking(settings: Settings) -> Iterator[Asked]:
    """Search as the user of the benchmark, as the role that reads."""
    reader = stores.reader(settings)
    with psycopg.connect(settings.url("admin")) as connection:
        user = _one(connection, "SELECT user_id FROM user_data.users WHERE name = %s", place.USER)
    (row,) = (m for m in finder.models(reader, user) if m["tier"] == Tier.STATIC)
    encoder = ModelsHere(settings).load(Tier.STATIC)
    model = Model(id=row["id"], dimension=row["dimension"],
                  encode=lambda text: encoder.encode([text])[0])  # fmt: skip
    try:
        yield Asked(Search(reader, user), model, user)
    finally:
        reader.pool.close()


def _ask(asked: Asked, mode: str, text: str, wanted: Filters, **page: int) -> finder.Found:
    if mode == "keyword":
        return asked.search.by_words(text, wanted, **page)
    by = asked.search.by_meaning if mode == "semantic" else asked.search.hybrid
    return by(text, [asked.model], wanted, **page)


# --- times -----------------------------------------------------------------------------------


def timed(ask: Callable[[str], finder.Found], texts: list[str]) -> dict[str, float]:
    """Milliseconds of one call, a first round not counted; and how many hits a call had."""
    for text in texts[:5]:
        ask(text)
    took, hits = [], []
    for text in texts:
        began = time.perf_counter()
        found = ask(text)
        took.append((time.perf_counter() - began) * 1000)
        hits.append(len(found.hits))
    return {
        "median_ms": round(statistics.median(took), 1),
        "p95_ms": round(sorted(took)[int(len(took) * 0.95)], 1),
        "hits": round(statistics.mean(hits), 1),
    }


def latency(asked: Asked, documents: Documents, texts: list[str]) -> dict[str, Any]:
    """Measure by mode and filter, then misspelt words and a far page."""
    found: dict[str, Any] = {}
    for mode in ("keyword", "semantic", "hybrid"):
        for name, wanted in filters(documents).items():
            ask = lambda text, m=mode, w=wanted: _ask(asked, m, text, w)  # noqa: E731
            found[f"{mode}, {name}"] = timed(ask, texts)
            say(f"{mode}, {name}: {found[f'{mode}, {name}']}")
    wrong = [_misspelt(text) for text in texts]
    found["keyword, misspelt"] = timed(lambda t: _ask(asked, "keyword", t, Filters()), wrong)
    tenth = {"n": 10, "skip": 90}
    found["hybrid, tenth page"] = timed(
        lambda t: _ask(asked, "hybrid", t, Filters(), **tenth), texts
    )
    return found


def _misspelt(text: str) -> str:
    """Return the longest word, with two letters in its middle swapped."""
    word = max(text.split(), key=len)
    middle = len(word) // 2
    return word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]


# --- recall ----------------------------------------------------------------------------------

_EXACT = """
SELECT e.document_id, min(e.embedding <=> %(vector)s::vector) AS distance
FROM vectors.embeddings AS e JOIN user_data.search AS s USING (document_id)
WHERE e.model_id = %(model)s AND e.user_id = %(user)s
  AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(lang)s::text IS NULL OR s.language = %(lang)s)
  AND (%(person)s::text IS NULL OR EXISTS (SELECT FROM user_data.mentions AS m
      JOIN user_data.entities AS p USING (user_id, entity_key)
      WHERE m.user_id = s.user_id AND m.record_key = s.record_key
        AND lower(p.name) = lower(%(person)s)))
GROUP BY e.document_id ORDER BY distance, document_id LIMIT %(n)s
"""


def recall(
    settings: Settings, asked: Asked, documents: Documents, texts: list[str]
) -> dict[str, float]:
    """Return the share of the ten nearest vectors (by a full scan) that search finds, by filter.

    What is as near as the tenth counts, since texts may be equal.
    """
    found = {}
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        register_vector(connection)
        connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
        for name, wanted in filters(documents).items():
            shares = [_share(connection, asked, text, wanted) for text in texts]
            known = [share for share in shares if share is not None]
            found[name] = round(statistics.mean(known), 3) if known else float("nan")
            say(f"recall at 10, {name}: {found[name]}")
        with _as_in_hybrid():
            shares = [_share(connection, asked, text, Filters()) for text in texts]
        found["within hybrid, none"] = round(statistics.mean(s for s in shares if s is not None), 3)
        say(f"recall at 10, within hybrid, none: {found['within hybrid, none']}")
    return found


@contextmanager
def _as_in_hybrid() -> Iterator[None]:
    """Search by meaning goes only as deep as for its list within a hybrid search."""
    deep, finder.DEEP = finder.DEEP, finder.QUICK
    try:
        yield
    finally:
        finder.DEEP = deep


def _share(
    connection: psycopg.Connection[Any], asked: Asked, text: str, wanted: Filters
) -> float | None:
    vector: NDArray[np.float32] = asked.model.encode(text)
    parameters = {
        **msgspec.structs.asdict(wanted),
        "vector": vector,
        "model": asked.model.id,
        "user": asked.user_id,
        "n": _TRUTH,
    }
    exact = connection.execute(_EXACT, parameters).fetchall()
    if not exact:
        return None
    scores = [hit.score for hit in _ask(asked, "semantic", text, wanted, n=_TRUTH).hits]
    farthest = float(exact[-1][1]) + 1e-6
    near = sum(1 - score <= farthest for score in scores)
    return float(min(near, len(exact)) / len(exact))


# --- beside an import ------------------------------------------------------------------------


def beside_import(settings: Settings, texts: list[str], more: int) -> Any:
    """Hybrid search while another import loads, embeds and indexes."""
    took = []
    ended: list[dict[str, Any]] = []
    seed = 2 + int(time.time()) % 1_000_000

    def bring() -> None:
        ended.append(bring_in(settings, more, seed))

    thread = threading.Thread(target=bring)
    thread.start()
    with asking(settings) as asked:
        while thread.is_alive():
            for text in texts:
                began = time.perf_counter()
                _ask(asked, "hybrid", text, Filters())
                took.append((time.perf_counter() - began) * 1000)
                time.sleep(0.05)
    thread.join()
    return {
        "median_ms": round(statistics.median(took), 1),
        "p95_ms": round(sorted(took)[int(len(took) * 0.95)], 1),
        "searches": len(took),
        "import": ended[0] if ended else "failed",
    }


# --- all of it -------------------------------------------------------------------------------


def measure(size: int, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Measure every figure for one size, in a folder that may hold the documents already."""
    documents, found = Documents(), dict[str, Any]()
    texts = queries(documents, given.queries, given.seed)
    filled = folder / "documents.json"
    with place.servers(folder) as settings:
        if filled.exists():
            found["import"] = json.loads(filled.read_text())
        else:
            found["import"] = bring_in(settings, size, seed=1)
            filled.write_text(json.dumps(found["import"]))
        say(f"import: {found['import']}")
        _settle(settings)
        with asking(settings) as asked:
            found["load_average"] = load_average()
            found["latency"] = latency(asked, documents, texts)
            exact = queries(documents, given.exact, given.seed)
            found["recall_at_10"] = recall(settings, asked, documents, exact)
        if given.beside:
            found["beside an import"] = beside_import(settings, texts, given.beside)
        found["disk"] = _sizes(settings)
    return found


def _settle(settings: Settings) -> None:
    """Run what autovacuum does within minutes, so that the figures do not depend on its time."""
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE user_data.search, vectors.embeddings")
        connection.execute("VACUUM ANALYZE user_data.mentions, user_data.entities")
        connection.execute("CHECKPOINT")


def _sizes(settings: Settings) -> dict[str, str]:
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT n.nspname || '.' || c.relname, pg_size_pretty(pg_relation_size(c.oid)) "
            "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname IN ('user_data', 'vectors') AND c.relkind IN ('r', 'i') "
            "ORDER BY pg_relation_size(c.oid) DESC LIMIT 8"
        ).fetchall()
    return dict(rows)


def show(figures: dict[str, Any]) -> None:
    """Print the figures as tables."""
    for size, found in figures.items():
        print(f"\n{size} documents, load average {found['load_average']}")
        print("  import:", "  ".join(f"{k}={v}" for k, v in found["import"].items()))
        print(f"  {'':42}{'median ms':>10}{'p95 ms':>9}{'hits':>7}")
        for name, row in found["latency"].items():
            print(f"  {name:42}{row['median_ms']:>10}{row['p95_ms']:>9}{row['hits']:>7}")
        print("  recall at 10:", "  ".join(f"{k} {v}" for k, v in found["recall_at_10"].items()))
        if "beside an import" in found:
            print("  hybrid beside an import:", found["beside an import"])
        print("  disk:", "  ".join(f"{k}={v}" for k, v in found["disk"].items()))


def main() -> None:
    """Measure each size asked for, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=64, help="for each figure of time")
    parser.add_argument("--exact", type=int, default=16, help="for each figure of recall")
    parser.add_argument("--seed", type=int, default=11, help="of what is asked")
    parser.add_argument("--beside", type=int, default=20_000, help="documents; 0 leaves it out")
    parser.add_argument("--keep", type=Path, help="a data folder that stays; one size only")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.keep and len(given.documents) > 1:
        parser.error("--keep holds documents of one size")
    figures: dict[str, Any] = {}
    for size in given.documents:
        folder = given.keep or Path(tempfile.mkdtemp(prefix="datapunk-search-"))
        try:
            figures[str(size)] = measure(size, folder, given)
        finally:
            if not given.keep:
                shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures, indent=2)) if given.json else show(figures)


if __name__ == "__main__":
    main()
