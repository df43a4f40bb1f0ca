"""Bookmarks and reading lists of any browser: a Netscape bookmark file.

Takeout's `Chrome/Bookmarks.html` and `ReadingList.html`, and what Firefox, Safari and others
export. Nested `<DL>`s of `<DT><A HREF= ADD_DATE=>`, times in seconds since 1970, or in microseconds
as Google Bookmarks wrote them.

Source: `docs/reference/exports/browsers.md#bookmark-files`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.contract import Format, Rank
from pipeline.readers.bookmarks import Bookmarks
from pipeline.services import bookmarks
from pipeline.text import html_inline
from pipeline.values import open_zones
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "bookmarks.netscape"
_SIGNATURE = re.compile(rb"\s*<!doctype\s+netscape-bookmark-file-1\s*>", re.IGNORECASE)
#: What follows a link's own text: the end of its folder, the heading of another, a line.
_BEHIND = re.compile(r"</dl\b|<dl\b|<dt\b(?![^<>]{0,100}>\s*<a\s)|<hr\b", re.IGNORECASE)
_TAKEN = frozenset({"href", "add_date", "icon", "icon_uri"})
_DATES = (("add_date", "created_at"), ("last_modified", "updated_at"))
_BOM = b"\xef\xbb\xbf"


def to_record(item: RawRecord, member: Member) -> Record:
    """One bookmark: its address and when it was added; title and folder may change."""
    body = html_inline.parse(_BEHIND.split(item.value, maxsplit=1)[0])
    link, note = body.css_first("a"), body.css_first("dd")
    said: dict[str, Any] = dict(link.attributes) if link is not None else {}
    url, added = said.get("href"), said.get("add_date") or ""
    if not url or link is None:
        raise BadValue(Reason.MISSING_FIELD, "the link has no address")
    more = {name: value for name, value in said.items() if name not in _TAKEN and value}
    made = bookmarks.record(
        _NAME,
        url,
        identity=(url, added),
        time=bookmarks.added(added),
        texts=(link.text(), note.text() if note is not None else None),
        folders=item.around["folders"],
        said=more,
    )
    return msgspec.structs.replace(made, beside=_of_folders(item.around))


def _of_folders(around: Mapping[str, Any]) -> dict[str, Any]:
    """When the folders were made and changed: of each bookmark, and no change of any."""
    dated = [
        {"name": name, **{ours: _read(dates[theirs]) for theirs, ours in _DATES if theirs in dates}}
        for name, dates in zip(around["folders"], around["dates"], strict=True)
    ]
    told = [one for one in dated if len(one) > 1]
    return {"folder_dates": told} if told else {}


def _read(written: str) -> str:
    """A date as RFC 3339, or as it is written."""
    moment = bookmarks.added(written)
    return open_zones.utc_text(moment) or written if moment else written


def _looks_like(head: Head) -> bool:
    return _SIGNATURE.match(head.data.removeprefix(_BOM)) is not None


FORMAT = Format(
    name=_NAME,
    title="Bookmarks of any browser (Netscape bookmark file)",
    version=4,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?[^/]+\.html?",),
    looks_like=_looks_like,
    reader=Bookmarks(),
    record=to_record,
    rank=Rank.SYNTAX,
    products=("Google Takeout: Chrome", "Firefox", "Safari", "Edge", "Opera"),
    tried=("shaarli/netscape-bookmark-parser",),
    record_types=(RecordType.BOOKMARK,),
    repeats=True,  # the same link in two folders is in both
)
