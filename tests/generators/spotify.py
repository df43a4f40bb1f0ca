"""Spotify: the account's history of a year, the extended history of all, and playlists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

_START = datetime(2020, 1, 1, tzinfo=UTC)
_FILE = 10_000  # plays in one file, as Spotify cuts them
_ENTRIES = 100
#: One play in the first number can't be read, one in the second equals the one before.
_BROKEN, _AGAIN = 97, 41


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """`records` plays of the extended history, a tenth of them in the account's data again, and
    a playlist for each thousand, begun. Returns the outcomes of each kind."""
    random = Random(seed)
    plays = [_play(number, random) for number in range(min(records, 1_000))]
    extended = folder / "Spotify Extended Streaming History"
    account = folder / "Spotify Account Data"
    for nth in range(0, records, _FILE):
        name = f"Streaming_History_Audio_2020_{nth // _FILE}.json"
        some = range(nth, min(nth + _FILE, records))
        _write(extended / name, (_extended(n, plays[n % len(plays)]) for n in some))
    short = records // 10
    for nth in range(0, short, _FILE):
        some = range(nth, min(nth + _FILE, short))
        _write(
            account / f"StreamingHistory_music_{nth // _FILE}.json",
            (_account(n, plays[n % len(plays)]) for n in some),
        )
    lists = [_playlist(n) for n in range(-(-records // 1_000))]
    (account / "Playlist1.json").write_text(json.dumps({"playlists": lists}), encoding="utf-8")
    broken = sum(1 for count in (records, short) for n in range(count) if _is_broken(n))
    return {
        "play": records + short - broken,
        "rejected": broken,
        "playlist": len(lists),
        "list_item": len(lists) * _ENTRIES,
    }


def _is_broken(number: int) -> bool:
    return number % _BROKEN == _BROKEN - 1


def _write(path: Path, items: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        out.write("[")
        for nth, item in enumerate(items):
            out.write((",\n" if nth else "\n") + json.dumps(item, ensure_ascii=False))
        out.write("\n]\n")


def _play(number: int, random: Random) -> tuple[str, str, int]:
    return f"Künstlerin {random.randrange(50)}", f"Stück {number}", random.randrange(1, 400_000)


def _end(number: int) -> datetime:
    """Every so often a play ends in the second that the one before does."""
    return _START + timedelta(minutes=3 * (number - (number % _AGAIN == 1)))


def _extended(number: int, play: tuple[str, str, int]) -> dict[str, Any]:
    artist, track, lasted = play
    return {
        "ts": _end(number).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "platform": "android",
        "ms_played": lasted,
        "conn_country": "DE",
        "master_metadata_track_name": number if _is_broken(number) else track,
        "master_metadata_album_artist_name": artist,
        "spotify_track_uri": f"spotify:track:{track[6:]}",
        "episode_name": None,
        "skipped": False,
    }


def _account(number: int, play: tuple[str, str, int]) -> dict[str, Any]:
    artist, track, lasted = play
    ended = _end(number).strftime("%Y-%m-%d %H:%M")
    title = number if _is_broken(number) else track
    return {"endTime": ended, "artistName": artist, "trackName": title, "msPlayed": lasted}


def _playlist(number: int) -> dict[str, Any]:
    items = [
        {
            "track": {
                "trackName": f"Stück {n}",
                "artistName": "Künstlerin",
                "albumName": "Album",
                "trackUri": f"spotify:track:{n}",
            },
            "episode": None,
            "localTrack": None,
            "addedDate": "2026-01-05",
        }
        for n in range(_ENTRIES)
    ]
    return {"name": f"Liste {number}", "lastModifiedDate": "2026-02-01", "items": items}
