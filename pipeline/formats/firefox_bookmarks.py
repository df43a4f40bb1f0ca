"""Firefox's backup of bookmarks as JSON: `bookmarks-2022-01-12.json`.

A tree of `children`: folders are `text/x-moz-place-container`, links `text/x-moz-place` and lines
`text/x-moz-place-separator`; `dateAdded` counts microseconds since 1970. Until Firefox 20 labels
are folders in the root `tagsFolder`, which repeat their links; later versions write `tags`.
Sources: Firefox, toolkit/components/places/BookmarkJSONUtils.sys.mjs; jarun/buku,
`load_firefox_json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services import bookmarks
from pipeline.values import open_zones
from pipeline.values.fields import StableNames
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Rejection
from schemas.vocabulary import RecordType

_NAME = "firefox.bookmarks"
_TAKEN = frozenset({"type", "uri", "title", "dateAdded", "guid", "children", "annos", "tags"})
#: Numbers of the profile, the kind repeated, and icons that belong to the site.
_LEFT_OUT = frozenset({"id", "index", "typeCode", "parent", "iconUri", "iconuri"})
_DESCRIPTION = "bookmarkProperties/description"
_OWN = StableNames(lastModified="updated_at")
_LABELS = "tagsFolder"


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield each link in the tree."""
    root: dict[str, Any] = item.value
    top = [node for node in root["children"] if isinstance(node, dict)]
    labels = dict[str, list[str]]()
    for node, folders in bookmarks.walk((n for n in top if n.get("root") == _LABELS), "title"):
        if isinstance(uri := node.get("uri"), str):
            labels.setdefault(uri, []).append(folders[-1])
    for node, folders in bookmarks.walk((n for n in top if n.get("root") != _LABELS), "title"):
        if "uri" not in node and str(node.get("type")).endswith(("-separator", "-container")):
            continue
        try:
            yield _bookmark(node, folders, labels.get(str(node.get("uri")), []))
        except BadValue as bad:
            yield Rejection(reason=bad.reason, detail=bad.detail)


def _bookmark(node: dict[str, Any], folders: tuple[str, ...], labels: list[str]) -> Outcome:
    written, uri = str(node.get("dateAdded") or ""), node.get("uri")
    more = {_OWN[k]: v for k, v in node.items() if k not in _TAKEN and k not in _LEFT_OUT}
    changed = bookmarks.moment(str(node.get("lastModified") or ""), "us")
    if changed is not None and changed.at is not None:
        more["updated_at"] = open_zones.utc_text(changed)
    notes = node.get("annos") if isinstance(node.get("annos"), list) else []
    annotations = [one for one in notes or () if isinstance(one, dict)]
    other = [one for one in annotations if one.get("name") != _DESCRIPTION]
    tags = node.get("tags") or ",".join(labels)
    note = next((one.get("value") for one in annotations if one.get("name") == _DESCRIPTION), None)
    return bookmarks.record(
        _NAME,
        uri,
        identity=bookmarks.identity(node, uri, written, *folders),
        time=bookmarks.moment(written, "us"),
        texts=(node.get("title"), note),
        folders=folders,
        metadata={"tags": tags, "annotations": other, **more},
    )


def _looks_like(head: Head) -> bool:
    keys = set(peek.top_keys(head))
    return "children" in keys and b"text/x-moz-place" in head.data


FORMAT = Format(
    name=_NAME,
    title="Bookmarks from Firefox (its backup as JSON)",
    version=1,
    data_type=DataType.BROWSER,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_records,
    products=("Firefox",),
    vintages=("labels as folders (to Firefox 19)", "labels as tags (since Firefox 20)"),
    record_types=(RecordType.BOOKMARK,),
    fields=frozenset(
        {"guid", "title", "index", "dateAdded", "lastModified", "id", "typeCode", "type", "root"}
        | {"children"}
    ),
)
