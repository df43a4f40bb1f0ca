"""Cut the slices of a chunk that fails into smaller chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

from schemas.files import Slice

#: The number of parts of a chunk. Each cut costs the workers one more death for each poison record,
#: and the healthy chunks cost little: tenths find one record of 10,000 in four rounds, halves in
#: 14.
PARTS = 10

_T = TypeVar("_T")


class Part(msgspec.Struct, frozen=True):
    """A byte range with the number of items that begin in it."""

    slice: Slice
    items: int


def groups(things: Sequence[_T], parts: int = PARTS) -> Iterator[Sequence[_T]]:
    """Yield `things` in order, in at most `parts` groups of even size; none is empty."""
    parts = min(parts, len(things))
    bounds = [len(things) * n // parts for n in range(parts + 1)] if parts else []
    yield from (things[a:b] for a, b in pairwise(bounds))


def at_items(whole: Slice, offsets: Sequence[int], parts: int = PARTS) -> list[Part]:
    """Return `whole`, cut before items that begin at `offsets` (rising, without doubles).

    The parts touch each other and cover `whole`. An item's separator, if it has one, goes with the
    item before it; readers skip it, which a contract test checks.
    """
    each = list(groups(offsets, parts))
    starts = [whole.start, *(group[0] for group in each[1:]), whole.end]
    return [Part(Slice(a, b), len(g)) for (a, b), g in zip(pairwise(starts), each, strict=True)]


def at_slices(whole: Slice, finer: Iterable[Slice]) -> list[Slice]:
    """Return `whole`, cut where slices of another size, from the same reader, meet within it."""
    found, start = [], whole.start
    for one, following in pairwise(finer):
        if following.start >= whole.end:
            break
        if one.end > start and one.start < whole.end:
            found.append(Slice(start, one.end))
            start = following.start
    return [*found, Slice(start, whole.end)]


def around(whole: Slice, holes: Iterable[Slice]) -> Iterator[Slice]:
    """Yield what remains of `whole` without `holes`, which are in order; a hole is whole items."""
    start = whole.start
    for hole in holes:
        if whole.start <= hole.start and hole.end <= whole.end:
            if start < hole.start:
                yield Slice(start, hole.start)
            start = hole.end
    if start < whole.end:
        yield Slice(start, whole.end)
