"""Firefox: `places.sqlite`, the visits and the bookmarks of a profile.

`visit_date`, `dateAdded` and `lastModified` count microseconds since 1970. Rows of `moz_bookmarks`
are links (`type` 1, `fk` is the page), folders (2) and lines (3). The guids below are Firefox's own
folders. A label is a folder within the labels folder; a labelled page is a link in it. Source:
Firefox, toolkit/components/places/Bookmarks.sys.mjs and nsPlacesTables.h.

Source: `docs/reference/exports/browsers.md#history-databases`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.contract import Format
from pipeline.readers.sqlite_tables import SqliteTable
from pipeline.services import bookmarks, browser
from pipeline.values import open_zones, timestamps
from pipeline.values.fields import StableNames, as_written
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "firefox.places"
_VISITS, _PAGES, _BOOKMARKS = "moz_historyvisits", "moz_places", "moz_bookmarks"
_LINK, _FOLDER, _LINE = 1, 2, 3
_ROOT, _LABELS = "root________", "tags________"
_TAKEN = frozenset({"title", "dateAdded", "lastModified", "guid"})
#: Numbers of the profile, and counters of its synchronisation.
_LEFT_OUT = frozenset(
    {"id", "type", "fk", "parent", "position", "syncStatus", "syncChangeCounter", "folder_type"}
)
_OWN = StableNames()


def to_records(item: RawRecord, member: Member) -> Iterable[Record]:
    """Return a visit, a bookmark, or a labelled page; nothing for folders and lines."""
    row: dict[str, Any] = item.value
    if item.around["table"] == _VISITS:
        return [_visit(row, item.around[_PAGES])]
    if row.get("type") in (_FOLDER, _LINE):
        return []
    folders: Sequence[dict[str, Any]] = item.around["above"]
    page: dict[str, Any] = item.around[_PAGES] or {}
    if any(folder.get("guid") == _LABELS for folder in folders):
        return [_labelled(row, page, str(folders[0].get("title")))]
    return [_bookmark(row, page, folders)]


def _visit(row: dict[str, Any], page: dict[str, Any] | None) -> Record:
    metadata = {"visit_type": row.get("visit_type")}
    time = timestamps.epoch_or_unread(row.get("visit_date"), "us")
    return browser.visit(_NAME, page, time, as_written(row, "visit_date"), metadata)


def _bookmark(
    row: dict[str, Any], page: dict[str, Any], folders: Sequence[dict[str, Any]]
) -> Record:
    url, written = page.get("url"), str(row.get("dateAdded") or "")
    inside = [str(f.get("title") or "") for f in reversed(folders) if f.get("guid") != _ROOT]
    changed = bookmarks.moment(str(row.get("lastModified") or ""), "us")
    more = {_OWN[n]: v for n, v in row.items() if n not in _TAKEN and n not in _LEFT_OUT}
    return bookmarks.record(
        _NAME,
        url,
        identity=bookmarks.identity(row, url, written, *inside),
        time=bookmarks.moment(written, "us"),
        texts=(row.get("title"), page.get("description")),
        folders=inside,
        metadata={**more, "updated_at": open_zones.utc_text(changed) if changed else None},
    )


def _labelled(row: dict[str, Any], page: dict[str, Any], label: str) -> Record:
    """Return a labelled page. Its bookmark may be anywhere in the file."""
    url, written = page.get("url"), str(row.get("dateAdded") or "")
    return bookmarks.record(
        _NAME,
        url,
        identity=("label", label, str(url)),
        time=bookmarks.moment(written, "us"),
        texts=(page.get("title"), None),
        folders=(),
        metadata={"labels": [label]},
    )


def _looks_like(head: Head) -> bool:
    return browser.holds(head, _VISITS, _PAGES)


FORMAT = Format(
    name=_NAME,
    title="Visited pages and bookmarks from Firefox (places.sqlite)",
    version=2,
    data_type=DataType.BROWSER,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=SqliteTable(
        table=_VISITS,
        joins=(("place_id", _PAGES), ("fk", _PAGES)),
        also=(_BOOKMARKS,),
        above=("parent", _BOOKMARKS),
    ),
    record=to_records,
    products=("Firefox",),
    tried=("purarue/browserexport",),
    record_types=(RecordType.VISIT, RecordType.BOOKMARK),
    unread="notes, keywords and pictures of its pages are not read",
)
