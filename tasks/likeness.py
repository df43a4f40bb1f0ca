"""Near duplicates are found behind the load, among all that a user ever imported.

Images are decoded in a child process, since they are what anyone may have made; one that ends the
child is left out, and nothing else is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from pipeline import likeness
from pipeline.likeness import LEAST_OF_IMAGES, Likeness, Signature
from schemas.crash import crash_here
from sql.likeness import Candidate, Comparison, Link, Print, Uncompared, comparison
from tasks.apart import apart
from tasks.blobs import FileBlobs
from tasks.context import Runtime
from tasks.scratch import scratch

#: Documents a transaction, and images a child.
_BATCH = 500
_IMAGES = 50

#: A turn of the reconciler's, so that it keeps its other appointments.
_TURN_S = 3.0

#: Of many that a document is like, so many are linked, the likest first.
_MOST_LINKS = 5


def compare_user(run: Runtime, user_id: UUID, *, seconds: float) -> int:
    """Compare what waits of one user, until nothing does or the time is up; how many were taken.

    Nothing is done where the settings say so; what waits then waits on.
    """
    least = run.options.near_duplicates
    end, total = time.monotonic() + seconds, 0
    while least is not None and time.monotonic() < end:
        taken = _compare_some(run, user_id, least)
        crash_here("compare.after_batch")
        total += taken
        if taken == 0:
            break
    return total


def compare_waiting(run: Runtime, *, seconds: float = _TURN_S) -> int:
    """Compare what waits of any user; how many documents were taken."""
    if run.options.near_duplicates is None:
        return 0
    users = run.ledger.rows("likeness", "users_waiting")
    return sum(compare_user(run, row["user_id"], seconds=seconds / len(users)) for row in users)


def _compare_some(run: Runtime, user_id: UUID, least: float) -> int:
    with comparison(run.lake, user_id) as work:
        taken, waiting = work.take(_BATCH, chars=likeness.MOST_CHARS)
        prints = [*_of_texts(waiting), *_of_images(run, user_id, waiting)]
        work.keep(prints)
        work.link(list(_links(work, prints, least)))
    return taken


def _links(work: Comparison, prints: Sequence[Print], least: float) -> Iterator[Link]:
    for own, found in work.candidates(prints):
        floor = LEAST_OF_IMAGES if own.kind == Likeness.IMAGE else least
        for similarity, other in _likest(own, found)[:_MOST_LINKS]:
            if similarity >= floor:
                yield Link(
                    record_key=own.record_key, other_key=other.record_key, similarity=similarity
                )


def _likest(own: Print, found: list[Candidate]) -> list[tuple[float, Candidate]]:
    signatures = [each.signature for each in found]
    scores = likeness.similarities(Likeness(own.kind), own.signature, signatures)
    return sorted(
        ((float(score), each) for score, each in zip(scores, found, strict=True)),
        key=lambda pair: (-pair[0], pair[1].id),
    )


def _of_texts(waiting: Sequence[Uncompared]) -> Iterator[Print]:
    for each in waiting:
        if each.image is None and each.text and (found := likeness.of_text(each.text)):
            yield _print(each, found)


def _print(of: Uncompared, found: Signature) -> Print:
    return Print(
        id=of.id,
        record_key=of.record_key,
        kind=found.kind,
        signature=found.value,
        bands=found.bands,
    )


def _of_images(run: Runtime, user_id: UUID, waiting: Sequence[Uncompared]) -> Iterator[Print]:
    images = [each for each in waiting if each.image is not None]
    blobs = FileBlobs(run.folders.blobs(user_id))
    for start in range(0, len(images), _IMAGES):
        some = images[start : start + _IMAGES]
        paths = [blobs.path(each.image) for each in some if each.image is not None]
        for each, found in zip(some, _signed(run, paths), strict=True):
            if found is not None:
                yield _print(each, found)


def _signed(run: Runtime, paths: Sequence[Path]) -> list[Signature | None]:
    """The signatures of images, by children that begin behind what ended the one before."""
    found: list[Signature | None] = []
    with scratch(run.folders.work) as folder:
        out = folder / "signatures"
        while len(found) < len(paths):
            rest = paths[len(found) :]
            out.write_bytes(b"")

            def sign(rest: Sequence[Path] = rest) -> None:
                run.options.bound()
                with out.open("ab", buffering=0) as file:
                    for path in rest:
                        file.write(msgspec.json.encode(likeness.of_image(path)) + b"\n")

            well = apart(sign, seconds=run.options.apart_limit_s)
            lines = out.read_bytes().splitlines()
            found += [msgspec.json.decode(line, type=Signature | None) for line in lines]
            if not well:
                found.append(None)
    return found[: len(paths)]
