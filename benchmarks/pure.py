"""The same stages with nothing round them: one process, no Celery, no ledger, no spool."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from pipeline.archives.measure import measure
from pipeline.normalise import Found, normalise, understand
from pipeline.privacy.policy import Policy
from pipeline.privacy.redact import Redactor
from pipeline.privacy.redact_records import protect
from pipeline.quality import key_of
from pipeline.registry import all_formats
from pipeline.text.cleaning import clean_json
from schemas.files import Member, SliceLimits
from schemas.records import Point, Record
from sql import copy_text
from sql.load import months_of
from sql.queries import queries
from tasks.ingest import members

_LAKE = queries("lake")
_JOBS = queries("jobs")
_REDACTOR = Redactor(Policy())


def run(ingest: str, user_id: UUID, path: Path) -> int:
    """Import one plain file; how many rows came in. The rows are those of the real thing."""
    size, sha256 = measure(path)
    member = Member(
        path=path.name,
        ordinal=0,
        file=path,
        size=size,
        sha256=sha256,
        media_type="application/json",
    )
    ready = members.prepare(member, path.parent)
    if not isinstance(ready, members.Readable):
        raise SystemExit(
            f"nothing reads {path.name}: {ready.reason}; formats: {len(all_formats())}"
        )
    loaded = 0
    with psycopg.connect(ingest, autocommit=True) as connection, path.open("rb") as source:
        for part in ready.form.reader.slices(source, ready.context, SliceLimits()):
            with path.open("rb") as again:
                found = normalise(understand(ready.form, member, again, part, ready.context))
                loaded += _load(connection, user_id, protect(found, _REDACTOR))
    return loaded


def _load(connection: psycopg.Connection, user_id: UUID, found: object) -> int:
    stream = iter(found)  # type: ignore[call-overload]
    loaded = 0
    while batch := list(islice(stream, 20_000)):
        loaded += _load_batch(connection, user_id, batch)
    return loaded


def _load_batch(connection: psycopg.Connection, user_id: UUID, batch: list[Found]) -> int:
    points = [o for _, _, o in batch if isinstance(o, Point)]
    records = [o for _, _, o in batch if isinstance(o, Record)]
    ids = {"user_id": user_id, "job_id": uuid4(), "chunk_id": 0, "file_ids": [0], "version": 1}
    loaded = 0
    with connection.transaction():
        # As a chunk is loaded; its end waits for the disk once.
        connection.execute("SET LOCAL synchronous_commit = off")
        asked = {"user_id": user_id, "alone": False, "moves": False}
        row = connection.execute(_JOBS["enter"], {**asked, "policy": _REDACTOR.under.policy})
        assert row.fetchone() == (True,)
        for kind, outcomes in (("locations", points), ("documents", records)):
            if outcomes:
                loaded += _insert(connection, kind, outcomes, ids)
    return loaded


def _insert(
    connection: psycopg.Connection, kind: str, outcomes: list[Any], ids: dict[str, Any]
) -> int:
    import numpy as np

    from sql.load import micros

    ats = np.array([micros(copy_text.partition_at(o.time)) for o in outcomes], dtype="<i8")
    months = months_of(ats)
    if kind == "locations":
        lines = [copy_text.location_line(o, key_of(o).hex(), 0, clean_json) for o in outcomes]
        connection.execute(_LAKE["ensure_series_partitions"], {"type": kind, "months": months})
    else:
        lines = [copy_text.document_line(o, key_of(o).hex(), 0, clean_json)[0] for o in outcomes]
        for data_type in {o.data_type for o in outcomes}:
            connection.execute(
                _LAKE["ensure_document_partitions"], {"type": data_type, "months": months}
            )
    connection.execute(_LAKE[f"stage_{kind}"])
    with connection.cursor() as cursor, cursor.copy(_LAKE[f"copy_{kind}"]) as target:
        target.write("\n".join(lines).encode() + b"\n")
    rows = connection.execute(_LAKE[f"insert_{kind}"], ids).fetchall()
    return sum(row[1] for row in rows)
