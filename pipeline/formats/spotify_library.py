"""Spotify's account data: `YourLibrary.json`, an object of lists of saved (or banned) items."""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "spotify.library"
_LISTS = (
    *("tracks", "albums", "shows", "episodes", "artists", "other"),
    *("bannedTracks", "bannedArtists"),
)
#: The title fields of the lists' items.
_TITLES = ("track", "album", "name")
_READ = frozenset({"uri", "name", "track", "album", "artist", "show"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one item of one of the lists; `other` has only the address."""
    fields: dict[str, Any] = {"uri": item.value} if isinstance(item.value, str) else item.value
    named, uri = item.around["path"], optional_text(fields, "uri") or ""
    title = next((one for name in _TITLES if (one := optional_text(fields, name))), None)
    if not uri and not title:
        raise BadValue(Reason.MISSING_FIELD, "the item has neither a name nor a 'uri'")
    names = {name: optional_text(fields, name) for name in ("track", "artist", "album", "show")}
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=("library", named, uri, title or "", names["artist"] or ""),
        title=title,
        metadata=non_empty({"list": named, "uri": uri, **names, **messaging.rest(fields, _READ)}),
    )


def _looks_like(head: Head) -> int:
    if not set(peek.top_keys(head)) >= {"tracks"}:
        return 0
    found = (item for name in _LISTS for item in peek.first_objects(head, name))
    return 2 * any(str(item.get("uri")).startswith("spotify:") for item in found)


FORMAT = Format(
    name=_NAME,
    title="What was saved on Spotify",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=_LISTS),
    record=to_record,
    hints=(r"(.+/)?YourLibrary\.json",),
    products=("Spotify: account data",),
    record_types=(RecordType.LIST_ITEM,),
)
