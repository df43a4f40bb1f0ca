"""Repeated blocks of an HTML page: entries in sequence, each after the same opening tag.

Exporters write such pages with hundreds of megabytes and often on a single line, so they are cut at
the opening tags alone, without parsing. A block extends from its opening tag to the next one, or to
the end of the file. The text before the first block (the head with its style sheet) is not an item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, pairwise
from typing import BinaryIO, ClassVar

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_BLOCK = 1 << 20
#: No opening tag is longer.
_REACH = 256
#: How much of an invalid item is kept for the quarantine.
_RAW_BYTES = 64 * 1024
_END = 1024
_PAGE = re.compile(rb"<html\b", re.IGNORECASE)
_PAGE_END = re.compile(rb"</html\s*>\s*\Z", re.IGNORECASE)


class HtmlBlocks(msgspec.Struct, frozen=True, kw_only=True):
    """The blocks as text.

    `opening` is a regular expression for a block's opening tag, over bytes and up to 256 of them;
    it begins with a literal `<`. `element` is the tag's name: the last block of a file is whole
    only if its element is closed. `around["head"]` has the first `head_bytes` of the text before
    the first block.

    A truncated last block is one rejection, TRUNCATED. So is an unclosed page (a file with
    `<html`), by a rejection of no bytes after its last block, or of the whole page if it breaks off
    before the first. A block over `item_bytes` is rejected with its first 64 KiB.
    """

    name: ClassVar[str] = "html_blocks"
    version: ClassVar[int] = 1
    #: Blocks are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    opening: str
    element: str
    head_bytes: int = 0
    item_bytes: int = 4 * 1024 * 1024

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `first`, where the first block begins; `whole`, if the page is closed; `head`."""
        size = source.seek(0, 2)
        first = next(self._starts(source, Slice(0, size)), None)
        context: Context = {"first": first, "whole": _is_whole(source, size)}
        if self.head_bytes:
            start = max(0, (first or 0) - self.head_bytes)
            source.seek(start)
            context["head"] = source.read((first or 0) - start).decode("utf-8", "replace")
        return context

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole blocks; the last ends with the file."""
        end = source.seek(0, 2)
        if context["first"] is None:
            if end and not context["whole"]:
                yield Slice(0, end)
            return
        start, blocks = context["first"], 0
        for at, following in pairwise(chain(self._starts(source, Slice(start, end)), (end,))):
            if blocks and (blocks >= limits.records or following - start > limits.size):
                yield Slice(start, at)
                start, blocks = at, 0
            blocks += 1
        yield Slice(start, end)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the text of each block, in order."""
        end = source.seek(0, 2)
        around = {"head": context["head"]} if self.head_bytes else {}
        outcome: RawRecord | Rejection | None = None
        for start, stop in pairwise(chain(self._starts(source, part), (part.end,))):
            outcome = self._item(source, Slice(start, stop), last=stop == end)
            if around and isinstance(outcome, RawRecord):
                outcome = msgspec.structs.replace(outcome, around=around)
            yield outcome
        truncated = isinstance(outcome, Rejection) and outcome.reason is Reason.TRUNCATED
        if part.end == end and not context["whole"] and not truncated:
            at = end if outcome else part.start
            yield _truncated(source, Slice(at, end), "the page is not closed: the file ends early")

    def _item(self, source: BinaryIO, part: Slice, *, last: bool) -> RawRecord | Rejection:
        length = part.end - part.start
        if length > self.item_bytes:
            detail = f"a block of over {self.item_bytes} bytes"
            return _rejection(source, part, Reason.ITEM_TOO_LARGE, detail)
        source.seek(part.start)
        data = source.read(length)
        if last and not _is_closed(data, self.element):
            return _truncated(source, part, "the file ends within the block")
        try:
            return RawRecord(data.decode(), part.start, length)
        except UnicodeDecodeError as error:
            detail = f"not UTF-8 at byte {part.start + error.start}"
        return _rejection(source, part, Reason.BAD_ENCODING, detail)

    def _starts(self, source: BinaryIO, part: Slice) -> Iterator[int]:
        """Yield the offsets of the opening tags in `part`."""
        opening = _pattern(self.opening)
        return (at for at, _ in matches(source, part, opening, _REACH))

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of texts after a `<` that begin as a block does, tag by tag."""
        source.seek(0)
        opens = _pattern(self.opening).match
        found, carried = 0, b""
        while block := source.read(_BLOCK):
            *tags, carried = (carried + block).split(b"<")
            found += sum(1 for tag in tags if opens(b"<" + tag))
            carried = carried[:_REACH]
        return found + bool(opens(b"<" + carried))


def matches(
    source: BinaryIO, part: Slice, pattern: re.Pattern[bytes], reach: int
) -> Iterator[tuple[int, re.Match[bytes]]]:
    """Yield the matches of a pattern in `part`, of up to `reach` bytes each, with their offsets.

    They are from one pass in windows of constant memory; matches do not overlap within a window.
    """
    at, rest = part.start, b""
    while True:
        source.seek(at + len(rest))
        block = source.read(min(_BLOCK, part.end - at - len(rest)))
        window = rest + block
        limit = max(0, len(window) - reach) if block else len(window)
        for found in pattern.finditer(window):
            if found.start() < limit:
                yield at + found.start(), found
        if not block:
            return
        at, rest = at + limit, window[limit:]


@lru_cache(maxsize=16)
def _pattern(opening: str) -> re.Pattern[bytes]:
    return re.compile(opening.encode("ascii"), re.IGNORECASE)


@lru_cache(maxsize=16)
def _element(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"<(/?)%b\b[^<>]*>" % name.encode("ascii"), re.IGNORECASE)


def _is_whole(source: BinaryIO, size: int) -> bool:
    """Return whether the file's end is valid: a page must be closed, a fragment need not be."""
    source.seek(0)
    if not _PAGE.search(source.read(_END)):
        return True
    source.seek(max(0, size - _END))
    return _PAGE_END.search(source.read()) is not None


def _is_closed(data: bytes, element: str) -> bool:
    """Return whether the first element of that name in `data` is closed."""
    depth = 0
    for tag in _element(element).finditer(data):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return True
    return False


def _truncated(source: BinaryIO, part: Slice, detail: str) -> Rejection:
    return _rejection(source, part, Reason.TRUNCATED, detail)


def _rejection(source: BinaryIO, part: Slice, reason: Reason, detail: str) -> Rejection:
    source.seek(part.start)
    length = part.end - part.start
    raw = source.read(min(length, _RAW_BYTES))
    return Rejection(reason=reason, detail=detail, raw=raw, offset=part.start, length=length)
