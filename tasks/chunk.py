"""The stages of a chunk of records: normalise, screen, embed, load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg import errors as pg

from pipeline import embed, spool
from pipeline.format import Format, format_named
from pipeline.normalise import Found, normalise, understand
from pipeline.ports import Neighbours
from pipeline.screen import first_of_each
from schemas.crash import crash_here
from schemas.errors import TransientError
from schemas.files import Context, Member, Slice
from schemas.progress import Stage
from schemas.records import Record
from sql.load import Vectors, known_documents, load_documents, load_locations, months_of
from sql.store import COUNTS, Claim, Commit
from tasks import batches
from tasks.context import Options, Runtime
from tasks.neighbours import SetNeighbours
from tasks.shell import Ending

_TABLES = ("documents", "locations")


# --- normalise -------------------------------------------------------------------------------


class Opened(msgspec.Struct, frozen=True):
    """A file of the ledger, ready to be read again."""

    file_id: int
    member: Member
    context: Context


def normalise_chunk(run: Runtime, claim: Claim) -> Ending:
    """Slices to records, written once as a spool."""
    form = format_of(claim)
    files = open_files(run, claim)
    batch = batches.Batch(keep_text=claim.embed)
    beside = SetNeighbours(run.lake, claim.user_id, claim.job_id)
    for slot, (file_id, start, end) in enumerate(claim.slices):
        _read_slice(run, claim, batch, form, slot, files[file_id], Slice(start, end), beside)
    name = artefact(claim, "spool")
    batch.write(_folder(run, claim) / name)
    crash_here("normalise.written")
    return lambda commit: commit.advance(Stage.SCREEN, artefacts={"spool": name})


def format_of(claim: Claim) -> Format:
    """The format that reads a chunk."""
    return format_named(claim.format or "")


def _read_slice(
    run: Runtime,
    claim: Claim,
    batch: batches.Batch,
    form: Format,
    slot: int,
    opened: Opened,
    part: Slice,
    beside: Neighbours,
) -> None:
    member = opened.member
    with member.file.open("rb") as source:
        found = understand(form, member, source, part, opened.context, beside)
        counted = _count_items(found, batch.items, slot)
        batch.add(slot, _keep_blobs(run, claim, member, batch, normalise(counted)))


def _count_items(found: Iterable[Found], items: dict[int, int], slot: int) -> Iterator[Found]:
    """Count items, not outcomes: one mail with two attachments is one item."""
    count, last = 0, -1
    for one in found:
        if one[0] != last:
            count, last = count + 1, one[0]
        yield one
    items[slot] = count


def _keep_blobs(
    run: Runtime, claim: Claim, member: Member, batch: batches.Batch, found: Iterable[Found]
) -> Iterator[Found]:
    """Store the bytes that belong to records, and list attachments as files of their own."""
    for nth, (offset, length, outcome) in enumerate(found):
        if isinstance(outcome, Record) and (blob := outcome.blob) is not None:
            run.blobs(claim.user_id).put(blob, member.file)
            if blob.data is not None:
                path = f"{member.path}!/{offset}/{nth}/{blob.name}"
                batch.attached.append(
                    batches.Attached(path, blob.media_type, blob.size, blob.sha256)
                )
        yield offset, length, outcome


def open_files(run: Runtime, claim: Claim) -> dict[int, Opened]:
    """The files that a chunk's slices lie in."""
    ids = sorted({file_id for file_id, _, _ in claim.slices})
    rows = run.lake.rows(claim.user_id, "jobs", "files_of", ids=ids)
    return {row["id"]: _opened(run, claim, row) for row in rows}


def _opened(run: Runtime, claim: Claim, row: Mapping[str, Any]) -> Opened:
    file = run.folders.members(claim.job_id) / str(row["ordinal"])
    if row["ordinal"] == 0 and not file.exists():
        # A plain file is its own one member, and is not copied.
        file = run.folders.original(claim.job_id, claim.source_name)
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


def screen_chunk(run: Runtime, claim: Claim) -> Ending:
    """Set the rejections aside, and drop what the chunk or the lake has already."""
    path = made(run, claim, "spool")
    columns = {name: batches.read_columns(path, name) for name in _TABLES}
    rejections = batches.read_rejections(path)
    items = batches.read_items(path)
    masks = {name: first_of_each(table.keys) for name, table in columns.items()}
    if claim.embed:
        _drop_known(run, claim, columns["documents"], masks["documents"])
    name = artefact(claim, "mask")
    batches.write_masks(_folder(run, claim) / name, masks)
    crash_here("screen.written")
    tally = _tally(claim, columns, masks, rejections, items)

    def ending(commit: Commit) -> None:
        quarantine(commit, claim, rejections)
        following = Stage.EMBED if claim.embed else Stage.LOAD
        commit.advance(following, artefacts={"mask": name}, tally=tally)

    return ending


