"""A lake for one test: its database, its folders, and a driver that needs no worker process."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from threading import get_ident
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import psycopg
from celery.exceptions import Ignore
from numpy.typing import NDArray
from psycopg.rows import dict_row

from pipeline.ports import Embedder, Models, Scan, Scanner, Verdict
from schemas.progress import Kind, Stage, Tier, route
from tasks.derived import embedding_backfill, search_index
from tasks.ingest import chunk, loading, poison, upload
from tasks.ingest.finish import finish_job
from tasks.runtime import stage_runner
from tasks.runtime.context import Runtime

#: What each stage does, as `tasks.celery_tasks` wires it.
WORK: dict[Stage, stage_runner.Work] = {
    Stage.VALIDATE: upload.validate_upload,
    Stage.EXTRACT: upload.extract_upload,
    Stage.NORMALISE: poison.normalise_or_split,
    Stage.SCREEN: chunk.screen_chunk,
    Stage.EMBED: chunk.embed_chunk,
    Stage.LOAD: loading.load_chunk,
    Stage.FINISH: finish_job,
}


class FakeEmbedder(Embedder):
    """Vectors made of a hash: the same text, the same vector. Remembers what it was asked."""

    revision = "1"
    dimension = 8
    at_once = 64
    cached_by_text = True

    def __init__(self, model: str = "static") -> None:
        self._model = f"fake {model}"
        self.texts: list[str] = []

    @property
    def model(self) -> str:
        return self._model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        digests = [blake2b(t.encode(), digest_size=self.dimension).digest() for t in texts]
        whole = np.frombuffer(b"".join(digests), dtype=np.uint8)
        return whole.reshape(len(texts), self.dimension).astype(np.float32) + 1


class FakeModels(Models):
    """Such a model for each tier; others, by their names, are made as they are asked for."""

    def __init__(self, *made: FakeEmbedder) -> None:
        self.made = {embedder.model: embedder for embedder in made}
        self.unmade: set[str] = set()

    def load(self, model: str) -> FakeEmbedder:
        made = FakeEmbedder(model)
        return self.made.setdefault(made.model, made)

    def identify(self, model: str) -> tuple[str, str]:
        return f"fake {model}", "1"

    def ready(self, model: str) -> bool:
        return model not in self.unmade

    def first_tier(self) -> Tier:
        return Tier.STATIC


class FakeScanner(Scanner):
    """Finds one thing: files that hold the word `signature`."""

    signature = b"INVENTED-MALWARE"

    def scan(self, path: Path) -> Verdict:
        infected = self.signature in path.read_bytes()
        return Verdict(Scan.INFECTED, "Invented.Test") if infected else Verdict(Scan.CLEAN)

    def answers(self) -> bool:
        return True


class Message(NamedTuple):
    """What `dispatch.send` was asked to send."""

    chunk: int
    job_id: UUID
    kind: Kind
    stage: Stage
    embed: bool


class Driver:
    """Stands in for broker and workers: keeps what is sent, and carries it out when told."""

    def __init__(self) -> None:
        self.sent: deque[Message] = deque()
        self.performed: list[tuple[Stage, int]] = []
        self.turns: deque[tuple[UUID, str]] = deque()
        self.to_index: deque[UUID] = deque()

    def send_indexing(self, user_id: UUID) -> None:
        self.to_index.append(user_id)

    def index(self, run: Runtime) -> None:
        """Carry out the turns at the words that were sent so far."""
        for _ in range(len(self.to_index)):
            search_index.in_background(run, self.to_index.popleft())

    def send_turn(self, user_id: UUID, model: str) -> None:
        self.turns.append((user_id, model))

    def take_turns(self, run: Runtime) -> int:
        """Carry out the turns that were sent behind the imports, and what they send; how many."""
        for n in itertools.count():
            if not self.turns:
                return n
            embedding_backfill.in_background(run, *self.turns.popleft())
        raise AssertionError

    def send(self, chunk: int, job_id: UUID, kind: Kind, stage: Stage, *, embed: bool) -> None:
        self.sent.append(Message(chunk, job_id, kind, stage, embed))

    def perform(self, stage: Stage, chunk: Any, job_id: Any) -> bool:
        """One stage as its task does it; False where the rest of the chain is dropped."""
        self.performed.append((stage, chunk))
        try:
            stage_runner.perform(stage, chunk, job_id, WORK[stage])
        except Ignore:
            return False
        return True

    def step(self) -> None:
        """Carry out the oldest message: the rest of a chunk's way."""
        message = self.sent.popleft()
        stages = route(message.kind, embed=message.embed)
        for stage in stages[stages.index(message.stage) :]:
            if not self.perform(stage, message.chunk, message.job_id):
                return

    def drain(self, most: int = 10_000) -> None:
        """Carry out what was sent, and what that sends, until nothing is left."""
        for _ in range(most):
            if not self.sent:
                return
            self.step()
        raise AssertionError("the messages don't come to an end")


