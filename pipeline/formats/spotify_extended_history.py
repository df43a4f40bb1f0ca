"""Spotify's extended streaming history: every play.

`endsong_<N>.json` in old exports, `Streaming_History_Audio_<years>_<n>.json` and `…_Video_…` in
newer ones: an array. `ts` is when playback stopped. Local files and deleted titles have no names.
The account data have the plays of the last year, too, to the minute.

Source: `docs/reference/exports/spotify.md#extended-history`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import plays
from pipeline.values import timestamps
from pipeline.values.fields import as_written, joined, optional_flag, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "spotify.extended_history"
_TRACK = "master_metadata_track_name"
_ARTIST = "master_metadata_album_artist_name"
_NAMES = {
    _TRACK: "track",
    _ARTIST: "artist",
    "master_metadata_album_album_name": "album",
    "episode_name": "episode",
    "episode_show_name": "show",
    "audiobook_title": "audiobook",
    "audiobook_chapter_title": "chapter",
    "ip_addr": "ip",
    "ip_addr_decrypted": "ip",
    "user_agent_decrypted": "user_agent",
    "conn_country": "country",
}
_URIS = ("spotify_track_uri", "spotify_episode_uri", "audiobook_chapter_uri", "audiobook_uri")
_METADATA = (
    *_URIS,
    "platform",
    "reason_start",
    "reason_end",
    "shuffle",
    "offline",
    "offline_timestamp",
    "incognito_mode",
)
_NEEDED = frozenset({"ts", "ms_played"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one play, identified by when it stopped, how long it was and what was played."""
    fields: dict[str, Any] = item.value
    stopped, odd = as_written(fields, "ts"), dict[str, Any]()
    lasted = plays.played_ms(fields.get("ms_played"), "ms_played", odd)
    length = as_written(fields, "ms_played") if lasted is None else str(lasted)
    end = timestamps.or_unread(stopped)
    named = {
        lake_name: found
        for name, lake_name in _NAMES.items()
        if (found := optional_text(fields, name))
    }
    uri = next((found for name in _URIS if (found := optional_text(fields, name))), "")
    title = named.get("track") or named.get("episode") or named.get("chapter")
    details = {name: fields[name] for name in _METADATA if fields.get(name) is not None}
    skipped = optional_flag(fields, "skipped")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(stopped, length, uri, title or ""),
        time=plays.began(end, lasted),
        title=title,
        metadata=joined(
            {
                **named,
                **details,
                **({"skipped": skipped} if skipped is not None else {}),
                **plays.played(lasted),
                **({"ended_at": end.at.isoformat()} if end.at else {}),
            },
            odd,
        ),
        related=_same(fields, stopped, length),
    )


def _same(fields: dict[str, Any], stopped: str, lasted: str) -> tuple[Related, ...]:
    """Return the relation to the same play in the account data."""
    artist, track = optional_text(fields, _ARTIST), optional_text(fields, _TRACK)
    if not artist or not track:
        return ()
    minute = stopped[:16].replace("T", " ")
    known = (minute, artist, track, lasted)
    return (Related(Relation.SAME_AS, RecordType.PLAY, known),)


def _looks_like(head: Head) -> bool:
    return any(
        item.keys() >= _NEEDED and (_TRACK in item or "episode_name" in item)
        for item in peek.first_objects(head)
    )


FORMAT = Format(
    name=_NAME,
    title="Spotify's extended streaming history",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?(endsong_\d+|Streaming_History_(Audio|Video)_[^/]+)\.json",),
    products=("Spotify: extended streaming history",),
    vintages=("endsong_<N>.json", "Streaming_History_Audio_<years>_<n>.json"),
    record_types=(RecordType.PLAY,),
    fields=_NEEDED | {*_NAMES, *_METADATA, "skipped", "username"},
    repeats=True,
)