def _drop_known(
    run: Runtime, claim: Claim, table: batches.Columns, mask: NDArray[np.bool_]
) -> None:
    """Ask the lake before the costly stage; elsewhere the load's conflict counts duplicates."""
    if len(table):
        known = known_documents(run.lake, claim.user_id, table.types, table.keys, table.ats)
        mask &= ~known


def _tally(
    claim: Claim,
    columns: Mapping[str, batches.Columns],
    masks: Mapping[str, NDArray[np.bool_]],
    rejections: list[batches.Quarantined],
    items: Mapping[int, int],
) -> dict[str, dict[str, int]]:
    """Counts by file: every record is seen, and some end here."""
    files = [file_id for file_id, _, _ in claim.slices]
    tally = {str(f): dict.fromkeys((*COUNTS, "items"), 0) for f in files}
    for slot, n in items.items():
        tally[str(files[slot])]["items"] += n
    for bad in rejections:
        counts = tally[str(files[bad.slot])]
        counts["seen"] += 1
        counts["quarantined"] += 1
    for name, table in columns.items():
        for file, n in batches.by_file(table.slots, files).items():
            tally[str(file)]["seen"] += n
        for file, n in batches.by_file(table.slots[~masks[name]], files).items():
            tally[str(file)]["duplicate"] += n
    return tally


def quarantine(commit: Commit, claim: Claim, rejections: list[batches.Quarantined]) -> None:
    """Set rejections aside, each with its raw bytes and where they lie."""
    commit.run_many(
        "jobs",
        "quarantine",
        [
            {
                "nth": nth,
                "file_id": claim.slices[bad.slot][0],
                "locator": f"bytes {bad.start}-{bad.end}",
                "stage": Stage.NORMALISE,
                "code": bad.code,
                "detail": bad.detail,
                "raw": bad.raw,
            }
            for nth, bad in enumerate(rejections)
        ],
    )


# --- embed -----------------------------------------------------------------------------------


def embed_chunk(run: Runtime, claim: Claim) -> Ending:
    """Texts to vectors; a text that was embedded before comes from the cache.

    New vectors go to the cache batch by batch, in transactions of their own: a chunk of long
    mails takes minutes, and a worker that is lost in them loses one batch.
    """
    path = made(run, claim, "spool")
    mask = batches.read_mask(made(run, claim, "mask"), "documents")
    texts = [(n, text) for n, text in batches.read_texts(path) if mask[n]]
    owners, pieces = _pieces(texts, run.options)
    if not pieces:
        return lambda commit: commit.advance(Stage.LOAD)
    model_id = run.model_id(claim.user_id)
    hashes = [embed.text_hash(piece.text) for piece in pieces]
    cached = run.vectors.cached(claim.user_id, model_id, set(hashes))
    matrix = embed.encode_missing(
        [piece.text for piece in pieces],
        cached,
        run.embedder,
        batch=run.options.embed_batch,
        keep=lambda fresh: run.vectors.keep(claim.user_id, model_id, fresh),
    )
    name = artefact(claim, "vectors")
    keys = batches.read_columns(path, "documents").keys
    _write_vectors(_folder(run, claim) / name, keys, owners, pieces, matrix)
    crash_here("embed.written")
    made_here = {"vectors": name, "model_id": model_id}
    return lambda commit: commit.advance(Stage.LOAD, artefacts=made_here)


def _pieces(texts: list[tuple[int, str]], options: Options) -> tuple[list[int], list[embed.Piece]]:
    """Every text cut to what the model takes, and the record that each piece belongs to."""
    owners: list[int] = []
    pieces: list[embed.Piece] = []
    for n, text in texts:
        for piece in embed.pieces(text, options.piece_chars, options.most_pieces):
            owners.append(n)
            pieces.append(piece)
    return owners, pieces


def _write_vectors(
    path: Path,
    keys: bytes,
    owners: list[int],
    pieces: list[embed.Piece],
    matrix: NDArray[np.float32],
) -> None:
    spool.write(
        path,
        {
            "keys": b"".join(keys[16 * n : 16 * n + 16] for n in owners),
            "pieces": np.array(_numbered(owners), dtype="<i2").tobytes(),
            "starts": np.array([p.start for p in pieces], dtype="<i4").tobytes(),
            "ends": np.array([p.end for p in pieces], dtype="<i4").tobytes(),
            "matrix": np.ascontiguousarray(matrix, dtype="<f4").tobytes(),
        },
    )


