"""The items of several JSON arrays in one file, and of arrays within the items of others."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import Any, BinaryIO, ClassVar, NamedTuple

import msgspec
import numpy as np

from pipeline.readers.json import items as json_items
from pipeline.readers.json import scan as json_scan
from pipeline.readers.json import walk as json_walk
from pipeline.readers.json.decode import rejection
from pipeline.readers.json.walk import Frame, Mark, Region, Walk
from pipeline.syntax import json_events
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

#: The range of a pass over small arrays, and the least size of an array that is a piece by itself.
#: Both double until the pieces fit into the ledger.
_PIECE_BYTES = 1024 * 1024
_PIECES = 256
#: A slice ends within an array only if the array is larger than this: most chats are small.
_UNCUT_BYTES = 4 * 1024


class _Piece(NamedTuple):
    """A place where a pass can begin. With `end` it is the inside of one large array."""

    at: int
    frame: Frame | None
    end: int | None = None
    closed: bool = True


class JsonTree(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Items of all arrays at `paths`, in the order of the file.

    A path is keys joined by dots; "" is an array at the top, `*` any key, `*Map` any key with this
    end, and `[]` after a key each item of an array: `("semanticSegments", "rawSignals")`,
    `("chats.list[].messages",)`. With `{}` after it the object there is one item: `profile{}`. With
    `empties` so is an empty array.

    Items carry `around`: the small fields of the objects around them, before or after them (inner
    ones win), and under `path` the index of the path, under `keys` the names in place of `*`. A
    field of over 4 KiB, or beyond 8 KiB of one object, is not kept.

    Within an array all is as in `JsonItems`. One rejection, the last, reports a file that breaks
    off, is broken between the arrays, or continues after its end; the slice that ends where the
    file does carries it.

    `prepare` notes places where a later pass can begin: each large array and, between those, every
    MiB or so of small ones; at most 256, so that a file of millions of small chats has a small
    context. The facts of objects that extend over such a place are noted with it.
    """

    version: ClassVar[int] = 1
    #: Items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    paths: tuple[str, ...]
    empties: bool = False
    item_bytes: int = SliceLimits().item_bytes

    @property
    def name(self) -> str:
        """Return a stable name, part of a chunk's identity."""
        return f"json_tree:{'|'.join(self.paths)}{'|[]' * self.empties}"

    @cached_property
    def _steps(self) -> tuple[json_walk.Steps, ...]:
        return tuple(map(json_walk.steps_of, self.paths))

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the places where a later pass can begin.

        `pieces`: [offset, frame, end, closed]; `frames`: [parent, key, begin, bracket, facts].
        `last` is where the last array ends, `flaw` [reason, detail] of what is broken, if any.
        """
        size = source.seek(0, 2)
        walk = Walk(source, self._steps, 0, size, empties=self.empties)
        found = _Pieces()
        for event in walk.events():
            found.add(event)
        context = found.context() if found.last is not None else {"pieces": [], "frames": []}
        return {**context, "last": found.last, "flaw": _fault(source, walk, found, size)}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole items, each about `limits` big; none extends over two pieces."""
        size = source.seek(0, 2)
        if context["last"] is None:
            if context["flaw"]:
                yield Slice(0, size)
            return
        for nth in range(len(context["pieces"])):
            yield from _cut(source, self._regions(source, context, nth), limits)
        if context["flaw"] and context["last"] < size:
            yield Slice(context["last"], size)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the items of one slice, in order, each with its byte offset in the member."""
        if part.start == 0:
            yield json_items.broken(source, part)
            return
        size = source.seek(0, 2)
        last: RawRecord | Rejection | None = None
        for region in self._within(source, part, context):
            inside = Slice(max(part.start, region.start), min(part.end, region.end))
            for last in self._read(source, inside, region, size):
                yield last
        if part.end == size and context["flaw"]:
            reason, detail = context["flaw"]
            if not (isinstance(last, Rejection) and last.reason == reason):
                yield rejection(Reason(reason), detail, b"", size)

    def _read(
        self, source: BinaryIO, part: Slice, region: Region, size: int
    ) -> Iterator[RawRecord | Rejection]:
        around = self._around(region.frame)
        found = json_items.read_items(
            source,
            part,
            self.item_bytes,
            cut_off=not region.closed and part.end == size,
            around=around,
        )
        if part.start <= json_scan.skip_space(source, region.start):
            first = next(found, None)
            if isinstance(first, RawRecord):
                first = RawRecord(
                    first.value, first.offset, first.length, {**around, "first": True}
                )
            if first is not None:
                yield first
        yield from found

    def _within(self, source: BinaryIO, part: Slice, context: Context) -> Iterator[Region]:
        """Yield the arrays that a slice touches, each with complete facts around it."""
        starts = [piece[0] for piece in context["pieces"]]
        pending: deque[Region] = deque()
        for region in self._regions(source, context, bisect_right(starts, part.start) - 1):
            if region.start <= part.end and region.end >= part.start:
                pending.append(region)
            while pending and _settled(pending[0].frame):
                yield pending.popleft()
            if not pending and region.start > part.end:
                return
        yield from pending

    def _regions(self, source: BinaryIO, context: Context, nth: int) -> Iterator[Region]:
        """Yield the arrays of a piece, in order."""
        pieces = context["pieces"]
        start, frame, end, closed = pieces[nth]
        frames = _frames(context["frames"], self._steps)
        if end is not None:
            yield Region(frames[frame], start, end, closed)
            return
        size = source.seek(0, 2)
        stop = pieces[nth + 1][0] if nth + 1 < len(pieces) else size
        known = {found.begin: found for found in frames}
        at = frames[frame] if frame is not None else None
        walk = Walk(source, self._steps, start, stop, at, known, empties=self.empties)
        for event in walk.events():
            # An array that is not closed before the next piece is that piece.
            if isinstance(event, Region) and (event.closed or stop == size):
                yield event

    def _around(self, frame: Frame) -> Mapping[str, Any]:
        frames = frame.chain()
        facts = {name: fact for outer in frames for name, fact in outer.facts.items()}
        path = frame.path or 0
        keys = _keys(self._steps[path], frames)
        return {**facts, "path": self.paths[path], "keys": keys, "first": False}

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return how many items ijson finds in the arrays, up to the first fault in the file."""
        return json_events.count(source, lambda stream: _counted(stream, self._steps, self.empties))


