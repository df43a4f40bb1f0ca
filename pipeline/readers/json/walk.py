"""The positions of arrays at given paths in a JSON text, and the values around them.

One pass in blocks over the brackets and commas outside strings, as `json_scan` finds them. A path
is keys joined by dots: `*` is any key, `*Map` any key with this end, and `[]` after a key each item
of an array: `chats.list[].messages`. With `{}` at its end a path selects an object, which is one
item by itself. An object or array on the way to a selected value is a *frame*; its small fields are
*facts* of all selected values within it, before or after them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.readers.json import decode as json_decode
from pipeline.readers.json import scan as json_scan
from pipeline.readers.json.scan import COMMA, SPACE, Positions
from pipeline.text.cleaning import clean
from schemas.errors import BadValue
from schemas.files import Slice

#: A longer field of a frame is not a fact, nor are fields beyond the sum.
_FIELD_BYTES, _FACT_BYTES = 4 * 1024, 8 * 1024
#: The number of brackets of the wrong kind that a pass skips; each needs a new search.
_STRAYS = 100

_KEY = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*+")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
ANY, EACH, OBJECT = "*", "[]", "{}"
ARRAY, ARRAY_END = b"[]"

Steps: TypeAlias = tuple[str, ...]
#: The paths that continue from a frame: (the path's place in the list, steps done).
Alive: TypeAlias = tuple[tuple[int, int], ...]


def steps_of(path: str) -> Steps:
    """Return the keys of a path, none for the array at the top.

    `[]` after a key is "each item", and `{}` "the object".
    """
    steps: list[str] = []
    for part in path.removesuffix(OBJECT).split(".") if path else ():
        key = part.rstrip(EACH)
        steps.extend([key] if key else [])
        steps.extend([EACH] * part.count(EACH))
    return (*steps, *([OBJECT] if path.endswith(OBJECT) else ()))


class Frame:
    """An open object or array: its place in the tree, and its facts so far.

    `key` is its place in its parent: a key, or `[]`. `begin` is the offset of its bracket, `closer`
    the byte that ends it, `alive` the paths that continue through it, `path` the one that ends in
    it: then it is a selected array or object. When it is `closed` its facts are complete.
    """

    __slots__ = ("alive", "begin", "closed", "closer", "facts", "key", "parent", "path", "room")

    def __init__(
        self, steps: tuple[Steps, ...], parent: Frame | None, key: str, begin: int, bracket: int
    ) -> None:
        self.parent, self.key, self.begin = parent, key, begin
        self.closer = bracket + 2  # in ASCII a bracket and its fellow are two apart
        self.alive: Alive = lead_on(steps, parent.alive if parent else None, key, bracket)
        self.path = asked_for(steps, self.alive)
        self.facts: dict[str, Any] = {}
        self.closed = False
        self.room = _FACT_BYTES

    @property
    def is_item(self) -> bool:
        """Return whether it is a selected object."""
        return self.path is not None and self.closer != ARRAY_END

    def chain(self) -> list[Frame]:
        """Return the frame and those around it, the outermost first."""
        frames: list[Frame] = []
        frame: Frame | None = self
        while frame is not None:
            frames.append(frame)
            frame = frame.parent
        return frames[::-1]


class Region(NamedTuple):
    """The inside of a selected array: `[start, end)`; `closed` if its closing bracket was found.

    For an object, or an empty array that is an item, it includes the brackets.
    """

    frame: Frame
    start: int
    end: int
    closed: bool


class Mark(NamedTuple):
    """A place between the members of a frame, where another pass can begin."""

    frame: Frame
    at: int


def lead_on(steps: tuple[Steps, ...], outer: Alive | None, step: str, bracket: int) -> Alive:
    """Return the paths that continue through a value: under a key or `[]`, and of its bracket.

    `outer` are those that led to the container that it is in; None for the text itself.
    """
    if outer is None:
        here: Alive = tuple((path, 0) for path in range(len(steps)))
    else:
        here = tuple((p, done + 1) for p, done in outer if _fits(steps[p][done:], step))
    if bracket == ARRAY:
        return tuple((p, done) for p, done in here if steps[p][done:][:1] in ((), (EACH,)))
    objects = ((p, done) for p, done in here if steps[p][done:][:1] not in ((), (EACH,)))
    return tuple((p, done + (steps[p][done] == OBJECT)) for p, done in objects)


def _fits(left: Steps, step: str) -> bool:
    if not left or left[0] == step:
        return bool(left)
    return left[0].startswith(ANY) and step != EACH and step.endswith(left[0].removeprefix(ANY))


def asked_for(steps: tuple[Steps, ...], alive: Alive) -> int | None:
    """Return the first of the paths that end here."""
    return next((path for path, done in alive if done == len(steps[path])), None)


class Walk:
    """One pass over `[start, stop)` of a JSON text, from between the members of a frame.

    `frame` is the frame at `start`; None begins before the text. `known` are frames, by the offset
    of their bracket, whose facts another pass has gathered. With `empties` an empty array is an
    item, and its region includes its brackets. After the pass `stack` is the frame that is still
    open, `flaw` the offset of the first byte between the arrays that is not JSON, and `end` the
    offset of the bracket that closed the whole text.
    """

    def __init__(
        self,
        source: BinaryIO,
        steps: tuple[Steps, ...],
        start: int,
        stop: int,
        frame: Frame | None = None,
        known: Mapping[int, Frame] | None = None,
        *,
        empties: bool = False,
    ) -> None:
        self.stack = frame
        self.flaw: int | None = None
        self.end: int | None = None
        self._source, self._steps = source, steps
        self._start, self._stop = start, stop
        self._known, self._empties = known or {}, empties
        self._level = self._depth = len(frame.chain()) if frame else 0
        self._deepest = max(map(len, steps)) + 1
        #: After the last comma or opening bracket of the frame, or after a value that was entered.
        self._since, self._walked = start, False
        #: Where the object ends that is an item, if that is the member.
        self._item_end: int | None = None
        self._carried = b""
        self._base, self._data = start, b""
        self._strays = _STRAYS

    def events(self) -> Iterator[Region | Mark]:
        """Yield regions as they end, and marks."""
        tokens = json_scan.Tokens()
        for base, data in json_scan.read_blocks(self._source, self._start, self._stop):
            self._base, self._data = base, data
            positions, kinds = tokens.step(data)
            while positions.size and self.end is None:
                stray: int | None = None
                for event in self._block(positions, kinds):
                    if isinstance(event, int):
                        stray = event
                    else:
                        yield event
                if stray is None:
                    break
                positions, kinds = positions[stray + 1 :], kinds[stray + 1 :]
                self._depth = self._level
            if self.end is not None:
                return
            self._carry()
        if self.stack is not None and self.stack.path is not None:
            at = self._base + len(self._data)
            yield Region(self.stack, self.stack.begin + (not self.stack.is_item), at, False)

    def _block(
        self, positions: Positions, kinds: NDArray[np.int8]
    ) -> Iterator[Region | Mark | int]:
        """Yield the events of some tokens; end with the place of a stray bracket, if any."""
        depth = np.cumsum(np.where(kinds == COMMA, 0, kinds), dtype=np.int64)
        depth += self._depth
        # Tokens deeper than the arrays' own brackets have no events.
        seen = np.flatnonzero(depth + (kinds != 1) <= self._deepest)
        self._depth = int(depth[-1])
        columns = (seen, positions[seen] + self._base, kinds[seen], depth[seen])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for place, where, kind, level in rows:
            if kind == -1 and level == self._level - 1:
                if self._byte(where) != self._closer() and self._strays:
                    self._strays -= 1
                    yield place
                    return
                yield from self._close(where)
                if self.end is not None:
                    return
            elif self.stack is not None and self.stack.path is not None:
                continue
            elif kind == 1 and level == self._level + 1:
                yield from self._open(where)
            elif kind == COMMA and level == self._level:
                self._member(where)
                self._since, self._walked = where + 1, False
                if self.stack is not None:
                    yield Mark(self.stack, where + 1)

    def _byte(self, at: int) -> int:
        return self._data[at - self._base]

    def _closer(self) -> int:
        return self.stack.closer if self.stack is not None else -1

    def _open(self, at: int) -> Iterator[Mark]:
        """Open a bracket directly within the frame (or the text): a frame, or a value."""
        step = self._step(at)
        if step is None:
            return
        frame = self._known.get(at) or Frame(
            self._steps, self.stack, clean(step)[0], at, self._byte(at)
        )
        if not frame.alive:
            return
        self.stack = frame
        if not frame.is_item:
            self._since, self._walked = at + 1, False
        self._level += 1
        if frame.path is None:
            yield Mark(frame, at + 1)

    def _step(self, at: int) -> str | None:
        """Return the key of the value that opens at a bracket, or `[]`; None if it is unknown."""
        text = None if self._walked else self._text(at)
        if self.stack is not None and self.stack.closer != ARRAY_END:
            key = _key(text)
        else:
            blank = text is not None and not text.removeprefix(json_scan.BOM).strip(SPACE)
            key = EACH if blank else None
        if key is None:
            self._flawed()
        return key

    def _close(self, at: int) -> Iterator[Region]:
        frame = self.stack
        if frame is None:
            self.end = at
            return
        if frame.path is None:
            self._member(at)
        elif frame.is_item or (self._empties and self._is_blank(frame.begin + 1, at)):
            yield Region(frame, frame.begin, at + 1, True)
        else:
            yield Region(frame, frame.begin + 1, at, True)
        frame.closed = True
        self.stack = frame.parent
        if frame.is_item:  # it is a fact of the frames around it, too
            self._item_end = at + 1
        else:
            self._since, self._walked = at + 1, True
        self._level -= 1
        if self.stack is None:
            self.end = at

    def _is_blank(self, start: int, end: int) -> bool:
        """Return whether an array is empty."""
        if start < self._base:
            return json_scan.skip_space(self._source, start) == end
        inside = self._data[start - self._base : end - self._base]
        return not inside[:1].strip(SPACE) and not inside.strip(SPACE)

    def _member(self, at: int) -> None:
        """End a member of the frame, which is a fact if it is small and was not entered."""
        frame, item_end, self._item_end = self.stack, self._item_end, None
        if frame is None or frame.closed:
            return
        text = self._text(at)
        if self._walked:
            if text is None or text.strip(SPACE):
                self._flawed()
            return
        if text is None or not text.strip(SPACE):
            return
        try:
            if frame.closer == ARRAY_END:
                json_decode.decode(text)
            elif len(text) <= frame.room:
                frame.facts |= _storable(json_decode.decode(b"{%b}" % text))
                frame.room -= len(text)
        except BadValue:
            if item_end is None or text[len(text) - (at - item_end) :].strip(SPACE):
                self._flawed()  # an item reports its own faults

    def _flawed(self) -> None:
        if self.flaw is None:
            self.flaw = self._since

    def _text(self, at: int) -> bytes | None:
        """Return the text from the last bound to `at`; None if it is long or was entered."""
        since = self._since
        if at - since > _FIELD_BYTES:
            return self._behind_blanks(since, at)
        if since >= self._base:
            return self._data[since - self._base : at - self._base]
        return self._carried + self._data[: at - self._base]

    def _behind_blanks(self, since: int, at: int) -> bytes | None:
        """Return the text as `_text`, if it begins with many blanks."""
        self._source.seek(since)
        if self._source.read(_FIELD_BYTES).removeprefix(json_scan.BOM).strip(SPACE):
            return None
        since = min(at, json_scan.skip_space(self._source, since + len(json_scan.BOM)))
        self._source.seek(since)
        return None if at - since > _FIELD_BYTES else self._source.read(at - since)

    def _carry(self) -> None:
        """Keep what the next block needs of this one."""
        if self.stack is not None and self.stack.path is not None and not self.stack.is_item:
            return
        if self._since >= self._base:
            self._carried = b""
        begin = max(0, self._since - self._base)
        self._carried += self._data[begin : begin + _FIELD_BYTES + 1 - len(self._carried)]


class Around(NamedTuple):
    """The text around an array, each as an offset.

    Where the text ends (None: too early), where another array is at the path, and the first byte
    that is not JSON.
    """

    end: int | None
    again: int | None
    flaw: int | None


def around(source: BinaryIO, path: str, array: Slice, size: int) -> Around:
    """Check a text without the inside of the array at `path`.

    The array's brackets are at the bounds of `array`.
    """
    hidden = _Hidden(source, array.start + 1, array.end)
    walk = Walk(cast("BinaryIO", hidden), (steps_of(path),), 0, size - hidden.length)
    arrays = [event.start - 1 for event in walk.events() if isinstance(event, Region)]
    others = (at for at in arrays if at != array.start)
    places = (walk.end, next(others, None), walk.flaw)
    return Around(*(None if at is None else hidden.place(at) for at in places))


class _Hidden:
    """A source without the bytes `[start, end)`: later bytes move up to them."""

    def __init__(self, source: BinaryIO, start: int, end: int) -> None:
        self._source, self._start, self._at = source, start, 0
        self.length = end - start

    def place(self, at: int) -> int:
        """Return the position in the source of the byte at `at`."""
        return at if at < self._start else at + self.length

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, size: int) -> bytes:
        self._source.seek(self.place(self._at))
        most = self._start - self._at if self._at < self._start else size
        data = self._source.read(min(size, most))
        self._at += len(data)
        return data


def _key(text: bytes | None) -> str | None:
    """Return the key at the beginning of a member, if only its colon follows."""
    found = _KEY.fullmatch(text) if text is not None else None
    try:
        key = json_decode.decode(found[1]) if found else None
    except BadValue:
        return None
    return key if isinstance(key, str) else None


def _storable(value: Any) -> Any:
    """Return a value as the ledger can hold it: no NUL, no lone surrogates."""
    if isinstance(value, str):
        return clean(value)[0]
    if isinstance(value, dict):
        return {_storable(k): _storable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_storable(v) for v in value]
    return value
