"""Where components begin and end in iCalendar and vCard files: a scan with flat memory.

Only lines that begin `BEGIN:` or `END:` count; folded text never begins so, since folds start
with white space. What belongs together is told by the names, so that one component that is never
closed costs its neighbours nothing. Between components only a container's own properties and blank
lines are filler; any other text there, and an END that closes nothing, is rejected.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from pipeline.syntax import content_lines
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
    """A component, `[start, end)`; `sound` is false where nothing closes it.

    Without a name it is text that is of no component.
    """

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
    opens, name = found[1][:1] in b"Bb", found[2].decode("latin-1").upper()
    if opens and name == "VCARD" and _AGENT.search(data, max(0, start - _LINE), start):
        name = "AGENT"
    return Mark(base + start, base + end, opens, name)


def spans(source: BinaryIO, part: Slice, kinds: Kinds, *, inside: bool = False) -> Iterator[Span]:
    """The components of a range, and texts that are of none.

    `inside`: the range begins in a container.
    """
    gap = _Gap(source, part.start, inside=inside)
    start, stack = 0, _Stack()
    for mark in marks(source, part):
        contains = mark.name in kinds.containers
        if stack.names and (contains or (mark.opens and mark.name in kinds.items)):
            end = mark.start if mark.opens or gap.inside else mark.end
            yield Span(start, end, stack.names[0], sound=False)
            gap.begins(end)
            stack = _Stack()
            if end == mark.end:
                continue
        if stack.names and mark.opens:
            stack.open(mark.name)
        elif stack.names:
            outermost = stack.names[0]
            stack.close(mark.name)
            if not stack.names:
                gap.begins(mark.end)
                yield from _sound(Span(start, mark.end, outermost, sound=True), kinds)
        elif mark.opens and not contains:
            yield from gap.ends(mark.start)
            name = "VCARD" if mark.name == "AGENT" else mark.name  # a card within none
            start, stack = mark.start, _Stack(name)
        else:
            yield from gap.passes(mark, kinds)
    if stack.names:
        yield Span(start, part.end, stack.names[0], sound=False)
    else:
        yield from gap.ends(part.end)


def _sound(span: Span, kinds: Kinds) -> Iterator[Span]:
    if span.name not in kinds.passed_by:
        yield span


#: A line of a container that says something of it, or goes on with what the last one says.
_PROPERTY = re.compile(rb"[ \t]|(?:[\w-]+\.)?[\w-]+\s*(?:[;:]|\Z)")
_BETWEEN = re.compile(rb"[^\r\n]*[\r\n]*")


class _Gap:
    """What stands between two components."""

    def __init__(self, source: BinaryIO, start: int, *, inside: bool) -> None:
        self._source, self._start, self._strays = source, start, False
        self.inside = inside

    def begins(self, start: int) -> None:
        """It begins behind a component, or behind a line of a container."""
        self._start, self._strays = start, False

    def passes(self, mark: Mark, kinds: Kinds) -> Iterator[Span]:
        """A mark that is of no component: a container's; or an END of nothing, which is text."""
        if mark.name in kinds.containers and (mark.opens or self.inside):
            yield from self.ends(mark.start)
            self.begins(mark.end)
            self.inside = mark.opens
        else:
            self._strays = True

    def ends(self, end: int) -> Iterator[Span]:
        """The text, where it is no filler."""
        if end > self._start and (self._strays or self._holds_text(end)):
            yield Span(self._start, end, "", sound=False)

    def _holds_text(self, end: int) -> bool:
        self._source.seek(self._start)
        left, kept = end - self._start, b""
        if self._start == 0 and self._source.read(len(_BOM)) == _BOM:
            left -= len(_BOM)
        else:
            self._source.seek(self._start)
        while left > 0 and (block := self._source.read(min(_BLOCK, left))):
            left -= len(block)
            data = kept + block
            cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 if left > 0 else len(data)
            if any(map(self._is_text, _BETWEEN.findall(data, 0, cut))):
                return True
            kept = data[cut:][:_LINE]
        return False

    def _is_text(self, line: bytes) -> bool:
        return bool(line.strip()) and not (self.inside and _PROPERTY.match(line))


