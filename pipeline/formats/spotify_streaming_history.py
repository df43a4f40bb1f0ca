"""Spotify's account data: `StreamingHistory*.json` of music, podcasts and books.

`StreamingHistory<N>.json` until 2023, `StreamingHistory_music_<N>.json`, `…_podcast_<N>.json` and
`…_audiobook_<N>.json` since: an array of plays. `endTime` is when the play ended, in UTC to the
minute, without a zone.

Source: `docs/reference/exports/spotify.md#account-data`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import plays, tables
from pipeline.values import timestamps
from pipeline.values.fields import as_written, joined, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "spotify.streaming_history"
_MUSIC = frozenset({"endTime", "artistName", "trackName", "msPlayed"})
_PODCAST = frozenset({"endTime", "podcastName", "episodeName", "msPlayed"})
_BOOK = frozenset({"endTime", "audiobookName", "authorName", "msPlayed"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one play. Two plays of one song in one minute are two records."""
    fields: dict[str, Any] = item.value
    whole, part, named = _named(fields)
    ended, odd = as_written(fields, "endTime"), dict[str, Any]()
    lasted = plays.played_ms(fields.get("msPlayed"), "ms_played", odd)
    length = as_written(fields, "msPlayed") if lasted is None else str(lasted)
    end = timestamps.or_unread(ended, tables.in_utc)
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


def _named(fields: dict[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Return the whole and the part that was played, and both under the names of their kind."""
    if "podcastName" in fields:
        whole, part = text(fields, "podcastName"), text(fields, "episodeName")
        return whole, part, {"show": whole, "episode": part}
    if "audiobookName" in fields:
        whole, part = text(fields, "audiobookName"), optional_text(fields, "chapterName") or ""
        names = {
            "show": whole,
            "episode": part,
            "artist": optional_text(fields, "authorName") or "",
        }
        return whole, part or whole, {name: one for name, one in names.items() if one}
    whole, part = text(fields, "artistName"), text(fields, "trackName")
    return whole, part, {"artist": whole, "track": part}


def _looks_like(head: Head) -> bool:
    return any(
        item.keys() >= kind
        for item in peek.first_objects(head)
        for kind in (_MUSIC, _PODCAST, _BOOK)
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
    hints=(r"(.+/)?StreamingHistory(_music_|_podcast_|_audiobook_)?\d*\.json",),
    products=("Spotify: account data",),
    vintages=("StreamingHistory<N>.json (to 2023)", "StreamingHistory_music_<N>.json (since 2023)"),
    record_types=(RecordType.PLAY,),
    fields=_MUSIC | _PODCAST | _BOOK | {"chapterName"},
    repeats=True,
)
