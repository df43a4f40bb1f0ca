"""Search over a user's documents: by words, by meaning, or both; and its index after the load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from psycopg import sql

from schemas.errors import PermanentError
from sql.answers import Chosen
from sql.connection import Connection
from sql.queries import queries
from sql.store import Lake, Purpose
from sql.vectors import Wanted

_SEARCH = queries("search")
_VECTORS = queries("vectors")

#: Rank at most this many matches of a very frequent word.
_RANKED = 3_000
#: The depth of each of two fused lists, and the constant of reciprocal rank fusion.
_DEPTH = 100
_RRF = 60
#: Pieces of long texts that are looked at for each document wanted.
_PIECES = 3
#: Filtered semantic search is exact up to this many matching documents: every vector is compared.
#: The index only reaches vectors near the question, and matching ones may lie elsewhere, as mails
#: do from a question like a chat's.
_FEW = 100_000
#: Most vectors that the index scans; and with filters, the factor over the number that it would
#: have to scan if matching vectors were spread evenly. Where that finds too few, all matching
#: vectors are compared.
_MOST_SCANNED = 200_000
_MARGIN = 6
#: Documents not yet indexed are counted up to here.
_MOST_WAITING = 10_000


class Depth(NamedTuple):
    """How deep the index of vectors is searched.

    `candidates` is how many the index keeps at a time (`ef_search`). The others are how many
    matching ones are sorted by their whole vectors: without filters, and with them.
    """

    candidates: int
    all_pass: int
    some_pass: int


#: In a search by meaning alone, nothing else finds what the index misses; next to a list by words,
#: most of it is found already, and time counts.
DEEP = Depth(1000, 2500, 1000)
QUICK = Depth(400, 300, 300)


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that has vectors of the user's.

    `encode` returns the vector of a text; it is called where the model is needed, so it may load
    the model then. `waits_as` is the name under which documents wait for its vectors.
    """

    id: int
    dimension: int
    encode: Callable[[str], NDArray[np.float32]]
    waits_as: str = ""


class Filters(Chosen, frozen=True, kw_only=True):
    """What a document must match.

    `after` is inclusive and `before` exclusive; `type` is a record type or a data type; `source` a
    format or a service; `near` is latitude, longitude in degrees and kilometres; `person` an
    address, number, handle or name.
    """

    after: datetime | None = None
    before: datetime | None = None
    type: str | None = None
    source: str | None = None
    lang: str | None = None
    near: tuple[float, float, float] | None = None
    person: str | None = None


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One document found; the words of the query are marked in `snippet`."""

    id: int
    score: float
    record_type: str
    source: str
    at: datetime | None
    title: str | None
    language: str | None
    snippet: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page of hits.

    `waiting` documents are loaded and not yet indexed, 10,000 or more if it is 10,000.
    """

    hits: list[Hit]
    total: int | None = 0
    """How many hits all pages have; None: there are or may be more after this page."""
    corrected: list[str] = []
    """Words that no document has, with the words used instead: `herno → heron`."""
    waiting: int = 0


