"""Entries of a statement: pieces of text between two marks, with the values above them.

For files that state an account or a currency once, followed by its entries: OFX, MT940, camt.053.
Marks are regular expressions; no match is longer than 1 KiB.

* `begin` begins an entry. It ends after the next `end`, or before the next `begin` or `stop`. An
  `end` that ends no entry is an entry whose beginning is lost, from the mark before.
* `noted` matches between entries, with a named group for each value; entries have the last of each
  as `around`. A match within an entry belongs to the entry. `stop` may have such groups, too.
* `closing`, if given, is the text at the end of a complete file. A file without it is truncated and
  gives one TRUNCATED, as does an entry without an end if `end` is given.

Text between entries belongs to the statement: its number, its balances.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, BinaryIO, ClassVar, NamedTuple

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_BLOCK = 1 << 20
_LONGEST_MARK = 1024
_RAW_KEPT = 64 * 1024
#: Statements whose values the ledger keeps; with more of them it keeps every other, or every
#: fourth.
_NOTES = 256


class _Mark(NamedTuple):
    start: int
    end: int
    kind: str
    notes: Mapping[str, str]


class _Span(NamedTuple):
    """The bounds of an entry; `open` if nothing ends it, `headless` if nothing begins it."""

    start: int
    end: int
    open: bool = False
    headless: bool = False


class Blocks(msgspec.Struct, frozen=True, kw_only=True):
    """Entries as text. One over `item_bytes` is rejected with its first 64 KiB."""

    version: ClassVar[int] = 2
    #: Marks are ASCII; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    kind: str
    begin: str
    end: str = ""
    stop: str = ""
    noted: str = ""
    closing: str = ""
    item_bytes: int = 1 << 20

    @property
    def name(self) -> str:
        """Return a stable name, part of a chunk's identity."""
        return f"blocks:{self.kind}"

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `notes`, [offset, all known values] of statements, and `step`, their interval."""
        notes: list[list[Any]] = []
        known: dict[str, str] = {}
        step = 1
        for nth, mark in enumerate(_outside(self._marks(source, 0))):
            known = {**known, **mark.notes}
            if nth % step == 0:
                notes.append([mark.start, known])
            if len(notes) > _NOTES:
                notes, step = notes[::2], 2 * step
        return {"notes": notes, "step": step}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole entries; the last ends with the file."""
        size = source.seek(0, 2)
        start = filled = 0
        for span in self._spans(source, Slice(0, size)):
            if filled and (filled >= limits.records or span.end - start > limits.size):
                yield Slice(start, span.start)
                start, filled = span.start, 0
            filled += 1
        if size:
            yield Slice(start, size)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the entries of one slice, in order."""
        size = source.seek(0, 2)
        truncated = False
        known = self._known(source, part.start, context)
        for mark, span in self._walk(source, part):
            if span is None:
                known = {**known, **mark.notes}
                continue
            item = self._item(source, span, known, size)
            truncated = isinstance(item, Rejection) and item.reason is Reason.TRUNCATED
            yield item
        if part.end == size and self.closing and not truncated and not self._is_whole(source, size):
            detail = "the file breaks off: nothing closes the statement"
            yield Rejection(reason=Reason.TRUNCATED, detail=detail, offset=size)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of matches of `begin`, found block by block."""
        source.seek(0)
        begin = re.compile(self.begin.encode(), re.IGNORECASE)
        found, rest = 0, b"\n"
        while block := source.read(_BLOCK):
            data = rest + block
            last = 0
            for match in begin.finditer(data):
                found, last = found + 1, match.end()
            rest = data[max(last, len(data) - _LONGEST_MARK) :]
            if last and last >= len(data) - _LONGEST_MARK:
                rest = data[last - 1 :] if data[last - 1 : last] == b"\n" else data[last:]
        return found

    def _item(
        self, source: BinaryIO, span: _Span, known: Mapping[str, str], size: int
    ) -> RawRecord | Rejection:
        length = span.end - span.start
        source.seek(span.start)
        if length > self.item_bytes:
            raw, detail = source.read(_RAW_KEPT), f"an entry of over {self.item_bytes} bytes"
            return _rejected(Reason.ITEM_TOO_LARGE, detail, raw, span)
        data = source.read(length)
        if span.headless:
            detail = "the end of an entry that nothing begins"
            return _rejected(Reason.BAD_SYNTAX, detail, data[:_RAW_KEPT], span)
        if span.open and self.end and span.end == size:
            detail = "the file breaks off in an entry"
            return _rejected(Reason.TRUNCATED, detail, data[:_RAW_KEPT], span)
        try:
            return RawRecord(data.decode("utf-8"), span.start, length, known)
        except UnicodeDecodeError:
            detail = "an entry is not in UTF-8"
            return _rejected(Reason.BAD_ENCODING, detail, data[:_RAW_KEPT], span)

    def _known(self, source: BinaryIO, at: int, context: Context) -> dict[str, str]:
        """Return the values noted before an offset."""
        notes = context["notes"]
        nth = bisect_left(notes, at, key=lambda note: note[0]) - 1
        if nth < 0:
            return {}
        last, known = notes[nth]
        if context["step"] > 1:
            for mark in _outside(self._marks(source, last, at)):
                known = {**known, **mark.notes}
        return dict(known)

    def _is_whole(self, source: BinaryIO, size: int) -> bool:
        source.seek(max(0, size - _LONGEST_MARK))
        return re.search(self.closing.encode(), source.read(), re.IGNORECASE) is not None

    def _spans(self, source: BinaryIO, part: Slice) -> Iterator[_Span]:
        return (span for _, span in self._walk(source, part) if span is not None)

    def _walk(self, source: BinaryIO, part: Slice) -> Iterator[tuple[_Mark, _Span | None]]:
        """Yield the entries of a range, and the marks between them."""
        opened: _Mark | None = None
        behind = part.start
        for mark in self._marks(source, part.start, part.end):
            if opened is None and mark.kind == "end":
                yield mark, _Span(behind, mark.end, headless=True)
            elif opened is None:
                opened = mark if mark.kind == "begin" else None
                if mark.notes:
                    yield mark, None
            elif mark.kind == "end":
                yield opened, _Span(opened.start, mark.end)
                opened = None
            elif mark.kind in ("begin", "stop"):
                yield opened, _Span(opened.start, mark.start)
                opened = mark if mark.kind == "begin" else None
                if mark.notes:
                    yield mark, None
            behind = mark.end
        if opened is not None:
            yield opened, _Span(opened.start, part.end, open=True)

    def _marks(self, source: BinaryIO, start: int, end: int | None = None) -> Iterator[_Mark]:
        """Yield the marks of a range, in order; it begins with a line or a mark."""
        stop = source.seek(0, 2) if end is None else end
        pattern = _pattern(self.begin, self.end, self.stop, self.noted)
        base, data, done = start - 1, b"\n", start
        while base + len(data) < stop:
            source.seek(base + len(data))
            data += source.read(min(_BLOCK, stop - base - len(data)))
            last = base + len(data) >= stop
            limit = stop if last else base + len(data) - _LONGEST_MARK
            for found in pattern.finditer(data, max(0, done - base)):
                if base + found.start() >= limit:
                    break
                done = base + found.end()
                yield _mark(found, base)
            keep = max(0, max(done, limit) - base - 1)
            base, data = base + keep, data[keep:]
            done = max(done, limit)


