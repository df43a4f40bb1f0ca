"""The stages of a chunk of records before the load: normalise, screen, embed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from pipeline.contract import Format
from pipeline.quality import first_of_each
from pipeline.registry import format_named
from pipeline.storage import spool_file
from pipeline.storage.atomic_files import private
from schemas.crash import crash_here
from schemas.files import Member, Slice
from schemas.lease import ChunkRef, Lease
from schemas.privacy import ReadUnder
from schemas.progress import Event, Stage
from schemas.reasons import Reason
from schemas.tally import FileTally
from sql.commit import ChunkTransaction, ContentCommit, ContentTransaction
from sql.known_documents import Keys, Shared, claim_known, known_documents, resolved_keys
from sql.load import Vectors
from tasks.derived import embedding
from tasks.ingest import record_spool
from tasks.ingest.chunk_reader import ChunkReader, Opened
from tasks.ingest.restore import restore
from tasks.runtime import alerts
from tasks.runtime.context import Runtime
from tasks.runtime.stage_runner import Content, Ending

log = structlog.get_logger("datapunk.chunk")

#: Most places of defects that one event names.
_MOST_PLACES = 10

_VECTOR_COLUMNS = ("pieces", "starts", "ends", "matrix")


# --- normalise -------------------------------------------------------------------------------


def normalise_chunk(run: Runtime, lease: Lease) -> Ending:
    """Read slices into records, written once as a spool."""
    ref = lease.ref
    files = open_files(run, lease)
    needs_set = format_of(ref).needs_set
    neighbours = run.neighbours.of(ref.user_id, ref.job_id) if needs_set else None
    reader = ChunkReader(run, ref, run.redactor(ref.user_id), neighbours)
    for slot, (file_id, start, end) in enumerate(ref.slices):
        reader.read(slot, files[file_id], Slice(start, end))
    name = artefact(lease, "spool")
    reader.write(_folder(run, ref) / name)
    crash_here("normalise.written")
    return lambda commit: commit.advance(Stage.SCREEN, artefacts={"spool": name})


def format_of(ref: ChunkRef) -> Format:
    """Return the format that reads a chunk."""
    return format_named(ref.format or "")


def open_files(run: Runtime, lease: Lease) -> dict[int, Opened]:
    """Return the files of a chunk's slices."""
    ids = sorted({file_id for file_id, _, _ in lease.ref.slices})
    rows = run.lake.rows(lease.ref.user_id, "jobs", "files_of", ids=ids)
    restore(run, lease, rows)
    return {row["id"]: _opened(run, lease, row) for row in rows}


def _opened(run: Runtime, lease: Lease, row: Mapping[str, Any]) -> Opened:
    file = run.folders.members(lease.ref.job_id) / str(row["ordinal"])
    if row["ordinal"] == 0 and not file.exists():
        # A plain file is its own only member, and is not copied.
        file = run.folders.original(lease.ref.job_id, lease.source_name)
    member = Member(
        path=row["path"],
        ordinal=row["ordinal"],
        file=file,
        size=row["size_bytes"],
        sha256=row["sha256"],
        media_type=row["media_type"],
        encoding=row["encoding"],
    )
    return Opened(row["id"], member, row["context"])


# --- screen ----------------------------------------------------------------------------------


def screen_chunk(run: Runtime, lease: Lease) -> Content:
    """Quarantine the rejections, and drop what the chunk or the lake has already."""
    path = committed_artefact(run, lease, "spool")
    columns = {name: record_spool.read_columns(path, name) for name in record_spool.TABLES}
    rejections = record_spool.read_rejections(path)
    items = record_spool.read_items(path)
    masks = {name: first_of_each(table.keys) for name, table in columns.items()}
    documents, known = columns["documents"], masks["documents"] & False
    if lease.ref.embed and not format_of(lease.ref).repeats:
        documents = with_resolved_keys(run, lease.ref, documents)
        known = _drop_known(run, lease.ref, documents, masks["documents"])
    name = artefact(lease, "mask")
    record_spool.write_masks(_folder(run, lease.ref) / name, masks)
    crash_here("screen.written")
    tallies = _tallies(lease.ref, columns, masks, rejections, items)
    for slot, done in record_spool.read_privacy(path).items():
        tallies[lease.ref.slices[slot][0]] += FileTally(more=done)

    def ending(commit: ContentCommit) -> None:
        if known.any():
            claim_known(commit, *some_of(lease.ref, documents, known))
        quarantine(commit, rejections)
        following = Stage.EMBED if lease.ref.embed else Stage.LOAD
        commit.advance(following, artefacts={"mask": name}, tallies=tallies)

    return Content(record_spool.read_under(path), ending)


