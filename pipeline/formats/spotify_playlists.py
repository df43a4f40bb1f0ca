"""Spotify's account data: `Playlist<N>.json`.

Playlists have no ids, so a playlist's name identifies it; each of its entries is an item of its
own. In exports of 2018 the list holds its `tracks` directly.

Source: `docs/reference/exports/spotify.md#account-data`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "spotify.playlists"
_LISTS = frozenset({"items", "tracks"})
_FIELDS = _LISTS | {"name", "lastModifiedDate", "numberOfFollowers"}
_TRACK = {"trackName": "track", "artistName": "artist", "albumName": "album", "trackUri": "uri"}
_SORTED = orjson.OPT_SORT_KEYS
_KINDS = ("track", "episode", "localTrack")
#: The title fields of entries that are not tracks.
_OTHER_TITLES = ("episodeName", "chapterName", "audiobookName", "name")


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield the playlist, then its entries."""
    fields: dict[str, Any] = item.value
    name = text(fields, "name")
    changed = optional_text(fields, "lastModifiedDate")
    entries = fields.get("items") or [{"track": one} for one in fields.get("tracks") or []]
    followers = fields.get("numberOfFollowers")
    yield Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PLAYLIST,
        identity=("playlist", name),
        time=timestamps.or_unread(changed) if changed else None,
        title=name,
        metadata={
            "entries": len(entries),
            **({"followers": followers} if followers else {}),
            **messaging.rest(fields, _FIELDS),
        },
        mutable=True,
    )
    for entry in entries:
        yield _entry(entry, name)


def _entry(entry: dict[str, Any], playlist: str) -> Record:
    kind = next((k for k in (*_KINDS, *entry) if isinstance(entry.get(k), dict)), "")
    what: dict[str, Any] = entry[kind] if kind else {}
    added = optional_text(entry, "addedDate")
    tracked = kind == "track"
    track = what if tracked else {}
    names = {lake_name: optional_text(track, name) for name, lake_name in _TRACK.items()}
    # Only a track's fields are verified; the whole value identifies any other entry.
    own = names["uri"] or "" if tracked else orjson.dumps(what, option=_SORTED).decode()
    title = names["track"]
    shown = title or next((str(what[name]) for name in _OTHER_TITLES if what.get(name)), None)
    metadata = {**names, "kind": kind, "list": playlist, "details": None if tracked else what}
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(playlist, own, title or "", names["artist"] or "", added or ""),
        time=timestamps.or_unread(added) if added else None,
        title=shown,
        metadata={name: value for name, value in metadata.items() if value},
        related=(Related(Relation.PART_OF, RecordType.PLAYLIST, ("playlist", playlist)),),
    )


def _looks_like(head: Head) -> bool:
    """Recognise the first playlist, which may be longer than the head."""
    if "playlists" not in peek.top_keys(head):
        return False
    found = peek.first_items(head, "playlists")
    whole = any(
        isinstance(item, dict) and "name" in item and not item.keys().isdisjoint(_LISTS)
        for item in found
    )
    return whole or (not found and b'"addedDate"' in head.data)


FORMAT = Format(
    name=_NAME,
    title="Spotify's playlists",
    version=3,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="playlists"),
    record=to_records,
    hints=(r"(.+/)?Playlist\d*\.json",),
    products=("Spotify: account data",),
    vintages=("tracks (2018)", "items"),
    record_types=(RecordType.LIST_ITEM, RecordType.PLAYLIST),
    fields=_FIELDS,
    repeats=True,
)
