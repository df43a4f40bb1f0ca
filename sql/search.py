"""Search over a user's documents: by words, by meaning, or both; and its index behind the load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from psycopg import sql

from schemas.errors import PermanentError
from sql.queries import queries
from sql.store import Connection, Lake
from sql.vectors import Wanted

_SEARCH = queries("search")
_VECTORS = queries("vectors")

#: Of a word that stands in very many documents, so many are ranked.
_RANKED = 3_000
#: How deep each of two lists goes that are fused, and the constant of reciprocal rank fusion.
_DEPTH = 200
_RRF = 60
#: Pieces of long texts that are looked at for each document wanted.
_PIECES = 3
_EF_SEARCH = 200


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that has vectors of the user's. `encode` gives the vector of a text; it is called
    where the model is needed, so it may load the model then. `waits_as` is the name under which
    documents wait for its vectors."""

    id: int
    dimension: int
    encode: Callable[[str], NDArray[np.float32]]
    waits_as: str = ""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a document must be. `after` is inclusive and `before` exclusive; `type` is a record
    type or a data type; `source` a format or a service; `near` is latitude, longitude in degrees
    and kilometres; `person` an address, number, handle or name."""

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
    """One page of hits. `waiting` documents are loaded and can't be found yet."""

    hits: list[Hit]
    corrected: list[str] = []
    """Words that stand in no document, with what was looked for instead: `herno → heron`."""
    waiting: int = 0


class Search:
    """Looks for documents as one user; row-level security is in force."""

    def __init__(self, lake: Lake, user_id: UUID, *, marks: tuple[str, str] = ("**", "**")) -> None:
        self._lake, self._user, self._marks = lake, user_id, marks

    def by_words(self, text: str, filters: Filters, *, n: int = 10, skip: int = 0) -> Found:
        """Full text in each document's own language, blind to accents; best first."""
        with self._lake.as_user(self._user) as connection:
            query, corrected = self._query(connection, text)
            scores = self._words(connection, query, filters, n + skip)
            return self._page(connection, scores, query, corrected, n, skip)

    def by_meaning(
        self, text: str, models: Sequence[Model], filters: Filters, *, n: int = 10, skip: int = 0
    ) -> Found:
        """The documents whose vectors are nearest to the text's; `models` are the best first."""
        with self._lake.as_user(self._user) as connection:
            query, _ = self._query(connection, text)
            scores = self._nearest(connection, models, text, filters, n + skip)
            return self._page(connection, scores, query, [], n, skip)

    def hybrid(
        self, text: str, models: Sequence[Model], filters: Filters, *, n: int = 10, skip: int = 0
    ) -> Found:
        """Both lists, fused by reciprocal rank."""
        depth = max(_DEPTH, n + skip)
        with self._lake.as_user(self._user) as connection:
            query, corrected = self._query(connection, text)
            words = self._words(connection, query, filters, depth)
            meaning = self._nearest(connection, models, text, filters, depth)
            return self._page(connection, fused(words, meaning), query, corrected, n, skip)

    def similar(
        self,
        document_id: int,
        models: Sequence[Model],
        filters: Filters,
        *,
        n: int = 10,
        skip: int = 0,
    ) -> Found:
        """The documents nearest to one, by the best of the models for which all have vectors, else
        by the last. Raises `PermanentError` if that one has no vector."""
        with self._lake.as_user(self._user) as connection:
            register_vector(connection)
            whole = (m for m in models if not self._waits(connection, m))
            model = next(whole, models[-1])
            asked = {"model_id": model.id, "document_id": document_id, "user_id": self._user}
            row = connection.execute(_SEARCH["vector_of"], asked).fetchone()
            if row is None:
                raise PermanentError("There is no document of that id with a vector.")
            vector = np.asarray(row["embedding"].to_numpy(), dtype=np.float32)
            near = self._meaning(connection, model, vector, filters, n + skip + 1)
            others = [(at, score) for at, score in near if at != document_id]
            return self._page(connection, others, "", [], n, skip)

    def _query(self, connection: Connection, text: str) -> tuple[str, list[str]]:
        """The query as Postgres has it, and what was corrected in it."""
        asked = {"text": text, "user_id": self._user}
        row = connection.execute(_SEARCH["query"], asked).fetchone()
        query = (row or {}).get("query") or ""
        if not query or self._stands(connection, query):
            return query, []
        alike = connection.execute(_SEARCH["alike"], asked).fetchall()
        words = sorted({_lexeme(r["word"]) for r in alike})
        corrected = [f"{r['asked']} → {r['word']}" for r in alike]
        return " | ".join((query, *words)), corrected

    def _stands(self, connection: Connection, query: str) -> bool:
        found = self._words(connection, query, Filters(), 1, most=1)
        return bool(found)

    def _words(
        self,
        connection: Connection,
        query: str,
        filters: Filters,
        n: int,
        *,
        most: int = _RANKED,
    ) -> list[tuple[int, float]]:
        asked = self._asked(connection, filters)
        name = "by_words" if query else "by_filters"
        rows = connection.execute(_SEARCH[name], {**asked, "query": query, "n": n, "most": most})
        return [(row["document_id"], float(row["score"])) for row in rows]

    def _nearest(
        self,
        connection: Connection,
        models: Sequence[Model],
        text: str,
        filters: Filters,
        n: int,
    ) -> list[tuple[int, float]]:
        """By the best model alone where every document has its vectors. Where some wait for them,
        by the next one; and by both, if of what that finds at least half has the better ones."""
        best, *others = models
        if not others or not self._waits(connection, best):
            return self._meaning(connection, best, best.encode(text), filters, n)
        depth = max(_DEPTH, n)
        plain = self._nearest(connection, others, text, filters, depth)
        ids = [at for at, _ in plain]
        asked = {"model_id": best.id, "user_id": self._user, "ids": ids}
        have = {row["document_id"] for row in connection.execute(_VECTORS["vectored"], asked)}
        if 2 * len(have) < len(ids):
            return plain[:n]
        better = self._meaning(connection, best, best.encode(text), filters, depth)
        return mixed(better, plain, have)[:n]

    def _waits(self, connection: Connection, model: Model) -> bool:
        asked = {"model": model.waits_as, "user_id": self._user}
        row = connection.execute(_VECTORS["waits"], asked).fetchone()
        return bool(row and row["waits"])

    def _meaning(
        self,
        connection: Connection,
        model: Model,
        vector: NDArray[np.float32],
        filters: Filters,
        n: int,
    ) -> list[tuple[int, float]]:
        register_vector(connection)
        # Scans go on until enough rows pass the filters, so that filters lose no recall.
        connection.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
        connection.execute(
            sql.SQL("SET LOCAL hnsw.ef_search = {}").format(sql.Literal(max(_EF_SEARCH, n)))
        )
        statement = sql.SQL(_SEARCH["by_meaning"]).format(
            dimension=sql.Literal(model.dimension), model_id=sql.Literal(model.id)
        )
        asked = self._asked(connection, filters)
        rows = connection.execute(
            statement,
            {
                **asked,
                "unfiltered": filters == Filters(),
                "vector": vector,
                "n": n,
                "most": n * _PIECES,
            },
            prepare=False,
        )
        return [(row["document_id"], float(row["score"])) for row in rows]

    def _asked(self, connection: Connection, filters: Filters) -> dict[str, Any]:
        latitude, longitude, km = filters.near or (None, None, None)
        person = None
        if filters.person is not None:
            rows = connection.execute(_SEARCH["who"], {"who": filters.person})
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
    ) -> Found:
        page = list(scores)[skip : skip + n]
        begin, end = self._marks
        rows = connection.execute(
            _SEARCH["hits"],
            {
                "ids": [at for at, _ in page],
                "query": query,
                "begin": begin,
                "end": end,
                "user_id": self._user,
            },
        ).fetchall()
        waiting = connection.execute(_SEARCH["waiting"], {"most": 1_000_000}).fetchone() or {}
        score_of = dict(page)
        hits = [msgspec.convert({**row, "score": score_of[row["id"]]}, Hit) for row in rows]
        return Found(hits=hits, corrected=corrected, waiting=waiting.get("count", 0))


