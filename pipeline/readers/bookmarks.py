"""The links of a Netscape bookmark file, which every browser writes, with their folders.

`<DT><A HREF=…>title</A>`, perhaps `<DD>note`, in nested `<DL>`s that each follow a heading
`<DT><H3>folder</H3>`. Only links are closed, so it is not valid HTML; a first pass finds the
folders and a second cuts the links.
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
#: A tag and the text after it, up to the next one: of a term, and of a link.
_TERM = re.compile(rb"dt\b[^<>]{0,100}>\s*", re.IGNORECASE)
_LINK = re.compile(rb"a\s", re.IGNORECASE)
_BLOCK = 64 * 1024
_TAG_BYTES = 256
_OUTLINE = re.compile(
    rb"<h3\b(?P<attributes>[^<>]{0,4000})>(?P<name>[^<]{0,2000})</h3|<(?P<close>/?)dl\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    rb"\s(?P<name>add_date|last_modified)\s*=\s*[\"']?(?P<date>[\d.]{1,32})", re.IGNORECASE
)
_REACH = 8_192


class Bookmarks(msgspec.Struct, frozen=True):
    """The links of the file as text, each up to the next.

    `around["folders"]` are the names of its folders from the top, `around["dates"]` for each of
    them the heading's dates of creation and change, as `add_date`, `last_modified`.

    A file with unclosed folders is truncated, which a TRUNCATED rejection reports.
    """

    name: ClassVar[str] = "bookmarks"
    version: ClassVar[int] = 2

    @property
    def wants_utf8(self) -> bool:
        """Return the value of `HtmlBlocks`."""
        return _LINKS.wants_utf8

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `steps`: each folder's offset, name and dates; None where one ends."""
        context = _LINKS.prepare(source, member)
        outline = Outline()
        depth, name, dates = 0, "", dict[str, str]()
        for at, found in matches(source, Slice(0, source.seek(0, 2)), _OUTLINE, _REACH):
            if found["close"] is None:
                name = unescape(found["name"].decode("utf-8", "replace")).strip()
                dates = _dates(found["attributes"])
                continue
            depth += -1 if found["close"] else 1
            if found["close"]:
                outline.end(at)
            else:
                outline.begin(at, name, dates)
            name, dates = "", {}
        return {**context, "steps": outline.steps, "whole": context["whole"] and depth <= 0}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole links."""
        return _LINKS.slices(source, context, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield each link as text, up to the next one."""
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
        """Return the number of `<a …>` directly after a `<dt>`, since notes have other links."""
        source.seek(0)
        found, behind, tag = 0, False, b""
        while block := source.read(_BLOCK):
            *tags, tag = (tag + block).split(b"<")
            for one in tags:
                found += behind and _LINK.match(one) is not None
                behind = _TERM.fullmatch(one) is not None
            if len(tag) > _TAG_BYTES:  # the beginning of a text is enough
                tag = tag[:_TAG_BYTES] + b"." * bool(tag[_TAG_BYTES:].strip())
        return found + (behind and _LINK.match(tag) is not None)


def _dates(attributes: bytes) -> dict[str, str]:
    """Return the dates among the attributes of a heading, as written."""
    found = _DATE.finditer(attributes)
    return {one["name"].decode().lower(): one["date"].decode() for one in found}