def _keys(steps: json_walk.Steps, frames: list[Frame]) -> list[str]:
    """Return the keys in place of each `*` of the path.

    The first frame has the text's own bracket.
    """
    inner = zip((step for step in steps if step != json_walk.OBJECT), frames[1:], strict=True)
    return [frame.key for step, frame in inner if step.startswith(json_walk.ANY)]


def _settled(frame: Frame) -> bool:
    return all(outer.closed for outer in frame.chain())


def _fault(source: BinaryIO, walk: Walk, found: _Pieces, size: int) -> tuple[Reason, str] | None:
    """Return what is wrong with the file outside the items."""
    if found.last is None:
        return json_items.flaw(source) if size else None
    if walk.end is None:
        return Reason.TRUNCATED, "the file ends too early"
    if walk.flaw is not None:
        return Reason.BAD_SYNTAX, f"no JSON between the arrays, from byte {walk.flaw}"
    if json_scan.skip_space(source, walk.end + 1) < size:
        return Reason.BAD_SYNTAX, "text after the end"
    return None


class _Pieces:
    """Places where later passes begin, gathered during one pass; their number is bounded."""

    def __init__(self) -> None:
        self.last: int | None = None
        self._pieces = [_Piece(0, None)]
        self._bytes = _PIECE_BYTES
        self._after_large = False

    def add(self, event: Region | Mark) -> None:
        if isinstance(event, Region):
            self.last = event.end
            if event.end - event.start >= self._bytes:
                self._pieces.append(_Piece(event.start, event.frame, event.end, event.closed))
                self._after_large = True
        elif self._after_large or event.at - self._pieces[-1].at >= self._bytes:
            self._pieces.append(_Piece(event.at, event.frame))
            self._after_large = False
        while len(self._pieces) > _PIECES:
            self._thin_out()

    def _thin_out(self) -> None:
        """Keep half as many: the pass before it finds an array that is no longer large."""
        self._bytes *= 2
        pieces: list[_Piece] = []
        after_large = True
        for piece in self._pieces:
            large = piece.end is not None and piece.end - piece.at >= self._bytes
            mark = piece.end is None and (after_large or piece.at - pieces[-1].at >= self._bytes)
            if large or mark:
                pieces.append(piece)
                after_large = large
        self._pieces, self._after_large = pieces, after_large

    def context(self) -> Context:
        """Return the context for the ledger."""
        places: dict[int, int] = {}
        frames: list[Any] = []
        pieces = []
        for at, frame, end, closed in self._pieces:
            if frame is not None:
                for one in frame.chain():
                    if one.begin not in places:
                        places[one.begin] = len(frames)
                        outer = places[one.parent.begin] if one.parent else None
                        frames.append([outer, one.key, one.begin, one.closer - 2, one.facts])
            pieces.append([at, places[frame.begin] if frame else None, end, closed])
        return {"pieces": pieces, "frames": frames}


