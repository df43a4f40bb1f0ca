"""What YouTube's export holds beside the history: comments, chats, subscriptions, playlists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

_START = datetime(2016, 1, 1, tzinfo=UTC)
_ROOT = {"en": "YouTube and YouTube Music", "de": "YouTube und YouTube Music"}
_FILES = {
    "en": {
        "comments": "comments/comments.csv",
        "chats": "live chats/live chats.csv",
        "subscriptions": "subscriptions/subscriptions.csv",
        "playlist": "playlists/Liked videos.csv",
    },
    "de": {
        "comments": "Kommentare/Kommentare.csv",
        "chats": "Livechats/Livechats.csv",
        "subscriptions": "Abos/Abos.csv",
        "playlist": "Playlists/Mag ich.csv",
    },
}
_SUBSCRIPTIONS = {
    "en": "Channel Id,Channel Url,Channel Title",
    "de": "Kanal-ID,Kanal-URL,Kanaltitel",
}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """A quarter of the records in each of four files.

    Comments are of both spellings of their text; one of a hundred has no id.
    Returns how many of each record type, and `rejected`, there are to be read.
    """
    root = folder / "Takeout" / _ROOT[locale]
    quarter = records // 4
    comments = records - 3 * quarter
    _write(root / _FILES[locale]["comments"], _comments(comments, seed))
    _write(root / _FILES[locale]["chats"], _chats(quarter))
    _write(root / _FILES[locale]["subscriptions"], _subscriptions(quarter, locale))
    _write(root / _FILES[locale]["playlist"], _playlist(quarter))
    bad = comments // 100
    found = {"comment": comments - bad, "message": quarter, "connection": quarter}
    return {**found, "list_item": quarter, "playlist": 1, "rejected": bad}


def _write(path: Path, lines: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="", buffering=1 << 20) as out:
        out.writelines(lines)
        out.write("\n\n")


def _at(n: int) -> str:
    return (_START + timedelta(seconds=97 * n)).isoformat()


def _comments(count: int, seed: int) -> Iterator[str]:
    yield "Channel ID,Comment create timestamp,Price,Comment ID,Parent comment ID,Video ID,"
    yield "Comment text\n"
    for n in range(count):
        own_id = "" if n % 100 == 99 else f"Ug{seed}x{n}"
        parent = f"Ug{seed}x{n - 1}" if n % 5 == 4 else ""
        text = f'"{{""text"":""Störche {n},""}},{{""text"":""\n""}},{{""text"":""und mehr""}}"'
        if n % 2:
            text = f'"{{""takeoutSegments"":[{{""text"":""Reiher {n}""}}]}}"'
        yield f"UCme,{_at(n)},,{own_id},{parent},vid{n % 1000},{text}\n"


def _chats(count: int) -> Iterator[str]:
    yield "Live Chat ID,Channel ID,Live Chat Create Timestamp,Price,Video ID,Live Chat Text\n"
    for n in range(count):
        yield f'LC{n},UCme,{_at(n)},,vid{n % 50},"{{""text"":""hello {n}""}}"\n'


def _subscriptions(count: int, locale: str) -> Iterator[str]:
    yield _SUBSCRIPTIONS[locale] + "\n"
    for n in range(count):
        yield f"UCsub{n},http://www.youtube.com/channel/UCsub{n},Kanal {n}\n"


def _playlist(count: int) -> Iterator[str]:
    yield "Playlist Id,Channel Id,Time Created,Time Updated,Title,Description,Visibility\n"
    yield "LLme,UCme,2012-01-02 03:04:05 UTC,2023-01-02 03:04:05 UTC,Liked,,Private\n\n"
    yield "Video Id,Time Added\n"
    for n in range(count):
        yield f"vid{n},{_at(n)[:19].replace('T', ' ')} UTC\n"
