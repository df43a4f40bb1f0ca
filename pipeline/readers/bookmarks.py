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

from pipeline.readers.folders import Folders, Outline
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
    rb"<h3\b(?P<said>[^<>]{0,4000})>(?P<name>[^<]{0,2000})</h3|<(?P<close>/?)dl\b", re.IGNORECASE
)
_DATE = re.compile(
    rb"\s(?P<name>add_date|last_modified)\s*=\s*[\"']?(?P<date>[\d.]{1,32})", re.IGNORECASE
)
_REACH = 8_192


class Bookmarks(msgspec.Struct, frozen=True):
    """Reads each link with what stands behind it, as text.

    `around["folders"]` are the names of its folders from the top, `around["dates"]` for each of
    them what its heading says of when it was made and changed, as `add_date`, `last_modified`.

    A file whose folders are not all closed is cut off, which a TRUNCATED rejection tells.
    """

    name: ClassVar[str] = "bookmarks"
    version: ClassVar[int] = 2

    @property
    def wants_utf8(self) -> bool:
        """As of `HtmlBlocks`."""
        return _LINKS.wants_utf8

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """`steps`: an offset, the folder that begins there and its dates; None where one ends."""
        context = _LINKS.prepare(source, member)
        outline = Outline()
        depth, name, dates = 0, "", dict[str, str]()
        for at, found in matches(source, Slice(0, source.seek(0, 2)), _OUTLINE, _REACH):
            if found["close"] is None:
                name = unescape(found["name"].decode("utf-8", "replace")).strip()
                dates = _dates(found["said"])
                continue
            depth += -1 if found["close"] else 1
            if found["close"]:
                outline.end(at)
            else:
                outline.begin(at, name, dates)
            name, dates = "", {}
        return {**context, "steps": outline.steps, "whole": context["whole"] and depth <= 0}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Ranges of whole links."""
        return _LINKS.slices(source, context, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Each link as text, up to the next one."""
        folders = Folders(context["steps"])
        for item in _LINKS.items(source, part, context):
            if isinstance(item, RawRecord):
                inside = folders.at(item.offset)
                around = {"folders": [step[1] for step in inside]}
                around["dates"] = [dict(*step[2:3]) for step in inside]
                yield msgspec.structs.replace(item, around=around)
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


def _dates(said: bytes) -> dict[str, str]:
    """The dates among the attributes of a heading, as they are written."""
    found = _DATE.finditer(said)
    return {one["name"].decode().lower(): one["date"].decode() for one in found}