def _frames(rows: list[Any], steps: tuple[json_walk.Steps, ...]) -> list[Frame]:
    """Return the frames from the ledger, with all their facts."""
    frames: list[Frame] = []
    for outer, key, begin, bracket, facts in rows:
        frame = Frame(steps, frames[outer] if outer is not None else None, key, begin, bracket)
        frame.facts, frame.closed = facts, True
        frames.append(frame)
    return frames


def _cut(source: BinaryIO, regions: Iterator[Region], limits: SliceLimits) -> Iterator[Slice]:
    """Yield slices of the arrays of a piece. The end of an array ends an item, too."""
    region = next(regions, None)
    if region is None:
        return
    begin = region.start
    bounds = _Bounds(source, region)
    for part in json_scan.cut(bounds.blocks(regions), begin, limits):
        begin = part.end + 1
        if part.start < part.end:
            yield part
    if not bounds.region.closed or begin < bounds.region.end:
        yield Slice(begin, bounds.region.end)


class _Bounds:
    """Where items end in array after array; `region` is the current one."""

    def __init__(self, source: BinaryIO, region: Region) -> None:
        self._source, self.region = source, region

    def blocks(self, more: Iterator[Region]) -> Iterator[json_scan.Block]:
        for region in chain((self.region,), more):
            self.region = region
            if region.end - region.start > _UNCUT_BYTES or not region.closed:
                yield from json_scan.scan_items(self._source, region.start, region.end)
            if region.closed:
                yield json_scan.Block(region.end, b"", np.zeros(1, dtype=np.int64))


def _counted(
    stream: Iterator[json_events.Event], steps: tuple[json_walk.Steps, ...], empties: bool
) -> Iterator[None]:
    """Yield None for each item that begins in a matching array, and for each matching object."""
    ways: list[json_walk.Alive] = []
    deeper, key, empty = 0, "", False
    for event, value in stream:
        starts = event in _BRACKETS
        if event.startswith("end_"):
            if deeper:
                deeper -= 1
            elif json_walk.asked_for(steps, ways.pop()) is not None and empty and empties:
                yield None
        elif deeper:
            deeper += starts
        elif event == "map_key":
            key = value
        elif ways and json_walk.asked_for(steps, ways[-1]) is not None:
            yield None
            empty = False
            deeper += starts
        elif starts:
            outer = ways[-1] if ways else None
            step = key if outer and _wants_key(steps, outer) else json_walk.EACH
            way = json_walk.lead_on(steps, outer, step, _BRACKETS[event])
            if way and event == "start_map" and json_walk.asked_for(steps, way) is not None:
                yield None
                deeper += 1
            elif way:
                ways.append(way)
                empty = event == "start_array"
            else:
                deeper += 1


_BRACKETS = {"start_map": ord("{"), "start_array": ord("[")}


def _wants_key(steps: tuple[json_walk.Steps, ...], way: json_walk.Alive) -> bool:
    path, done = way[0]
    return steps[path][done] != json_walk.EACH