def _numbered(owners: list[int]) -> list[int]:
    """The number of each piece within its record: 0, 1, … for runs of one owner."""
    numbers = [0] * len(owners)
    for at, (before, now) in enumerate(pairwise(owners), start=1):
        numbers[at] = numbers[at - 1] + 1 if before == now else 0
    return numbers


def _read_vectors(path: Path, model_id: int) -> Vectors:
    parts = spool.read(path, "keys", "pieces", "starts", "ends", "matrix")
    pieces = np.frombuffer(parts["pieces"], dtype="<i2")
    return Vectors(
        model_id=model_id,
        keys=parts["keys"],
        pieces=pieces,
        starts=np.frombuffer(parts["starts"], dtype="<i4"),
        ends=np.frombuffer(parts["ends"], dtype="<i4"),
        matrix=np.frombuffer(parts["matrix"], dtype="<f4").reshape(len(pieces), -1),
    )


# --- load ------------------------------------------------------------------------------------


def load_chunk(run: Runtime, claim: Claim) -> Ending:
    """Rows, vectors and the chunk's end in one transaction."""
    path, mask_path = made(run, claim, "spool"), made(run, claim, "mask")
    masks = {name: batches.read_mask(mask_path, name) for name in _TABLES}
    lines = {name: batches.read_lines(path, name, masks[name]) for name in _TABLES}
    slots = {name: batches.read_columns(path, name).slots[masks[name]] for name in _TABLES}
    attached = batches.read_attached(path)
    vectors = None
    if "vectors" in claim.artefacts:
        vectors = _read_vectors(made(run, claim, "vectors"), claim.artefacts["model_id"])
    crash_here("load.before_partitions")
    _ensure_partitions(run, claim, path)
    crash_here("load.after_partitions")
    files = [file_id for file_id, _, _ in claim.slices]

    def ending(commit: Commit) -> None:
        came: dict[str, dict[int, int]] = {"documents": {}, "locations": {}}
        try:
            if lines["documents"]:
                came["documents"] = load_documents(commit, lines["documents"], files, vectors)
            if lines["locations"]:
                came["locations"] = load_locations(commit, lines["locations"], files)
        except pg.CheckViolation as error:
            # A partition that this process remembers is gone (rolled back, detached).
            run.partitions.forget()
            raise TransientError("a partition is missing") from error
        crash_here("load.rows_in")
        _attach(commit, claim, attached)
        commit.complete(tally=_loaded(claim, slots, came, files))

    return ending


def _ensure_partitions(run: Runtime, claim: Claim, path: Path) -> None:
    documents = batches.read_columns(path, "documents")
    types = np.array(documents.types)
    for data_type in sorted(set(documents.types)):
        months = months_of(documents.ats[types == data_type])
        run.partitions.ensure(claim.user_id, data_type, months)
    locations = batches.read_columns(path, "locations")
    if len(locations):
        run.partitions.ensure(claim.user_id, "locations", months_of(locations.ats))


def _attach(commit: Commit, claim: Claim, attached: list[batches.Attached]) -> None:
    if attached:
        files = [{**msgspec.structs.asdict(file), "format": claim.format} for file in attached]
        commit.run("jobs", "insert_attachments", files=msgspec.json.encode(files).decode())


def _loaded(
    claim: Claim,
    slots: Mapping[str, NDArray[np.uint32]],
    came: Mapping[str, Mapping[int, int]],
    files: list[int],
) -> dict[str, dict[str, int]]:
    """The chunk's final counts: what was sent and did not come in was in the lake already."""
    tally = {file: dict(counts) for file, counts in claim.tally.items()}
    for name in _TABLES:
        for file, sent in batches.by_file(slots[name], files).items():
            loaded = came[name].get(file, 0)
            tally[str(file)]["loaded"] += loaded
            tally[str(file)]["duplicate"] += sent - loaded
    return tally


# --- artefacts -------------------------------------------------------------------------------


def _folder(run: Runtime, claim: Claim) -> Path:
    folder = run.folders.chunks(claim.job_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def artefact(claim: Claim, kind: str) -> str:
    """A name that no other worker uses: a zombie's artefact can't take the place of ours."""
    return f"{claim.id}.{claim.token}.{kind}"


def made(run: Runtime, claim: Claim, kind: str) -> Path:
    """The artefact that an earlier stage committed; raises BrokenSpool if it named none."""
    name = claim.artefacts.get(kind)
    if name is None:
        raise spool.BrokenSpool(kind)
    return _folder(run, claim) / str(name)
