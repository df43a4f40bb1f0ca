"""The last stage of a chunk: rows, vectors and the chunk's end in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg import errors as pg

from schemas import tally
from schemas.crash import crash_here
from schemas.errors import TransientError
from schemas.lease import ChunkRef, Lease
from schemas.tally import FileTally
from sql.commit import ContentCommit, ContentTransaction
from sql.known_documents import claim_twins
from sql.load import (
    SERIES,
    LoadedRows,
    Staged,
    Vectors,
    load_documents,
    load_series,
    months_of,
    stored_keys,
)
from tasks.ingest import chunk, record_spool
from tasks.runtime import alerts
from tasks.runtime.context import Runtime
from tasks.runtime.stage_runner import Content


def load_chunk(run: Runtime, lease: Lease) -> Content:
    """Load what screening let through."""
    path, mask_path = (
        chunk.committed_artefact(run, lease, "spool"),
        chunk.committed_artefact(run, lease, "mask"),
    )
    masks = {name: record_spool.read_mask(mask_path, name) for name in record_spool.TABLES}
    slots = {
        name: record_spool.read_columns(path, name).slots[masks[name]]
        for name in record_spool.TABLES
    }
    attached, drift = record_spool.read_attached(path), record_spool.read_drift(path)
    vectors = None
    if "vectors" in lease.artefacts:
        artefact = chunk.committed_artefact(run, lease, "vectors")
        vectors = chunk.read_vectors(artefact, lease.artefacts["model_id"])
    crash_here("load.before_partitions")
    ensure_partitions(run, lease.ref, path)
    crash_here("load.after_partitions")
    files = [file_id for file_id, _, _ in lease.ref.slices]
    staged, series = staged_of(lease.ref, path, masks, files, vectors, all_about=True)
    documents = record_spool.read_columns(path, "documents")
    twins = chunk.twins_in(lease.ref, documents)

    def ending(commit: ContentCommit) -> None:
        inserted = load_rows(run, commit, staged, series)
        if twins.any():
            keys = stored_keys(commit, documents.keys) if staged.shared else documents.keys
            stored = msgspec.structs.replace(documents, keys=keys)
            claim_twins(commit, *chunk.some_of(lease.ref, stored, twins))
        crash_here("load.rows_in")
        attach(commit, attached)
        chunk.note_drift(commit, drift)
        tallies = _loaded(lease, slots, inserted, files)
        commit.complete(tallies)
        if tally.total(tallies).quarantined:
            alerts.write_alert(commit, run.options.alert)

    return Content(record_spool.read_under(path), ending)


def staged_of(
    ref: ChunkRef,
    path: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    files: list[int],
    vectors: Vectors | None,
    *,
    all_about: bool = False,
) -> tuple[Staged, dict[str, bytes]]:
    """Return the documents of a spool that `masks` keeps, and the lines of each series.

    With `all_about`, mentions and relations of the others too: the lake has these documents, but
    this file may put them into another album.
    """
    form, mask = chunk.format_of(ref), masks["documents"]
    table = record_spool.read_columns(path, "documents")
    keys = table.keys
    about = np.ones_like(mask) if all_about else mask
    staged = Staged(
        lines=record_spool.read_lines(path, "documents", mask),
        file_ids=files,
        source=form.name,
        version=form.version,
        mentions=record_spool.read_about(path, "mentions", keys, about),
        relations=record_spool.read_about(path, "relations", keys, about),
        vectors=vectors if vectors is not None and len(vectors.pieces) else None,
        repeats=form.repeats,
        own_keys=bool(table.shared),
        shared=table.shared_lines(),
    )
    return staged, {name: record_spool.read_lines(path, name, masks[name]) for name in SERIES}


def load_rows(
    run: Runtime, commit: ContentTransaction, staged: Staged, series: Mapping[str, bytes]
) -> dict[str, LoadedRows]:
    """Insert rendered lines into their tables; return what came in, by table.

    The commit locks the lake, so that rows which it had before stay there as long.
    """
    inserted = dict.fromkeys(record_spool.TABLES, LoadedRows({}))
    try:
        if staged.lines or staged.mentions or staged.relations or staged.shared:
            inserted["documents"] = load_documents(commit, staged)
        for name, lines in series.items():
            if lines:
                inserted[name] = load_series(commit, name, lines, staged.file_ids)
    except pg.CheckViolation as error:
        # A partition that this process remembers is gone (rolled back, detached).
        run.partitions.forget()
        raise TransientError("a partition is missing") from error
    return inserted


def ensure_partitions(run: Runtime, ref: ChunkRef, path: Path) -> None:
    """Create partitions for the months of a spool's records, before the transaction of the load."""
    for data_type, ats in record_spool.read_columns(path, "documents").ats_by_type().items():
        run.partitions.ensure(ref.user_id, data_type, months_of(ats))
    for name in SERIES:
        table = record_spool.read_columns(path, name)
        if len(table):
            run.partitions.ensure(ref.user_id, name, months_of(table.ats))


def attach(commit: ContentTransaction, attached: list[record_spool.Attached]) -> None:
    """List files that came out of records among the job's files."""
    if attached:
        files = [{**msgspec.structs.asdict(file), "format": commit.ref.format} for file in attached]
        commit.run("jobs", "insert_attachments", files=msgspec.json.encode(files).decode())


def _loaded(
    lease: Lease,
    slots: Mapping[str, NDArray[np.uint32]],
    inserted: Mapping[str, LoadedRows],
    files: list[int],
) -> dict[int, FileTally]:
    """Return the chunk's final counts: rows that were sent and did not come in are duplicates.

    Of the loaded ones, `newer` replaced a version from another export, and `older` was itself older
    than the current version.
    """
    tallies = tally.by_file(lease.tally)
    for name in record_spool.TABLES:
        for file, sent in record_spool.by_file(slots[name], files).items():
            table = inserted[name]
            loaded = table.rows.get(file, 0)
            more = {part: getattr(table, part).get(file, 0) for part in ("newer", "older")}
            tallies[file] += FileTally(
                loaded=loaded,
                duplicate=sent - loaded,
                more={part: n for part, n in more.items() if n},
            )
    return tallies
