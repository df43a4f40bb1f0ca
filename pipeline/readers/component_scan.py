"""Where components begin and end in iCalendar and vCard files: a scan with flat memory.

Only lines that begin `BEGIN:` or `END:` count; folded text never begins so, since folds start
with white space. What belongs together is told by the names, so that one component that is never
closed costs its neighbours nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from pipeline import content_lines
from schemas.errors import BadValue
from schemas.files import Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import NOTHING, RawRecord, Rejection

_BLOCK = 1 << 20
#: More than a line that matters and the one before it take up; blocks overlap by so much.
_LINE = 256
#: A component of more is refused: unfolded and decoded it takes several times as much memory.
ITEM_BYTES = 16 * 1024 * 1024
#: How much of what is no sound component is kept for the quarantine.
_RAW_KEPT = 64 * 1024
_MARK = re.compile(
    rb"[\r\n](BEGIN|END)[ \t]{0,8}:[ \t]{0,8}([^\r\n]{0,80}?)[ \t]{0,8}(?=[\r\n]|\Z)",
    re.IGNORECASE,
)
_BOM = b"\xef\xbb\xbf"
_AGENT = re.compile(rb"\bAGENT[^\r\n]*:[ \t]*\r?\n\Z", re.IGNORECASE)


class Mark(NamedTuple):
    """A BEGIN or END line: `[start, end)` with its line end."""

    start: int
    end: int
    opens: bool
    name: str


class Span(NamedTuple):
    """A component, `[start, end)`; `sound` is false where nothing closes it."""

    start: int
    end: int
    name: str
    sound: bool


class Kinds(NamedTuple):
    """Which components a file type has: containers to look into, those to pass by, the items.

    `items` begin anew wherever they stand; None: whatever is neither container nor passed by.
    """

    containers: frozenset[str]
    passed_by: frozenset[str]
    items: frozenset[str]


def marks(source: BinaryIO, part: Slice) -> Iterator[Mark]:
    """The BEGIN and END lines of a range, in order."""
    at = part.start
    while at < part.end:
        base = max(part.start, at - _LINE)
        source.seek(base)
        data = source.read(min(_BLOCK, part.end - base))
        last = base + len(data) >= part.end or len(data) < _BLOCK
        limit = base + len(data) - (0 if last else _LINE)
        if base == part.start:  # a range begins with a line
            data = b"\xef\xbb\n" + data[3:] if data.startswith(_BOM) else b"\n" + data
            base -= not data.startswith(_BOM[:2])
        for found in _MARK.finditer(data):
            if at <= base + found.start() + 1 < limit:
                yield _mark(data, found, base)
        at = part.end if last else limit


def _mark(data: bytes, found: re.Match[bytes], base: int) -> Mark:
    start, end = found.start() + 1, found.end()
    end += 2 if data[end : end + 2] == b"\r\n" else int(end < len(data))
    opens = found[1][:1] in b"Bb"
    if opens and _AGENT.search(data, max(0, start - _LINE), start):
        return Mark(base + start, base + end, opens, "AGENT")
    return Mark(base + start, base + end, opens, found[2].decode("latin-1").upper())


def spans(found: Iterable[Mark], end: int, kinds: Kinds) -> Iterator[Span]:
    """The components that the marks of a range are of, which ends at `end`, at their bounds."""
    start, stack = 0, _Stack()
    for mark in found:
        if not stack.names:
            if mark.opens and mark.name not in kinds.containers:
                start, stack = mark.start, _Stack(mark.name)
        elif mark.opens:
            if mark.name in kinds.items or mark.name in kinds.containers:
                yield from _span(stack.names[0], start, mark.start, kinds, sound=False)
                within = mark.name in kinds.containers
                start, stack = mark.start, _Stack() if within else _Stack(mark.name)
            else:
                stack.open(mark.name)
        elif mark.name in kinds.containers:
            yield from _span(stack.names[0], start, mark.start, kinds, sound=False)
            stack = _Stack()
        elif stack.closes(mark.name):
            outermost = stack.names[0]
            stack.close(mark.name)
            if not stack.names:
                yield from _span(outermost, start, mark.end, kinds, sound=True)
    if stack.names:
        yield from _span(stack.names[0], start, end, kinds, sound=False)


class _Stack:
    """The names of the components that are open, and how often each is among them."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self._held = Counter(names)

    def open(self, name: str) -> None:
        self.names.append(name)
        self._held[name] += 1

    def closes(self, name: str) -> bool:
        """Whether an END of that name closes anything."""
        return self._held[name] > 0 or self._is_agent(name)

    def close(self, name: str) -> None:
        """Close the innermost component of that name, and all within it."""
        wanted = "AGENT" if self._is_agent(name) else name
        closed = ""
        while closed != wanted:
            closed = self.names.pop()
            self._held[closed] -= 1

    def _is_agent(self, name: str) -> bool:
        """A card within a card (vCard 2.1)."""
        return name == "VCARD" and self.names[-1] == "AGENT"


