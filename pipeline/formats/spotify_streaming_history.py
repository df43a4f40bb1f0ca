"""Spotify's account data: `StreamingHistory*.json` of music and podcasts (reference 3).

`StreamingHistory<N>.json` until 2023, `StreamingHistory_music_<N>.json` and `…_podcast_<N>.json`
since: an array of plays. `endTime` is when it ended, in UTC to the minute, without a zone.
"""

from __future__ import annotations

from typing import Any

from pipeline import peek, plays, tables, timestamps
from pipeline.fields import as_written, joined, text
from pipeline.format import Format
from pipeline.readers.json_items import JsonItems
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "spotify.streaming_history"
_MUSIC = frozenset({"endTime", "artistName", "trackName", "msPlayed"})
_PODCAST = frozenset({"endTime", "podcastName", "episodeName", "msPlayed"})


def to_record(item: RawRecord, member: Member) -> Record:
    """One play. Two of one song in one minute are two."""
    fields: dict[str, Any] = item.value
    podcast = "podcastName" in fields
    whole = text(fields, "podcastName" if podcast else "artistName")
    part = text(fields, "episodeName" if podcast else "trackName")
    ended, odd = as_written(fields, "endTime"), dict[str, Any]()
    lasted = plays.played_ms(fields.get("msPlayed"), "ms_played", odd)
    length = as_written(fields, "msPlayed") if lasted is None else str(lasted)
    end = timestamps.or_unread(ended, tables.in_utc)
    named = {"show": whole, "episode": part} if podcast else {"artist": whole, "track": part}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(ended, whole, part, length),
        time=plays.began(end, lasted),
        title=part,
        metadata=joined(
            {
                **named,
                **plays.played(lasted),
                **({"ended_at": end.at.isoformat()} if end.at else {}),
            },
            odd,
        ),
    )


def _looks_like(head: Head) -> bool:
    return any(
        item.keys() >= _MUSIC or item.keys() >= _PODCAST for item in peek.first_objects(head)
    )


FORMAT = Format(
    name=_NAME,
    title="Spotify's streaming history of the last year",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?StreamingHistory(_music_|_podcast_)?\d*\.json",),
    products=("Spotify: account data",),
    vintages=("StreamingHistory<N>.json (to 2023)", "StreamingHistory_music_<N>.json (since 2023)"),
    record_types=(RecordType.PLAY,),
    fields=_MUSIC | _PODCAST,
    repeats=True,
)