class Database:
    """A look at everything, as the administrator, whom no policy holds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._kept: psycopg.Connection[dict[str, Any]] | None = None
        self._keeper: int | None = None
        """The thread that goes on with one connection."""

    @contextmanager
    def kept(self) -> Iterator[Database]:
        """This thread looks through one connection until the block ends; each other thread still
        through a new one each time, so that none waits for another."""
        self._keeper = get_ident()
        try:
            yield self
        finally:
            self._keeper = None
            if self._kept is not None:
                self._kept.close()

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        if get_ident() != self._keeper:
            with self._connect() as connection:
                return _rows(connection, query, parameters)
        if self._kept is not None and not self._kept.closed:
            try:
                return _rows(self._kept, query, parameters)
            except psycopg.OperationalError:
                if not self._kept.closed:
                    raise
        self._kept = self._connect()  # the first, or the server has ended the one before
        return _rows(self._kept, query, parameters)

    def _connect(self) -> psycopg.Connection[dict[str, Any]]:
        # What tests ask may change its columns between two times, which a prepared plan may not.
        return psycopg.connect(
            self.url, autocommit=True, row_factory=dict_row, prepare_threshold=None
        )

    def one(self, query: str, *parameters: Any) -> Any:
        """The one value of the one row."""
        (row,) = self.rows(query, *parameters)
        (value,) = row.values()
        return value

    def job(self, job_id: UUID) -> dict[str, Any]:
        (row,) = self.rows("SELECT * FROM imports.jobs WHERE id = %s", job_id)
        return row

    def files(self, job_id: UUID) -> dict[str, dict[str, Any]]:
        rows = self.rows("SELECT * FROM imports.files WHERE job_id = %s", job_id)
        return {row["path"]: row for row in rows}

    def chunks(self, job_id: UUID, kind: str = "records") -> list[dict[str, Any]]:
        return self.rows(
            "SELECT * FROM imports.chunks WHERE job_id = %s AND kind = %s ORDER BY id", job_id, kind
        )

    def codes(self, job_id: UUID) -> list[str]:
        rows = self.rows(
            "SELECT code FROM imports.quarantine WHERE job_id = %s ORDER BY id", job_id
        )
        return [row["code"] for row in rows]

    def documents(self, job_id: UUID) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM user_data.documents WHERE job_id = %s ORDER BY id", job_id)

    def locations(self, job_id: UUID) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM timeseries.locations WHERE job_id = %s ORDER BY at", job_id)

    def metrics(self, job_id: UUID) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM timeseries.metrics WHERE job_id = %s ORDER BY at", job_id)

    def let_time_pass(self) -> None:
        """An hour goes by for the ledger: leases run out, waits end, messages are overdue."""
        self.rows(
            "UPDATE imports.chunks SET not_before = not_before - interval '1 hour', "
            "lease_expires = lease_expires - interval '1 hour', "
            "enqueued_at = enqueued_at - interval '1 hour'"
        )
        self.rows("UPDATE vectors.waiting SET taken_until = taken_until - interval '1 hour'")
        self.rows("UPDATE imports.sets SET waits_until = waits_until - interval '1 hour'")
        self.rows("UPDATE imports.step_errors SET again_at = again_at - interval '1 hour'")


def _rows(
    connection: psycopg.Connection[dict[str, Any]], query: str, parameters: tuple[Any, ...]
) -> list[dict[str, Any]]:
    cursor = connection.execute(query.encode(), parameters)
    return cursor.fetchall() if cursor.description else []


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip of those members; the same bytes whenever it is made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def counts(job: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Seen, loaded, duplicate and quarantined records of a job."""
    return (
        job["records_seen"],
        job["records_loaded"],
        job["records_duplicate"],
        job["records_quarantined"],
    )


def hours_are_exact(database: Database) -> None:
    """Check that hours of locations and metrics say what a count of their rows says."""
    for table, count in _HOURS.items():
        kept = database.rows(f"SELECT * FROM timeseries.{table}_by_hour ORDER BY 1, 2, 3, 4, 5")
        assert kept == database.rows(count), table


_HOURS = {
    "locations": """
        SELECT user_id, date_trunc('hour', at, 'UTC') AS hour, source, count(*) AS points,
            min(latitude) AS south, max(latitude) AS north, min(longitude) AS west,
            max(longitude) AS east
        FROM timeseries.locations GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "metrics": """
        SELECT user_id, date_trunc('hour', at, 'UTC') AS hour, name, unit, source,
            count(*) AS samples, sum(value) AS total, min(value) AS least, max(value) AS greatest
        FROM timeseries.metrics GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5""",
}


__all__ = [
    "Database",
    "Driver",
    "FakeEmbedder",
    "FakeScanner",
    "Message",
    "Runtime",
    "hours_are_exact",
    "zipped",
]
