"""Bookmarks and reading lists of any browser: a Netscape bookmark file.

Takeout's `Chrome/Bookmarks.html` and `ReadingList.html`, and the exports of Firefox, Safari and
others: nested `<DL>`s of `<DT><A HREF= ADD_DATE=>`. Times are seconds since 1970, or microseconds
in files of Google Bookmarks.

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
#: What ends a link's own text: the end of its folder, another heading, a line.
_BEHIND = re.compile(r"</dl\b|<dl\b|<dt\b(?![^<>]{0,100}>\s*<a\s)|<hr\b", re.IGNORECASE)
_TAKEN = frozenset({"href", "add_date", "icon", "icon_uri"})
_DATES = (("add_date", "created_at"), ("last_modified", "updated_at"))
_BOM = b"\xef\xbb\xbf"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one bookmark, identified by its address and when it was added.

    Title and folder may change.
    """
    body = html_inline.parse(_BEHIND.split(item.value, maxsplit=1)[0])
    link, note = body.css_first("a"), body.css_first("dd")
    attributes: dict[str, Any] = dict(link.attributes) if link is not None else {}
    url, added = attributes.get("href"), attributes.get("add_date") or ""
    if not url or link is None:
        raise BadValue(Reason.MISSING_FIELD, "the link has no address")
    more = {name: value for name, value in attributes.items() if name not in _TAKEN and value}
    record = bookmarks.record(
        _NAME,
        url,
        identity=(url, added),
        time=bookmarks.added(added),
        texts=(link.text(), note.text() if note is not None else None),
        folders=item.around["folders"],
        metadata=more,
    )
    return msgspec.structs.replace(record, context_metadata=_of_folders(item.around))


def _of_folders(around: Mapping[str, Any]) -> dict[str, Any]:
    """Return when the folders were created and changed; it is not part of a bookmark's identity."""
    dated = [
        {
            "name": name,
            **{
                lake_name: _read(dates[attribute])
                for attribute, lake_name in _DATES
                if attribute in dates
            },
        }
        for name, dates in zip(around["folders"], around["dates"], strict=True)
    ]
    folders_with_dates = [one for one in dated if len(one) > 1]
    return {"folder_dates": folders_with_dates} if folders_with_dates else {}


def _read(written: str) -> str:
    """Return a date in RFC 3339, or as written."""
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
