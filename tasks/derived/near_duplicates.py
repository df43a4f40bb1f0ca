"""Find near duplicates after the load, among all that a user ever imported.

Images are decoded in a child process, since they are untrusted; an image that ends the child is
left out, and nothing else is.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from pipeline.enrich import near_duplicates
from pipeline.enrich.near_duplicates import LEAST_OF_IMAGES, Likeness, Signature
from schemas.crash import crash_here
from sql.likeness import Candidate, ComparisonWriter, Link, Print, Uncompared, comparison
from tasks.runtime import steps
from tasks.runtime.blob_store import FileBlobs
from tasks.runtime.context import Runtime
from tasks.runtime.isolated_child import allow, run_isolated

#: Documents a transaction.
_BATCH = 500

#: Seconds for one image. The largest that are read take a second or two.
_IMAGE_S = 10.0

#: Bytes of a signature in JSON: 16 numbers of up to 20 digits, and 32 bytes.
_MOST_BYTES = 1024

#: The share of a reconciler's turn, so that its other steps run on time.
_TURN_S = 3.0

#: How long to wait for another process that compares the same user's documents, and how often to
#: ask.
PATIENCE_S, _ASK_S = 5.0, 0.2

#: Most links of one document, the most similar first.
_MOST_LINKS = 5


def compare_user(run: Runtime, user_id: UUID, *, seconds: float, patience: float = 0.0) -> int:
    """Compare a user's waiting documents, until none waits or the time is up; return how many.

    Nothing is done where the settings switch it off, or where another process compares for longer
    than `patience`; the documents then keep waiting.
    """
    least = run.options.near_duplicates
    if least is None:
        return 0
    begin = time.monotonic()
    end, total = begin + seconds, 0
    while time.monotonic() < end:
        taken = _compare_some(run, user_id, least, end)
        crash_here("compare.after_batch")
        if taken is None and time.monotonic() < min(end, begin + patience):
            time.sleep(_ASK_S)
            continue
        if not taken:
            break
        total += taken
    return total


def compare_waiting(run: Runtime, *, seconds: float = _TURN_S) -> int:
    """Compare the waiting documents of any user; return how many were taken."""
    if run.options.near_duplicates is None:
        return 0
    users = [row["user_id"] for row in run.ledger.rows("likeness", "users_waiting")]
    return steps.each(
        run, "compared", users, lambda user: compare_user(run, user, seconds=seconds / len(users))
    )


def _compare_some(run: Runtime, user_id: UUID, least: float, end: float) -> int | None:
    """Compare one batch, as far as the time allows; None where another process has the user's."""
    with comparison(run.lake, user_id) as work:
        if work is None:
            return None
        waiting = work.waiting(_BATCH, chars=near_duplicates.MOST_CHARS)
        there = [each for each in waiting if each.record_key is not None]
        signed = _signed(run, user_id, [each for each in there if each.image], end)
        found = {**{each.id: _of_text(each) for each in there if not each.image}, **signed}
        compared = [e for e in waiting if e.record_key is None or e.id in found]
        if not compared:
            return 0
        with work.open_writer() as writer:
            still = writer.dequeue(compared)
            prints = [*_prints(there, found, still)]
            writer.store_signatures(prints)
            writer.link(list(_links(writer, prints, least)))
    return len(compared)


def _prints(
    there: Sequence[Uncompared], found: Mapping[int, Signature | None], still: set[int]
) -> Iterator[Print]:
    """Yield what is stored of documents with a signature; one that waited twice is stored once."""
    for each in {each.id: each for each in there if each.id in still}.values():
        if each.record_key is not None and (signature := found.get(each.id)) is not None:
            yield Print(
                id=each.id,
                record_key=each.record_key,
                kind=signature.kind,
                signature=signature.value,
                bands=signature.bands,
            )


def _links(work: ComparisonWriter, prints: Sequence[Print], least: float) -> Iterator[Link]:
    for own, found in work.candidates(prints):
        floor = LEAST_OF_IMAGES if own.kind == Likeness.IMAGE else least
        for similarity, other in _likest(own, found)[:_MOST_LINKS]:
            if similarity >= floor:
                yield Link(
                    record_key=own.record_key, other_key=other.record_key, similarity=similarity
                )


def _likest(own: Print, found: list[Candidate]) -> list[tuple[float, Candidate]]:
    signatures = [each.signature for each in found]
    scores = near_duplicates.similarities(Likeness(own.kind), own.signature, signatures)
    return sorted(
        ((float(score), each) for score, each in zip(scores, found, strict=True)),
        key=lambda pair: (-pair[0], pair[1].id),
    )


def _of_text(each: Uncompared) -> Signature | None:
    return near_duplicates.of_text(each.text) if each.text else None


def _signed(
    run: Runtime, user_id: UUID, images: Sequence[Uncompared], end: float
) -> dict[int, Signature | None]:
    """Return the signatures of images by document: at least one, and as many as the time allows.

    A child begins after the image that ended the one before.
    """
    blobs = FileBlobs(run.folders.blobs(user_id))
    paths = [blobs.path(each.image) for each in images if each.image]
    found: list[Signature | None] = []
    while len(found) < len(paths) and (not found or time.monotonic() < end):
        well, more = _sign_apart(run, paths[len(found) :], end, first=not found)
        found += more
        if well:
            break
        if len(found) < len(paths):
            found.append(None)
    return {each.id: signature for each, signature in zip(images, found, strict=False)}


def _sign_apart(
    run: Runtime, paths: Sequence[Path], end: float, *, first: bool
) -> tuple[bool, list[Signature | None]]:
    """Return whether the child succeeded, and its signatures; it needs no disk to report them."""
    with mmap.mmap(-1, len(paths) * _MOST_BYTES) as shared:
        well = run_isolated(lambda: _sign(run, paths, shared, end, first=first), seconds=_IMAGE_S)
        *lines, _ = shared[:].split(b"\n")
    return well, [msgspec.json.decode(line, type=Signature | None) for line in lines]


def _sign(
    run: Runtime, paths: Sequence[Path], shared: mmap.mmap, end: float, *, first: bool
) -> None:
    """Write a signature a line; runs in a child."""
    run.options.bound()
    for n, path in enumerate(paths):
        if time.monotonic() > end and not (first and n == 0):
            return
        allow(_IMAGE_S)
        shared.write(msgspec.json.encode(near_duplicates.of_image(path)) + b"\n")
