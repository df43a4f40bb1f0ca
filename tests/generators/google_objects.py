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
    a_month_later,
    added,
    grown,
    is_bad,
    is_changed,
    iso,
    moment,
    only_grown,
    opened,
    split,
    write_array,
)

_Item = Callable[[int, Random, bool], dict[str, Any]]
_PROFILE = {
    "name": {"givenName": "Zoë", "familyName": "Müller", "formattedName": "Zoë Müller"},
    "displayName": "Zoë Müller",
    "emails": [{"value": "zoe@example.org"}],
}
_PLACES = {"de": "Maps (Meine Orte)"}
_TASKS = {"de": "Aufgaben"}
_LISTS = '{"kind": "tasks#taskLists", "items": [{"id": "L1", "title": "Küche", "items": '
_CHATS = '{"conversations": [{"conversation": {"conversation_id": {"id": "C1"}}, "events": '


def generate(
    folder: Path, records: int, seed: int, *, locale: str = "en", later: bool = False
) -> dict[str, int]:
    """Writes `records` items, a sixth in each file; returns how many outcomes each kind has.
    `later`: as they are a month later, with new ones, and some that say something else."""
    takeout, share = folder / "Takeout", grown(records // 6, later=later)
    places = takeout / _PLACES.get(locale, "Maps (your places)")
    features = '{"type": "FeatureCollection", "features": '
    given = takeout / "Search Contributions" / "Reviews.json"
    write = partial(_write, share=share, seed=seed, later=later)
    write(takeout / _TASKS.get(locale, "Tasks") / "Tasks.json", _LISTS, _task, "}]}")
    write(takeout / "Hangouts" / "Hangouts.json", _CHATS, _event, "}]}")
    write(places / "Saved Places.json", features, _place, "}")
    write(places / "Reviews.json", features, _review, "}")
    write(takeout / "Home App" / "HomeHistory.json", "", _home, "")
    write(given, "", _given, "")
    with opened(takeout / "Profile" / "Profile.json") as out:
        json.dump(_PROFILE, out, ensure_ascii=False)
    refused = (split(share, kind) for kind in ("task", "message", "activity"))
    undated = {"place": share, "review": 2 * share}
    return added({"profile": 1}, undated, *refused)


def after(records: int) -> dict[str, int]:
    """What becomes of the second export: tasks, places and reviews change, messages and events
    of the house do not."""
    share = records // 6
    tasks, undated = a_month_later(share), a_month_later(share, undated=True)
    return added({"duplicate": 1}, tasks, *[undated] * 3, *[only_grown(share)] * 2)


def _write(
    path: Path, opening: str, item: _Item, closing: str, *, share: int, seed: int, later: bool
) -> None:
    random = Random(seed)
    with opened(path) as out:
        out.write(opening)
        items = (item(n, random, is_changed(n, later=later)) for n in range(share))
        write_array(out, items)
        out.write(closing)


def _time(number: int) -> str:
    return "some day" if is_bad(number) else iso(number)


def _task(number: int, random: Random, again: bool) -> dict[str, Any]:
    times = {"created": iso(number), "updated": iso(number), "due": iso(number)}
    status = "completed" if again else "needsAction"
    own_id = None if is_bad(number) else f"t{number}"
    return {"id": own_id, "title": random.choice(WORDS), "status": status, **times}


def _event(number: int, random: Random, again: bool) -> dict[str, Any]:
    segment = [{"type": "TEXT", "text": " ".join(random.choices(WORDS, k=4))}]
    sender = {} if is_bad(number) else {"gaia_id": str(number % 3), "chat_id": str(number % 3)}
    return {
        "conversation_id": {"id": "C1"},
        "sender_id": sender,
        "timestamp": str(int(moment(number).timestamp()) * 10**6),
        "event_type": "REGULAR_CHAT_MESSAGE",
        "chat_message": {"message_content": {"segment": segment}},
    }


def _feature(number: int, said: dict[str, Any]) -> dict[str, Any]:
    url = {"google_maps_url": f"http://maps.google.com/?cid={number}"}
    point = {"coordinates": [13.4, 52.5], "type": "Point"}
    return {"geometry": point, "properties": {**said, **url}, "type": "Feature"}


def _place(number: int, random: Random, again: bool) -> dict[str, Any]:
    address = "Seestraße 2" if again else "Seestraße 1"
    where = {"name": random.choice(WORDS), "address": address, "country_code": "DE"}
    return _feature(number, {"date": _time(number), "location": where})


def _review(number: int, random: Random, again: bool) -> dict[str, Any]:
    stars = {"five_star_rating_published": random.randrange(1, 6)}
    text = "Besser 🥨" if again else "Gut 🥨"
    return _feature(number, {"date": _time(number), **stars, "review_text_published": text})


def _home(number: int, random: Random, again: bool) -> dict[str, Any]:
    kind = None if is_bad(number) else "SOUND_SENSING"
    said = {"eventType": kind, "structureName": "Zuhause 🏠"}
    return {**said, "timestamp": iso(number), "description": random.choice(WORDS)}


def _given(number: int, random: Random, again: bool) -> dict[str, Any]:
    stars = 1 + number % 5 + again
    said = {"Search Query": random.choice(WORDS), "Review Star Rating": stars}
    return {"Published": _time(number), **said}
