"""Where components begin and end in iCalendar and vCard files: a scan with constant memory.

Only lines that begin `BEGIN:` or `END:` count; folded text never begins so, since folds start with
white space. The names match an END with its BEGIN, so an unclosed component does not affect the
others. Between components only a container's own properties and blank lines are filler; any other
text there, and an END without a BEGIN, is rejected.
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
#: More bytes than a line that matters and the one before it; blocks overlap by as many.
_LINE = 256
#: A larger component is refused: unfolded and decoded it takes several times as much memory.
ITEM_BYTES = 16 * 1024 * 1024
#: How much of an invalid component is kept for the quarantine.
_RAW_BYTES = 64 * 1024
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
    """A component, `[start, end)`; `sound` is false if nothing closes it.

    Without a name it is text outside of components.
    """

    start: int
    end: int
    name: str
    sound: bool


class Kinds(NamedTuple):
    """The components of a file type: containers to look into, those to skip, the items.

    `items` begin anew at any depth; None means every component that is neither a container nor
    skipped.
    """

    containers: frozenset[str]
    passed_by: frozenset[str]
    items: frozenset[str]


def marks(source: BinaryIO, part: Slice) -> Iterator[Mark]:
    """Yield the BEGIN and END lines of a range, in order."""
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
    """Yield the components of a range, and texts outside of them.

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


#: A line of a container with a property, or the continuation of one.
_PROPERTY = re.compile(rb"[ \t]|(?:[\w-]+\.)?[\w-]+\s*(?:[;:]|\Z)")
_BETWEEN = re.compile(rb"[^\r\n]*[\r\n]*")


class _Gap:
    """The text between two components."""

    def __init__(self, source: BinaryIO, start: int, *, inside: bool) -> None:
        self._source, self._start, self._strays = source, start, False
        self.inside = inside

    def begins(self, start: int) -> None:
        """Begin after a component, or after a line of a container."""
        self._start, self._strays = start, False

    def passes(self, mark: Mark, kinds: Kinds) -> Iterator[Span]:
        """Skip a container's mark, or yield an END without a BEGIN, which is text."""
        if mark.name in kinds.containers and (mark.opens or self.inside):
            yield from self.ends(mark.start)
            self.begins(mark.end)
            self.inside = mark.opens
        else:
            self._strays = True

    def ends(self, end: int) -> Iterator[Span]:
        """Yield the text, if it is not filler."""
        if end > self._start and (self._strays or self._holds_text(end)):
            yield Span(self._start, end, "", sound=False)

    def _holds_text(self, end: int) -> bool:
        self._source.seek(self._start)
        left, rest = end - self._start, b""
        if self._start == 0 and self._source.read(len(_BOM)) == _BOM:
            left -= len(_BOM)
        else:
            self._source.seek(self._start)
        while left > 0 and (block := self._source.read(min(_BLOCK, left))):
            left -= len(block)
            data = rest + block
            cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 if left > 0 else len(data)
            if any(map(self._is_text, _BETWEEN.findall(data, 0, cut))):
                return True
            rest = data[cut:][:_LINE]
        return False

    def _is_text(self, line: bytes) -> bool:
        return bool(line.strip()) and not (self.inside and _PROPERTY.match(line))


class _Stack:
    """The names of the open components, and how often each is among them."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self._counts = Counter(names)

    def open(self, name: str) -> None:
        self.names.append(name)
        self._counts[name] += 1

    def close(self, name: str) -> None:
        """Close the innermost component of that name, and all within it, if there is one."""
        wanted = "AGENT" if self._is_agent(name) else name
        if not self._counts[wanted]:
            return
        closed = ""
        while closed != wanted:
            closed = self.names.pop()
            self._counts[closed] -= 1

    def _is_agent(self, name: str) -> bool:
        """Return whether it is a card within a card (vCard 2.1)."""
        return name == "VCARD" and self.names[-1] == "AGENT"


def slices(source: BinaryIO, begin: int, kinds: Kinds, limits: SliceLimits) -> Iterator[Slice]:
    """Yield ranges of whole components."""
    start, end, filled = begin, begin, 0
    size = source.seek(0, 2)
    for span in spans(source, Slice(begin, size), kinds):
        if filled and (filled >= limits.records or span.end - start > limits.size):
            yield Slice(start, end)
            start, filled = span.start, 0
        if not filled:
            start = span.start
        end, filled = span.end, filled + 1
    if filled:
        yield Slice(start, end)


def read(source: BinaryIO, span: Span, item_bytes: int) -> bytes | Rejection:
    """Return the bytes of a component, or its rejection."""
    length = span.end - span.start
    source.seek(span.start)
    if span.sound and length <= item_bytes:
        return source.read(length)
    raw = source.read(min(length, _RAW_BYTES))
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
    """Return a component parsed from its bytes, or its rejection."""
    if isinstance(data, Rejection):
        return data
    try:
        return RawRecord(content_lines.component(data), offset, len(data), around)
    except BadValue as bad:
        raw, length = data[:_RAW_BYTES], len(data)
        return Rejection(
            reason=bad.reason, detail=bad.detail, raw=raw, offset=offset, length=length
        )


def count(source: BinaryIO, kinds: Kinds) -> int:
    """Return the number of components, and of texts between them, line by line."""
    counter = _Counter(kinds)
    for line in _lines(source):
        counter.feed(line)
    return counter.total()


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Yield the lines with their ends (each of CR, LF and both); of a long one its first bytes."""
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
    """A counter that knows only the lines before; it shares nothing with the cutter."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._open: list[str] = []
        self._counts: Counter[str] = Counter()  # how often each is open
        self._inside = self._text = False
        self._found = 0
        self._before = b""

    def feed(self, line: bytes) -> None:
        """Process the next line."""
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
        self._counts[name] += 1

    def _anew(self) -> None:
        self._open, self._counts = [], Counter()

    def _end(self, name: str) -> None:
        wanted = "AGENT" if name == "VCARD" and self._open[-1] == "AGENT" else name
        if not self._counts[wanted]:
            return
        outermost, closed = self._open[0], ""
        while closed != wanted:
            closed = self._open.pop()
            self._counts[closed] -= 1
        if not self._open:
            self._found += outermost not in self._kinds.passed_by

    def total(self) -> int:
        """Return the number, including components that are still open at the end."""
        self._settle()
        return self._found + bool(self._open)


def _begin_or_end(line: bytes) -> tuple[bytes, str]:
    word, colon, name = line.rstrip(b"\r\n").partition(b":")
    word, name = word.rstrip(b" \t").upper(), name.strip(b" \t")
    if colon and word in (b"BEGIN", b"END") and len(name) <= 80:
        return word, name.decode("latin-1").upper()
    return b"", ""
