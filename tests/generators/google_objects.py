"""Takeout's small JSON files, of any size: Tasks, Hangouts, Maps, Home, contributions, Profile."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.google_support import (
    WORDS,
    added,
    is_bad,
    iso,
    moment,
    opened,
    split,
    write_array,
)

_Item = Callable[[int, Random], dict[str, Any]]
_PROFILE = {
    "name": {"givenName": "Zoë", "familyName": "Müller", "formattedName": "Zoë Müller"},
    "displayName": "Zoë Müller",
    "emails": [{"value": "zoe@example.org"}],
}
_PLACES = {"de": "Maps (Meine Orte)"}
_TASKS = {"de": "Aufgaben"}
_LISTS = '{"kind": "tasks#taskLists", "items": [{"id": "L1", "title": "Küche", "items": '
_CHATS = '{"conversations": [{"conversation": {"conversation_id": {"id": "C1"}}, "events": '


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` items, a sixth in each file; returns how many outcomes each kind has."""
    takeout, share, random = folder / "Takeout", records // 6, Random(seed)
    places = takeout / _PLACES.get(locale, "Maps (your places)")
    features = '{"type": "FeatureCollection", "features": '
    given = takeout / "Search Contributions" / "Reviews.json"
    write = partial(_write, share=share, random=random)
    write(takeout / _TASKS.get(locale, "Tasks") / "Tasks.json", _LISTS, _task, "}]}")
    write(takeout / "Hangouts" / "Hangouts.json", _CHATS, _event, "}]}")
    write(places / "Saved Places.json", features, _place, "}")
    write(places / "Reviews.json", features, _review, "}")
    write(takeout / "Home App" / "HomeHistory.json", "", _home, "")
    write(given, "", _given, "")
    with opened(takeout / "Profile" / "Profile.json") as out:
        json.dump(_PROFILE, out, ensure_ascii=False)
    kinds = ("task", "message", "place", "review", "activity", "review")
    return added({"profile": 1}, *(split(share, kind) for kind in kinds))


def _write(
    path: Path, opening: str, item: _Item, closing: str, *, share: int, random: Random
) -> None:
    with opened(path) as out:
        out.write(opening)
        write_array(out, (item(number, random) for number in range(share)))
        out.write(closing)


def _time(number: int) -> str:
    return "some day" if is_bad(number) else iso(number)


def _task(number: int, random: Random) -> dict[str, Any]:
    times = {"created": _time(number), "updated": iso(number), "due": iso(number)}
    return {"id": f"t{number}", "title": random.choice(WORDS), "status": "needsAction", **times}


def _event(number: int, random: Random) -> dict[str, Any]:
    segment = [{"type": "TEXT", "text": " ".join(random.choices(WORDS, k=4))}]
    at = "soon" if is_bad(number) else str(int(moment(number).timestamp()) * 10**6)
    return {
        "conversation_id": {"id": "C1"},
        "sender_id": {"gaia_id": str(number % 3), "chat_id": str(number % 3)},
        "timestamp": at,
        "event_type": "REGULAR_CHAT_MESSAGE",
        "chat_message": {"message_content": {"segment": segment}},
    }


def _feature(number: int, said: dict[str, Any]) -> dict[str, Any]:
    url = {"google_maps_url": f"http://maps.google.com/?cid={number}"}
    point = {"coordinates": [13.4, 52.5], "type": "Point"}
    return {"geometry": point, "properties": {**said, **url}, "type": "Feature"}


def _place(number: int, random: Random) -> dict[str, Any]:
    where = {"name": random.choice(WORDS), "address": "Seestraße 1", "country_code": "DE"}
    return _feature(number, {"date": _time(number), "location": where})


def _review(number: int, random: Random) -> dict[str, Any]:
    stars = {"five_star_rating_published": random.randrange(1, 6)}
    return _feature(number, {"date": _time(number), **stars, "review_text_published": "Gut 🥨"})


def _home(number: int, random: Random) -> dict[str, Any]:
    said = {"eventType": "SOUND_SENSING", "structureName": "Zuhause 🏠"}
    return {**said, "timestamp": _time(number), "description": random.choice(WORDS)}


def _given(number: int, random: Random) -> dict[str, Any]:
    said = {"Search Query": random.choice(WORDS), "Review Star Rating": 1 + number % 5}
    return {"Published": _time(number), **said}