def _drop_known(
    run: Runtime, ref: ChunkRef, table: record_spool.Columns, mask: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Ask the lake before the costly stage; elsewhere the load's conflict counts duplicates.

    Returns which records were dropped, shape (n,).
    """
    if not len(table):
        return mask & False
    known = mask & known_documents(
        run.lake,
        ref.user_id,
        Keys(types=table.types, keys=table.keys, ats=table.ats),
        hashes=table.hashes,
        source=ref.format or "",
        job_id=ref.job_id,
    )
    mask &= ~known
    return known


def with_resolved_keys(
    run: Runtime, ref: ChunkRef, table: record_spool.Columns
) -> record_spool.Columns:
    """Return the table with the keys by which the lake has its documents, or would have them."""
    if not table.shared:
        return table
    at, form = list(table.shared), format_of(ref)
    types, keys = table.types, bytearray(table.keys)
    asked = Shared(
        types=[types[n] for n in at],
        keys=b"".join(map(table.key_of, at)),
        shared=b"".join(table.shared.values()),
        hashes=b"".join(map(table.hash_of, at)),
        ats=table.ats[at],
        source=form.name,
        version=form.version,
    )
    for n, key in zip(at, resolved_keys(run.lake, ref.user_id, asked), strict=True):
        keys[16 * n : 16 * n + 16] = key
    return msgspec.structs.replace(table, keys=bytes(keys))


def twins_in(ref: ChunkRef, table: record_spool.Columns) -> NDArray[np.bool_]:
    """Return which documents repeat one of another file of the chunk, which is their source too."""
    first = first_of_each(table.keys)
    if first.all():
        return ~first
    files = np.array([file_id for file_id, _, _ in ref.slices])[table.slots]
    keys = np.frombuffer(table.keys, dtype="V16")
    owner = dict(zip(keys[first].tolist(), files[first].tolist(), strict=True))
    twins = np.zeros(len(table), dtype=np.bool_)
    for n in np.flatnonzero(~first):
        twins[n] = owner[keys[n].tobytes()] != files[n]
    return twins


def some_of(
    ref: ChunkRef, table: record_spool.Columns, which: NDArray[np.bool_]
) -> tuple[Keys, list[int]]:
    """Return some documents of a table, and the files that they came from."""
    at, types = np.flatnonzero(which), table.types
    keys = b"".join(table.keys[16 * n : 16 * n + 16] for n in at)
    chosen = Keys(types=[types[n] for n in at], keys=keys, ats=table.ats[at])
    return chosen, [ref.slices[slot][0] for slot in table.slots[at]]


def note_drift(commit: ContentTransaction, drift: list[tuple[int, str, int]]) -> None:
    """Note the names of fields that the format does not know.

    An export may have chosen the names, so the policy is applied to them, and no log has them. They
    are written with the chunk's end, so that each chunk counts once, and under the policy of its
    records.
    """
    rows = [
        {
            "format": commit.ref.format,
            "field": field,
            "records": n,
            "file_id": commit.ref.slices[slot][0],
        }
        for slot, field, n in sorted(drift)
    ]
    commit.run_many("lake", "drift", rows)


def _tallies(
    ref: ChunkRef,
    columns: Mapping[str, record_spool.Columns],
    masks: Mapping[str, NDArray[np.bool_]],
    rejections: list[record_spool.Quarantined],
    items: Mapping[int, int],
) -> dict[int, FileTally]:
    """Return the counts by file: every record is seen, and some end here."""
    files = [file_id for file_id, _, _ in ref.slices]
    tallies = dict.fromkeys(files, FileTally())
    for slot, n in items.items():
        tallies[files[slot]] += FileTally(items=n)
    for file, n in Counter(files[bad.slot] for bad in rejections).items():
        tallies[file] += FileTally(seen=n, quarantined=n)
    for name, table in columns.items():
        for file, n in record_spool.by_file(table.slots, files).items():
            tallies[file] += FileTally(seen=n)
        for file, n in record_spool.by_file(table.slots[~masks[name]], files).items():
            tallies[file] += FileTally(duplicate=n)
    return tallies


def quarantine(
    commit: ContentTransaction,
    rejections: list[record_spool.Quarantined],
    *,
    first: int = 0,
) -> None:
    """Quarantine rejections, each with its raw bytes and their place.

    `first` is the position of the first among the chunk's.
    """
    added = commit.run_many(
        "jobs",
        "quarantine",
        [
            {
                "position": position,
                "file_id": commit.ref.slices[bad.slot][0],
                "locator": f"bytes {bad.start}-{bad.end}",
                "stage": Stage.NORMALISE,
                "code": bad.code,
                "detail": bad.detail,
                "raw": bad.raw,
            }
            for position, bad in enumerate(rejections, start=first)
        ],
    )
    if added:  # on a second attempt, those with other bytes
        commit.event(
            Event.QUARANTINED, records=added, codes=Counter(bad.code for bad in rejections)
        )
        _report_defects(commit, rejections)


def _report_defects(commit: ChunkTransaction, rejections: list[record_spool.Quarantined]) -> None:
    """Report where the code failed: in the log, in the audit trail and as an alert of the job."""
    places = Counter(bad.detail for bad in rejections if bad.code == Reason.FORMAT_DEFECT)
    if places:
        records, most = places.total(), dict(places.most_common(_MOST_PLACES))
        log.error("a defect of the format", format=commit.ref.format, records=records, where=most)
        commit.event(Event.DEFECT, format=commit.ref.format, records=records, where=most)
        alerts.of_defects(commit, records)


# --- embed -----------------------------------------------------------------------------------


def embed_chunk(run: Runtime, lease: Lease) -> Ending:
    """Embed texts with the first tier; the other tiers follow after the load."""
    path = committed_artefact(run, lease, "spool")
    mask = record_spool.read_mask(committed_artefact(run, lease, "mask"), "documents")
    texts = [(n, text) for n, text in record_spool.read_texts(path) if mask[n]]
    if _follow(run, lease.ref.user_id, len(texts)):
        return lambda commit: commit.advance(Stage.LOAD)
    keys = record_spool.read_columns(path, "documents").keys
    vectors = embed_texts(run, lease.ref.user_id, keys, texts, record_spool.read_under(path))
    if vectors is None:
        return lambda commit: commit.advance(Stage.LOAD)
    name = artefact(lease, "vectors")
    _write_vectors(_folder(run, lease.ref) / name, vectors)
    crash_here("embed.written")
    artefacts = {"vectors": name, "model_id": vectors.model_id}
    return lambda commit: commit.advance(Stage.LOAD, artefacts=artefacts)


def _follow(run: Runtime, user_id: UUID, texts: int) -> bool:
    """Tell whether vectors of that number of texts come after the load.

    Rows wait neither for a model to be made nor, where vectors are indexed, for each of them to be
    inserted into the graph of its neighbours, about a hundred a second.
    """
    tier = run.models.first_tier()
    if texts and not run.models.ready(tier):
        return True
    if texts <= run.options.vectors_at_once:
        return False
    known = run.known_model(user_id, tier)
    return known is not None and run.vectors.is_indexed(user_id, known)


def embed_texts(
    run: Runtime,
    user_id: UUID,
    keys: bytes,
    texts: list[tuple[int, str]],
    under: ReadUnder | None,
) -> Vectors | None:
    """Return vectors of the first tier for the texts of some records; None without any text.

    `texts` pairs the number of a record with its text; its key is `keys[16 n : 16 n + 16]`. They
    were read `under` a policy; with None the vectors are not cached by their texts.
    """
    tier = run.models.first_tier()
    vectors = embedding.embed_texts(run, user_id, tier, texts, under)
    if vectors is None:
        return None
    return Vectors(
        model_id=run.model_id(user_id, tier),
        keys=b"".join(keys[16 * n : 16 * n + 16] for n in vectors.owners),
        pieces=vectors.pieces,
        starts=vectors.starts,
        ends=vectors.ends,
        matrix=vectors.matrix,
    )


def _write_vectors(path: Path, vectors: Vectors) -> None:
    columns = {name: getattr(vectors, name).tobytes() for name in _VECTOR_COLUMNS}
    spool_file.write(path, {"keys": vectors.keys, **columns})


def read_vectors(path: Path, model_id: int) -> Vectors:
    """Return the vectors that the stage before wrote."""
    parts = spool_file.read(path, "keys", "pieces", "starts", "ends", "matrix")
    pieces = np.frombuffer(parts["pieces"], dtype="<i2")
    return Vectors(
        model_id=model_id,
        keys=parts["keys"],
        pieces=pieces,
        starts=np.frombuffer(parts["starts"], dtype="<i4"),
        ends=np.frombuffer(parts["ends"], dtype="<i4"),
        matrix=np.frombuffer(parts["matrix"], dtype="<f4").reshape(len(pieces), -1),
    )


# --- artefacts -------------------------------------------------------------------------------


def _folder(run: Runtime, ref: ChunkRef) -> Path:
    folder = run.folders.chunks(ref.job_id)
    private(run.folders.work)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def artefact(lease: Lease, kind: str) -> str:
    """Return a name that no other worker uses: a zombie's artefact can't take its place."""
    return f"{lease.ref.id}.{lease.token}.{kind}"


def committed_artefact(run: Runtime, lease: Lease, kind: str) -> Path:
    """Return the artefact that an earlier stage committed; raises BrokenSpool if it named none."""
    name = lease.artefacts.get(kind)
    if name is None:
        raise spool_file.BrokenSpool(kind)
    return _folder(run, lease.ref) / str(name)
