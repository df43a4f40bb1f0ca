"""Bookmarks of Chrome, Edge, Brave, Vivaldi and others: the profile's JSON file `Bookmarks`.

`roots` holds folders (`bookmark_bar`, `other`, `synced`), each with `children`; `date_added` counts
microseconds since 1601, as text. Sources: Chromium, components/bookmarks/browser/bookmark_codec.cc;
jarun/buku, `load_chrome_database`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services import bookmarks
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Rejection
from schemas.vocabulary import RecordType

_NAME = "chromium.bookmarks"
_TAKEN = frozenset({"type", "url", "name", "date_added", "guid", "children"})
#: Numbers of the profile that say nothing about the bookmark.
_LEFT_OUT = frozenset({"id", "sync_transaction_version"})


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield each link in the tree, and reject objects that are neither link nor folder."""
    roots = item.value["roots"]
    found = [root for root in roots.values() if isinstance(root, dict)]
    for node, folders in bookmarks.walk(found, "name"):
        if node.get("type") == "folder":
            continue
        try:
            yield _bookmark(node, folders)
        except BadValue as bad:
            yield Rejection(reason=bad.reason, detail=bad.detail)


def _bookmark(node: dict[str, Any], folders: tuple[str, ...]) -> Outcome:
    written, url = str(node.get("date_added") or ""), node.get("url")
    more = {k: v for k, v in node.items() if k not in _TAKEN and k not in _LEFT_OUT}
    return bookmarks.record(
        _NAME,
        url,
        identity=bookmarks.identity(node, url, written, *folders),
        time=bookmarks.moment(written, "webkit"),
        texts=(node.get("name"), None),
        folders=folders,
        metadata=more,
    )


def _looks_like(head: Head) -> bool:
    keys = set(peek.top_keys(head))
    return "roots" in keys and (
        "checksum" in keys or b'"bookmark_bar"' in head.data or b'"date_added"' in head.data
    )


FORMAT = Format(
    name=_NAME,
    title="Bookmarks from Chrome, Edge, Brave (the profile's file Bookmarks)",
    version=1,
    data_type=DataType.BROWSER,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_records,
    products=("Chrome", "Edge", "Brave", "Chromium"),
    record_types=(RecordType.BOOKMARK,),
    fields=frozenset({"checksum", "roots", "sync_metadata", "version"}),
)
