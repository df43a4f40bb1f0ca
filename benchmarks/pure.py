"""The same stages with nothing round them: one process, no Celery, no ledger, no spool."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg

from pipeline.archives.measure import measure
from pipeline.normalise import Found, ReadContext
from pipeline.privacy.policy import Policy
from pipeline.privacy.redact import Redactor
from pipeline.read import read_records
from pipeline.registry import all_formats
from pipeline.render import Rendered, Renderer
from schemas.files import Member, SliceLimits
from schemas.records import Rejection
from sql.load import copy_lines, create_stage, months_of
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
    reading = ReadContext(form=ready.form, member=member, context=ready.context)
    loaded = 0
    with psycopg.connect(ingest, autocommit=True) as connection, path.open("rb") as source:
        for part in ready.form.reader.slices(source, ready.context, SliceLimits()):
            with path.open("rb") as again:
                found = read_records(reading, again, part, redactor=_REDACTOR)
                loaded += _load(connection, user_id, found)
    return loaded


def _load(connection: psycopg.Connection, user_id: UUID, found: object) -> int:
    stream = iter(found)  # type: ignore[call-overload]
    loaded = 0
    while batch := list(islice(stream, 20_000)):
        loaded += _load_batch(connection, user_id, batch)
    return loaded


def _load_batch(connection: psycopg.Connection, user_id: UUID, batch: list[Found]) -> int:
    renderer = Renderer(keep_text=False)
    rendered: dict[str, list[Rendered]] = {}
    for offset, _, outcome in batch:
        if not isinstance(outcome, Rejection):
            one = renderer.render(outcome, 0, 0, offset)
            rendered.setdefault(one.table, []).append(one)
    ids = {"user_id": user_id, "job_id": uuid4(), "chunk_id": 0, "file_ids": [0], "version": 1}
    loaded = 0
    with connection.transaction():
        # As a chunk is loaded; its end waits for the disk once.
        connection.execute("SET LOCAL synchronous_commit = off")
        asked = {"user_id": user_id, "alone": False, "moves": False}
        row = connection.execute(_JOBS["enter"], {**asked, "policy": _REDACTOR.under.policy})
        assert row.fetchone() == (True,)
        for table, rows in rendered.items():
            loaded += _insert(connection, table, rows, ids)
    return loaded


def _insert(
    connection: psycopg.Connection[Any], table: str, rows: list[Rendered], ids: dict[str, Any]
) -> int:
    for kind in {one.data_type for one in rows}:
        ats = np.array([one.at for one in rows if one.data_type is kind], dtype="<i8")
        name = "ensure_series_partitions" if kind is None else "ensure_document_partitions"
        connection.execute(_LAKE[name], {"type": kind or table, "months": months_of(ats)})
    create_stage(connection, table)
    copy_lines(connection, table, "".join(f"{one.line}\n" for one in rows).encode())
    loaded = connection.execute(_LAKE[f"insert_{table}"], ids).fetchall()
    return sum(row[1] for row in loaded)