def _span(name: str, start: int, end: int, kinds: Kinds, *, sound: bool) -> Iterator[Span]:
    if name not in kinds.passed_by:
        yield Span(start, end, name, sound)


def slices(source: BinaryIO, begin: int, kinds: Kinds, limits: SliceLimits) -> Iterator[Slice]:
    """Ranges of whole components."""
    start, end, held = begin, begin, 0
    size = source.seek(0, 2)
    for span in spans(marks(source, Slice(begin, size)), size, kinds):
        if held and (held >= limits.records or span.end - start > limits.size):
            yield Slice(start, end)
            start, held = span.start, 0
        if not held:
            start = span.start
        end, held = span.end, held + 1
    if held:
        yield Slice(start, end)


def read(source: BinaryIO, span: Span, item_bytes: int) -> bytes | Rejection:
    """The bytes of a component, or why it is none."""
    length = span.end - span.start
    source.seek(span.start)
    if span.sound and length <= item_bytes:
        return source.read(length)
    raw = source.read(min(length, _RAW_KEPT))
    reason, detail = Reason.ITEM_TOO_LARGE, f"a component of {length} bytes"
    if not span.sound:
        cut_off = span.end >= source.seek(0, 2)
        reason = Reason.TRUNCATED if cut_off else Reason.BAD_SYNTAX
        detail = "the file ends within a component" if cut_off else "a component is not closed"
    return Rejection(reason=reason, detail=detail, raw=raw, offset=span.start, length=length)


def item(
    data: bytes | Rejection, offset: int, around: Mapping[str, Any] = NOTHING
) -> RawRecord | Rejection:
    """A component's bytes as the component that they are, or why they are none."""
    if isinstance(data, Rejection):
        return data
    try:
        return RawRecord(content_lines.component(data), offset, len(data), around)
    except BadValue as bad:
        raw, length = data[:_RAW_KEPT], len(data)
        return Rejection(
            reason=bad.reason, detail=bad.detail, raw=raw, offset=offset, length=length
        )


def count(source: BinaryIO, kinds: Kinds) -> int:
    """How many components begin, line by line, in nothing but containers."""
    source.seek(0)
    found, stack, fresh = 0, list[str](), True
    while line := source.readline(_BLOCK):
        text = line.removeprefix(b"\xef\xbb\xbf").rstrip().upper() if fresh else b""
        fresh = line.endswith(b"\n")
        word, colon, name = text.partition(b":")
        kind = name.strip().decode("latin-1")
        if colon and word.rstrip() == b"BEGIN":
            if not stack and kind not in kinds.containers:
                found += kind not in kinds.passed_by
            if kind not in kinds.containers:
                stack.append(kind)
        elif colon and word.rstrip() == b"END" and stack and stack[-1] == kind:
            stack.pop()
    return found
