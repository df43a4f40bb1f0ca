"""The links of a Netscape bookmark file, which every browser writes, with the folders they lie in.

`<DT><A HREF=…>title</A>`, perhaps `<DD>note`, in nested `<DL>`s that each follow a heading
`<DT><H3>folder</H3>`. Nothing but links is closed, so it is no sound HTML; the folders are learned
in a first pass and the links cut in a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers.html_blocks import HtmlBlocks, matches
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_LINKS = HtmlBlocks(opening=r"<dt\b[^<>]{0,100}>\s*<a\s", element="a")
#: A tag and what stands behind it, up to the next one: of a term, and of a link.
_TERM = re.compile(rb"dt\b[^<>]{0,100}>\s*", re.IGNORECASE)
_LINK = re.compile(rb"a\s", re.IGNORECASE)
_BLOCK = 64 * 1024
_KEPT = 256
_OUTLINE = re.compile(
    rb"<h3\b[^<>]{0,4000}>(?P<name>[^<]{0,2000})</h3|<(?P<close>/?)dl\b", re.IGNORECASE
)
_REACH = 8_192
#: Beginnings and ends of folders that are kept; links behind them have no folder.
_STEPS = 20_000
#: Folders within each other that a link is told of, from the top.
_DEPTH = 100


class Bookmarks(msgspec.Struct, frozen=True):
    """Reads each link with what stands behind it, as text; `around["folders"]` from the top.

    A file whose folders are not all closed is cut off, which a TRUNCATED rejection tells.
    """

    name: ClassVar[str] = "bookmarks"
    version: ClassVar[int] = 1

    @property
    def wants_utf8(self) -> bool:
        """As of `HtmlBlocks`."""
        return _LINKS.wants_utf8

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """`steps`: pairs of an offset and the folder that begins there, None where one ends."""
        context = _LINKS.prepare(source, member)
        steps: list[tuple[int, str | None]] = []
        depth, name = 0, ""
        for at, found in matches(source, Slice(0, source.seek(0, 2)), _OUTLINE, _REACH):
            if found["close"] is None:
                name = unescape(found["name"].decode("utf-8", "replace")).strip()
                continue
            depth += -1 if found["close"] else 1
            if len(steps) < _STEPS:
                steps.append((at, None if found["close"] else name))
            name = ""
        return {**context, "steps": steps, "whole": context["whole"] and depth <= 0}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Ranges of whole links."""
        return _LINKS.slices(source, context, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Each link as text, up to the next one."""
        folders = _Folders(context)
        for item in _LINKS.items(source, part, context):
            if isinstance(item, RawRecord):
                yield msgspec.structs.replace(item, around={"folders": folders.at(item.offset)})
            else:
                yield item

    def count(self, source: BinaryIO, context: Context) -> int:
        """Counted tag by tag: how many `<a …>` come right behind a `<dt>`; notes hold others."""
        source.seek(0)
        found, behind, tag = 0, False, b""
        while block := source.read(_BLOCK):
            *tags, tag = (tag + block).split(b"<")
            for one in tags:
                found += behind and _LINK.match(one) is not None
                behind = _TERM.fullmatch(one) is not None
            if len(tag) > _KEPT:  # of a text it is enough that it is one
                tag = tag[:_KEPT] + b"." * bool(tag[_KEPT:].strip())
        return found + (behind and _LINK.match(tag) is not None)


class _Folders:
    """Which folders are open, for offsets that rise."""

    def __init__(self, context: Context) -> None:
        self._steps = iter(context["steps"])
        self._next = next(self._steps, None)
        self._open: list[str] = []

    def at(self, offset: int) -> list[str]:
        """The names of the folders that are open at `offset`, without the list of all."""
        while self._next is not None and self._next[0] < offset:
            if self._next[1] is not None:
                self._open.append(self._next[1])
            elif self._open:
                self._open.pop()
            self._next = next(self._steps, None)
        return [name for name in self._open[:_DEPTH] if name]