class Search:
    """Searches documents as one user; row-level security applies."""

    def __init__(self, lake: Lake, user_id: UUID, *, marks: tuple[str, str] = ("**", "**")) -> None:
        self._lake, self._user, self._marks = lake, user_id, marks

    def by_words(self, text: str, filters: Filters, *, n: int = 10, skip: int = 0) -> Found:
        """Search the full text in each document's language, ignoring accents.

        Return the best first.
        """
        with self._lake.as_user(self._user) as connection:
            found = self._search_words(connection, text, filters, n + skip + 1)
            query, corrected, scores = found
            return self._page(connection, scores, query, corrected, n, skip)

    def by_meaning(
        self, text: str, models: Sequence[Model], filters: Filters, *, n: int = 10, skip: int = 0
    ) -> Found:
        """Return the documents with the vectors nearest to the text's.

        `models` are the best first.
        """
        with self._lake.as_user(self._user) as connection:
            query = self._query(connection, text)
            scores = self._search_meaning(connection, models, text, filters, n + skip, DEEP)
            return self._page(connection, scores, query, [], n, skip, open_end=True)

    def hybrid(
        self, text: str, models: Sequence[Model], filters: Filters, *, n: int = 10, skip: int = 0
    ) -> Found:
        """Return both lists, fused by reciprocal rank."""
        depth = max(_DEPTH, n + skip + 1)
        with self._lake.as_user(self._user) as connection:
            query, corrected, words = self._search_words(connection, text, filters, depth)
            meaning = self._search_meaning(connection, models, text, filters, depth, QUICK)
            return self._page(connection, fuse(words, meaning), query, corrected, n, skip)

    def similar(
        self,
        document_id: int,
        models: Sequence[Model],
        filters: Filters,
        *,
        n: int = 10,
        skip: int = 0,
    ) -> Found:
        """Return the documents nearest to one.

        The best of the models counts for which all documents have vectors, else the last. Raises
        `PermanentError` if the document has no vector of that one.
        """
        with self._lake.as_user(self._user) as connection:
            register_vector(connection)
            whole = (m for m in models if not self._waits(connection, m))
            model = next(whole, models[-1])
            asked = {"model_id": model.id, "document_id": document_id, "user_id": self._user}
            row = connection.execute(_SEARCH["vector_of"], asked).fetchone()
            if row is None:
                raise PermanentError("There is no document of that id with a vector.")
            vector = np.asarray(row["embedding"].to_numpy(), dtype=np.float32)
            near = self._search_vectors(connection, model, vector, filters, n + skip + 1, DEEP)
            others = [(at, score) for at, score in near if at != document_id]
            return self._page(connection, others, "", [], n, skip, open_end=True)

    def _query(self, connection: Connection, text: str) -> str:
        """Return a text as a `tsquery` of Postgres."""
        (row,) = self._rows(connection, "query", text=text)
        return row["query"] or ""

    def _search_words(
        self, connection: Connection, text: str, filters: Filters, n: int
    ) -> tuple[str, list[str], list[tuple[int, float]]]:
        """Return the query, the corrections in it, and what it finds."""
        query = self._query(connection, text)
        scores = self._rank_words(connection, query, filters, n)
        if scores or not query or self._matches_unfiltered(connection, query, filters):
            return query, [], scores
        alike = self._rows(connection, "alike", text=text)
        words = sorted({_lexeme(r["word"]) for r in alike})
        corrected = [f"{r['asked']} → {r['word']}" for r in alike]
        if not alike:
            return query, [], scores
        query = " | ".join((query, *words))
        return query, corrected, self._rank_words(connection, query, filters, n)

    def _matches_unfiltered(self, connection: Connection, query: str, filters: Filters) -> bool:
        """Tell whether a query that finds nothing with filters finds something without them."""
        return filters != Filters() and bool(
            self._rank_words(connection, query, Filters(), 1, most=1)
        )

    def _rows(self, connection: Connection, name: str, **asked: Any) -> list[dict[str, Any]]:
        """Return the rows of a named query.

        It is planned for its values each time: the best plan depends on the filters and partitions.
        """
        parameters = {"user_id": self._user, **asked}
        return connection.execute(_SEARCH[name], parameters, prepare=False).fetchall()

    def _rank_words(
        self,
        connection: Connection,
        query: str,
        filters: Filters,
        n: int,
        *,
        most: int = _RANKED,
    ) -> list[tuple[int, float]]:
        asked = self._filter_parameters(connection, filters)
        name = "by_words" if query else "by_filters"
        return _scores(self._rows(connection, name, **asked, query=query, n=n, most=most))

    def _search_meaning(
        self,
        connection: Connection,
        models: Sequence[Model],
        text: str,
        filters: Filters,
        n: int,
        depth: Depth,
    ) -> list[tuple[int, float]]:
        """Return the nearest documents, by the best model if every document has its vectors.

        Where some wait for them, the next model searches; both do, if at least half of what it
        finds has vectors of the better one.
        """
        best, *others = models
        if not others or not self._waits(connection, best):
            return self._search_vectors(connection, best, best.encode(text), filters, n, depth)
        most = max(_DEPTH, n)
        plain = self._search_meaning(connection, others, text, filters, most, depth)
        ids = [at for at, _ in plain]
        asked = {"model_id": best.id, "user_id": self._user, "ids": ids}
        have = {row["document_id"] for row in connection.execute(_VECTORS["vectored"], asked)}
        if 2 * len(have) < len(ids):
            return plain[:n]
        better = self._search_vectors(connection, best, best.encode(text), filters, most, depth)
        return fuse_models(better, plain, have)[:n]

    def _waits(self, connection: Connection, model: Model) -> bool:
        asked = {"model": model.waits_as, "user_id": self._user}
        row = connection.execute(_VECTORS["waits"], asked).fetchone()
        return bool(row and row["waits"])

    def _search_vectors(
        self,
        connection: Connection,
        model: Model,
        vector: NDArray[np.float32],
        filters: Filters,
        n: int,
        depth: Depth,
    ) -> list[tuple[int, float]]:
        register_vector(connection)
        asked = {**self._filter_parameters(connection, filters), "vector": vector, "n": n}
        unfiltered = filters == Filters()
        most = max(depth.all_pass if unfiltered else depth.some_pass, n * _PIECES)
        scanned = _MOST_SCANNED if unfiltered else self._scan_limit(connection, model, asked, most)
        if scanned:
            # Scans continue until enough rows pass the filters, so that filters lose no recall.
            for setting, value in (
                ("iterative_scan", "relaxed_order"),
                ("ef_search", str(depth.candidates)),
                ("max_scan_tuples", str(scanned)),
                ("scan_mem_multiplier", "4"),
            ):
                connection.execute("SELECT set_config(%s, %s, true)", (f"hnsw.{setting}", value))
            wanted = {**asked, "unfiltered": unfiltered, "most": most}
            rows = self._by_vector(connection, model, "by_meaning", wanted)
            if rows and rows[0]["candidates"] == most:
                return _scores(rows)
        return _scores(self._by_vector(connection, model, "by_meaning_of_few", asked))

    def _scan_limit(
        self, connection: Connection, model: Model, asked: Mapping[str, Any], most: int
    ) -> int:
        """Return how many vectors the index may scan for `most` matching ones; 0: none."""
        (row,) = self._rows(connection, "fitting", **{**asked, "most": _FEW + 1})
        (stored,) = self._rows(connection, "count_vectors", model_id=model.id)
        return worth_scanning(most, stored["vectors"], row["count"])

    def _by_vector(
        self, connection: Connection, model: Model, name: str, asked: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        statement = sql.SQL(_SEARCH[name]).format(
            dimension=sql.Literal(model.dimension), model_id=sql.Literal(model.id)
        )
        return connection.execute(statement, asked, prepare=False).fetchall()

    def _filter_parameters(self, connection: Connection, filters: Filters) -> dict[str, Any]:
        latitude, longitude, km = filters.near or (None, None, None)
        person = None
        if filters.person is not None:
            rows = self._rows(connection, "who", who=filters.person)
            person = [row["entity_key"] for row in rows]
        return {
            "user_id": self._user,
            "after": filters.after,
            "before": filters.before,
            "type": filters.type,
            "source": filters.source,
            "lang": filters.lang,
            "latitude": latitude,
            "longitude": longitude,
            "km": km,
            "person": person,
        }

    def _page(
        self,
        connection: Connection,
        scores: Sequence[tuple[int, float]],
        query: str,
        corrected: list[str],
        n: int,
        skip: int,
        *,
        open_end: bool = False,
    ) -> Found:
        """Return one page; with `open_end`, nothing was looked for beyond it."""
        page = list(scores)[skip : skip + n]
        looked_for = skip + n if open_end else skip + n + 1
        total = len(scores) if len(scores) < looked_for else None
        hits = self._hits(connection, dict(page), query)
        (waiting,) = self._rows(connection, "waiting", most=_MOST_WAITING)
        return Found(hits=hits, total=total, corrected=corrected, waiting=waiting["count"])

    def _hits(self, connection: Connection, score_of: dict[int, float], query: str) -> list[Hit]:
        begin, end = self._marks
        ids = list(score_of)
        places = self._rows(connection, "places", ids=ids)
        rows = self._rows(
            connection,
            "hits",
            ids=ids,
            types=[row["data_type"] for row in places],
            keys=[row["record_key"] for row in places],
            ats=[row["partition_at"] for row in places],
            query=query,
            begin=begin,
            end=end,
        )
        return [msgspec.convert({**row, "score": score_of[row["id"]]}, Hit) for row in rows]


def worth_scanning(most: int, vectors: float, fitting: int) -> int:
    """Return how many of `vectors` vectors an index may scan until it has `most` matching ones.

    0 means that all `fitting` ones are compared.
    """
    if fitting <= _FEW:
        return 0
    return min(_MOST_SCANNED, int(_MARGIN * most * vectors / fitting))


def fuse(*lists: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Fuse lists by reciprocal rank (Cormack, Clarke, Büttcher 2009): 1 / (60 + rank), summed."""
    total: dict[int, float] = {}
    for ranked in lists:
        for rank, (document_id, _) in enumerate(ranked, start=1):
            total[document_id] = total.get(document_id, 0.0) + 1 / (_RRF + rank)
    return _best_first(total)


def fuse_models(
    better: Sequence[tuple[int, float]], plain: Sequence[tuple[int, float]], have: Set[int]
) -> list[tuple[int, float]]:
    """Fuse the lists of two models, where only the documents in `have` are in reach of the better.

    The other documents' place in the plain list counts twice, so that a document is not ranked
    lower because it waits for its vectors.
    """
    total = dict(fuse(better, plain))
    for rank, (document_id, _) in enumerate(plain, start=1):
        if document_id not in have:
            total[document_id] += 1 / (_RRF + rank)
    return _best_first(total)


def _scores(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    return [(row["document_id"], float(row["score"])) for row in rows]


def _best_first(total: Mapping[int, float]) -> list[tuple[int, float]]:
    """Sort by score; of a tie, the later document comes first."""
    return sorted(total.items(), key=lambda pair: (-pair[1], -pair[0]))


def _lexeme(word: str) -> str:
    """Return a word as a text search query holds it."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


#: Shorter texts are similar by chance.
LEAST_CHARS = 40


def index_some(
    lake: Lake, user_id: UUID, n: int, wanted: Wanted, models: Mapping[str, int | None]
) -> int:
    """Index up to `n` waiting documents; return how many were taken out of the queue.

    Those of them that need vectors and came without some model's are queued for it; a model without
    any vectors has no id. Their days are queued for counting, and their texts and images for
    comparison.
    """
    asked = {
        "models": list(models),
        "model_ids": list(models.values()),
        "least_chars": LEAST_CHARS,
        **wanted.parameters(),
    }
    with lake.remaking(user_id, Purpose.INDEX) as entered:
        query = {"user_id": user_id, "n": n, **asked}
        # A plan of when the lake was all but empty reads a month's documents for each that waits.
        row = entered.connection.execute(_SEARCH["index_some"], query, prepare=False).fetchone()
    return int((row or {"count": 0})["count"])


def any_waits(lake: Lake, user_id: UUID) -> bool:
    """Tell whether a document waits to be indexed, or is being indexed."""
    (row,) = lake.rows(user_id, "search", "waiting", most=1)
    return bool(row["count"])


def models(lake: Lake, user_id: UUID) -> Sequence[Mapping[str, Any]]:
    """Return the models that have vectors of the user's: id, name, revision, dimension, tier."""
    return lake.rows(user_id, "search", "models_with_vectors", user_id=user_id)