def fused(*lists: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): 1 / (60 + rank), summed."""
    total: dict[int, float] = {}
    for ranked in lists:
        for rank, (document_id, _) in enumerate(ranked, start=1):
            total[document_id] = total.get(document_id, 0.0) + 1 / (_RRF + rank)
    return _best_first(total)


def mixed(
    better: Sequence[tuple[int, float]], plain: Sequence[tuple[int, float]], have: Set[int]
) -> list[tuple[int, float]]:
    """The lists of two models fused, where only the documents in `have` have vectors of the better
    one: for the others, their place in the plain list counts twice, so that what waits for its
    vectors is not pushed down for it."""
    total = dict(fused(better, plain))
    for rank, (document_id, _) in enumerate(plain, start=1):
        if document_id not in have:
            total[document_id] += 1 / (_RRF + rank)
    return _best_first(total)


def _best_first(total: Mapping[int, float]) -> list[tuple[int, float]]:
    """Of a tie, the later document."""
    return sorted(total.items(), key=lambda pair: (-pair[1], -pair[0]))


def _lexeme(word: str) -> str:
    """A word as a text search query holds it."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


#: Shorter texts are alike by chance.
LEAST_CHARS = 40


def index_some(
    lake: Lake, user_id: UUID, n: int, wanted: Wanted, models: Mapping[str, int | None]
) -> int:
    """Make up to `n` waiting documents findable; how many were taken out of the queue.

    Those of them that are to have vectors and came without some model's wait for them from now on;
    a model that nobody has vectors of has no id. Their days are to be counted again, and their
    texts and images to be compared with others.
    """
    asked = {
        "models": list(models),
        "model_ids": list(models.values()),
        "least_chars": LEAST_CHARS,
        **wanted.parameters(),
    }
    (row,) = lake.rows(user_id, "search", "index_some", user_id=user_id, n=n, **asked)
    return int(row["count"])


def models(lake: Lake, user_id: UUID) -> Sequence[Mapping[str, Any]]:
    """The models that have vectors of the user's: id, name, revision, dimension, tier."""
    return lake.rows(user_id, "search", "models_with_vectors", user_id=user_id)