class _Stack:
    """The names of the components that are open, and how often each is among them."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self._held = Counter(names)

    def open(self, name: str) -> None:
        self.names.append(name)
        self._held[name] += 1

    def close(self, name: str) -> None:
        """Close the innermost component of that name, and all within it, if there is one."""
        wanted = "AGENT" if self._is_agent(name) else name
        if not self._held[wanted]:
            return
        closed = ""
        while closed != wanted:
            closed = self.names.pop()
            self._held[closed] -= 1

    def _is_agent(self, name: str) -> bool:
        """A card within a card (vCard 2.1)."""
        return name == "VCARD" and self.names[-1] == "AGENT"


def slices(source: BinaryIO, begin: int, kinds: Kinds, limits: SliceLimits) -> Iterator[Slice]:
    """Ranges of whole components."""
    start, end, held = begin, begin, 0
    size = source.seek(0, 2)
    for span in spans(source, Slice(begin, size), kinds):
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
    if not span.name:
        reason, detail = Reason.BAD_SYNTAX, "text outside of any component"
    elif not span.sound:
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
    """How many components there are, and texts between them, told line by line."""
    counter = _Counter(kinds)
    for line in _lines(source):
        counter.feed(line)
    return counter.total()


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """The lines with their ends (each of CR, LF and both); of a long one its first bytes."""
    source.seek(0)
    begun, first = b"", True
    while block := source.readline(_BLOCK):
        block, first = block.removeprefix(_BOM) if first else block, False
        *whole, last = re.split(rb"(?<=\n)|(?<=\r)(?!\n)", begun + block)
        yield from whole
        begun = last if len(last) < 4 * _LINE else last[:_LINE]
    if begun:
        yield begun


class _Counter:
    """Knows of each line only what came before it; shares nothing with the cutter."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._open: list[str] = []
        self._held: Counter[str] = Counter()  # how often each is open
        self._inside = self._text = False
        self._found = 0
        self._before = b""

    def feed(self, line: bytes) -> None:
        """Take the next line."""
        word, name = _begin_or_end(line)
        if word == b"BEGIN" and name == "VCARD" and _AGENT.search(self._before):
            name = "AGENT"
        self._before = line
        if not word:
            stray = line.strip() and not (self._inside and _PROPERTY.match(line))
            self._text |= bool(stray) and not self._open
        elif name in self._kinds.containers:
            self._container(opens=word == b"BEGIN")
        elif word == b"BEGIN":
            self._begin(name)
        elif not self._open:
            self._text = True
        else:
            self._end(name)

    def _settle(self) -> None:
        self._found += self._text
        self._text = False

    def _container(self, *, opens: bool) -> None:
        was_open = bool(self._open)
        self._anew()
        self._found += was_open
        if opens or self._inside:
            self._settle()
            self._inside = opens
        elif not was_open:
            self._text = True

    def _begin(self, name: str) -> None:
        if self._open and name in self._kinds.items:
            self._found += 1
            self._anew()
        elif not self._open:
            self._settle()
            name = "VCARD" if name == "AGENT" else name
        self._open.append(name)
        self._held[name] += 1

    def _anew(self) -> None:
        self._open, self._held = [], Counter()

    def _end(self, name: str) -> None:
        wanted = "AGENT" if name == "VCARD" and self._open[-1] == "AGENT" else name
        if not self._held[wanted]:
            return
        outermost, closed = self._open[0], ""
        while closed != wanted:
            closed = self._open.pop()
            self._held[closed] -= 1
        if not self._open:
            self._found += outermost not in self._kinds.passed_by

    def total(self) -> int:
        """All, with what is still open at the end."""
        self._settle()
        return self._found + bool(self._open)


def _begin_or_end(line: bytes) -> tuple[bytes, str]:
    word, colon, name = line.rstrip(b"\r\n").partition(b":")
    word, name = word.rstrip(b" \t").upper(), name.strip(b" \t")
    if colon and word in (b"BEGIN", b"END") and len(name) <= 80:
        return word, name.decode("latin-1").upper()
    return b"", ""