def _mark(found: re.Match[bytes], base: int) -> _Mark:
    groups = found.groupdict()
    kind = next(name for name in ("BEGIN", "END", "STOP", "NOTED") if groups.get(name) is not None)
    notes = {
        name: value.decode("utf-8", "replace").strip()
        for name, value in groups.items()
        if value is not None and name.islower()
    }
    return _Mark(base + found.start(), base + found.end(), kind.lower(), notes)


def _outside(marks: Iterator[_Mark]) -> Iterator[_Mark]:
    """Yield the marks between entries."""
    inside = False
    for mark in marks:
        inside = mark.kind == "begin" or (inside and mark.kind == "noted")
        if mark.notes and not inside:
            yield mark


@lru_cache(maxsize=16)
def _pattern(begin: str, end: str, stop: str, noted: str) -> re.Pattern[bytes]:
    marks = {"BEGIN": begin, "END": end, "STOP": stop, "NOTED": noted}
    text = "|".join(f"(?P<{name}>{mark})" for name, mark in marks.items() if mark)
    return re.compile(text.encode(), re.IGNORECASE)


def _rejected(reason: Reason, detail: str, raw: bytes, span: _Span) -> Rejection:
    length = span.end - span.start
    return Rejection(reason=reason, detail=detail, raw=raw, offset=span.start, length=length)
